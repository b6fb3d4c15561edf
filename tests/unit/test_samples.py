"""The sample deliveries: the same bytes every time, readable as real ones are, and a truth that adds up."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from scipy.stats import binom
from stdnum.cn import uscc as stdnum_uscc

from baotu.readers import Reading, Refused, read
from baotu.samples import DIVISIONS, NOTE, uscc, write_samples
from baotu.samples.surveys import strata_of, stratified
from baotu.sources import load_source

SMALL = 0.01


class Written:
    def __init__(self, root: Path, **options: Any) -> None:
        self.out, self.truth_file = root / "landing", root / "truth.json"
        self.paths = write_samples(self.out, self.truth_file, **options)
        self.truth: dict[str, Any] = json.loads(self.truth_file.read_text(encoding="utf-8"))
        self.sources = {name: load_source(name) for name in {d["source"] for d in self.truth["deliveries"]}}

        #: Those that are read; the others are refused, or the bytes of another one.
        self.read = [d for d in self.truth["deliveries"] if d["rows_read"] is not None]
        self._readings: dict[str, Reading] = {}

    def reading(self, file: str) -> Reading:
        if file not in self._readings:
            self._readings[file] = self._read(file)
        return self._readings[file]

    def _read(self, file: str) -> Reading:
        path = self.out / file
        sidecar = path.with_name(path.name + ".meta.yml")
        given = yaml.safe_load(sidecar.read_text(encoding="utf-8")) if sidecar.exists() else {}
        return read(path, path.name, self.sources[file.split("/")[0]], given)

    def rows(self, file: str) -> list[tuple[int, dict[str, str | None]]]:
        reading = self.reading(file)
        return [(r.file_row, dict(zip(reading.columns, r.values, strict=True))) for r in reading.rows()]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="module")
def tables(usual: Written) -> dict[str, list[tuple[int, dict[str, str | None]]]]:
    """Every delivery as the loader reads it."""
    return {d["file"]: usual.rows(d["file"]) for d in usual.read}


def _bytes(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()
    }


def test_same_seed_same_bytes_in_another_process_and_at_another_time(tmp_path: Path) -> None:
    first = Written(tmp_path / "a", scale=SMALL)
    code = "import sys; from pathlib import Path; from baotu.samples import write_samples as w; "
    code += "w(Path(sys.argv[1]) / 'landing', Path(sys.argv[1]) / 'truth.json', scale=float(sys.argv[2]))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "America/New_York"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b"), str(SMALL)], check=True, env=environment)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert len(first.paths) == len(set(first.paths)) == len([p for p in first.out.rglob("*") if p.is_file()])


def test_a_file_with_the_same_bytes_is_not_touched(tmp_path: Path) -> None:
    first = Written(tmp_path, scale=SMALL)
    changed = first.paths[0]
    changed.write_bytes(b"something else")
    for path in (*first.paths, first.truth_file):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    again = Written(tmp_path, scale=SMALL)
    touched = [p for p in (*again.paths, again.truth_file) if p.stat().st_mtime != 1_600_000_000]
    assert touched == [changed]
    assert not list(tmp_path.rglob("*.part"))


def test_another_seed_is_another_city_with_the_same_counts(tmp_path: Path) -> None:
    one, two = (Written(tmp_path / str(seed), scale=SMALL, seed=seed) for seed in (1, 2))
    assert [d["file"] for d in one.truth["deliveries"]] == [d["file"] for d in two.truth["deliveries"]]
    for year in ("2020", "2021", "2022"):
        assert [one.truth["Q03"][year][k] for k in "nx"] == [two.truth["Q03"][year][k] for k in "nx"]
    assert _bytes(one.out / "food_spot_checks") != _bytes(two.out / "food_spot_checks")
    assert _bytes(one.out / "reference_weights") == _bytes(two.out / "reference_weights")


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="landing area"):
        write_samples(tmp_path, tmp_path / "food_spot_checks" / "truth.json")
    with pytest.raises(ValueError, match="scale"):
        write_samples(tmp_path / "out", tmp_path / "truth.json", scale=0)
    assert not list(tmp_path.iterdir())


def test_every_file_is_read_as_a_delivery(usual: Written, tables: dict[str, Any]) -> None:
    for delivery in usual.read:
        reading = usual.reading(delivery["file"])
        path = usual.out / delivery["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == delivery["sha256"]
        assert len(tables[delivery["file"]]) == delivery["rows_read"], delivery["file"]
        assert reading.meta["issued_on"] == delivery["issued_on"], delivery["file"]
        unknown = {h for part in reading.mapping.values() for h, column in part.items() if column is None}
        assert unknown <= {"备注"}, delivery["file"]  # surveys have no remark of their own
        list(reading.rows())
        assert reading.counts["ragged"] == 0
        said = [*reading.meta["title"], *(str(r.extra) + str(r.values) for r in reading.rows())]
        assert any(NOTE in text for text in said), delivery["file"]


def test_one_file_is_refused_for_its_header(usual: Written) -> None:
    (refused,) = (d for d in usual.truth["deliveries"] if d["status"] == "refused")
    assert "示例_表头改名" in refused["file"] and refused["rows_quarantined"] is None
    with pytest.raises(Refused) as caught:
        usual.reading(refused["file"])
    assert caught.value.code == "missing_column" and "product_name" in caught.value.en


def test_one_file_is_another_one_under_a_second_name(usual: Written) -> None:
    (twin,) = (d for d in usual.truth["deliveries"] if d["status"] == "known")
    (first,) = (d for d in usual.truth["deliveries"] if d["file"] == twin["same_bytes_as"])
    assert (usual.out / twin["file"]).read_bytes() == (usual.out / first["file"]).read_bytes()
    assert (first["status"], first["sha256"]) == ("accepted", twin["sha256"]) and twin["rows_read"] is None
    # Of files that arrive in the same instant, the name decides which one lands.
    assert first["file"] < twin["file"]
    assert not {e["file"] for e in usual.truth["errors"] + usual.truth["traps"]} & {twin["file"]}


def test_shapes_that_real_deliveries_have(usual: Written) -> None:
    starts = {p.read_bytes()[:2] for p in usual.paths if p.suffix == ".csv"}
    assert {b"\xff\xfe", b"\xef\xbb"} <= starts
    heads = [p.read_bytes()[:200] for p in usual.paths if p.suffix == ".csv"]
    assert any(b";" in h for h in heads) and any(b"\t" in h and h[:2] != b"\xff\xfe" for h in heads)
    titles = [len(usual.reading(d["file"]).meta["title"]) for d in usual.read]
    assert {0, 1, 2, 3} == set(titles)
    readings = [usual.reading(d["file"]) for d in usual.read if d["source"] == "food_spot_checks"]
    kinds = Counter(
        ("sampling_kind" in r.columns, "task_name" in r.columns, r.meta.get("sampling_kind")) for r in readings
    )
    assert {
        (True, False, None),
        (False, True, None),
        (True, True, None),
        (False, False, "supervision"),
    } == set(kinds)


def test_planted_errors_stand_where_the_truth_says(usual: Written, tables: dict[str, Any]) -> None:
    for error in usual.truth["errors"]:
        row = dict(tables[error["file"]])[error["file_row"]]
        cell = row[error["column"]]
        if "sample_no" in error:
            assert row["sample_no"] == error["sample_no"]
        match error["what"]:
            case "product name is missing":
                assert cell is None and error["rule"] == "FSC001"
            case "USCC with a wrong check digit":
                assert not stdnum_uscc.is_valid(cell) and error["rule"] == "FSC101"
            case "a date that does not exist":
                assert cell and cell.endswith("-02-30") and error["rule"] == "FSC003"
            case "an answer of 11 on a scale of 10":
                assert cell == "11" and error["rule"] == "SAT001"
            case _:
                assert error["rule"] == "FSC002"
                assert error["column"] == "result" and cell not in {
                    None,
                    "合格",
                    "不合格",
                    "问题样品",
                    "未检出问题",
                }
    for year in ("2020", "2021", "2022"):
        here = Counter(
            e["what"] for e in usual.truth["errors"] if f"/{year}/" in e["file"] and "故意出错" not in e["file"]
        )
        assert len(here) >= 6, here


def test_rules_of_planted_errors_are_the_suites_own(usual: Written) -> None:
    from expectations import food_spot_checks, satisfaction_surveys

    rules = {
        rule.meta["rule"]: (rule.severity.value, rule.meta["column"])
        for rule in (*food_spot_checks.ROW_RULES, *satisfaction_surveys.ROW_RULES)
    }
    for error in usual.truth["errors"]:
        severity, column = rules[error["rule"]]
        assert {"info": "info", "warning": "quarantined"}[severity] == error["outcome"], error
        assert column == error["column"] or error["rule"] == "SAT001"  # one rule for all answers
    assert {e["outcome"] for e in usual.truth["errors"]} == {"info", "quarantined"}


def test_nothing_else_is_wrong(usual: Written, tables: dict[str, Any]) -> None:
    planted = {(e["file"], e["file_row"]) for e in usual.truth["errors"]}
    for file, table in tables.items():
        for file_row, row in table:
            if (file, file_row) in planted:
                continue
            code = row.get("producer_uscc")
            assert code in {None, "/"} or stdnum_uscc.is_valid(code), (file, file_row)
            if file.startswith("food_spot_checks"):
                assert row["result"] in {"合格", "不合格", "问题样品", "未检出问题"} and row["product_name"]
            if file.startswith("satisfaction"):
                for item in ("overall", "expectation", "ideal"):
                    assert row[item] in {None, "拒答", "不清楚", "98"} or 1 <= int(row[item]) <= 10


def test_error_shares(usual: Written) -> None:
    rejected = [d for d in usual.truth["deliveries"] if d["status"] == "rejected"]
    assert [d["file"].split("/")[-1].startswith("示例_故意出错") for d in rejected] == [True]
    for delivery in usual.read:
        share = delivery["rows_quarantined"] / delivery["rows_read"]
        assert share > 0.2 if delivery in rejected else share < 0.05, delivery["file"]
        errors = [e for e in usual.truth["errors"] if e["file"] == delivery["file"]]
        held = {e["file_row"] for e in errors if e["outcome"] == "quarantined"}
        assert len({e["file_row"] for e in errors}) == len(errors)
        assert len(held) == delivery["rows_quarantined"]


def test_sample_numbers_repeat_only_where_planted(usual: Written, tables: dict[str, Any]) -> None:
    """Within a file a number repeats for items of a failing sample and for planted duplicates; between files
    only for corrections."""
    traps = {(t["file"], t["file_row"]): t["what"] for t in usual.truth["traps"]}
    errors = {(e["file"], e["file_row"]): e["what"] for e in usual.truth["errors"]}
    files: dict[str, set[str]] = {}
    for file, table in tables.items():
        if not file.startswith("food_spot_checks"):
            continue
        seen: Counter[tuple[str | None, ...]] = Counter()
        for file_row, row in table:
            files.setdefault(str(row["sample_no"]), set()).add(file)
            key = (row["sample_no"], row.get("item_name"))
            seen[key] += 1
            doubled = traps.get((file, file_row), "").startswith("exact duplicate")
            assert (seen[key] > 1) == doubled, (file, file_row)
            items = row["item_name"] if "item_name" in row else row["items_combined"]
            assert items or row["result"] != "不合格" or file_row in {r for f, r in errors if f == file}
    corrected = {t["sample_no"] for t in usual.truth["traps"] if t["what"].startswith("correction")}
    corrected |= {e["sample_no"] for e in usual.truth["errors"] if "of a correction" in e["what"]}
    assert {number for number, where in files.items() if len(where) > 1} == corrected
    duplicates = [t for t in usual.truth["traps"] if t["what"].startswith("exact duplicate")]
    failing = set()
    for trap in duplicates:
        rows = [r for _, r in tables[trap["file"]] if r["sample_no"] == trap["sample_no"]]
        assert max(Counter(tuple(r.values()) for r in rows).values()) == 2
        if any(row["result"] == "不合格" for row in rows):
            failing.add(trap["file"])
    assert len(failing) >= 3  # a doubled failing item in each year


def _recount(tables: dict[str, Any], truth: dict[str, Any], year: str) -> tuple[int, int, int]:
    """n, x and quarantined samples of Q03 from the cells, as a person with a spreadsheet would find them."""
    order = sorted((d for d in truth["deliveries"] if d["status"] == "accepted"), key=lambda d: d["issued_on"])
    errors = {(e["file"], e["file_row"]) for e in truth["errors"] if e["outcome"] == "quarantined"}
    latest: dict[str, tuple[str, list[tuple[bool, dict[str, str | None]]]]] = {}
    for delivery in order:
        file = delivery["file"]
        if delivery["source"] != "food_spot_checks" or "评价性" not in file:
            continue
        for file_row, row in tables[file]:
            number = str(row["sample_no"])
            if number not in latest or latest[number][0] != file:
                latest[number] = (file, [])
            latest[number][1].append(((file, file_row) in errors, row))
    n = x = quarantined = 0
    for file, rows in latest.values():
        row = rows[0][1]
        day = str(row["sampled_on"] or file.split("/")[1]).replace("/", "-")
        kind = row.get("sampling_kind") or row.get("task_name") or ""
        if (
            day[:4] != year
            or "评价性" not in kind
            or "跟踪" in kind
            or "济南" not in str(row["sampled_division"])
            or row["subcategory"] == "复用餐饮具"
        ):
            continue
        if any(bad for bad, _ in rows):
            quarantined += 1
        else:
            n += 1
            x += row["result"] == "合格"
    return n, x, quarantined


@pytest.mark.parametrize("year", ["2020", "2021", "2022"])
def test_q03_recounted_from_the_files(usual: Written, tables: dict[str, Any], year: str) -> None:
    stated = usual.truth["Q03"][year]
    assert _recount(tables, usual.truth, year) == (stated["n"], stated["x"], stated["quarantined_samples"])
    for parts in ("quarters", "divisions"):
        for key in ("n", "x", "quarantined_samples"):
            assert sum(part[key] for part in stated[parts].values()) == stated[key], (parts, key)
    assert list(stated["divisions"]) == [code for code, _, _ in DIVISIONS]
    assert all(part["n"] for part in stated["divisions"].values())


def test_q03_tells_the_story(usual: Written) -> None:
    q03 = usual.truth["Q03"]
    assert [q03[y]["verdict"] for y in ("2020", "2021", "2022")] == [
        "met_proven",
        "met_proven",
        "not_met_not_proven",
    ]
    assert round(float(q03["2022"]["value"]), 1) == 98.0 and not q03["2022"]["attained"]
    for year in q03.values():
        for part in (year, *year["quarters"].values()):
            n, x = part["n"], part["x"]
            assert float(part["value"]) == pytest.approx(100 * x / n, abs=1e-12)
            assert (part["verdict"] == "met_proven") == (binom.sf(x - 1, n, 0.98) <= 0.025)
            assert (part["verdict"] == "not_met_proven") == (binom.cdf(x, n, 0.98) <= 0.025)
            assert part["verdict"].startswith("met") == part["attained"] == (100 * x >= 98 * n)


def test_supervision_is_lower_and_adds_up(usual: Written) -> None:
    for year, parts in usual.truth["supervision"].items():
        whole, food, ware = (parts[k] for k in ("with_tableware", "without_tableware", "tableware"))
        assert [whole[k] - food[k] - ware[k] for k in ("n", "x", "quarantined_samples")] == [0, 0, 0]
        assert float(whole["value"]) < float(food["value"]) < float(usual.truth["Q03"][year]["value"])
        assert float(ware["value"]) < 90
        assert all(usual.truth["samples_in_neither_rate"][year].values())


def _mean_by_division(scores: dict[str, list[float]]) -> float:
    """Means of divisions weighted by population; a single respondent's division joins the next larger one."""
    people = {name: float(value) for _, name, value in DIVISIONS}
    order = sorted(scores, key=lambda name: -people[name])
    # Above the first with several there is none to join: it takes those in.
    first = next((i for i, name in enumerate(order) if len(scores[name]) > 1), len(order) - 1)
    groups = [order[: first + 1]]
    for name in order[first + 1 :]:
        if len(scores[name]) == 1:
            groups[-1].append(name)
        else:
            groups.append([name])
    means = [sum(sum(scores[n]) for n in group) / sum(len(scores[n]) for n in group) for group in groups]
    weights = [sum(people[n] for n in group) for group in groups]
    return sum(m * w for m, w in zip(means, weights, strict=True)) / sum(weights)


