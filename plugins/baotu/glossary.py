"""The glossary: terms of the domain in both languages, from the one file that the marts read too."""

import csv
from functools import cache
from itertools import groupby
from typing import NamedTuple

from baotu.settings import PROJECT

PATH = PROJECT / "dbt_project" / "seeds" / "glossary.csv"


class Term(NamedTuple):
    """A line of the file."""

    term_no: str
    topic_zh: str
    topic_en: str
    term_zh: str
    term_en: str
    definition_zh: str
    definition_en: str
    reference: str


@cache
def topics() -> list[tuple[str, str, list[Term]]]:
    """The terms in their order, by topic: its Chinese name, its English one, its terms."""
    with PATH.open(encoding="utf-8", newline="") as lines:
        terms = [Term(**line) for line in csv.DictReader(lines)]
    return [(*topic, list(found)) for topic, found in groupby(terms, key=lambda term: (term.topic_zh, term.topic_en))]


def markdown() -> str:
    """A table a topic, as dbt's pages show it."""
    lines = []
    for zh, en, terms in topics():
        lines += ["", f"### {zh} · {en}", "", "| 术语 Term | 含义 Meaning | 依据 Reference |", "|---|---|---|"]
        lines += [
            f"| **{term.term_zh}** {term.term_en} | {term.definition_zh} {term.definition_en} | {term.reference} |"
            for term in terms
        ]
    return "\n".join(lines)
