"""Writes split.json: the splits of 12 negative and 12 positive reviews at sizes 8, 4 and 12 with seed 7,
computed from the description in harness/src/data/split.rs with a ChaCha20 of its own.

    python split.py > split.json
"""

import json
import struct
import sys


def block(key, counter, nonce):
    def rotate(value, bits):
        return (value << bits | value >> 32 - bits) & 0xFFFFFFFF

    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start += list(struct.unpack("<4I", struct.pack("<QQ", counter, nonce)))
    state = start[:]

    def quarter(a, b, c, d):
        for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] = rotate(state[z] ^ state[x], bits)

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, start)))


def numbers(seed, stream):
    key = struct.pack("<Q", seed) + bytes(24)
    counter = 0
    while True:
        yield from struct.unpack("<8Q", block(key, counter, stream))
        counter += 1


def shuffle(items, seed, stream):
    draws = numbers(seed, stream)
    for last in range(len(items) - 1, 0, -1):
        bound = last + 1
        x = next(draws)
        while x < 2**64 % bound:
            x = next(draws)
        items[last], items[x % bound] = items[x % bound], items[last]


def main():
    assert next(numbers(0, 0)).to_bytes(8, "little").hex() == "76b8e0ada0f13d90"
    sizes, seed = [8, 4, 12], 7
    splits = [[], [], []]
    for label, rows in ((0, list(range(12))), (1, list(range(12, 24)))):
        shuffle(rows, seed, label)
        for split, size in zip(splits, sizes):
            split += [rows.pop(0) for _ in range(size // 2)]
    for stream, split in enumerate(splits, start=2):
        shuffle(split, seed, stream)
    json.dump({"sizes": sizes, "seed": seed, "splits": splits}, sys.stdout)
    sys.stdout.write("\n")


main()
