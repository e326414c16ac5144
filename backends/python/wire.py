"""The wire format of the comparison harness, worker side: streams, frames, and the loop that answers requests.

`backends/README.md` describes the format. What a request may say is checked in `checks.py`; a worker hands `serve` a backend, an object with

- `info`: what the backend says of itself, as the reply to `hello` carries it;
- `build(spec, weights)`: a model from a checked spec and `{name: float32 array}`, where a model has
  `train(batch, learning_rate) -> (loss, gradient_norm, clipped)`, `predict(batch) -> float32 [rows]`, `weights() -> {name: array}` and
  `input_gradient_norms(batch) -> float32 [rows, time]`.
"""

import json
import os
import struct
import sys
import time

import checks
from checks import Refusal

PROTOCOL_VERSION = 2
PREFIX = struct.Struct("<IQ")
MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 1 << 30


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
    """Header and payload of the next frame, or None where the stream ends before one."""
    prefix = stream.read(PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise FrameError("the stream ended inside a frame")
    lengths = PREFIX.unpack(prefix)
    check_lengths(*lengths)
    header, payload = (stream.read(length) for length in lengths)
    if (len(header), len(payload)) != lengths:
        raise FrameError("the stream ended inside a frame")
    return header, payload


def write_frame(stream, header, payload=b""):
    """Writes one frame: `header` is an object for JSON, `payload` bytes."""
    encoded = json.dumps(header, allow_nan=False).encode()
    check_lengths(len(encoded), len(payload))
    stream.write(PREFIX.pack(len(encoded), len(payload)) + encoded)
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
            header, payload, goes_on = session.answer(*frame)
            write_frame(replies, header, payload)
            if not goes_on:
                break
    except (FrameError, OSError) as error:
        sys.exit(str(error))


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
            reply, payload = getattr(self, request["request"].replace("-", "_"))(request, payload)
        except Refusal as refusal:
            reply, payload = {"kind": "error", "error": refusal.kind, "message": str(refusal)}, b""
        goes_on = reply["kind"] != "hello" or reply["info"] is not None
        return {"compute_ns": self.compute_ns, "reply": reply}, payload, goes_on

    def hello(self, request, payload):
        self.greeted = request["protocol"] == PROTOCOL_VERSION
        info = self.backend.info if self.greeted else None
        return {"kind": "hello", "protocol": PROTOCOL_VERSION, "info": info}, b""

    def build(self, request, payload):
        weights = checks.read_weights(request["tensors"], payload)
        spec = request["spec"]
        # The model before goes first, so that two never share the memory.
        self.model = None

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
        loss, norm, clipped = self.timed("take a step", lambda: model.train(batch, rate))
        return {"kind": "step", "clipped": bool(clipped)}, struct.pack("<dd", loss, norm)

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
        checks.batch(batch, self.spec)
        norms = self.timed("take the input gradients", lambda: model.input_gradient_norms(batch))
        return {"kind": "gradient-norms"}, floats(norms)

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


def floats(values):
    """The bytes of an array as little-endian float32, row-major."""
    return values.astype("<f4", copy=False).tobytes()
