"""Trains the study's classifier with PyTorch, as a user would write it: a module, a DataLoader and the usual loop.

python pytorch_loop.py --cell gru --epochs 10 --data FOLDER
"""

import argparse
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import reviews

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", required=True, help="folder of encoded reviews, written by `study bench-peers`")
parser.add_argument("--cell", choices=["rnn", "lstm", "gru"], default="gru")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--threads", type=int, help="threads to compute with; PyTorch's choice unless given")
parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
parser.add_argument("--fused-adam", action="store_true", help="use Adam(fused=True)")
parser.add_argument("--flush-denormal", action="store_true", help="treat subnormal numbers as zero")
parser.add_argument("--compile", action="store_true", help="compile the module with torch.compile")
parser.add_argument("--vocabulary", type=int, default=30_000)
parser.add_argument("--embedding", type=int, default=128)
parser.add_argument("--hidden", type=int, default=64)
parser.add_argument("--length", type=int, default=400, help="tokens that reviews are padded or cut to")
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--evaluation-batch", type=int, default=250)
parser.add_argument("--limit", type=int, help="use the first so many reviews of each split")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--chunks", action="store_true", help="work in chunks, at a prompt; see chunks.py")


class Classifier(nn.Module):
    """Embedding, two recurrent layers between dropouts, and a linear head on the last step."""

    def __init__(self, cell, vocabulary, embedding, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.dropout = nn.Dropout(0.2)
        self.rnn = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](embedding, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)

    def forward(self, tokens):
        outputs, _ = self.rnn(self.dropout(self.embedding(tokens)))
        return self.head(self.dropout(outputs[:, -1])).squeeze(1)


class Trainer:
    """The module, its optimiser and the loops."""

    def __init__(self, options):
        self.device = torch.device(options.device)
        self.model = Classifier(options.cell, options.vocabulary, options.embedding, options.hidden).to(self.device)
        self.forward = torch.compile(self.model) if options.compile else self.model
        self.loss = nn.BCEWithLogitsLoss()
        fused = {"fused": True} if options.fused_adam else {}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, **fused)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer)

    def train(self, loader):
        """One pass; the mean loss."""
        self.model.train()
        total, rows = 0.0, 0
        for tokens, labels in loader:
            tokens, labels = tokens.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            loss = self.loss(self.forward(tokens), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5)
            self.optimizer.step()
            total += loss.item() * len(labels)
            rows += len(labels)
        return total / rows

    @torch.no_grad()
    def predict(self, loader):
        """The logits of every review."""
        self.model.eval()
        return torch.cat([self.forward(tokens.to(self.device)).cpu() for tokens, _ in loader])

    def evaluate(self, loader, labels):
        """Loss and accuracy."""
        logits = self.predict(loader)
        return self.loss(logits, labels).item(), ((logits > 0) == (labels > 0.5)).float().mean().item()


def main():
    options = parser.parse_args()
    if options.chunks:
        import chunks

        answers = chunks.take_stdout()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no CUDA device that PyTorch can use")
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.flush_denormal:
        torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)

    def split(name):
        """Reviews padded at the end, cut where they are longer."""
        sequences, labels = reviews.load(options.data, name, options.limit)
        tokens = np.zeros((len(sequences), options.length), dtype="int64")
        for row, sequence in zip(tokens, sequences):
            row[: len(sequence)] = sequence[: options.length]
        return TensorDataset(torch.from_numpy(tokens), torch.from_numpy(labels))

    trainer = Trainer(options)
    train, validation = split("train"), split("validation")

    if options.chunks:
        train_rows, validation_rows = chunks.Cursor(len(train)), chunks.Cursor(len(validation))

        def train_chunk(steps):
            rows = TensorDataset(*train[train_rows.take(steps * options.batch)])
            start = time.perf_counter()
            loss = trainer.train(DataLoader(rows, batch_size=options.batch))
            return {"seconds": time.perf_counter() - start, "loss": loss}

        def predict_chunk(count):
            rows = TensorDataset(*validation[validation_rows.take(count)])
            start = time.perf_counter()
            trainer.predict(DataLoader(rows, batch_size=options.evaluation_batch))
            return {"seconds": time.perf_counter() - start}

        chunks.serve(answers, {"torch": torch.__version__}, train_chunk, predict_chunk)
        return

    test = split("test")
    train_loader = DataLoader(train, batch_size=options.batch, shuffle=True)
    validation_loader, test_loader = (DataLoader(part, batch_size=options.evaluation_batch) for part in (validation, test))
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        loss = trainer.train(train_loader)
        validation_loss, accuracy = trainer.evaluate(validation_loader, validation.tensors[1])
        trainer.scheduler.step(validation_loss)
        seconds = time.perf_counter() - start
        print(f"epoch {epoch}: loss {loss:.4f}, validation loss {validation_loss:.4f}, accuracy {accuracy:.4f}, {seconds:.1f} s")
    loss, accuracy = trainer.evaluate(test_loader, test.tensors[1])
    print(f"test loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
