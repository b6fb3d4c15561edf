"""Which names may mean one enterprise: names of parties against names of the register, by a model that is shipped.

How well two names match is a function of these two names and of the model's version, of nothing else. So it does not
matter what arrives first, and what has been compared once is never compared again: `ops.linked_name` says what has.
Rules that need no model, the choice between candidates and the thresholds are SQL's business, in dbt.

The model is splink's (Fellegi and Sunter): `linking.json` beside this file, trained by bench/linking.py and frozen.
Candidates come from block keys that a name gives by itself (`naming.block_keys`).
"""

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql

from baotu import naming
from baotu.naming import Name

log = logging.getLogger(__name__)

MODEL = Path(__file__).with_suffix(".json")

#: Text columns of staging that name parties: of samples, of titles, of brands.
PARTIES = (
    ("stg_food_spot_checks", "producer_name"),
    ("stg_food_spot_checks", "sampled_name"),
    ("stg_agri_monitoring", "producer_name"),
    ("stg_agri_monitoring", "sampled_name"),
    ("stg_industrial_spot_checks", "producer_name"),
    ("stg_industrial_spot_checks", "sampled_name"),
    ("stg_enterprise_titles", "enterprise_name"),
    ("stg_brand_records", "holder_name"),
    ("stg_random_inspections", "enterprise_name"),
)
ENTERPRISES = (("stg_enterprise_registry", "normalized_name"),)

#: Names parsed at once, and pairs compared at once: what bounds the memory.
_NAMES = 20_000
_PAIRS = 2_000_000

_COLUMNS = pa.schema(
    [("unique_id", pa.int32()), ("name_id", pa.int32())]
    + [
        (column, pa.string())
        for column in (
            *(
                "role",
                "province",
                "city",
                "district",
                "stem",
                "core",
                "trade",
                "form",
                "establishment",
                "numbers",
                "branch",
                "branch_numbers",
                "division",
                "text",
                "digits",
            ),
            *("sound", "look", "letters", "branch_sound"),
        )
    ]
    + [(column, pa.list_(pa.int64())) for column in ("near", "near_text", "near_town", "near_branch")]
)


@dataclass(frozen=True)
class LinkingResult:
    """What one run did. `pairs` were compared, `matches` reached the floor and were kept."""

    model_version: str
    parties: int
    enterprises: int
    pairs: int
    matches: int
    seconds: float


@dataclass(frozen=True)
class Model:
    """splink's settings, and a version that changes with all that a probability depends on.

    Pairs below `floor` are forgotten. At or above `link` one alone is linked, at or above `review` a person looks at it.
    """

    settings: dict[str, Any]
    version: str
    floor: float
    review: float
    link: float

    @classmethod
    def load(cls, path: Path = MODEL) -> "Model":
        digest = sha256()
        for part in (path, Path(naming.__file__), Path(naming.__file__).with_suffix(".json"), Path(__file__)):
            digest.update(part.read_bytes())
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            told["splink"], f"{told['version']}-{digest.hexdigest()[:8]}", told["floor"], told["review"], told["link"]
        )


def link_names(
    connection: psycopg.Connection, *, build_id: int | None = None, progress: Callable[[str], None] = log.info
) -> LinkingResult:
    """Compare what has not been compared, new parties with all enterprises and old ones with new enterprises.

    Reads staging's accepted deliveries; with `build_id` only those that this build touches, unless the model is new. All
    is written in one transaction at the end: killed before, nothing has happened.
    """
    began = time.monotonic()
    model = Model.load()
    with connection.transaction(), tempfile.TemporaryDirectory(prefix="baotu-linking-") as scratch:
        is_known = connection.execute(
            "select exists (select from ops.linked_name where model_version = %s)", (model.version,)
        ).fetchone()
        deliveries = _deliveries(connection, build_id, only_touched=bool(is_known and is_known[0]))
        with Matcher(model, Path(scratch)) as matcher:
            new = {}
            for side, columns in (("party", PARTIES), ("enterprise", ENTERPRISES)):
                new[side] = matcher.add(side, _new_names(connection, side, columns, deliveries, model.version))
            if not any(new.values()):
                return LinkingResult(model.version, 0, 0, 0, 0, time.monotonic() - began)
            progress(f"Linking: {new['party']} new names of parties, {new['enterprise']} of enterprises")
            for side, other in (("party", "enterprise"), ("enterprise", "party")):
                if new[other]:
                    query = _known_names(side, model.version, matcher.new_block_keys(other))
                    _read_known(connection, query, Path(scratch) / f"{side}.csv", side, matcher)
            pairs = matcher.match(progress)
            matches = _write(connection, matcher, model.version)
    seconds = time.monotonic() - began
    progress(f"Linking: {pairs} pairs compared, {matches} kept, {seconds:.1f} s")
    return LinkingResult(model.version, new["party"], new["enterprise"], pairs, matches, seconds)