def test_i07_recomputed_from_the_files(usual: Written, tables: dict[str, Any]) -> None:
    for wave, stated in usual.truth["I07"].items():
        (file,) = [f for f in tables if f.startswith(f"satisfaction_surveys/{wave}/")]
        weights = {
            str(row["name"]): float(str(row["value"]))
            for name, table in tables.items()
            if name.startswith(f"reference_weights/服务业增加值_{stated['weights_base_year']}年")
            for _, row in table
        }
        scores: dict[str, dict[str, list[float]]] = {}
        for _, row in tables[file]:
            answers = [row[k] for k in ("overall", "expectation", "ideal")]
            given = [int(a) for a in answers if a and a.isdecimal() and a != "98"]
            if len(given) >= 2 and max(given) <= 10:
                cell = scores.setdefault(str(row["industry"]), {}).setdefault(str(row["division"]), [])
                cell.append((sum(given) / len(given) - 1) / 9 * 100)
        every = {name: [v for cell in cells.values() for v in cell] for name, cells in scores.items()}
        pooled = {name: sum(s) / len(s) for name, s in every.items()}
        means = {name: _mean_by_division(dict(cells)) for name, cells in scores.items()}
        shown = [name for name, s in every.items() if len(s) >= 30]
        total = sum(weights[name] for name in shown)
        assert float(stated["value"]) == pytest.approx(sum(means[i] * weights[i] for i in shown) / total)
        assert float(stated["not_post_stratified"]) == pytest.approx(sum(pooled[i] * weights[i] for i in shown) / total)
        assert float(stated["worst_case_value"]) < float(stated["value"])
        assert float(stated["coverage_pct"]) == pytest.approx(100 * total / sum(weights.values()))
        for industry in stated["industries"].values():
            assert industry["n"] == len(every[industry["name"]])
            assert float(industry["score"]) == pytest.approx(means[industry["name"]])
            assert float(industry["mean_of_respondents"]) == pytest.approx(pooled[industry["name"]])
            assert industry["suppressed"] == (industry["name"] not in shown)
        assert 7 <= len(stated["industries"]) <= 9 and len(stated["industries"]) - len(shown) == 1
        assert stated["n"] == sum(len(every[name]) for name in shown)
        assert len({row["respondent_id"] for _, row in tables[file]}) == stated["respondents"]
        left = stated["respondents_quarantined"] + stated["respondents_with_fewer_than_two_answers"]
        assert stated["respondents"] - left == sum(map(len, every.values()))
        assert abs(float(stated["value"]) - float(stated["not_post_stratified"])) > 0.001
    last = usual.truth["I07"]["2022"]
    assert float(last["value"]) < 88 < float(last["not_this"]["unweighted_mean_of_industries"])
    assert not last["attained"]


