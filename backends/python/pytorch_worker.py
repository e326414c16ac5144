"""Serves real PyTorch: `torch.nn` modules, `torch.optim.Adam`, packed sequences for masking."""

import wire

if __name__ == "__main__":
    STREAMS = wire.take_streams()

import hashlib  # noqa: E402  (the streams come first)
import platform  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence  # noqa: E402

import checks  # noqa: E402
import pytorch_defaults  # noqa: E402

LAYERS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}

CAPABILITIES = {
    "cells": ["rnn", "lstm", "gru"],
    "kernels": ["stock"],
    # One vector is two of which the second is zero and not trained.
    "bias_vectors": ["two", "one"],
    "gru_forms": ["reset-after"],
    "epsilon_placements": ["after-correction"],
    "repeated_words": ["sum-then-square"],
    "bias_corrections": ["float64"],
    "clip_forms": ["gradient"],
    "weight_decay_forms": ["coupled", "decoupled"],
    "bidirectional": True,
    "layer_norm": False,
    "masking": True,
    "dropout": True,
    "input_gradient_norms": True,
    "label_smoothing": True,
    "update_norm": True,
    "state": "float32",
    "devices": ["cpu"],
    "max_layers": None,
    "exclusions": [],
}

# The one random stream: PyTorch's own generator.
GENERATOR = "generator"

# What `clip_grad_norm_` adds to the norm it divides by; it is no argument there.
OWN_STABILISER = 1e-6


class PyTorch:
    """The backend."""

    def __init__(self):
        torch.use_deterministic_algorithms(True)
        # That would also fill all memory before it is used, which costs time and finds mistakes that are not made here.
        torch.utils.deterministic.fill_uninitialized_memory = False
        torch.set_num_interop_threads(1)
        libraries = {"torch": torch.__version__, "python": platform.python_version()}
        self.info = {
            "name": "pytorch",
            "numerics": 1,
            "libraries": [{"name": name, "version": version} for name, version in libraries.items()],
            "capabilities": CAPABILITIES,
            "native_defaults": pytorch_defaults.native_defaults(),
        }

    def build(self, spec, weights):
        """A model with these weights and an optimiser that has taken no step."""
        torch.set_num_threads(spec["threads"])
        return Model(spec, weights)

    def resume(self, spec, state):
        """A model that goes on from a state."""
        model = self.build(spec, state.part("weights"))
        model.go_on(state)
        return model


class Model:
    """A module with its optimiser."""

    def __init__(self, spec, weights):
        self.spec = spec
        self.steps = 0
        self.network = Network(spec)
        self.network.set_weights(weights)
        self.parameters = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        adam, decay = spec["adam"], spec["weight_decay"]
        self.optimizer = torch.optim.Adam(
            self.parameters,
            betas=(adam["beta1"], adam["beta2"]),
            eps=adam["epsilon"],
            weight_decay=decay["rate"],
            decoupled_weight_decay=decay["form"] == "decoupled",
        )
        # Dropout draws from PyTorch's one generator. On the processor that takes 32 bits of a seed, so all 64 are folded into them.
        digest = hashlib.blake2s(str(spec["dropout"]["seed"]).encode(), digest_size=4).digest()
        torch.manual_seed(int.from_bytes(digest, "little"))

    def go_on(self, state):
        """Takes all of a state but the weights."""
        words = state.streams.get(GENERATOR, [])
        if state.streams.keys() != {GENERATOR} or len(words) * 8 != torch.get_rng_state().numel():
            raise checks.Refusal("state", f"streams: not just `{GENERATOR}` with as many words as PyTorch's generator has")
        moments = [state.part(part) for part in ["adam.first_moment", "adam.second_moment"]]
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                first, second = (torch.from_numpy(arrays[name].copy()) for arrays in moments)
                # What `torch.optim.Adam` makes at its first step, with other numbers.
                step = torch.tensor(float(state.steps), dtype=torch.float32)
                self.optimizer.state[parameter] = {"step": step, "exp_avg": first, "exp_avg_sq": second}
        self.steps = state.steps
        torch.set_rng_state(torch.from_numpy(np.array(words, "<u8").view(np.uint8)))

    def state(self):
        """All that the steps to come depend on."""
        words = torch.get_rng_state().numpy().view("<u8")
        parts = {"exp_avg": {}, "exp_avg_sq": {}}
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                for part, found in parts.items():
                    moments = self.optimizer.state[parameter] if self.steps else {part: torch.zeros_like(parameter)}
                    found[name] = moments[part].detach().numpy().copy()
        return checks.state_of(self.steps, {GENERATOR: words}, self.weights(), *parts.values())

    def train(self, batch, learning_rate):
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad()
        inputs = Inputs(batch, self.spec)
        loss = loss_of(self.network(self.network.embedding(inputs.tokens), inputs), batch, self.spec)
        loss.backward()
        norm, clipped = self.clip()
        self.optimizer.step()
        self.steps += 1
        return loss.item(), norm, clipped

    def clip(self):
        """The gradient's norm before clipping, and whether it was clipped."""
        clip = self.spec["clip"]
        if clip is None:
            return torch.nn.utils.get_total_norm([p.grad for p in self.parameters]).item(), False
        if clip["stabiliser"] == OWN_STABILISER:
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, clip["norm"]).item()
            return norm, not clip["norm"] / (norm + OWN_STABILISER) >= 1
        # PyTorch has no setting for another stabiliser.
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.parameters]).item()
        total = norm + clip["stabiliser"]
        factor = 1.0 if total == 0 or clip["norm"] / total >= 1 else clip["norm"] / total
        for parameter in self.parameters:
            parameter.grad.mul_(factor)
        return norm, not factor >= 1

    @torch.no_grad()
    def predict(self, batch):
        self.network.eval()
        inputs = Inputs(batch, self.spec)
        return self.network(self.network.embedding(inputs.tokens), inputs).numpy()

    def weights(self):
        return self.network.weights()

    def input_gradient_norms(self, batch):
        self.network.eval()
        inputs = Inputs(batch, self.spec)
        embedded = self.network.embedding(inputs.tokens).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss_of(self.network(embedded, inputs), batch, self.spec), embedded)
        return inputs.restored(gradient.norm(dim=-1).numpy())