def _deliveries(connection: psycopg.Connection, build_id: int | None, *, only_touched: bool) -> dict[str, list[int]]:
    """Accepted deliveries by source, as the build froze them where there is one."""
    if build_id is None:
        query = "select source, delivery_id from ops.delivery where status = 'accepted'"
    else:
        query = (
            "select source, delivery_id from ops.build_delivery where build_id = %(build)s and is_accepted"
            " and (is_touched or not %(only_touched)s)"
        )
    found: dict[str, list[int]] = {}
    for source, delivery_id in connection.execute(query, {"build": build_id, "only_touched": only_touched}):
        found.setdefault(source, []).append(delivery_id)
    return found


def _new_names(
    connection: psycopg.Connection,
    side: str,
    columns: Iterable[tuple[str, str]],
    deliveries: dict[str, list[int]],
    version: str,
) -> Iterator[str]:
    """Keys that have not been compared, streamed: a million of them need not fit."""
    reads = [
        sql.SQL("select {value} as name_key from staging.{table} where delivery_id = any({ids}) and {column} is not null")
        .format(
            value=sql.SQL("stats.normalize_name({})").format(sql.Identifier(column))
            if column != "normalized_name" else sql.Identifier(column),
            table=sql.Identifier(table),
            ids=sql.Literal(deliveries[table.removeprefix("stg_")]),
            column=sql.Identifier(column),
        )
        for table, column in columns
        if deliveries.get(table.removeprefix("stg_"))
    ]  # fmt: skip
    if not reads:
        return
    query = sql.SQL(
        "copy (select distinct name_key from ({}) as named where name_key is not null and not exists (select from"
        " ops.linked_name as linked where linked.model_version = {} and linked.side = {} and linked.name_key ="
        ' named.name_key collate "C")) to stdout'
    ).format(sql.SQL(" union all ").join(reads), sql.Literal(version), sql.Literal(side))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy.rows():
            yield row[0]


#: With more keys PostgreSQL takes longer to compare them with each name's than to send all names (docs/performance.md).
_FEW_KEYS = 100


def _known_names(side: str, version: str, wanted: Sequence[int]) -> sql.Composed:
    """Names that have been compared, with their block keys: those with one of the wanted, where these are few."""
    query = sql.SQL(
        "select name_key, array_to_string(block_keys, ' ') from ops.linked_name where model_version = {} and side = {}"
        " and {}"
    )
    is_near = (
        sql.SQL("block_keys && {}::integer[]").format(sql.Literal(list(wanted)))
        if len(wanted) <= _FEW_KEYS
        else sql.SQL("block_keys <> '{}'")
    )
    return query.format(sql.Literal(version), sql.Literal(side), is_near)


def _read_known(connection: psycopg.Connection, query: sql.Composed, path: Path, side: str, matcher: "Matcher") -> None:
    copied = sql.SQL("copy ({}) to stdout (format csv)").format(query)
    with path.open("wb") as out, connection.cursor() as cursor, cursor.copy(copied) as copy:
        for block in copy:
            out.write(block)
    if path.stat().st_size:
        matcher.add_known(side, path)


def _write(connection: psycopg.Connection, matcher: "Matcher", version: str) -> int:
    # What an older model said means nothing to this one.
    connection.execute("delete from ops.linked_name where model_version <> %s", (version,))
    connection.execute("delete from ops.name_match where model_version <> %s", (version,))
    with connection.cursor() as cursor, cursor.copy(
        "copy ops.linked_name (side, name_key, model_version, block_keys) from stdin"
    ) as copy:  # fmt: skip
        for side, name_key, block_keys in matcher.new_names():
            copy.write_row((side, name_key, version, block_keys))
    written = 0
    with connection.cursor() as cursor, cursor.copy(
        "copy ops.name_match (party_key, enterprise_key, model_version, probability, evidence) from stdin"
    ) as copy:  # fmt: skip
        for party, enterprise, probability, evidence in matcher.matches():
            copy.write_row((party, enterprise, version, probability, evidence))
            written += 1
    connection.execute("analyze ops.linked_name, ops.name_match")
    return written