def test_a_division_with_one_respondent_joins_a_neighbour() -> None:
    """By population: 历城 110.6, 章丘 104.7, 市中 88.1, 莱芜 86.9, …"""
    licheng, zhangqiu, shizhong, laiwu = "370112", "370114", "370103", "370116"

    def groups(*codes: str) -> list[set[str]]:
        return [set(s.divisions) for s in strata_of((code, Fraction(50)) for code in codes)]

    assert groups(licheng, licheng, zhangqiu, zhangqiu) == [{licheng}, {zhangqiu}]
    # One in the middle joins the next larger, however many there are of them.
    assert groups(licheng, licheng, zhangqiu, shizhong, laiwu, laiwu) == [
        {licheng, zhangqiu, shizhong},
        {laiwu},
    ]
    # The largest has none: it joins the one after it.
    assert groups(licheng, zhangqiu, zhangqiu, laiwu, laiwu) == [{licheng, zhangqiu}, {laiwu}]
    assert groups(licheng) == [{licheng}]
    # Weight follows: (110.6 + 104.7) · 50 and 86.9 · 80.
    scores = [(licheng, Fraction(40)), (zhangqiu, Fraction(60)), (zhangqiu, Fraction(50)), (laiwu, Fraction(80))]
    assert stratified([*scores, (laiwu, Fraction(80))]) == Fraction("17717") / Fraction("302.2")


def test_codes_are_right_private_and_distinct() -> None:
    codes = [uscc(division, serial) for division, _, _ in DIVISIONS for serial in range(1, 200)]
    assert len(set(codes)) == len(codes)
    assert all(stdnum_uscc.is_valid(code) and code[8:11] == "PDY" for code in codes)
    # domain.md §7.2: the organisation code's own check, by its worked formula.
    for code in codes:
        total = sum(int(c, 36) * w for c, w in zip(code[8:16], (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
        assert code[16] == {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def test_importing_is_light() -> None:
    code = "import sys, baotu.samples; print(sorted({'pandas', 'openpyxl', 'yaml', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
