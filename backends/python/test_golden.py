"""Makes every golden file of the real frameworks anew and holds it against the one that is committed."""

import json
import unittest

from golden import PYTHON, SCRIPTS, made

NO_ENVIRONMENT = None if PYTHON.exists() else "no environment of the real frameworks; run `just oracles`"

# Seeds are fixed, so on the machine that made a file every digit comes back. Other processors have other instructions for float32: one that
# `pytorch.json` was made on differs from another in a thousand numbers by up to 1e-6. The tests that read the files allow 5e-6 to 3e-5.
TOLERANCE = 2e-5
# What a framework says of itself is no result of rounding.
EXACT = {"couplings.json", "keras_defaults.json", "pytorch_defaults.json"}


def differences(found, expected, tolerance=TOLERANCE, place=""):
    """Where two JSON values differ, in words; numbers may by `tolerance` of themselves or of 1, whichever is more."""
    if isinstance(expected, float) and isinstance(found, (int, float)):
        if not abs(found - expected) <= tolerance * max(1.0, abs(expected)):
            yield f"{place} is {found}, not {expected}"
    elif type(found) is not type(expected):
        yield f"{place} is {found!r}, not {expected!r}"
    elif isinstance(expected, dict):
        if found.keys() != expected.keys():
            yield f"{place} has the keys {sorted(found)}, not {sorted(expected)}"
        for key in expected.keys() & found.keys():
            yield from differences(found[key], expected[key], tolerance, f"{place}.{key}")
    elif isinstance(expected, list):
        if len(found) != len(expected):
            yield f"{place} has {len(found)} entries, not {len(expected)}"
        for at, pair in enumerate(zip(found, expected)):
            yield from differences(*pair, tolerance, f"{place}[{at}]")
    elif found != expected:
        yield f"{place} is {found!r}, not {expected!r}"


class TestComparison(unittest.TestCase):
    def test_what_differs_is_named_and_rounding_does_not_differ(self):
        expected = {"a": [1.0, 2.0], "b": "x", "c": None}
        self.assertEqual(list(differences({"a": [1.00001, 2.0], "b": "x", "c": None}, expected)), [])
        for changed, place in [
            ({"a": [1.0, 2.0001], "b": "x", "c": None}, ".a[1]"),
            ({"a": [1.0], "b": "x", "c": None}, ".a has 1"),
            ({"a": [1.0, float("nan")], "b": "x", "c": None}, ".a[1]"),
            ({"a": [1.0, 2.0], "b": "y", "c": None}, ".b"),
            ({"a": [1.0, 2.0], "b": "x", "c": 0.0}, ".c"),
            ({"a": [1.0, 2.0], "b": "x"}, "has the keys"),
        ]:
            with self.subTest(place=place):
                found = list(differences(changed, expected))
                self.assertEqual(len(found), 1)
                self.assertIn(place, found[0])
        self.assertEqual(len(list(differences({"epsilon": 1e-7}, {"epsilon": 1e-8}, 0.0))), 1)


@unittest.skipIf(NO_ENVIRONMENT, NO_ENVIRONMENT)
class TestGolden(unittest.TestCase):
    def test_every_golden_file_is_what_the_live_frameworks_give(self):
        for path, script in SCRIPTS.items():
            with self.subTest(file=path.name):
                found, expected = json.loads(made(script)), json.loads(path.read_text())
                tolerance = 0.0 if path.name in EXACT else TOLERANCE
                self.assertEqual(list(differences(found, expected, tolerance))[:5], [])


if __name__ == "__main__":
    unittest.main()
