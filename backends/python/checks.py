"""What a request may say: requests, specs, weights and batches, checked as every backend of the harness checks them."""

import json
import math
import re
from dataclasses import dataclass

import numpy as np

GATES = {"rnn": 1, "lstm": 4, "gru": 3}

# The upper bound of every size, as harness/contract/src/bounds.rs has them; a test there holds the two together.
BOUNDS = {
    "layers": 64,
    "hidden_size": 16384,
    "embedding_size": 16384,
    "vocabulary_size": 16777216,
    "max_time": 65536,
    "max_batch": 65536,
    "tokens": 67108864,
    "threads": 1024,
    "parameters": 134217728,
    "rows": 1048576,
    "tensors": 1929,
    "axes": 8,
    "name": 256,
    "steps": 2147483647,
    "streams": 256,
    "stream words": 4096,
}

# What a state holds for each weight, and how the names of its tensors begin.
PARTS = ["weights", "adam.first_moment", "adam.second_moment"]

ELEMENTS = {"float32": "<f4", "float64": "<f8"}


class Refusal(Exception):
    """A request that is not carried out. Its text completes "failed to ...: "; the worker stays usable."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


@dataclass
class Batch:
    """Token ids `[rows, time]` (int32), lengths `[rows]` (int32), labels `[rows]` (uint8) or None."""

    tokens: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    padding: str

    @property
    def starts(self):
        """The first step of each row that holds a token, `[rows]`."""
        return self.tokens.shape[1] - self.lengths if self.padding == "front" else np.zeros_like(self.lengths)


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_word(value):
    return is_count(value) and value < 1 << 64


def is_number(value):
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64


def is_flag(value):
    return isinstance(value, bool)


def is_device(value):
    return isinstance(value, str) and re.fullmatch("cpu|cuda:(0|[1-9][0-9]*)", value) is not None


def one_of(*words):
    return lambda value: isinstance(value, str) and value in words


def every(form):
    return lambda value: isinstance(value, list) and all(fits(item, form) for item in value)


CLIP = {"norm": is_number, "stabiliser": is_number, "form": one_of("gradient", "occurrences", "each-variable")}

class Maybe:
    """The form of a key that may be absent."""

    def __init__(self, form):
        self.form = form

    def __call__(self, value):
        return self.form(value)


SPEC = {
    "cell": one_of(*GATES),
    **dict.fromkeys(["vocabulary_size", "embedding_size", "hidden_size", "layers"], is_count),
    **dict.fromkeys(["bidirectional", "layer_norm"], is_flag),
    "bias_vectors": one_of("one", "two"),
    "gru_form": one_of("reset-after", "reset-before"),
    "pooling": one_of("last-step", "last-valid-step"),
    "masking": is_flag,
    "dropout": {"after_embedding": is_number, "between_layers": is_number, "after_last": is_number, "seed": is_count},
    "label_smoothing": Maybe(is_number),
    "adam": {
        "beta1": is_number,
        "beta2": is_number,
        "epsilon": is_number,
        "epsilon_placement": one_of("after-correction", "hat"),
        "repeated_words": one_of("sum-then-square", "square-then-sum"),
        "bias_correction": one_of("float32", "float64"),
    },
    "clip": lambda value: value is None or fits(value, CLIP),
    "weight_decay": {"rate": is_number, "form": one_of("coupled", "decoupled")},
    **dict.fromkeys(["max_time", "max_batch", "threads"], is_count),
    "device": is_device,
    "kernel": one_of("stock", "fused"),
}

BATCH = {"rows": is_count, "time": is_count, "padding": one_of("front", "end")}

TENSORS = every({"name": lambda value: isinstance(value, str), "shape": every(is_count)})

REQUESTS = {
    "hello": {"protocol": is_count},
    "build": {"spec": SPEC, "tensors": TENSORS},
    "train-batch": {"batch": BATCH, "learning_rate": is_number, "update_norm": Maybe(is_flag)},
    "predict-batch": {"batch": BATCH},
    "weights": {},
    "input-gradient-norms": {"batch": BATCH},
    "state": {},
    "resume": {
        "spec": SPEC,
        "state": {
            "steps": is_count,
            "streams": every({"name": lambda value: isinstance(value, str), "position": every(is_word)}),
            "element": one_of(*ELEMENTS),
            "tensors": TENSORS,
        },
    },
}


def request(header):
    """The request in a header, with all of its keys and no others."""
    try:
        found = json.loads(
            header.decode(), parse_constant=lambda word: not_understood(f"{word} is no JSON"), object_pairs_hook=once
        )
    except (ValueError, RecursionError) as error:
        not_understood(error)
    if not isinstance(found, dict) or not one_of(*REQUESTS)(found.get("request")):
        not_understood(f"`request` is none of {', '.join(REQUESTS)}")
    name = found["request"]
    if problem := misfit(found, {"request": one_of(name), **REQUESTS[name]}, name):
        not_understood(problem)
    return found


def once(pairs):
    """An object, if no key comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        not_understood("a key comes twice")
    return found


