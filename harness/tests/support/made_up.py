"""A corpus that is made up, for scripts that run whole studies with nothing fetched."""

import json

# What a run leaves that has to be equal, byte for byte, however it came about.
FILES = ["predictions.parquet", "steps.parquet", "weights.safetensors"]
DESCRIPTOR = """name = "made-up"
title = "Made-up reviews"
negative = {negative}
positive = {positive}

[[form]]
name = "a list"
source = "made-up words"
endings = [".json"]
sha256 = "unknown"
format = {{ kind = "json", text = "t", label = "s" }}
"""
# Options that take it, from the folder in which it lies.
OPTIONS = ["--from", "reviews.json", "--sources", "sources.toml"]


def write_corpus(folder, reviews):
    """Writes these pairs of text and label, 0 or 1, with their descriptor."""
    positive = sum(label for _, label in reviews)
    (folder / "reviews.json").write_text(json.dumps([{"t": text, "s": label} for text, label in reviews]))
    (folder / "sources.toml").write_text(DESCRIPTOR.format(negative=len(reviews) - positive, positive=positive))
