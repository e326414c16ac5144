"""The wire format of the comparison harness, worker side: streams, frames, and the loop that answers requests.

`backends/README.md` describes the format. What a request may say is checked in `checks.py`; a worker hands `serve` a backend, an object with

- `info`: what the backend says of itself, as the reply to `hello` carries it;
- `build(spec, weights)`: a model from a checked spec and `{name: float32 array}`, where a model has
  `train(batch, learning_rate) -> (loss, gradient_norm, clipped)`, `predict(batch) -> float32 [rows]`, `weights() -> {name: array}` and
  `input_gradient_norms(batch) -> float32 [rows, time]`. Where it says that it can measure updates, `weights` is read before and after the step.
  Where it says that it has a state, `state() -> checks.State`, and the backend has `resume(spec, state)`, which gives a model too.
"""

import json
import math
import os
import struct
import sys
import time

import numpy as np

import checks
from checks import Refusal

PROTOCOL_VERSION = 3
# Lengths of header and payload, and the number of the request.
PREFIX = struct.Struct("<III")
MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 3 * 8 * checks.BOUNDS["parameters"]
READ_AT_ONCE = 1 << 26
MAX_MESSAGE = 2000


class FrameError(Exception):
    """A stream that can't be trusted any more: it ended inside a frame, or a length is over its cap."""