def not_understood(reason):
    raise Refusal("request", f"the request can't be understood: {reason}")


def misfit(value, form, place):
    """Where a value has not its form, in words, or None: a form is a test, or an object of forms with these keys and no others."""
    if callable(form):
        return None if form(value) else f"`{place}` can't be {json.dumps(value)[:80]}"
    if not isinstance(value, dict):
        return f"`{place}` is no object"
    for key in value.keys() - form.keys():
        return f"`{place}` has no key `{key}`"
    for key in form.keys() - value.keys():
        if not isinstance(form[key], Maybe):
            return f"`{place}` lacks the key `{key}`"
    return next((problem for key in value if (problem := misfit(value[key], form[key], f"{place}.{key}"))), None)


def fits(value, form):
    return misfit(value, form, "") is None


def spec(spec):
    """Refuses a spec that makes no sense, whatever the backend."""

    def refuse_unless(holds, field, reason):
        if not holds:
            raise Refusal("spec", f"{field}: {reason}")

    def refuse_over(field, value):
        refuse_unless(value <= BOUNDS[field], field, f"{value} is over the bound of {BOUNDS[field]}")

    for field in ["embedding_size", "hidden_size", "layers", "max_time", "max_batch", "threads", "vocabulary_size"]:
        least = 2 if field == "vocabulary_size" else 1
        refuse_unless(spec[field] >= least, field, f"must be at least {least}")
        refuse_over(field, spec[field])
    refuse_over("tokens", spec["max_time"] * spec["max_batch"])
    refuse_over("parameters", sum(math.prod(shape) for shape in parameters(spec).values()))
    refuse_unless(spec["dropout"]["seed"] < 1 << 64, "dropout.seed", "must fit 64 bits")
    rates = [("dropout", place) for place in ["after_embedding", "between_layers", "after_last"]]
    places = [(f"{part}.{field}", spec[part][field]) for part, field in rates + [("adam", "beta1"), ("adam", "beta2")]]
    for place, rate in [*places, ("label_smoothing", spec.get("label_smoothing", 0))]:
        refuse_unless(0 <= rate < 1, place, f"{rate} does not lie in [0, 1)")
    refuse_unless(positive(spec["adam"]["epsilon"]), "adam.epsilon", "must be a positive number")
    if clip := spec["clip"]:
        refuse_unless(positive(clip["norm"]), "clip.norm", "must be a positive number")
        refuse_unless(positive_or_zero(clip["stabiliser"]), "clip.stabiliser", "must be 0 or a positive number")
    refuse_unless(positive_or_zero(spec["weight_decay"]["rate"]), "weight_decay.rate", "must be 0 or a positive number")


def positive(number):
    return math.isfinite(number) and number > 0


def positive_or_zero(number):
    return math.isfinite(number) and number >= 0


