# SPDX-License-Identifier: Apache-2.0
"""Every test that docs/ names as proof is there: `file`: name, name; `file`: ..."""

import os
import re
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCS = os.path.join(os.path.dirname(TESTS), "docs")
PAGES = ("delivery.md", "matrix.md", "registration.md")

FILE = re.compile(r"`((?:unit|contract|e2e)/\w+\.(?:cpp|py))`:\s*")
VECTOR = re.compile(r"[IRD]\d+")


def references(text: str) -> list[tuple[str, str]]:
    """Pairs of a file and what must stand in it."""
    found = []
    parts = FILE.split(text)
    for path, rest in zip(parts[1::2], parts[2::2]):
        # Up to the end of the cell, of the brackets, or of the entry.
        names = re.split(r"[|;)]", rest, maxsplit=1)[0]
        found += [(path, " ".join(name.split())) for name in names.split(", ")]
    return found


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def has(text: str, name: str) -> bool:
    if VECTOR.fullmatch(name):
        return re.search(rf"\b{name}\b", text) is not None
    # A long name of a test case stands in several literals.
    return name in re.sub(r'"\s*\n\s*"', "", text)


class References(unittest.TestCase):
    def test_every_named_test_is_there(self):
        for page in PAGES:
            found = references(text_of(os.path.join(DOCS, page)))
            self.assertGreater(len(found), 10, page)
            for path, name in found:
                with self.subTest(page=page, file=path, name=name):
                    self.assertNotEqual("", name)
                    text = text_of(os.path.join(TESTS, path))
                    self.assertTrue(has(text, name))

    def test_every_row_of_a_table_of_tests_names_one(self):
        for page in PAGES:
            tests = False
            for line in text_of(os.path.join(DOCS, page)).splitlines():
                if not line.startswith("|"):
                    tests = False
                elif line.endswith("| tests |"):
                    tests = True
                elif tests and not line.startswith("| ---"):
                    last = re.split(r"(?<!\\)\|", line)[-2]
                    self.assertTrue(FILE.search(last), f"{page}: {line[:80]}")


if __name__ == "__main__":
    unittest.main()
