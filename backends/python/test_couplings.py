"""Holds `../NUMERICS.md` to what the live frameworks were seen to do: a row for each experiment, with what it found."""

import json
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def rows_of(page):
    """The first two columns of the tables' rows whose first column is code."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1] for row in cells}


class TestCouplings(unittest.TestCase):
    def test_the_page_says_of_every_experiment_what_it_found(self):
        found = json.loads((HERE / "golden/couplings.json").read_text())
        words = {name: ", ".join(how) if isinstance(how, list) else how for name, how in found.items()}
        self.assertEqual(rows_of((HERE.parent / "NUMERICS.md").read_text()), words)


if __name__ == "__main__":
    unittest.main()