def capabilities(spec, can):
    """Refuses a spec that lies outside a backend's capabilities, by the first setting or combination of settings that does."""
    listed("cell", spec["cell"], can["cells"])
    listed("kernel", spec["kernel"], can["kernels"])
    listed("bias_vectors", spec["bias_vectors"], can["bias_vectors"])
    if spec["cell"] == "gru":
        listed("gru_form", spec["gru_form"], can["gru_forms"])
    listed("adam.epsilon_placement", spec["adam"]["epsilon_placement"], can["epsilon_placements"])
    listed("adam.repeated_words", spec["adam"]["repeated_words"], can["repeated_words"])
    listed("adam.bias_correction", spec["adam"]["bias_correction"], can["bias_corrections"])
    if spec["clip"]:
        listed("clip.form", spec["clip"]["form"], can["clip_forms"])
    if spec["weight_decay"]["rate"] > 0:
        listed("weight_decay.form", spec["weight_decay"]["form"], can["weight_decay_forms"])
    dropout = any(spec["dropout"][place] > 0 for place in ["after_embedding", "between_layers", "after_last"])
    for setting, wanted in [
        ("bidirectional", spec["bidirectional"]),
        ("layer_norm", spec["layer_norm"]),
        ("masking", spec["masking"]),
        ("dropout", dropout),
        ("label_smoothing", spec.get("label_smoothing", 0) > 0),
    ]:
        if wanted and not can.get(setting, False):
            unsupported(setting, f"only models without {setting}")
    listed("device", spec["device"], can["devices"])
    if can["max_layers"] is not None and spec["layers"] > can["max_layers"]:
        unsupported(f"layers = {spec['layers']}", f"at most {can['max_layers']}")
    together(spec, dropout, can["exclusions"])


def together(spec, dropout, exclusions):
    """Refuses a spec that has all the settings of a combination that can't be had together."""
    there = {
        "cell": spec["cell"],
        "gru_form": spec["gru_form"] if spec["cell"] == "gru" else None,
        "bias_vectors": spec["bias_vectors"],
        "bidirectional": spec["bidirectional"],
        "layer_norm": spec["layer_norm"],
        "masking": spec["masking"],
        "dropout": dropout,
        "adam.epsilon_placement": spec["adam"]["epsilon_placement"],
        "adam.repeated_words": spec["adam"]["repeated_words"],
        "adam.bias_correction": spec["adam"]["bias_correction"],
        "clip.form": spec["clip"]["form"] if spec["clip"] else None,
        "weight_decay.form": spec["weight_decay"]["form"] if spec["weight_decay"]["rate"] > 0 else None,
        "kernel": spec["kernel"],
        "device": spec["device"].split(":")[0],
    }
    for exclusion in exclusions:
        if all(there[key] == value for key, value in exclusion.items()):
            words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in exclusion.items()}
            named = " with ".join(f"{key} = {words[key]}" for key in there if key in words)
            unsupported(named, "each of these, but not together")


def listed(setting, wanted, there):
    if wanted not in there:
        unsupported(f"{setting} = {wanted}", ", ".join(there) or "none")


def unsupported(setting, supported):
    """Refuses a setting that the backend can't honour."""
    raise Refusal("unsupported", f"{setting} is not supported; this backend supports {supported}")


def parameters(spec):
    """Shapes of every trainable tensor by canonical name, in canonical order."""
    directions = 2 if spec["bidirectional"] else 1
    rows, hidden = GATES[spec["cell"]] * spec["hidden_size"], spec["hidden_size"]
    shapes = {"embedding.weight": (spec["vocabulary_size"], spec["embedding_size"])}
    for layer in range(spec["layers"]):
        columns = spec["embedding_size"] if layer == 0 else hidden * directions
        for suffix in ["", "_reverse"][:directions]:
            end = f"_l{layer}{suffix}"
            shapes[f"rnn.weight_ih{end}"] = (rows, columns)
            shapes[f"rnn.weight_hh{end}"] = (rows, hidden)
            shapes[f"rnn.bias_ih{end}"] = (rows,)
            if spec["bias_vectors"] == "two":
                shapes[f"rnn.bias_hh{end}"] = (rows,)
        if spec["layer_norm"]:
            shapes[f"norm.weight_l{layer}"] = shapes[f"norm.bias_l{layer}"] = (hidden * directions,)
    return {**shapes, "head.weight": (1, hidden * directions), "head.bias": (1,)}


