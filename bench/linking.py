"""How well and how fast names are linked, on labelled pairs of real names; and the model's training.

    python bench/linking.py              precision and recall by kind of miswriting, against exact names and rules alone
    python bench/linking.py --train      count the model's parameters anew, into plugins/baotu/linking.json
    python bench/linking.py --scale      1,000,000 enterprises and 200,000 parties, then 1 % more of each

The names are read from ../shared/real and stay there. They are halved by a digest of the name: parameters and thresholds
come from one half, the figures from the other. docs/linking.md has the last run's tables and says how to read them.
"""

import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import click
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from baotu import naming
from baotu.linking import MODEL, Matcher, Model
from bench.names import CORRUPTIONS, IMPOSTORS, Change, invented
from bench.server import installation

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"

MILLION = 1_000_000
#: For how large a register the model is: how many that look alike there are grows with it.
REGISTER = 10_000
PER_KIND = 400
#: Share of parties whose enterprise is in the register, before anything is known of the name.
PRESENT = 0.8
#: Above REVIEW a person looks at it. Linked without one: above the highest of the grid that keeps a recall of 96 % on the
#: training half without its clean names, a point above what is asked for; all precision beyond that is for registers
#: larger than the one measured on.
GRID = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
PRECISION = 0.995
TRAINED_RECALL = 0.96
REVIEW = 0.2
#: Names of the register for which there is another enterprise with the same name in all but one part.
IMPOSTED = 0.2


@dataclass(frozen=True)
class Party:
    """A party as written, what was done to it, and the enterprise that it is; None: not in the register."""

    written: str
    kind: str
    truth: str | None


