"""Trains small models in PyTorch and prints what happened, which a test of this crate reads.

    python pytorch.py > pytorch.json        # with torch 2.13.0; `just golden` does it

The models are written as PyTorch's documentation writes them: nn.Embedding, nn.RNN / nn.LSTM / nn.GRU with two
layers, nn.Linear, BCEWithLogitsLoss, clip_grad_norm_ and Adam or AdamW; "packed" runs the recurrent layers over a
packed sequence and reads the final hidden state. Each case holds the initial weights, the batches, for each step the
loss, the gradient norm before clipping and the learning rate, and, after the last step, the weights and the logits of
the first batch. "token_gradient_norms" are those of the first batch before the first step.
"""

import json

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

VOCABULARY, EMBEDDING, HIDDEN, LAYERS = 12, 4, 3, 2
STEPS = 20
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CASES = {
    "defaults": dict(packed=False, clip=5.0, optimizer="Adam", weight_decay=0.0),
    "packed": dict(packed=True, clip=0.2, optimizer="Adam", weight_decay=0.02),
    "decoupled": dict(packed=False, clip=None, optimizer="AdamW", weight_decay=0.1),
}


class Classifier(nn.Module):
    def __init__(self, cell, packed):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, EMBEDDING)
        self.rnn = CELLS[cell](EMBEDDING, HIDDEN, num_layers=LAYERS, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)
        self.packed = packed

    def forward(self, tokens, lengths):
        self.embedded = self.embedding(tokens)
        if self.embedded.requires_grad:
            self.embedded.retain_grad()
        steps = self.embedded
        if self.packed:
            steps = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
        output, state = self.rnn(steps)
        if self.packed:
            answer = (state[0] if isinstance(state, tuple) else state)[-1]
        else:
            answer = output[:, -1]
        return self.head(answer).squeeze(1)


def batches():
    """Three batches of different sizes and lengths, padded at the end."""
    made = []
    for rows, longest in [(6, 9), (6, 7), (3, 5)]:
        lengths = torch.cat([torch.tensor([longest]), torch.randint(1, longest + 1, (rows - 1,))])
        texts = [torch.randint(1, VOCABULARY, (int(length),)) for length in lengths]
        labels = torch.randint(0, 2, (rows,))
        made.append((pad_sequence(texts, batch_first=True), lengths, labels))
    return made


def values(model):
    return {name: {"shape": list(tensor.shape), "data": tensor.flatten().tolist()} for name, tensor in model.state_dict().items()}


def run(cell, name, packed, clip, optimizer, weight_decay):
    torch.manual_seed(1)
    model = Classifier(cell, packed)
    data = batches()
    initial = values(model)
    adam = getattr(torch.optim, optimizer)(model.parameters(), weight_decay=weight_decay)
    loss_of = nn.BCEWithLogitsLoss()
    steps, token_gradient_norms = [], None
    for step in range(STEPS):
        tokens, lengths, labels = data[step % len(data)]
        learning_rate = 0.02 if step < STEPS // 2 else 0.005
        for group in adam.param_groups:
            group["lr"] = learning_rate
        adam.zero_grad()
        loss = loss_of(model(tokens, lengths), labels.float())
        loss.backward()
        if token_gradient_norms is None:
            token_gradient_norms = model.embedded.grad.norm(dim=2).flatten().tolist()
        limit = float("inf") if clip is None else clip
        norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
        adam.step()
        steps.append({"loss": loss.item(), "gradient_norm": norm.item(), "learning_rate": learning_rate})
    with torch.no_grad():
        logits = model(data[0][0], data[0][1]).tolist()
    return {
        "cell": cell,
        "case": name,
        "masking": packed,
        "clip": clip,
        "decoupled": optimizer == "AdamW",
        "weight_decay": weight_decay,
        "batches": [
            {"tokens": tokens.flatten().tolist(), "lengths": lengths.tolist(), "labels": labels.tolist()}
            for tokens, lengths, labels in data
        ],
        "initial": initial,
        "token_gradient_norms": token_gradient_norms,
        "steps": steps,
        "weights": values(model),
        "logits": logits,
    }


def main():
    torch.set_num_threads(1)
    cases = [run(cell, name, **settings) for cell in CELLS for name, settings in CASES.items()]
    golden = {"torch": torch.__version__, "cases": cases}
    # Every number is a float32, which nine digits tell from its neighbours.
    short = json.loads(json.dumps(golden), parse_float=lambda text: float(f"{float(text):.9g}"))
    print(json.dumps(short, separators=(",", ":")))


if __name__ == "__main__":
    main()
