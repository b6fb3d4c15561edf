"""Files as offices send them, and what must become of each; see README.md beside this."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A folder of the corpus."""

    source: str
    trait: str
    file: Path
    expected: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.source}/{self.trait}"


def cases() -> list[Case]:
    """Every folder, in order."""
    found = []
    for path in sorted(HERE.glob("*/*/expected.yml")):
        (file,) = (other for other in path.parent.iterdir() if other != path)
        expected = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append(Case(path.parts[-3], path.parts[-2], file, expected))
    return found