def weights(spec, weights):
    """Refuses weights that are not exactly the model's: a name too few or too many, another shape, a number that is not finite."""
    shapes = parameters(spec)
    for name, shape in shapes.items():
        if name not in weights:
            raise Refusal("weights", f"weight `{name}` is missing")
        found = weights[name]
        if found.shape != shape:
            raise Refusal("weights", f"weight `{name}` has shape {list(found.shape)}, the model needs {list(shape)}")
        if not (finite := np.isfinite(found)).all():
            raise Refusal("weights", f"weight `{name}` is not finite at element {int(finite.argmin())}")
    for name in weights.keys() - shapes.keys():
        raise Refusal("weights", f"weight `{name}` is not one of this model's")


def read_weights(tensors, payload):
    """Weights by name from the tensors that a header announces and the payload that carries them."""
    return read_tensors(tensors, payload, "<f4", "weights")


def read_tensors(tensors, payload, element, kind):
    """Arrays by name; what is wrong with the list is refused with an error of this kind."""
    sizes, width = [math.prod(tensor["shape"]) for tensor in tensors], np.dtype(element).itemsize
    check_payload(payload, width * sum(sizes))

    def refuse_over(bound, what, count):
        if count > BOUNDS[bound]:
            raise Refusal("weights", f"{what} {count}, over the bound of {BOUNDS[bound]}")

    refuse_over("tensors", "a list of tensors has the length", len(tensors))
    found, start = {}, 0
    for tensor, size in zip(tensors, sizes):
        name, shape = tensor["name"], tensor["shape"]
        refuse_over("name", "the name of a tensor has bytes:", len(name.encode(errors="replace")))
        refuse_over("axes", f"the number of axes of `{name}` is", len(shape))
        refuse_over("parameters", f"`{name}` has an axis of length", max(shape, default=0))
        if name in found:
            raise Refusal(kind, f"`{name}` is given twice")
        values = np.frombuffer(payload, element, size, start)
        # No tensor of a model is empty, and NumPy has no array for every empty shape that can be announced.
        found[name] = values.reshape(shape) if size else values
        start += width * size
    return found


@dataclass
class State:
    """All that the rest of a training depends on: steps taken, positions of random streams by name (lists of words of 64 bits), and arrays by
    the whole names that `PARTS` begin."""

    steps: int
    streams: dict
    tensors: dict

    def part(self, part):
        """The arrays of one of `PARTS` by the weights' names."""
        return {name.removeprefix(f"{part}/"): values for name, values in self.tensors.items() if name.startswith(f"{part}/")}


def state_of(steps, streams, weights, first, second):
    """A state of arrays by the weights' names."""
    parts = zip(PARTS, [weights, first, second])
    return State(steps, streams, {f"{part}/{name}": values for part, arrays in parts for name, values in arrays.items()})


def state_header(state, element):
    """What a header says of a state."""
    streams = [{"name": name, "position": [int(word) for word in position]} for name, position in state.streams.items()]
    tensors = [{"name": name, "shape": list(values.shape)} for name, values in state.tensors.items()]
    return {"steps": int(state.steps), "streams": streams, "element": element, "tensors": tensors}


def state_payload(state, element):
    """The elements of a state's tensors, in the order of its header."""
    return b"".join(values.astype(ELEMENTS[element], copy=False).tobytes() for values in state.tensors.values())


def read_state(header, payload):
    """The state that a header announces and a payload carries."""
    tensors = read_tensors(header["tensors"], payload, ELEMENTS[header["element"]], "state")
    streams = {}
    for stream in header["streams"]:
        if stream["name"] in streams:
            raise Refusal("state", f"`{stream['name']}` is given twice")
        streams[stream["name"]] = stream["position"]
    return State(header["steps"], streams, tensors)


