"""Work in chunks, at a prompt: how `study bench-peers` alternates this process with others, so that only one computes at a time.

A line on stdin asks for a chunk, `train STEPS` or `predict REVIEWS`, and a line of JSON on stdout answers it, with the seconds it
took. The end of stdin ends the process.
"""

import json
import os
import sys


def take_stdout():
    """The pipe for answers. From then on descriptor 1 leads to stderr, because libraries print as they please."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def serve(answers, versions, train, predict):
    """Answers requests until they end. `train(steps)` and `predict(reviews)` give an object for JSON with `seconds` in it."""

    def say(answer):
        print(json.dumps(answer), file=answers, flush=True)

    say({"ready": versions})
    for line in sys.stdin:
        words = line.split()
        if len(words) != 2 or words[0] not in ("train", "predict") or not words[1].isdigit() or words[1] == "0":
            say({"error": f"`{line.strip()}` is neither `train STEPS` nor `predict REVIEWS`"})
            continue
        try:
            say({"train": train, "predict": predict}[words[0]](int(words[1])))
        except Exception as error:  # whatever a framework raises is an answer
            say({"error": (str(error).strip().splitlines() or [type(error).__name__])[0]})


class Cursor:
    """Walks over `count` examples in chunks and begins again where fewer than a chunk are left."""

    def __init__(self, count):
        self.count = count
        self.start = 0

    def take(self, examples):
        """The next so many examples as a slice."""
        if examples > self.count:
            raise ValueError(f"{examples} examples were asked for and there are {self.count}")
        if self.start + examples > self.count:
            self.start = 0
        taken = slice(self.start, self.start + examples)
        self.start += examples
        return taken
