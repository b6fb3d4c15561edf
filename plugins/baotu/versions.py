"""Which rules judged a delivery: a digest of everything that reads, types and judges its source, and of nothing else."""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from baotu.settings import PROJECT
from baotu.sources import Source

_PACKAGE = Path(__file__).parent


def rules_version(source: Source) -> str:
    """The same reader, YAML, staging, seeds and suite give the same version; a mart or another source changes nothing."""
    # How long raw rows are kept judges nothing.
    return _digest(source.id, source.model_dump_json(exclude={"keep_raw_months"}))


@cache
def _digest(source_id: str, declared: str) -> str:
    digest = hashlib.sha256(declared.encode())
    for path in _deciding(source_id):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _deciding(source_id: str) -> Iterator[Path]:
    yield from sorted((_PACKAGE / "readers").rglob("*.py"))
    yield from (_PACKAGE / "sources.py", _PACKAGE / "periods.py")
    sources = {path.stem for path in (PROJECT / "dags" / "sources").glob("*.yml")}
    for suite in sorted((PROJECT / "expectations").glob("*.py")):
        if suite.stem == source_id or suite.stem not in sources | {"marts"}:
            yield suite
    project = PROJECT / "dbt_project"
    staging = [project / "models" / "staging" / f"stg_{source_id}.sql", *sorted((project / "macros").glob("*.sql"))]
    yield from staging
    words = set(re.findall(r"\w+", " ".join(path.read_text(encoding="utf-8") for path in staging)))
    # Seeds and functions that nothing there names decide nothing here.
    for path in sorted([*(project / "seeds").glob("*.csv"), *(project / "functions").glob("*.sql")]):
        if path.stem in words:
            yield path