def state(spec, state, element, own):
    """Refuses a state that is not exactly what a model of this spec goes on from; `own` is what the backend's elements are."""

    def refuse_unless(holds, message):
        if not holds:
            raise Refusal("state", message)

    for field, bound, count in [
        ("steps", "steps", state.steps),
        ("streams", "streams", len(state.streams)),
        ("streams", "stream words", sum(map(len, state.streams.values()))),
        ("streams", "name", max((len(name.encode(errors="replace")) for name in state.streams), default=0)),
    ]:
        refuse_unless(count <= BOUNDS[bound], f"{field}: {count} is over the bound of {BOUNDS[bound]}")
    shapes = {f"{part}/{name}": shape for part in PARTS for name, shape in parameters(spec).items()}
    for name, shape in shapes.items():
        refuse_unless(name in state.tensors, f"`{name}` is missing from the state")
        found = state.tensors[name].shape
        refuse_unless(found == shape, f"`{name}` has shape {list(found)}, the model's state needs {list(shape)}")
    for name in state.tensors.keys() - shapes.keys():
        refuse_unless(False, f"`{name}` is not part of this model's state")
    refuse_unless(element == own, f"element: {element} is not what this backend's state has, {own}")


def read_batch(header, payload, labelled):
    """The batch that a header announces and a payload carries, if it makes sense whatever the model."""
    rows, time = header["rows"], header["time"]
    check_payload(payload, 4 * rows * time + 4 * rows + (rows if labelled else 0))
    ends = [4 * rows * time, 4 * rows * time + 4 * rows]
    if rows == 0 or time == 0:
        refuse_batch(f"the batch is empty ({rows} rows of {time} steps)")
    if rows > BOUNDS["rows"]:
        refuse_batch(f"the batch has {rows} rows, over the bound of {BOUNDS['rows']}")
    batch = Batch(
        np.frombuffer(payload[: ends[0]], "<i4").reshape(rows, time),
        np.frombuffer(payload[ends[0] : ends[1]], "<i4"),
        np.frombuffer(payload[ends[1] :], "u1") if labelled else None,
        header["padding"],
    )
    check_rows(batch)
    return batch


def check_payload(payload, announced):
    if len(payload) != announced:
        raise Refusal("request", f"the payload has {len(payload)} bytes, its header announces {announced}")


def refuse_batch(message):
    raise Refusal("batch", message)


def check_rows(batch):
    """Refuses a batch that makes no sense whatever the model, by row and step."""
    _, time = batch.tokens.shape
    wrong = (batch.lengths < 1) | (batch.lengths > time)
    if wrong.any():
        row = int(wrong.argmax())
        refuse_batch(f"row {row} has length {batch.lengths[row]}, which does not lie in 1..={time}")
    steps, starts = np.arange(time), batch.starts[:, None]
    valid = (steps >= starts) & (steps < starts + batch.lengths[:, None])
    if (at := first_place(~valid & (batch.tokens != 0))) is not None:
        refuse_batch(f"row {at[0]} has id {batch.tokens[at]} at step {at[1]}, which is padding and must be 0")
    if batch.labels is not None and (batch.labels > 1).any():
        row = int((batch.labels > 1).argmax())
        refuse_batch(f"row {row} has label {batch.labels[row]}, which is neither 0 nor 1")


def batch(batch, spec, training=False):
    """Refuses a batch that doesn't fit the model, by row and step."""
    rows, time = batch.tokens.shape
    if time > spec["max_time"]:
        refuse_batch(f"the batch has {time} steps, the model was built for at most {spec['max_time']}")
    vocabulary = spec["vocabulary_size"]
    if (at := first_place((batch.tokens < 0) | (batch.tokens >= vocabulary))) is not None:
        refuse_batch(f"row {at[0]} has id {batch.tokens[at]} at step {at[1]}, which does not lie in 0..{vocabulary}")
    if training and rows > spec["max_batch"]:
        refuse_batch(f"the batch has {rows} rows, the model was built for at most {spec['max_batch']}")


def first_place(wrong):
    """Row and step of the first True, or None."""
    return tuple(int(i) for i in np.unravel_index(wrong.argmax(), wrong.shape)) if wrong.any() else None


def learning_rate(rate):
    """The rate as a float, if it is one to train with."""
    if not positive_or_zero(rate):
        raise Refusal("batch", f"learning rate {rate} is neither 0 nor a positive number")
    return float(rate)
