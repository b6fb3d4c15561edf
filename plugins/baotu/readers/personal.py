"""What is nobody's business: columns hashed by declaration, and names of individual households (个体工商户)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from baotu.readers.reading import File, Part, Reading, Row


def hashed(
    rows: Callable[[Reading], Iterator[Row]], columns: Sequence[str], file: File
) -> Callable[[Reading], Iterator[Row]]:
    """Columns declared `personal: hash`."""
    personal = [i for i, name in enumerate(columns) if file.source.columns[name].personal == "hash"]

    def with_hashes(reading: Reading) -> Iterator[Row]:
        for row in rows(reading):
            for index in personal:
                if text := row.values[index]:
                    row.values[index] = file.hash(text)
            yield row

    return with_hashes


#: A code that begins with 92, also among several in a cell, behind an apostrophe that once made it text, or as
#: the 9.237E+17 that Excel writes for one of digits only.
_HOUSEHOLD = re.compile(r"(?<![0-9A-Z.])9(?:2|\.2\d*E\+?17)", re.IGNORECASE)
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\ufffd]+")
_HASH = re.compile(r"[0-9a-f]{32}")


def is_household(code: str) -> bool:
    """Whether a unified social credit code is one of an individual household (个体工商户)."""
    if code.isascii() and code.isalnum():  # nearly always; the rest takes five times as long
        return code.startswith("92")
    return _HOUSEHOLD.search(_UNSEEN.sub("", unicodedata.normalize("NFKC", code))) is not None


def hash_households(file: File, part: Part, cells: list[str]) -> None:
    """Hash, in place, the cells of columns declared `personal_under` if the row's code is a household's."""
    width = len(cells)
    for codes, personal in part.households:
        for code in codes:
            if code < width and is_household(cells[code]):
                for index in personal:
                    # "/" and the like name nobody, and a hash is what our own export sends back.
                    if index < width and re.search(r"\w", cells[index]) and not _HASH.fullmatch(cells[index]):
                        cells[index] = file.hash(cells[index])
                break
