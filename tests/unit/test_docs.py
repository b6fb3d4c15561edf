"""What the documents name exists: commands, options, make targets, files, links; and both READMEs say the same."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
import yaml

from baotu.alerts import Kind
from baotu.cli import main
from baotu.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [README, README_ZH, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
#: A picture is taken of a running demo, so it may come after the text.
PICTURE = "docs/scorecard.png"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|tmp|Users|mnt)/|\.\./shared|pypi|pythonhosted|\bmirrors?\.")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _blocks(page: Path, language: str) -> Iterator[str]:
    return (body for found, body in _BLOCK.findall(_text(page)) if found == language)


def _commands(page: Path) -> list[list[str]]:
    """Lines of shell blocks, as words and without comments."""
    lines = [line for body in _blocks(page, "sh") for line in body.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def _spans(page: Path) -> list[str]:
    return _SPAN.findall(_BLOCK.sub("", _text(page)))


def _mentions(page: Path) -> list[list[str]]:
    """Every `baotu …` and `make …`, in shell blocks and within sentences."""
    words = _commands(page) + [span.split() for span in _spans(page)]
    return [found for found in words if found[0] in ("baotu", "make")]


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", _text(ROOT / "Makefile"), re.MULTILINE))


def _problem(words: list[str]) -> str | None:
    """What is wrong with a `baotu …`, or None. Sentences may leave out arguments, but name nothing that is not there."""
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        following = command.commands.get(rest[0])
        if following is None:
            return f"{command.name} has no command {rest[0]}"
        command, rest = following, rest[1:]
    known = {name for param in command.params for name in param.opts} | {"--help"}
    unknown = [word for word in rest if word.startswith("--") and word.split("=")[0] not in known]
    return f"{command.name} has no option {', '.join(unknown)}" if unknown else None


def _parses(words: list[str]) -> str | None:
    """Whether click takes a whole command line; files need not exist."""
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        command, rest = command.commands[rest[0]], rest[1:]
    existing = [p.type for p in command.params if isinstance(p.type, click.Path) and p.type.exists]
    for kind in existing:
        kind.exists = False
    try:
        command.make_context(command.name, rest)
    except click.UsageError as error:
        return error.format_message()
    finally:
        for kind in existing:
            kind.exists = True
    return None


def test_pages_have_commands_to_look_at() -> None:
    """The tests below must not pass for want of anything to test."""
    assert len(_commands(README)) >= 15
    assert {"load", "build", "deliveries", "trace"} <= {w[1] for w in _commands(README) if w[0] == "baotu"}
    assert {"demo", "test"} <= _targets()


@pages
def test_named_commands_exist(page: Path) -> None:
    found = [(words, _problem(words)) for words in _mentions(page) if words[0] == "baotu"]
    assert [both for both in found if both[1]] == []
    assert [words for words in _mentions(page) if words[0] == "make" and not set(words[1:]) <= _targets()] == []


@pages
def test_examples_are_whole_command_lines(page: Path) -> None:
    found = [(words, _parses(words)) for words in _commands(page) if words[0] == "baotu"]
    assert [both for both in found if both[1]] == []


def test_makefile_calls_commands_that_exist() -> None:
    called = re.findall(r"\$\(BAOTU\) (\w+)", _text(ROOT / "Makefile"))
    assert called
    assert set(called) <= set(main.commands)


def _leads(page: Path, link: str) -> bool:
    """Whether the file is there, and in it the heading."""
    path, _, anchor = link.partition("#")
    return (page.parent / path).exists() and (not anchor or anchor in _headings(page.parent / path))


def _headings(page: Path) -> set[str]:
    return {re.sub(r"\W+", "-", line.lower()) for line in re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)}


def test_each_kind_of_alert_has_its_entry() -> None:
    assert {kind.replace("_", "-") for kind in get_args(Kind)} <= _headings(ROOT / "docs" / "runbook.md")


@pages
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(_text(page)) if not link.startswith(("http", "#"))]
    assert [link for link in links if link != PICTURE and not _leads(page, link)] == []
    homes = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"landing", ".baotu"}
    paths = [re.sub(r"<\w+>", "*", span) for span in _spans(page) if span.split("/")[0] in homes and "/" in span]
    assert [path for path in paths if not any(ROOT.glob(path))] == []


@pages
def test_no_machine_shows(page: Path) -> None:
    assert _MACHINE.findall(_text(page)) == []


def test_modules_are_all_in_the_map() -> None:
    text = _text(ROOT / "docs" / "architecture.md")
    section = text.split("## Modules of plugins/baotu")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    package = ROOT / "plugins" / "baotu"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert {name for row in rows for name in _SPAN.findall(row)} == modules


def test_both_readmes_are_one() -> None:
    """The same headings in the same order, commands, tables, settings and other blocks."""

    def shape(page: Path) -> list[str]:
        return [
            re.match(r"#+", line)[0] if line.startswith("#") else "table" if line.startswith("|---") else "block"
            for line in _BLOCK.sub("```\n", _text(page)).splitlines()
            if re.match(r"#+ |\|---|```", line)
        ]

    assert shape(README) == shape(README_ZH)
    assert _commands(README) == _commands(README_ZH)
    assert list(_blocks(README, "sql")) == list(_blocks(README_ZH, "sql"))
    assert list(_blocks(README, "text")) == list(_blocks(README_ZH, "text"))
    assert _LINK.findall(_text(README))[1:] == _LINK.findall(_text(README_ZH))[1:]  # the first is each other


def test_settings_are_all_named() -> None:
    wanted = {f"BAOTU_{name.upper()}" for name in Settings.model_fields}
    for page in (README, README_ZH, ROOT / ".env.example"):
        assert set(re.findall(r"BAOTU_[A-Z]+(?:_[A-Z]+)*", _text(page))) == wanted, page.name
    assert _MACHINE.findall(_text(ROOT / ".env.example")) == []


def test_statuses_are_those_of_the_ledger() -> None:
    """The architecture's state tables and the ledger's constraints name the same words."""
    ledger = _text(ROOT / "plugins" / "baotu" / "migrations" / "versions" / "0001_ledger.py")
    text = _text(ROOT / "docs" / "architecture.md")
    for heading, constraint in (("A delivery's life", "delivery"), ("A build", "build")):
        table = ledger.split(f"create table ops.{constraint} (")[1].split("create table")[0]
        allowed = re.search(r"status in\s*\(([^)]*)\)", table)
        assert allowed is not None
        section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(re.findall(r"'(\w+)'", allowed[1]))


def test_each_measure_says_whether_it_may_be_added_up() -> None:
    """Numbers of marts that are no ids, versions, years or rows of a file."""
    unsaid = []
    for path in sorted((ROOT / "dbt_project" / "models" / "marts").glob("_*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            for column in model.get("columns", []):
                is_number = column.get("data_type") in ("numeric", "integer", "smallint", "bigint", "double precision")
                is_measure = is_number and not re.search(r"(_id|_no|_version|year|_number|file_row)$", column["name"])
                meta = column["config"]["meta"]
                assert meta["label_zh"] and meta["label_en"], (model["name"], column["name"])
                if is_measure and not isinstance(meta.get("additive"), bool):
                    unsaid.append(f"{model['name']}.{column['name']}")
    assert unsaid == []