def take_streams():
    """The pipe to the harness as two binary files. Call it before any library is loaded.

    From then on descriptor 1 leads to stderr and descriptor 0 to nothing, because libraries print and read as they please.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, replies


def read_frame(stream):
    """Number, header and payload of the next frame, or None where the stream ends before one."""
    prefix = stream.read(PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise FrameError("the stream ended inside a frame")
    *lengths, number = PREFIX.unpack(prefix)
    check_lengths(*lengths)
    header, payload = (read_exactly(stream, length) for length in lengths)
    return number, header, payload


def read_exactly(stream, length):
    """So many bytes; memory grows with what arrives, not with what is announced."""
    parts = []
    while length > 0:
        part = stream.read(min(length, READ_AT_ONCE))
        if not part:
            raise FrameError("the stream ended inside a frame")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def write_frame(stream, number, header, payload=b""):
    """Writes one frame: `header` is an object for JSON, `payload` bytes."""
    encoded = json.dumps(header, allow_nan=False).encode()
    check_lengths(len(encoded), len(payload))
    stream.write(PREFIX.pack(len(encoded), len(payload), number) + encoded)
    stream.write(payload)
    stream.flush()


def check_lengths(header, payload):
    """Raises FrameError if a frame of these lengths is over a cap."""
    for part, length, cap in [("header", header, MAX_HEADER_BYTES), ("payload", payload, MAX_PAYLOAD_BYTES)]:
        if length > cap:
            raise FrameError(f"a frame announces a {part} of {length} bytes, over the cap of {cap}")


def serve(streams, make):
    """Answers requests until they end: the whole main of a worker. `make` gives the backend and runs first."""
    requests, replies = streams
    session = Session(make())
    try:
        while (frame := read_frame(requests)) is not None:
            number, *request = frame
            header, payload, goes_on = session.answer(*request)
            write_frame(replies, number, header, payload)
            if not goes_on:
                break
    except (FrameError, OSError) as error:
        sys.exit(str(error))


# Requests that have none.
WITHOUT_PAYLOAD = {"hello", "weights", "state"}


class Session:
    """A backend and what it has been asked so far."""

    def __init__(self, backend):
        self.backend = backend
        self.spec = None
        self.model = None
        self.greeted = False

    def answer(self, header, payload):
        """The header and payload of the reply, and whether the conversation goes on."""
        self.compute_ns = 0
        try:
            request = checks.request(header)
            if not self.greeted and request["request"] != "hello":
                raise Refusal("request", "the first request must be `hello`")
            if request["request"] in WITHOUT_PAYLOAD:
                checks.check_payload(payload, 0)
            reply, payload = getattr(self, request["request"].replace("-", "_"))(request, payload)
        except Refusal as refusal:
            # A reply must fit its frame, whatever it quotes.
            message = str(refusal).encode(errors="replace").decode()
            message = message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + " ..."
            reply, payload = {"kind": "error", "error": refusal.kind, "message": message}, b""
        goes_on = reply["kind"] != "hello" or reply["info"] is not None
        return {"compute_ns": self.compute_ns, "reply": reply}, payload, goes_on

    def hello(self, request, payload):
        self.greeted = request["protocol"] == PROTOCOL_VERSION
        info = self.backend.info if self.greeted else None
        return {"kind": "hello", "protocol": PROTOCOL_VERSION, "info": info}, b""

    def build(self, request, payload):
        # The model before goes first, so that two never share the memory and a refused build leaves none.
        self.model = None
        weights = checks.read_weights(request["tensors"], payload)
        spec = request["spec"]

        def build():
            checks.spec(spec)
            checks.capabilities(spec, self.backend.info["capabilities"])
            checks.weights(spec, weights)
            return self.backend.build(spec, weights)

        self.model, self.spec = self.timed("build the model", build), spec
        return {"kind": "done"}, b""

    def train_batch(self, request, payload):
        batch = checks.read_batch(request["batch"], payload, labelled=True)
        model = self.built()
        checks.batch(batch, self.spec, training=True)
        rate = checks.learning_rate(request["learning_rate"])
        if not request.get("update_norm", False):
            loss, norm, clipped = self.timed("take a step", lambda: model.train(batch, rate))
            return {"kind": "step", "clipped": bool(clipped)}, struct.pack("<dd", loss, norm)
        self.able("update_norm")
        (loss, norm, clipped), moved = self.timed("take a step", lambda: measured(model, batch, rate))
        return {"kind": "step", "clipped": bool(clipped)}, struct.pack("<ddd", loss, norm, moved)

    def predict_batch(self, request, payload):
        batch = checks.read_batch(request["batch"], payload, labelled=False)
        model = self.built()
        checks.batch(batch, self.spec)
        return {"kind": "logits"}, floats(self.timed("predict", lambda: model.predict(batch)))

    def weights(self, request, payload):
        model = self.built()
        weights = self.timed("read the weights", model.weights)
        tensors = [{"name": name, "shape": list(values.shape)} for name, values in weights.items()]
        return {"kind": "weights", "tensors": tensors}, b"".join(floats(values) for values in weights.values())

    def input_gradient_norms(self, request, payload):
        batch = checks.read_batch(request["batch"], payload, labelled=True)
        model = self.built()
        self.able("input_gradient_norms")
        checks.batch(batch, self.spec)
        norms = self.timed("take the input gradients", lambda: model.input_gradient_norms(batch))
        return {"kind": "gradient-norms"}, floats(norms)

    def state(self, request, payload):
        model = self.built()
        element = self.able("state")
        state = self.timed("read the state", model.state)
        return {"kind": "state", "state": checks.state_header(state, element)}, checks.state_payload(state, element)

    def resume(self, request, payload):
        self.model = None
        state = checks.read_state(request["state"], payload)
        spec = request["spec"]

        def resume():
            checks.spec(spec)
            checks.capabilities(spec, self.backend.info["capabilities"])
            checks.state(spec, state, request["state"]["element"], self.able("state"))
            return self.backend.resume(spec, state)

        self.model, self.spec = self.timed("build the model", resume), spec
        return {"kind": "done"}, b""

    def able(self, ability):
        """What the backend says of an ability, which is refused where it says that it lacks it."""
        able = self.backend.info["capabilities"].get(ability)
        if not able:
            raise Refusal("unsupported", f"{ability} is not supported by this backend")
        return able

    def built(self):
        if self.model is None:
            raise Refusal("request", "no model has been built yet")
        return self.model

    def timed(self, doing, work):
        """What `work` gives. Whatever a framework raises becomes a refusal, so that the worker stays usable."""
        start = time.perf_counter_ns()
        try:
            return work()
        except Refusal:
            raise
        except Exception as error:
            first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise Refusal("framework", f"could not {doing}: {first_line}") from error
        finally:
            self.compute_ns = time.perf_counter_ns() - start


def measured(model, batch, rate):
    """A step, and the Euclidean norm of the change of all weights together."""
    before = {name: values.astype(np.float64) for name, values in model.weights().items()}
    report = model.train(batch, rate)
    changes = [float(np.square(values - before[name]).sum()) for name, values in model.weights().items()]
    return report, math.sqrt(math.fsum(changes))


def floats(values):
    """The bytes of an array as little-endian float32, row-major."""
    return values.astype("<f4", copy=False).tobytes()