class Inputs:
    """A batch as a model reads it. With masking tokens are moved to the front, which is what packing asks for."""

    def __init__(self, batch, spec):
        tokens, starts, self.packed_lengths = batch.tokens, batch.starts, None
        self.shape = tokens.shape
        if spec["masking"]:
            self.valid = valid_steps(tokens.shape[1], starts, batch.lengths)
            # The same tokens row by row, from the first step on.
            self.moved = valid_steps(batch.lengths.max(), np.zeros_like(starts), batch.lengths)
            aligned = np.zeros(self.moved.shape, tokens.dtype)
            aligned[self.moved] = tokens[self.valid]
            tokens = aligned
            self.packed_lengths = torch.from_numpy(batch.lengths.astype(np.int64))
        self.tokens = torch.from_numpy(tokens.astype(np.int64))
        self.first = torch.from_numpy(starts.astype(np.int64))
        self.last = self.first + torch.from_numpy(batch.lengths.astype(np.int64)) - 1

    def restored(self, values):
        """Values of the steps that were read, at the steps of the batch, `[rows, time]`; 0 where there are none."""
        if self.packed_lengths is None:
            return values
        restored = np.zeros(self.shape, values.dtype)
        restored[self.valid] = values[self.moved]
        return restored


def valid_steps(time, starts, lengths):
    """Where a row has tokens, `[rows, time]`."""
    steps = np.arange(time)
    return (steps >= starts[:, None]) & (steps < (starts + lengths)[:, None])


class Network(torch.nn.Module):
    """Embedding, dropout, recurrent layers with dropout between them, dropout, head; named as the harness names weights."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        dropout, directions = spec["dropout"], 2 if spec["bidirectional"] else 1
        self.embedding = torch.nn.Embedding(spec["vocabulary_size"], spec["embedding_size"])
        self.rnn = LAYERS[spec["cell"]](
            spec["embedding_size"],
            spec["hidden_size"],
            num_layers=spec["layers"],
            batch_first=True,
            bidirectional=spec["bidirectional"],
            dropout=dropout["between_layers"] if spec["layers"] > 1 else 0.0,
        )
        self.head = torch.nn.Linear(spec["hidden_size"] * directions, 1)
        self.after_embedding = torch.nn.Dropout(dropout["after_embedding"])
        self.after_last = torch.nn.Dropout(dropout["after_last"])

    def forward(self, embedded, inputs):
        """One logit a row, `[rows]`, of embedded tokens, `[rows, time, embedding_size]`."""
        x = self.after_embedding(embedded)
        if inputs.packed_lengths is not None:
            x = pack_padded_sequence(x, inputs.packed_lengths, batch_first=True, enforce_sorted=False)
        outputs, final = self.rnn(x)
        if self.spec["pooling"] == "last-valid-step" and inputs.packed_lengths is None:
            answer = self.pool(outputs, inputs)
        else:
            hidden = final[0] if self.spec["cell"] == "lstm" else final
            answer = torch.cat([hidden[-2], hidden[-1]], dim=-1) if self.spec["bidirectional"] else hidden[-1]
        return self.head(self.after_last(answer)).squeeze(1)

    def pool(self, outputs, inputs):
        """The output at each row's last token, and in the reverse direction at its first."""
        rows, hidden = torch.arange(len(outputs)), self.spec["hidden_size"]
        pooled = [outputs[rows, inputs.last, :hidden]]
        if self.spec["bidirectional"]:
            pooled.append(outputs[rows, inputs.first, hidden:])
        return torch.cat(pooled, dim=-1)

    def set_weights(self, weights):
        """Takes the harness' weights; a second bias vector that is not among them is zero and stays zero."""
        weights = {name: torch.from_numpy(values.copy()) for name, values in weights.items()}
        for name, parameter in self.named_parameters():
            if name not in weights:
                weights[name] = torch.zeros_like(parameter)
                parameter.requires_grad_(False)
        self.load_state_dict(weights)

    def weights(self):
        """The weights that are trained, by name."""
        return {name: p.detach().numpy().copy() for name, p in self.named_parameters() if p.requires_grad}


def loss_of(logits, batch, spec):
    """Mean binary cross-entropy. PyTorch has label smoothing for classes only (`CrossEntropyLoss`), so targets are smoothed by hand."""
    smoothing = spec.get("label_smoothing", 0.0)
    targets = torch.from_numpy(batch.labels.astype(np.float32)) * (1.0 - smoothing) + 0.5 * smoothing
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)


if __name__ == "__main__":
    wire.serve(STREAMS, PyTorch)
