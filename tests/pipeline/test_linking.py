"""Names linked in a warehouse: once each, whatever comes first, all or nothing."""

import dataclasses
import random

import pytest

from baotu import linking
from bench.names import CORRUPTIONS, invented

VERSION = linking.Model.load().version


def deliver(connection, table: str, column: str, names: list[str], *, build_id: int | None = None) -> int:
    """Names in a column of staging, as an accepted delivery of the source; touched by a build where one is named."""
    source = table.removeprefix("stg_")
    delivery_id = connection.execute(
        "insert into ops.delivery (origin_id, source, file_uri, file_sha256, file_bytes, status, issued_on, issued_on_basis)"
        " values (1, %s, 'file:///x', encode(sha256(random()::text::bytea), 'hex'), 1, 'accepted', '2022-01-01', 'landing_date') returning delivery_id",
        (source,),
    ).fetchone()[0]
    connection.cursor().executemany(
        f"insert into staging.{table} (delivery_id, row_no, {column}) values (%s, %s, %s)",
        [(delivery_id, i, name) for i, name in enumerate(names)],
    )
    if build_id is not None:
        connection.execute(
            "insert into ops.build_delivery (build_id, delivery_id, source, version, is_accepted, is_touched)"
            " values (%s, %s, %s, 1, true, true)",
            (build_id, delivery_id, source),
        )
    connection.commit()
    return delivery_id


def kept(warehouse) -> tuple[list, list]:
    """All that linking has written, without the time."""
    return (
        warehouse.rows("select party_key, enterprise_key, probability, evidence from ops.name_match order by 1, 2"),
        warehouse.rows("select side, name_key, block_keys from ops.linked_name order by 1, 2"),
    )


@pytest.fixture(scope="module")
def names() -> tuple[list[str], list[str]]:
    """A register and parties, one of which is masked."""
    register = list(invented(400, seed=11))
    draw = random.Random(12)
    changes = list(CORRUPTIONS.values())
    parties = {draw.choice(changes)(draw, name) for name in register[:200]} - {None}
    return register, [*sorted(parties), "长*实业有限公司", "/", "不详", register[0]]


def linked(connection, **options) -> linking.LinkingResult:
    result = linking.link_names(connection, **options)
    connection.commit()
    return result


@pytest.mark.parametrize("few", [0, 10_000])
def test_all_at_once_and_in_any_order_end_the_same(warehouse, names, monkeypatch, few):
    """Whether all known names are read, or those alone that share a key with a new one."""
    monkeypatch.setattr(linking, "_FEW_KEYS", few)
    register, parties = names
    with warehouse.connect() as connection:
        deliver(connection, "stg_enterprise_registry", "normalized_name", register)
        deliver(connection, "stg_food_spot_checks", "producer_name", parties)
        first = linked(connection)
        assert (first.parties, first.enterprises) == (len(parties), len(register))
        assert first.matches > 150
        at_once = kept(warehouse)
        assert linked(connection).pairs == 0, "what has been compared is not compared again"
        assert kept(warehouse) == at_once
        for order in (("p0", "e0", "p1", "e1"), ("p1", "e1", "e0", "p0")):
            connection.execute("truncate ops.linked_name, ops.name_match")
            connection.execute("update ops.delivery set status = 'withdrawn'")
            for table in ("stg_enterprise_registry", "stg_food_spot_checks"):
                connection.execute(f"truncate staging.{table}")
            for part in order:
                if part[0] == "e":
                    deliver(connection, "stg_enterprise_registry", "normalized_name", register[int(part[1]) :: 2])
                else:
                    deliver(connection, "stg_food_spot_checks", "sampled_name", parties[int(part[1]) :: 2])
                linked(connection)
            assert kept(warehouse) == at_once, order


def test_every_kind_of_party_is_read_and_nothing_withheld_matches(warehouse):
    register = ["济南示例华泰食品有限公司", "济南示例长*实业有限公司", "济南示例长风实业有限公司"]
    with warehouse.connect() as connection:
        deliver(connection, "stg_enterprise_registry", "normalized_name", register)
        for table, column in linking.PARTIES:
            deliver(
                connection, table, column, ["济南示例华泰食品有限责任公司", f"济南示例华泰食品有限公司第{column}店"]
            )
        deliver(connection, "stg_food_spot_checks", "producer_name", ["济南示例长*实业有限公司", "/", "无", "张三"])
        linked(connection)
        matches, compared = kept(warehouse)
    assert {m["party_key"] for m in matches} >= {"济南示例华泰食品有限责任公司"}
    assert not [
        m for m in matches if "*" in m["party_key"] + m["enterprise_key"] or m["party_key"] in ("/", "无", "张三")
    ]
    assert [c["block_keys"] for c in compared if c["name_key"] in ("/", "无", "张三", "济南示例长*实业有限公司")] == [
        []
    ] * 5


def test_a_build_reads_what_it_touches_and_no_rejected_delivery(warehouse):
    with warehouse.connect() as connection:
        build_id = connection.execute(
            "insert into ops.build (status, as_of_on, known_at_on, code_version, backend_pid)"
            " values ('running', '2022-12-31', '2022-12-31', 'x', 0) returning build_id"
        ).fetchone()[0]
        deliver(
            connection, "stg_enterprise_registry", "normalized_name", ["济南示例华泰食品有限公司"], build_id=build_id
        )
        linked(connection)
        deliver(connection, "stg_food_spot_checks", "producer_name", ["济南示例华泰食品公司"], build_id=build_id)
        deliver(connection, "stg_food_spot_checks", "producer_name", ["济南示例别的食品公司"])
        rejected = deliver(connection, "stg_food_spot_checks", "producer_name", ["济南示例被拒食品公司"])
        connection.execute("update ops.delivery set status = 'rejected' where delivery_id = %s", (rejected,))
        assert linked(connection, build_id=build_id).parties == 1
        assert linked(connection).parties == 1
    assert [m["party_key"] for m in kept(warehouse)[0]] == ["济南示例华泰食品公司"]


def test_killed_on_its_way_nothing_has_happened(warehouse, names, monkeypatch):
    register, parties = names
    with warehouse.connect() as connection:
        deliver(connection, "stg_enterprise_registry", "normalized_name", register)
        deliver(connection, "stg_food_spot_checks", "producer_name", parties)

        def torn(self):
            yield from list(whole(self))[:10]
            raise KeyboardInterrupt

        whole = linking.Matcher.matches
        with monkeypatch.context() as patch:
            patch.setattr(linking.Matcher, "matches", torn)
            with pytest.raises(KeyboardInterrupt):
                linking.link_names(connection)
        connection.rollback()
        assert kept(warehouse) == ([], [])
        assert linked(connection).matches == len(kept(warehouse)[0]) > 150


def test_a_new_model_begins_anew(warehouse, monkeypatch):
    with warehouse.connect() as connection:
        deliver(connection, "stg_enterprise_registry", "normalized_name", ["济南示例华泰食品有限公司"])
        deliver(connection, "stg_food_spot_checks", "producer_name", ["济南示例华泰食品公司"])
        linked(connection)
        model = linking.Model.load()
        newer = dataclasses.replace(model, version="2-of-a-test")
        monkeypatch.setattr(linking.Model, "load", classmethod(lambda cls: newer))
        assert linked(connection).matches == 1
    assert warehouse.rows(
        "select model_version from ops.name_match union select model_version from ops.linked_name"
    ) == [{"model_version": "2-of-a-test"}]