def real_names() -> list[str]:
    """Of Jinan's enterprises, and of producers from all of China."""
    found: dict[str, None] = {}
    with (REAL / "enterprises" / "jinan_half.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            found[naming.normalized(row["企业名称"])] = None
    for year in ("2016", "2021_01", "2021_02"):
        with (REAL / "spot_checks" / f"{year}.csv").open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                name = naming.normalized(row["生产商"])
                if row["信息来源"] != "RASFF" and name.endswith(("公司", "厂")) and ":" not in name and "(" not in name:
                    found[name] = None
    return [name for name in found if naming.is_comparable(name)]


def half(names: list[str], is_training: bool) -> list[str]:
    return [name for name in names if (crc32(name.encode()) // 7 % 2 == 0) == is_training]


def labelled(names: list[str], seed: int, per_kind: int = PER_KIND) -> tuple[list[str], list[Party]]:
    """A register of four fifths of the names, and parties: clean ones, miswritten ones, absent ones, impostors."""
    draw = random.Random(seed)
    absent = {name for name in names if crc32(name.encode()) // 11 % 5 == 0}
    register = [name for name in names if name not in absent]
    known = set(register)
    parties = [Party(name, "clean", name) for name in register]
    for kind, change in CORRUPTIONS.items():
        parties += _changed(draw, kind, change, register, known, per_kind, is_same=True)
    heads = {key: name for name in register if (key := _head_key(name)) is not None}
    parties += [Party(name, "absent", _head(heads, name)) for name in sorted(absent)]
    for kind, change in CORRUPTIONS.items():
        if kind != "two parties":
            parties += [
                Party(p.written, "absent, miswritten", _head(heads, p.truth))
                for p in _changed(draw, kind, change, sorted(absent), known, per_kind // 8, is_same=True)
            ]
    for kind, change in IMPOSTORS.items():
        for p in _changed(draw, kind, change, register, known, per_kind, is_same=False):
            # A branch that is not in the register is its head.
            head = _head(heads, p.written) if kind == "other number" else None
            parties.append(Party(p.written, kind, head))
    return register, parties


def _head(heads: dict[tuple[str, ...], str], name: str | None) -> str | None:
    """The register's enterprise whose branch a name is."""
    key = _head_key(name, of_branch=True) if name else None
    return heads.get(key) if key else None


def _head_key(name: str, *, of_branch: bool = False) -> tuple[str, ...] | None:
    """What a head enterprise and its branches share; none for what is the other of the two."""
    parsed = naming.parse(naming.normalized(name))
    if not parsed or bool(parsed[0].branch) != of_branch:
        return None
    return (parsed[0].city or parsed[0].province, parsed[0].division, parsed[0].stem, parsed[0].form)


def _changed(
    draw: random.Random, kind: str, change: Change, names: list[str], known: set[str], count: int, *, is_same: bool
) -> list[Party]:
    made: list[Party] = []
    for name in draw.sample(names, len(names)):
        written = change(draw, name)
        # What happens to be another enterprise's name is no miswriting of this one.
        if written and naming.normalized(written) not in known - {name if is_same else ""}:
            made.append(Party(written, kind, name if is_same else None))
        if len(made) == count:
            break
    return made


# --- the model --------------------------------------------------------------------------------------------------

_ALIKE = "(sound_l = sound_r or look_l = look_r)"
_NEAR = "list_has_any(near_l, near_r)"
_SAME_FRONT = "(core_r <> '' and starts_with(stem_l, core_r) or core_l <> '' and starts_with(stem_r, core_l))"
_SAME = "(stem_l = stem_r or text_l = text_r)"

_PLACE = [
    ("unsaid", "province_l || city_l || district_l || province_r || city_r || district_r = ''"),
    ("same", "province_l = province_r and city_l = city_r and district_l = district_r"),
    ("same city", "city_l = city_r and city_l <> ''"),
    ("misspelt", "list_has_any(near_town_l, near_town_r)"),
    ("wider", "province_l = province_r and province_l <> ''"),
    ("missing", "province_l || city_l || district_l = '' or province_r || city_r || district_r = ''"),
    ("other", "ELSE"),
]

#: By comparison: where it says nothing, and its levels. 字号 and trade are one, for they are not independent of each other.
#: Nor is the place: a name is given once in a place, so another enterprise with the same one is elsewhere.
COMPARISONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "stem": (
        "stem_l is null or stem_r is null",
        [
            # Where a place stood in brackets that one leaves out.
            ("same text", "text_l = text_r and stem_l <> stem_r"),
            ("same, long", "stem_l = stem_r and length(core_r) >= 3"),
            ("same", "stem_l = stem_r and core_r <> '' and trade_r <> ''"),
            ("same, bare", "stem_l = stem_r"),
            # One character that sounds or looks like the right one; two or more are another 字号 as often as not.
            ("alike behind", f"{_ALIKE} and {_NEAR} and {_SAME_FRONT}"),
            ("alike, long", f"{_ALIKE} and {_NEAR} and length(core_r) >= 3"),
            ("alike", f"{_ALIKE} and {_NEAR}"),
            ("alike, several", _ALIKE),
            ("less trade", "core_l = core_r and core_r <> ''"),
            ("edit behind", f"{_NEAR} and {_SAME_FRONT}"),
            ("edit, long", f"{_NEAR} and length(core_r) >= 4"),
            ("edit", f"{_NEAR} and length(core_r) = 3"),
            ("edit, short", _NEAR),
            ("swapped", "letters_l = letters_r"),
            ("edit elsewhere", "list_has_any(near_text_l, near_text_r)"),
            ("other", "ELSE"),
        ],
    ),
    "place_of_same": (f"not {_SAME}", _PLACE),
    "place_of_other": (_SAME, _PLACE),
    "form": (
        "form_l is null or form_r is null",
        [
            ("same", "form_l = form_r"),
            ("unsaid", "form_l = '' or form_r = ''"),
            (
                "other company",
                "form_l in ('limited', 'shares', 'company') and form_r in ('limited', 'shares', 'company')",
            ),
            ("other", "ELSE"),
        ],
    ),
    "branch": (
        "branch_l is null or branch_r is null",
        [
            ("none", "branch_l = '' and branch_r = ''"),
            ("same", "branch_l = branch_r"),
            ("alike", "branch_sound_l = branch_sound_r"),
            ("hidden", "branch_l = ''"),
            ("edit", "branch_r <> ''"),
            ("of the head", "ELSE"),
        ],
    ),
}


def settings(parameters: dict[str, list[tuple[float, float]]], prior: float) -> dict[str, Any]:
    """splink's settings; parameters by comparison: m and u of each level."""
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": prior,
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [
            {
                "output_column_name": name,
                "comparison_levels": [
                    {"sql_condition": silent, "label_for_charts": "silent", "is_null_level": True},
                    *(
                        {"sql_condition": condition, "label_for_charts": label, "m_probability": m, "u_probability": u}
                        for (label, condition), (m, u) in zip(levels, parameters[name], strict=True)
                    ),
                ],
            }
            for name, (silent, levels) in COMPARISONS.items()
        ],
    }


def untrained() -> Model:
    flat = {name: [(1 / len(levels), 1 / len(levels))] * len(levels) for name, (_, levels) in COMPARISONS.items()}
    return Model(settings(flat, 0.01), "untrained", 0.0, 0.0, 0.0)


def vectors(model: Model, register: list[str], parties: list[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch, Matcher(model, Path(scratch)) as matcher:
        matcher.add("party", sorted({naming.normalized(name) for name in parties}))
        matcher.add("enterprise", register)
        return matcher.vectors()


#: Of pairs of two enterprises, these do not grow with the register: a name is given once in a place.
_BOUNDED = ("same text", "same, long", "same", "same, bare")


def train() -> None:
    """m by counting over miswritten names, u over pairs of real names that are two enterprises."""
    names = half(real_names(), is_training=True)
    register, parties = labelled(names, seed=1)
    truth = defaultdict(set)
    for party in parties:
        if party.truth and party.kind != "clean":
            truth[naming.normalized(party.written)].add(party.truth)
    found = vectors(untrained(), register, list(truth))
    matching = [v for v in found if v["enterprise_key"] in truth[v["party_key"]]]
    different = [v for v in vectors(untrained(), names, names) if v["party_key"] != v["enterprise_key"]]
    branches = sum(bool(part.branch) for name in names for part in naming.parse(name)) / len(names)
    plain = [v for v in different if _label("branch", v) == "none"]
    impostors = defaultdict(set)
    for party, source in _impostors(register):
        impostors[naming.normalized(party.written)].add(source)
    false = [
        v for v in vectors(untrained(), register, list(impostors)) if v["enterprise_key"] in impostors[v["party_key"]]
    ]
    share = IMPOSTED * len(names) / len(false)
    growth = REGISTER / len(names)
    parameters, expected = {}, 0.0
    for name, (_, levels) in COMPARISONS.items():
        m = Counter(_label(name, v) for v in matching)
        # Half a pair more in each level, for none is impossible.
        u = {label: 0.5 + sum(_label(name, v) == label for v in plain) for label, _ in levels}
        if name == "stem":
            u = {label: n * (1 if label in _BOUNDED else growth) for label, n in u.items()}
            expected = sum(u.values()) / len(names) + IMPOSTED
        if name != "branch":
            for v in false:
                if (label := _label(name, v)) != "silent":
                    u[label] += share
        else:
            # A branch is no other enterprise than its head; what it is told by is other branches of the same head.
            u |= {"edit": 0.5 + sum(_label(name, v) == "edit" for v in different), "of the head": len(plain) * branches,
                  "same": len(plain) * branches**2}  # fmt: skip
        parameters[name] = [
            ((m[label] + 0.5) / (len(matching) - m["silent"] + 0.5 * len(levels)), u[label] / sum(u.values()))
            for label, _ in levels
        ]
        click.echo(name)
        for (label, _), (pm, pu) in zip(levels, parameters[name], strict=True):
            click.echo(f"  {label:16} m {pm:.5f} ({m[label]:4})  u {pu:.5f}  weight {pm / pu:10.3f}")
    prior = PRESENT / (PRESENT + expected)
    click.echo(f"{len(matching)} matching pairs, {len(plain)} different; {expected:.4f} a party; prior {prior:.4f}")
    told = {"version": "1", "floor": 0.05, "review": REVIEW, "link": 1.0, "splink": settings(parameters, prior)}
    _write_model(told)
    with installation(only_functions=True) as made, psycopg.connect(made.url) as connection:
        linker = Linker(connection, register, parties, Model.load())
    kinds = [kind for kind in dict.fromkeys(p.kind for p in parties) if kind != "clean"]
    click.echo("threshold  precision  recall")
    for threshold in GRID:
        table = outcomes(linker, parties, lambda written, at=threshold: linker.by_all(written, at, REVIEW))
        precision, recall, _ = rates(table, kinds)
        click.echo(f"{threshold:9}  {precision:.4f}     {recall:.4f}")
        if precision >= PRECISION and recall >= TRAINED_RECALL:
            told["link"] = threshold
    _write_model(told)
    click.echo(f"chosen: {told['link']}")


def _write_model(told: dict[str, Any]) -> None:
    MODEL.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _impostors(register: list[str]) -> list[tuple[Party, str]]:
    draw = random.Random(3)
    made = []
    for kind, change in IMPOSTORS.items():
        for name in draw.sample(register, min(PER_KIND, len(register))):
            written = change(draw, name)
            if written and naming.normalized(written) not in register:
                made.append((Party(written, kind, None), name))
    return made


def _label(comparison: str, vector: dict[str, Any]) -> str:
    level = vector[f"gamma_{comparison}"]
    levels = COMPARISONS[comparison][1]
    return "silent" if level < 0 else levels[len(levels) - 1 - level][0]


# --- the figures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """What became of a party: linked, review or unlinked; by which rule."""

    state: str
    rule: str
    enterprise: str | None
    probability: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """What the model offers for a party."""

    enterprise: str
    probability: float
    role: str
    is_head: bool


class Linker:
    """Rules in SQL, then the model: as the warehouse links, on lists of names."""

    def __init__(self, connection: psycopg.Connection, register: list[str], parties: list[Party], model: Model):
        self._register = set(register)
        written = sorted({party.written for party in parties})
        self._key = {name: naming.normalized(name) for name in written}
        variants, parents = _sql(connection, [*written, *register])
        self._variants, self._parents = variants, parents
        heads = sorted({head for head in parents.values() if head})
        self._variants |= _sql(connection, heads)[0]
        self._by_variant = defaultdict(set)
        for name in register:
            self._by_variant[variants[name]].add(name)
        self.candidates = defaultdict(list)
        for v in vectors(model, register, written):
            self.candidates[v["party_key"]].append(
                Candidate(v["enterprise_key"], v["match_probability"], v["role"], _label("branch", v) == "of the head")
            )

    def exact(self, written: str) -> Link:
        key = self._key[written]
        return Link("linked", "exact", key) if key in self._register else Link("unlinked", "", None)

    def by_rules(self, written: str) -> Link:
        exact = self.exact(written)
        if exact.enterprise:
            return exact
        for rule, name in (("variant", written), ("branch", self._parents[written])):
            variant = self._variants.get(name) if name else None
            found = self._by_variant.get(variant, set()) if variant else set()
            if len(found) == 1:
                return Link("linked", rule, next(iter(found)))
        return Link("unlinked", "", None)

    def by_all(self, written: str, link: float, review: float) -> Link:
        ruled = self.by_rules(written)
        if ruled.enterprise and ruled.rule != "branch":
            return ruled
        found = [c for c in self.candidates[self._key[written]] if c.probability >= review]
        # The maker before the principal, a branch before its head.
        for is_second in (lambda c: c.role == "principal", lambda c: c.is_head):
            found = [c for c in found if not is_second(c)] or found
        best: dict[str, float] = {}
        for c in found:
            best[c.enterprise] = max(c.probability, best.get(c.enterprise, 0))
        ranked = sorted(((p, e) for e, p in best.items()), reverse=True)
        if ruled.enterprise:
            # A branch that is nearly written like one of the register's is not simply the head's.
            is_sure = not ranked or found[0].is_head
            return ruled if is_sure else Link("review", "model", ranked[0][1], ranked[0][0])
        if not ranked:
            return Link("unlinked", "", None)
        # A second one that would do as well: a person must choose.
        is_alone = len(ranked) == 1 or ranked[1][0] < link
        return Link("linked" if ranked[0][0] >= link and is_alone else "review", "model", ranked[0][1], ranked[0][0])


def _sql(connection: psycopg.Connection, names: list[str]) -> tuple[dict[str, str | None], dict[str, str | None]]:
    rows = connection.execute(
        "select name, stats.name_variant(name), stats.branch_parent(name) from unnest(%s::text[]) as name", (names,)
    ).fetchall()
    return {r[0]: r[1] for r in rows}, {r[0]: r[2] for r in rows}


def outcomes(linker: Linker, parties: list[Party], how: Callable[[str], Link]) -> dict[str, Counter[str]]:
    """By kind: right, wrong, review with the right one first, review, missed, left (rightly unlinked)."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for party in parties:
        link = how(party.written)
        if link.state == "linked":
            word = "right" if link.enterprise == party.truth else "wrong"
        elif link.state == "review":
            word = "review, right" if link.enterprise == party.truth else "review, other"
        else:
            word = "missed" if party.truth else "left"
        table[party.kind][word] += 1
    return table


def rates(table: dict[str, Counter[str]], kinds: Iterable[str]) -> tuple[float, float, float]:
    """Precision and recall of automatic links, and recall with the review list, over these kinds."""
    total = sum((table[kind] for kind in kinds), Counter())  # type: ignore[arg-type]
    to_find = (
        total["right"]
        + total["missed"]
        + total["review, right"]
        + sum(table[k]["wrong"] + table[k]["review, other"] for k in kinds if k in (*CORRUPTIONS, "clean"))
    )
    linked = total["right"] + total["wrong"]
    return (total["right"] / linked if linked else 1.0, total["right"] / to_find if to_find else 1.0,
            (total["right"] + total["review, right"]) / to_find if to_find else 1.0)  # fmt: skip


def figures() -> None:
    """The tables of docs/linking.md, from the half that nothing was chosen on."""
    model = Model.load()
    register, parties = labelled(half(real_names(), is_training=False), seed=2)
    with installation(only_functions=True) as made, psycopg.connect(made.url) as connection:
        linker = Linker(connection, register, parties, model)
    ways: dict[str, Callable[[str], Link]] = {
        "exact name": linker.exact,
        "rules": linker.by_rules,
        "rules and model": lambda written: linker.by_all(written, model.link, model.review),
    }
    absent = ["absent", "absent, miswritten", *IMPOSTORS]
    click.echo(
        f"register {len(register):,} names, parties {len(parties):,}; link {model.link}, review {model.review}\n"
    )
    click.echo("| parties | way | precision | recall | recall with review |\n|---|---|---|---|---|")
    tables = {way: outcomes(linker, parties, how) for way, how in ways.items()}
    for named, kinds in (("clean", ["clean", *absent]), ("miswritten", [*CORRUPTIONS, *absent])):
        for way, table in tables.items():
            precision, recall, reviewed = rates(table, kinds)
            click.echo(f"| {named} | {way} | {precision:.4f} | {recall:.4f} | {reviewed:.4f} |")
    confusion: Counter[tuple[str, str]] = Counter()
    for kind, counts in tables["rules and model"].items():
        for word, n in counts.items():
            confusion[
                "clean" if kind == "clean" else "miswritten" if kind in CORRUPTIONS else "not in the register", word
            ] += n
    words = ("right", "wrong", "review, right", "review, other", "missed", "left")
    click.echo(f"\n| parties | {' | '.join(words)} |\n|---|{'---|' * len(words)}")
    for named in ("clean", "miswritten", "not in the register"):
        click.echo(f"| {named} | {' | '.join(str(confusion[named, word]) for word in words)} |")
    click.echo("\n| kind | n | exact | rules | rules and model | with review | wrong |\n|---|---|---|---|---|---|---|")
    for kind in ("clean", *CORRUPTIONS, *absent):
        n = sum(tables["rules"][kind].values())
        found = [tables[way][kind]["right"] for way in ways]
        ours = tables["rules and model"][kind]
        shares = (
            [f"{x / n:.3f}" for x in [*found, found[-1] + ours["review, right"]]] if kind not in absent else ["—"] * 4
        )
        click.echo(f"| {kind} | {n} | {' | '.join(shares)} | {ours['wrong']} |")
    click.echo("\nwrong links:")
    for party in parties:
        link = ways["rules and model"](party.written)
        if link.state == "linked" and link.enterprise != party.truth:
            click.echo(f"  {party.kind}, by {link.rule} ({link.probability:.3f})")


def neighbours() -> None:
    """How often a name that is in no register would be linked to another's: every real name against all others."""
    model = Model.load()
    names = real_names()
    found = [v for v in vectors(model, names, names) if v["party_key"] != v["enterprise_key"]
             and _label("branch", v) != "of the head"]  # fmt: skip
    click.echo(f"\n| of {len(names):,} real names, like another's at | names | in {MILLION:,} |\n|---|---|---|")
    for threshold in (model.review, *GRID):
        alike = {v["party_key"] for v in found if v["match_probability"] >= threshold}
        share = len(alike) / len(names)
        click.echo(f"| {threshold} | {len(alike)} ({share:.2%}) | {min(1, share * MILLION / len(names)):.0%} |")


# --- speed ------------------------------------------------------------------------------------------------------


def scale(enterprises: int) -> None:
    """A register and a fifth as many parties from nothing, then 1 % more of both; seconds and peak memory of each."""
    count = enterprises // 5
    draw = random.Random(5)
    register = list(invented(enterprises * 101 // 100, seed=5))
    changes = list(CORRUPTIONS.values())
    parties: dict[str, None] = {}
    others = invented(count, seed=6)
    while len(parties) < count * 101 // 100:
        # Three in ten as registered, three miswritten, four of elsewhere.
        lot = draw.random()
        name = next(others) if lot < 0.4 else draw.choice(register)
        written = draw.choice(changes)(draw, name) if lot > 0.7 else name
        if written:
            parties[naming.normalized(written)] = None
    named = list(parties)
    with installation() as made, psycopg.connect(made.url) as connection:
        for label, of_register, of_parties in (
            ("from nothing", register[:enterprises], named[:count]),
            ("1 % more", register[enterprises:], named[count:]),
        ):
            build_id = connection.execute(
                "insert into ops.build (status, as_of_on, known_at_on, code_version, backend_pid)"
                " values ('failed', '2022-12-31', '2022-12-31', 'bench', 0) returning build_id"
            ).fetchone()[0]  # type: ignore[index]
            for table, column, names in (
                ("stg_enterprise_registry", "normalized_name", of_register),
                ("stg_food_spot_checks", "producer_name", of_parties),
            ):
                _deliver(connection, build_id, table, column, names)
            done = subprocess.run(
                [sys.executable, __file__, "--alone", str(build_id)], check=True, capture_output=True, text=True
            )
            told = json.loads(done.stdout.splitlines()[-1])
            click.echo(
                f"| {label} | {told['enterprises']:,} × {told['parties']:,} | {told['pairs']:,} | {told['matches']:,}"
                f" | {told['seconds']:.0f} s | {told['cpu']:.0f} s | {told['peak_mb']:,.0f} MB |"
            )


def _deliver(connection: psycopg.Connection, build_id: int, table: str, column: str, names: list[str]) -> None:
    source = table.removeprefix("stg_")
    row = connection.execute(
        "insert into ops.delivery (origin_id, source, file_uri, file_sha256, file_bytes, status, issued_on, issued_on_basis)"
        " values (1, %s, 'file:///bench', encode(sha256(random()::text::bytea), 'hex'), 1, 'accepted', '2022-01-01',"
        " 'landing_date') returning delivery_id",
        (source,),
    ).fetchone()
    assert row is not None
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy staging.{table} (delivery_id, row_no, {column}) from stdin") as copy,
    ):
        for number, name in enumerate(names):
            copy.write_row((row[0], number, name))
    connection.execute(
        "insert into ops.build_delivery (build_id, delivery_id, source, version, is_accepted, is_touched)"
        " values (%s, %s, %s, 1, true, true)",
        (build_id, row[0], source),
    )
    connection.commit()


def link_alone(build_id: int) -> None:
    """What the child process does: one run as a build's, then its figures as JSON."""
    from baotu.linking import link_names
    from baotu.warehouse import connect

    with connect() as connection:
        result = link_names(connection, build_id=build_id, progress=lambda text: click.echo(text, err=True))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    click.echo(json.dumps(asdict(result) | {"peak_mb": used.ru_maxrss / 1024, "cpu": cpu}))


@click.command()
@click.option(
    "--train", "is_training", is_flag=True, help="Count the model's parameters and choose its threshold anew."
)
@click.option("--scale", "is_scale", is_flag=True, help="Time and memory instead of precision and recall.")
@click.option("--enterprises", default=1_000_000, show_default=True, help="For --scale; a fifth as many parties.")
@click.option("--alone", type=int, hidden=True)
def main(is_training: bool, is_scale: bool, enterprises: int, alone: int | None) -> None:
    if alone is not None:
        link_alone(alone)
    elif is_scale:
        scale(enterprises)
    elif not (REAL / "enterprises" / "jinan_half.csv").exists():
        click.echo("The real names are not here (../shared/real): nothing to measure on. --scale needs none.")
    elif is_training:
        train()
    else:
        figures()
        neighbours()


if __name__ == "__main__":
    main()