class Matcher:
    """Names in, pairs with probabilities out, in a DuckDB file that is thrown away; memory is bounded by its limit.

    with Matcher(Model.load(), scratch) as matcher:
        matcher.add("party", ["济南华泰糖业公司"])
        matcher.add("enterprise", ["济南华泰糖业有限公司"])
        matcher.match()
        list(matcher.matches())
    """

    def __init__(self, model: Model, scratch: Path, memory: str = "1500MB"):
        self._model = model
        self._ids = 0
        self._next_name = 0
        self._db = duckdb.connect(
            str(scratch / "linking.duckdb"),
            config={
                "memory_limit": memory,
                "threads": "2",
                "temp_directory": str(scratch / "spill"),
                "preserve_insertion_order": "false",
                # Nothing is fetched, whatever a query names.
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        for side in ("party", "enterprise"):
            self._db.execute(
                f"create table {side}_name (name_id integer, name_key varchar, is_new boolean, block_keys integer[])"
            )
            self._db.execute(f"create table {side}_key (block_key integer, name_id integer, is_new boolean)")
            columns = ", ".join(
                f"{field.name} {_duckdb_type(field.type)}" for field in _COLUMNS
            )  # fmt: skip
            self._db.execute(f"create table {side} ({columns})")
        self._db.execute(
            "create table match (party_id integer, enterprise_id integer, probability double, evidence varchar)"
        )

    def __enter__(self) -> "Matcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, side: str, names: Iterable[str]) -> int:
        """Names that have not been compared; each once. Says how many."""
        stream = iter(names)
        first = self._next_name
        while batch := list(islice(stream, _NAMES)):
            parsed = [naming.parse(name) for name in batch]
            keys = [sorted({key for part in parts for key in naming.block_keys(part)}) for parts in parsed]
            ids = range(self._next_name, self._next_name + len(batch))
            self._next_name += len(batch)
            named = pa.table(
                {
                    "name_id": pa.array(ids, pa.int32()),
                    "name_key": pa.array(batch, pa.string()),
                    "block_keys": pa.array(keys, pa.list_(pa.int32())),
                }
            )
            self._insert(f"{side}_name", "name_id, name_key, true, block_keys", named)
        self._db.execute(
            f"insert into {side}_key select unnest(block_keys), name_id, true from {side}_name where name_id >= {first}"
        )
        return self._next_name - first

    def add_known(self, side: str, path: Path) -> None:
        """Names that have been compared with all others of that kind: key and block keys, as CSV."""
        self._db.execute(
            f"create or replace temp table known as select (row_number() over () + {self._next_name - 1})::integer as name_id,"
            " name_key, string_split(keys, ' ')::integer[] as block_keys from read_csv(?, header = false,"
            " quote = '\"', escape = '\"', columns = {'name_key': 'varchar', 'keys': 'varchar'})",
            [str(path)],
        )
        self._db.execute(f"insert into {side}_name select name_id, name_key, false, null from known")
        self._db.execute(f"insert into {side}_key select unnest(block_keys), name_id, false from known")
        self._next_name += self._count("select count(*) from known")
        self._db.execute("drop table known")

    def new_block_keys(self, side: str) -> list[int]:
        """Those of the names that have not been compared: without one of them there is nothing to compare with."""
        return [key for (key,) in self._rows(f"select distinct block_key from {side}_key where is_new")]

    def match(self, progress: Callable[[str], None] = log.debug) -> int:
        """Compare all candidates of which one is new. Says how many."""
        # How many candidates each party has at most, so that each portion of parties is bounded.
        self._db.execute(
            "create or replace table portion as with bucket as (select block_key, count(*) as n,"
            " count(*) filter (where is_new) as n_new from enterprise_key group by 1), load as (select party.name_id,"
            " sum(case when party.is_new then n else n_new end) as pairs from party_key as party"
            " inner join bucket using (block_key) group by 1)"
            f" select name_id, (sum(pairs) over (order by name_id) // {_PAIRS})::integer as number from load"
            " where pairs > 0"
        )
        numbers = [row[0] for row in self._db.execute("select distinct number from portion order by 1").fetchall()]
        compared = 0
        for number in numbers:
            self._db.execute(
                "create or replace table candidate as select distinct party.name_id as party_id,"
                " enterprise.name_id as enterprise_id from portion inner join party_key as party using (name_id)"
                " inner join enterprise_key as enterprise using (block_key)"
                f" where portion.number = {number} and (party.is_new or enterprise.is_new)"
            )
            self._parse_candidates()
            compared += self._compare()
            progress(f"Linking: portion {numbers.index(number) + 1} of {len(numbers)}, {compared} pairs")
        return compared

    def matches(self) -> Iterator[tuple[str, str, float, str]]:
        """Party, enterprise, probability and evidence (JSON) of pairs at or above the floor."""
        yield from self._rows(
            "select party.name_key, enterprise.name_key, max(probability), arg_max(evidence, probability) from match"
            " inner join party_name as party on party.name_id = party_id"
            " inner join enterprise_name as enterprise on enterprise.name_id = enterprise_id group by 1, 2"
        )

    def new_names(self) -> Iterator[tuple[str, str, list[int]]]:
        for side in ("party", "enterprise"):
            yield from self._rows(f"select '{side}', name_key, block_keys from {side}_name where is_new")

    def vectors(self) -> list[dict[str, Any]]:
        """Every candidate with the levels that it reached, for training and evaluation."""
        self._db.execute("create or replace table candidate as select distinct party.name_id as party_id,"
            " enterprise.name_id as enterprise_id from party_key as party inner join enterprise_key as enterprise"
            " using (block_key)")  # fmt: skip
        self._parse_candidates()
        scored = self._scored(0)
        rows = self._db.execute(
            f"select p.name_key as party_key, e.name_key as enterprise_key, pp.role, s.* from {scored} as s"
            " inner join party as pp on pp.unique_id = s.unique_id_l inner join party_name as p using (name_id)"
            " inner join enterprise as ee on ee.unique_id = s.unique_id_r"
            " inner join enterprise_name as e on e.name_id = ee.name_id"
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]

    def _compare(self) -> int:
        scored = self._scored(self._model.floor)
        levels = []
        for comparison in self._model.settings["comparisons"]:
            column = comparison["output_column_name"]
            told = comparison["comparison_levels"]
            cases = " ".join(
                f"when {len(told) - 1 - i} then '{level['label_for_charts']}'" for i, level in enumerate(told)
            )
            levels.append(f"'{column}', case gamma_{column} {cases} end")
        self._db.execute(
            f"insert into match select p.name_id, e.name_id, match_probability, json_object({', '.join(levels)},"
            f" 'role', nullif(p.role, ''))::varchar from {scored} as s inner join party as p on p.unique_id = s.unique_id_l"
            " inner join enterprise as e on e.unique_id = s.unique_id_r"
        )
        return self._count("select count(*) from pair")

    def _scored(self, floor: float) -> str:
        """The table in which splink leaves the pairs of `candidate` that reach the floor."""
        from splink import DuckDBAPI, Linker

        # What two names contradict each other in makes them two enterprises, however alike they are else.
        self._db.execute(
            "create or replace table pair as select party.unique_id as party_uid, enterprise.unique_id as enterprise_uid"
            " from candidate inner join party on party.name_id = party_id"
            " inner join enterprise on enterprise.name_id = enterprise_id"
            " cross join lateral (select list_has_any(party.near_text, enterprise.near_text) as is_near) as seen where "
            + " and ".join(f"({rule})" for rule in COMPATIBLE)
        )
        for side in ("party", "enterprise"):
            self._db.execute(
                f"create or replace table compared_{side} as select * from {side}"
                f" where unique_id in (select {side}_uid from pair)"
            )
        self._db.execute(
            "create or replace table blocked as select '0' as match_key,"
            " 'compared_party' || '-__-' || party_uid as join_key_l,"
            " 'compared_enterprise' || '-__-' || enterprise_uid as join_key_r from pair"
        )
        api = DuckDBAPI(self._db)
        tables = [
            api.register(f"compared_{side}", dataset_display_name=f"compared_{side}")
            for side in ("enterprise", "party")
        ]
        linker = Linker(tables, self._model.settings, log_level=None)
        linker.table_management.register_blocked_pairs_for_predict(api.register("blocked"))
        predicted = linker.inference.predict(threshold_match_probability=floor, warning_mode="never")
        self._db.execute(f"create or replace table scored as select * from {predicted.physical_name}")
        api.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]
        return "scored"

    def _parse_candidates(self) -> None:
        """Parts of the names that are candidates, once each: most of a register resembles no party."""
        for side in ("party", "enterprise"):
            wanted = self._db.execute(
                f"select name_id, name_key from {side}_name where name_id in (select {side}_id from candidate)"
                f" and name_id not in (select name_id from {side})"
            ).fetchall()
            for start in range(0, len(wanted), _NAMES):
                columns: dict[str, list[Any]] = {field.name: [] for field in _COLUMNS}
                for name_id, name_key in wanted[start : start + _NAMES]:
                    for name in naming.parse(name_key):
                        for column, value in _parts(self._ids, name_id, name).items():
                            columns[column].append(value)
                        self._ids += 1
                self._insert(side, "*", pa.table(columns, _COLUMNS))

    def _insert(self, table: str, columns: str, rows: pa.Table) -> None:
        self._db.register("incoming", rows)
        self._db.execute(f"insert into {table} select {columns} from incoming")
        self._db.unregister("incoming")

    def _count(self, query: str) -> int:
        row = self._db.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def _rows(self, query: str) -> Iterator[Any]:
        cursor = self._db.cursor()
        cursor.execute(query)
        while rows := cursor.fetchmany(10_000):
            yield from rows


#: What holds for every pair that is compared: in nothing that tells enterprises apart do they say two things.
COMPATIBLE = (
    "party.city = '' or enterprise.city = '' or party.city = enterprise.city",
    "party.province = '' or enterprise.province = '' or party.province = enterprise.province",
    "party.division = '' or enterprise.division = '' or party.division = enterprise.division",
    "party.numbers = enterprise.numbers or party.digits = enterprise.digits and is_near",
    # 食品 is not 商贸, where both are words of trades.
    "party.core <> enterprise.core or contains(party.trade, enterprise.trade) or contains(enterprise.trade, party.trade)",
    # A shop is no company of the same 字号, and a canteen no shop; names with a legal form may say it or not.
    "party.form <> '' and enterprise.form <> '' or party.establishment = enterprise.establishment",
    # A branch that the register does not have may be its head enterprise; the head is never one of its branches. The
    # third: a name so misspelt that it does not show a branch.
    "party.branch = enterprise.branch or enterprise.branch = '' or party.branch = '' and is_near"
    " or party.branch_numbers = enterprise.branch_numbers and (party.branch_sound = enterprise.branch_sound"
    " or list_has_any(party.near_branch, enterprise.near_branch))",
)


def _parts(unique_id: int, name_id: int, name: Name) -> dict[str, Any]:
    return {
        "unique_id": unique_id,
        "name_id": name_id,
        "role": name.role,
        "province": name.province,
        "city": name.city,
        "district": name.district,
        "stem": name.stem,
        "core": name.core,
        "trade": name.trade,
        "form": name.form,
        "establishment": name.establishment,
        "numbers": name.numbers,
        "branch": name.branch,
        "division": name.division,
        "text": name.text,
        "digits": "".join(c for c in naming.numbers(name.text) if c.isdigit()),
        "branch_numbers": "".join(c for c in name.branch if c.isdigit()),
        "sound": naming.sound(name.stem),
        "look": naming.look(name.stem),
        "letters": "".join(sorted(name.stem)),
        "branch_sound": naming.sound(name.branch),
        "near": naming.neighbours(name.stem),
        "near_text": naming.text_neighbours(name),
        "near_town": [key for place in (name.city, name.district) if place for key in naming.neighbours(place)],
        "near_branch": naming.neighbours(name.branch) if len(name.branch) > 4 else [],
    }


def _duckdb_type(kind: pa.DataType) -> str:
    return "bigint[]" if pa.types.is_list(kind) else "varchar" if pa.types.is_string(kind) else "integer"
