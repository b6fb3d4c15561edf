"""How a delivered file becomes rows of text: containers, encodings, headers, refusals that say what to do.

`read` looks at everything that decides whether a file can be read (container, encoding from first to last
byte, header); `Reading.blocks()` and `rows()` then stream. Formats are told by content, never by name. Cells stay as
delivered: staging normalises. Personal columns leave here, and so do the names of individual households.

containers says what a file is; text, workbook and archive open it as tables, the last two by way of child, a process
of its own; headers understands a table's columns and
titles what stands around them; rows streams them; personal keeps back what is nobody's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baotu.readers.archive import tables_of
from baotu.readers.headers import PERSONAL_DROPPED, understood
from baotu.readers.reading import FIELD_COUNT, HEADER_ROWS, Block, File, Reading, Refused, Row
from baotu.readers.rows import MISSING_FIELDS, SURPLUS, WITHHELD
from baotu.readers.titles import facts

if TYPE_CHECKING:
    from baotu.sources import Source

__all__ = [
    "FIELD_COUNT", "HEADER_ROWS", "MISSING_FIELDS", "PERSONAL_DROPPED", "SURPLUS", "WITHHELD",
    "Block", "Reading", "Refused", "Row", "facts", "read",
]  # fmt: skip


def read(
    path: Path, file_name: str, source: Source, given: Mapping[str, Any], *, hash_key: bytes | None = None
) -> Reading:
    """Open `path`, delivered as `file_name`, as a delivery of `source`.

    `given` is what sidecar and `--set` say, the latter already merged over the former. `hash_key` keys the
    hashes of columns declared `personal: hash` or `personal_under`; by default it is generated once into the
    credentials, when it is first needed.
    """
    from baotu.sources import MetaError

    file = File(path, file_name, source, hash_key)
    try:
        file.given = source.check_meta(given)
    except MetaError as error:
        file.refuse("bad_meta", error.zh, error.en)
    tables, how = tables_of(file)
    return understood(file, tables, how)
