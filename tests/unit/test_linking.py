"""The model as it is shipped, on invented names: how much it finds, what it must never join."""

import csv
import random
from collections import Counter

import pytest

from baotu import naming
from baotu.linking import Matcher, Model
from baotu.settings import PROJECT
from bench.names import CORRUPTIONS, IMPOSTORS, invented

MODEL = Model.load()


def matches(scratch, parties, register) -> dict[str, list[tuple[float, str]]]:
    """By party: enterprises that reach the floor, the most probable first."""
    found: dict[str, list[tuple[float, str]]] = {}
    with Matcher(MODEL, scratch) as matcher:
        matcher.add("enterprise", register)
        matcher.add("party", parties)
        matcher.match()
        for party, enterprise, probability, _ in matcher.matches():
            found.setdefault(party, []).append((probability, enterprise))
    return {party: sorted(pairs, reverse=True) for party, pairs in found.items()}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> dict[str, dict[str, list[tuple[float, str]]]]:
    """Of each case below: what matches."""
    parties = {party for party, _, _ in CASES}
    register = {enterprise for _, enterprise, _ in CASES}
    return matches(tmp_path_factory.mktemp("linking"), sorted(parties), sorted(register))


#: party, enterprise, what becomes of the pair alone: link, review or none. 示例 makes them nobody's.
CASES = [
    ("济南示例华泰糖业公司", "济南示例华泰糖业有限公司", "link"),
    ("示例华泰糖业有限公司", "济南示例华泰糖业有限公司", "link"),
    ("济南示例华秦糖业有限公司", "济南示例华泰糖业有限公司", "link"),
    ("济南示例化泰糖业有限公司", "济南示例华泰糖业有限公司", "link"),
    ("济男示例华泰糖业有限公司", "济南示例华泰糖业有限公司", "link"),
    ("济南示例华泰糖业有线公司", "济南示例华泰糖业有限公司", "link"),
    ("济南示例华泰糖业有限公", "济南示例华泰糖业有限公司", "link"),
    ("济南示例华泰糖业有限公司第九车间", "济南示例华泰糖业有限公司", "link"),
    ("委托方:青岛示例商贸有限公司;受委托方:济南示例华泰糖业有限公司", "济南示例华泰糖业有限公司", "link"),
    # Other places, numbers, trades, branches, groups: other enterprises.
    ("青岛示例华泰糖业有限公司", "济南示例华泰糖业有限公司", "none"),
    ("济南市章丘区示例南风食品厂", "济南市历城区示例南风食品厂", "none"),
    ("山东示例北风食品有限公司", "济南示例北风食品有限公司", "not linked"),
    ("济南示例第一机床厂", "济南示例第二机床厂", "none"),
    ("济南示例东方1号商店", "济南示例东方2号商店", "none"),
    ("济南示例西风食品有限公司", "济南示例西风商贸有限公司", "none"),
    ("济南示例高山集团有限公司", "济南示例高山有限公司", "not linked"),
    ("济南示例流水有限公司第一分公司", "济南示例流水有限公司第二分公司", "none"),
    ("济南示例流云有限公司", "济南示例流云有限公司第二分公司", "none"),
    ("济南鲁泰商贸有限公司", "济南恒泰商贸有限公司", "none"),
    # A shop or canteen without a legal form is no company of the same 字号, and no other kind of place.
    ("章丘示例华泰粮油店", "济南示例华泰粮油有限公司", "none"),
    ("长清示例华泰食堂", "济南示例华泰食品有限公司", "none"),
    ("济南示例华泰超市", "济南示例华泰超市有限公司", "link"),
    ("济南示例华泰粮油", "济南示例华泰粮油有限公司", "link"),
    ("济南市示例东方粮油店", "济南示例东方粮油店", "link"),
    ("济南示例长*实业有限公司", "济南示例长*实业有限公司", "none"),
    ("济南示例长*实业有限公司", "济南示例长风实业有限公司", "none"),
    ("/", "济南示例长风实业有限公司", "none"),
]


@pytest.mark.parametrize(("party", "enterprise", "becomes"), CASES)
def test_what_becomes_of_a_pair(pairs, party, enterprise, becomes):
    probability = {e: p for p, e in pairs.get(party, [])}.get(enterprise, 0.0)
    if becomes == "link":
        assert probability >= MODEL.link
    elif becomes == "none":
        assert probability == 0
    else:
        assert probability < MODEL.link


def test_precision_and_recall_on_invented_names(tmp_path):
    """Lower than bench/linking.py finds on real names, whose 字号 are longer; held so that a change that costs shows."""
    draw = random.Random(21)
    names = list(invented(1500, seed=21))
    register, absent = names[:1200], names[1200:]
    truth: dict[str, str | None] = {}
    for changes, told in ((CORRUPTIONS, True), (IMPOSTORS, False)):
        for change in changes.values():
            for name in draw.sample(register, 60):
                written = change(draw, name)
                if written and naming.normalized(written) not in names:
                    truth[naming.normalized(written)] = name if told else None
    truth |= dict.fromkeys(absent)
    found = matches(tmp_path, sorted(truth), register)
    outcome: Counter[str] = Counter()
    for party, enterprise in truth.items():
        sure = [e for p, e in found.get(party, []) if p >= MODEL.link]
        linked = sure[0] if len(sure) == 1 else None
        if linked:
            outcome["right" if linked == enterprise else "wrong"] += 1
        elif enterprise:
            outcome["missed"] += 1
    assert outcome["right"] / (outcome["right"] + outcome["wrong"]) >= 0.995, outcome
    assert outcome["right"] / (outcome["right"] + outcome["missed"]) >= 0.9, outcome


def test_a_match_is_a_function_of_two_names(tmp_path):
    """Whatever else is compared, and in whichever portions."""
    register = list(invented(300, seed=31))
    draw = random.Random(31)
    parties = sorted({c for name in register[:60] if (c := CORRUPTIONS["homophone"](draw, name))})
    together = matches(tmp_path, parties, register)
    for party in parties[:5]:
        for enterprise in [e for _, e in together.get(party, [])]:
            (tmp_path / party).mkdir(exist_ok=True)
            alone = matches(tmp_path / party, [party], [enterprise])
            assert alone[party] == [pair for pair in together[party] if pair[1] == enterprise]


def test_the_evidence_says_which_level_each_part_reached(tmp_path):
    with Matcher(MODEL, tmp_path) as matcher:
        matcher.add("enterprise", ["济南示例华泰糖业有限公司"])
        matcher.add("party", ["委托方:青岛示例商贸有限公司;受委托方:济南示例华泰糖业有限公司"])
        matcher.match()
        ((_, _, _, evidence),) = matcher.matches()
    assert '"stem":"same, long"' in evidence
    assert '"place_of_same":"same"' in evidence
    assert '"role":"maker"' in evidence


def test_the_model_is_whole():
    """Probabilities are none of 0 and 1, thresholds in order, and every comparison has all its levels."""
    assert 0 < MODEL.floor < MODEL.review < MODEL.link < 1
    for comparison in MODEL.settings["comparisons"]:
        for level in comparison["comparison_levels"][1:]:
            assert 0 < level["m_probability"] < 1 and 0 < level["u_probability"] < 1


def test_sql_reads_the_thresholds_of_the_model() -> None:
    """They are chosen with the model and applied by dbt: the seed must follow a training."""
    (row,) = csv.DictReader((PROJECT / "dbt_project/seeds/link_threshold.csv").open(encoding="utf-8"))
    assert (float(row["automatic_from"]), float(row["review_from"])) == (MODEL.link, MODEL.review)
