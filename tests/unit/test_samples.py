"""The sample deliveries: the same bytes every time, readable as real ones are, and a truth that adds up."""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from scipy.stats import binom
from stdnum.cn import uscc as stdnum_uscc
from stdnum.iso7064 import mod_11_10

from baotu.readers import Reading, Refused, read
from baotu.samples import DIVISIONS, NOTE, uscc, write_samples
from baotu.samples.names import manufacturers, producers
from baotu.samples.surveys import strata_of, stratified
from baotu.sources import load_sources

SMALL = 0.01
REGISTER = "enterprise_registry"


class Written:
    def __init__(self, root: Path, **options: Any) -> None:
        self.out, self.truth_file = root / "landing", root / "truth.json"
        self.paths = write_samples(self.out, self.truth_file, **options)
        self.truth: dict[str, Any] = json.loads(self.truth_file.read_text(encoding="utf-8"))
        self.sources = load_sources()
        #: Those that are read; the others are refused, or the bytes of another one. The register is read by itself.
        self.read = [
            d
            for d in self.truth["deliveries"]
            if d["rows_read"] is not None and d["source"] in self.sources.keys() - {REGISTER}
        ]
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
def small(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("small"), scale=SMALL)


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
        if error["file"] not in tables:
            continue
        row = dict(tables[error["file"]])[error["file_row"]]
        cell = row.get(error["column"])
        if "sample_no" in error:
            assert row["sample_no"] == error["sample_no"]
        match error["rule"][3:]:
            case "001" if "sample_no" in error:
                assert cell is None and error["column"] == "product_name"
            case "101":
                assert not stdnum_uscc.is_valid(cell)
            case "003" if "sample_no" in error:
                assert cell and re.sub(r"\D", "", cell).endswith("0230")
            case "001" if error["rule"] == "SAT001":
                assert cell == "11"
            case "002" if "sample_no" in error:
                assert error["column"] == "result"
                assert cell not in {None, "合格", "不合格", "问题样品", "未检出问题"}
            case "008" if error["column"] == "passed_count":
                counts = [int(row[c] or 0) for c in ("passed_count", "failed_count", "tested_count")]
                assert counts[0] + counts[1] != counts[2]
    for source in ("food_spot_checks", "agri_monitoring", "industrial_spot_checks"):
        for year in ("2020", "2021", "2022"):
            here = {
                e["what"]
                for e in usual.truth["errors"]
                if e["file"].startswith(f"{source}/{year}/") and "故意出错" not in e["file"]
            }
            assert len(here) >= 3, (source, year, here)


def test_rules_of_planted_errors_are_the_suites_own(usual: Written) -> None:
    for source in usual.sources:
        suite = importlib.import_module(f"expectations.{source}")
        rules = {rule.meta["rule"]: (rule.severity.value, rule.meta["column"]) for rule in suite.ROW_RULES}
        errors = [e for e in usual.truth["errors"] if e["file"].startswith(f"{source}/")]
        for error in errors:
            severity, column = rules[error["rule"]]
            assert {"info": "info", "warning": "quarantined"}[severity] == error["outcome"], error
            assert column == error["column"] or error["rule"] == "SAT001"  # one rule for all answers
        if source == "food_spot_checks":
            assert {e["outcome"] for e in errors} == {"info", "quarantined"}


def test_nothing_else_is_wrong(usual: Written, tables: dict[str, Any]) -> None:
    planted = {(e["file"], e["file_row"]) for e in usual.truth["errors"]}
    for file, table in tables.items():
        for file_row, row in table:
            if (file, file_row) in planted:
                continue
            code = row.get("producer_uscc")
            assert code in {None, "/"} or stdnum_uscc.is_valid(code), (file, file_row)
            if file.startswith("food_spot_checks") and "汇总" not in file:
                assert row["result"] in {"合格", "不合格", "问题样品", "未检出问题"} and row["product_name"]
            if file.startswith("satisfaction"):
                for item in ("overall", "expectation", "ideal"):
                    assert row[item] in {None, "拒答", "不清楚", "98"} or 1 <= int(row[item]) <= 10


def test_error_shares(usual: Written) -> None:
    rejected = [d for d in usual.truth["deliveries"] if d["status"] == "rejected"]
    assert [d["file"].split("/")[-1].startswith("示例_故意出错") for d in rejected] == [True]
    for delivery in usual.read:
        share = delivery["rows_quarantined"] / delivery["rows_read"]
        most = usual.sources[delivery["source"]].max_quarantined_share
        assert share > most if delivery in rejected else share <= most, delivery["file"]
        errors = [e for e in usual.truth["errors"] if e["file"] == delivery["file"]]
        held = {e["file_row"] for e in errors if e["outcome"] == "quarantined"}
        assert len({e["file_row"] for e in errors}) == len(errors)
        assert len(held) == delivery["rows_quarantined"]


def test_sample_numbers_repeat_only_where_planted(usual: Written, tables: dict[str, Any]) -> None:
    """Within a file a number repeats for items of a failing sample and for planted duplicates; between files
    only for corrections."""
    told = [t for t in usual.truth["traps"] if t["file"].startswith("food_spot_checks/")]
    mistakes = [e for e in usual.truth["errors"] if e["file"].startswith("food_spot_checks/")]
    traps = {(t["file"], t["file_row"]): t["what"] for t in told}
    errors = {(e["file"], e["file_row"]): e["what"] for e in mistakes}
    files: dict[str, set[str]] = {}
    for file, table in tables.items():
        if not file.startswith("food_spot_checks") or "汇总" in file:
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
    corrected = {t["sample_no"] for t in told if t["what"].startswith("correction")}
    corrected |= {e["sample_no"] for e in mistakes if "of a correction" in e["what"]}
    assert {number for number, where in files.items() if len(where) > 1} == corrected
    duplicates = [t for t in told if t["what"].startswith("exact duplicate")]
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
        if delivery["source"] != "food_spot_checks" or "评价性" not in file or "汇总" in file:
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


def plain(path: Path) -> list[dict[str, str]]:
    """A file as a person sees it, whatever the loader makes of it: rows under the headers."""
    content = path.read_bytes()
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
        table = [["" if c is None else str(c) for c in cells] for cells in sheet.iter_rows(values_only=True)]
        table = table[next(n for n, cells in enumerate(table) if sum(map(bool, cells)) > 3) :]
    else:
        text = ""
        for encoding in ("utf-16",) if content[:2] == b"\xff\xfe" else ("utf-8-sig", "gb18030"):
            try:
                text = content.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
        first = text.splitlines()[0]
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count)))
    return [dict(zip(table[0], cells, strict=True)) for cells in table[1:]]


def latest_samples(written: Written, source: str, without: str = "-") -> dict[str, list[dict[str, str]]]:
    """Rows of each sample by its last issued version; `_bad` and `_verdict` are added to the cells."""
    bad = {(e["file"], e.get("sample_no")) for e in written.truth["errors"] if e["outcome"] == "quarantined"}
    latest: dict[str, tuple[str, list[dict[str, str]]]] = {}
    for delivery in sorted(written.truth["deliveries"], key=lambda d: d["issued_on"]):
        file = delivery["file"]
        if delivery["source"] != source or delivery["status"] != "accepted" or without in file:
            continue
        for row in plain(written.out / file):
            if "抽检批次数" in row:
                continue
            # Without a form number the lot tells samples apart.
            number = row.get("抽样编号") or row.get("样品编号") or row["生产日期/批号"]
            if number not in latest or latest[number][0] != file:
                latest[number] = (file, [])
            verdict = row.get("检测结论") or row.get("检验结论") or ("合格" if "_合格" in file else "不合格")
            row |= {"_bad": "y" if (file, number) in bad else "", "_verdict": verdict, "_file": file}
            latest[number][1].append(row)
    return {number: rows for number, (_, rows) in latest.items()}


@pytest.mark.parametrize("scale", ["usual", "small"])
def test_q02_recounted_from_the_files(request: pytest.FixtureRequest, scale: str) -> None:
    written: Written = request.getfixturevalue(scale)
    classes = {"蔬菜", "蔬菜类", "水果", "水果类", "茶叶", "茶类", "畜禽产品", "畜禽", "水产品", "水产"}
    for without, figures in (("-", written.truth), ("误发", written.truth["after_withdrawal"])):
        found = {year: [0, 0] for year in figures["Q02"]}
        supervision = {year: [0, 0] for year in figures["Q02"]}
        for rows in latest_samples(written, "agri_monitoring", without).values():
            row = rows[0]
            year = row["_file"].split("/")[1]
            if row["_bad"] or "济南" not in row["抽样所在区县"]:
                continue
            if row["监测类型"] == "监督抽查":
                counted = supervision[year]
            elif row["监测类型"] == "例行监测" and row["产品类别"] in classes:
                counted = found[year]
            else:
                continue
            counted[0] += 1
            counted[1] += row["_verdict"] == "合格"
        for year, stated in figures["Q02"].items():
            assert found[year] == [stated["n"], stated["x"]], (without, year)
            assert supervision[year] == [figures["agri_supervision"][year][key] for key in "nx"]
            assert stated["attained"] == (100 * stated["x"] >= 97 * stated["n"])
            if without == "误发":
                assert float(figures["agri_supervision"][year]["value"]) < float(stated["value"])
            for group in (stated["quarters"], stated["classes"], stated["divisions"]):
                assert [sum(part[key] for part in group.values()) for key in "nx"] == [stated["n"], stated["x"]]
    # Of one round only counts came: they are no samples.
    (file,) = written.out.glob("agri_monitoring/2020/*汇总.xlsx")
    classes_of = [row for row in plain(file) if row["类别"] != "合计"]
    (reported,) = written.truth["Q02"]["2020"]["reported"].items()
    sums = [sum(int(row[header]) for row in classes_of) for header in ("抽检批次数", "合格批次数")]
    assert (reported[0], [reported[1][key] for key in "nx"]) == ("Q1", sums)
    assert written.truth["Q02"]["2020"]["quarters"]["Q1"]["n"] == 0
    # Sent by mistake, and on the other side of the target once it is withdrawn.
    (mistake,) = (d for d in written.truth["deliveries"] if d.get("withdraw"))
    assert "误发" in mistake["file"] and mistake["status"] == "accepted"
    assert not written.truth["Q02"]["2021"]["attained"] and written.truth["after_withdrawal"]["Q02"]["2021"]["attained"]
    tealess = plain(written.out / mistake["file"].replace("4季度_20211229_误发", "3季度_20211020"))
    assert not [row for row in tealess if row["产品类别"] == "茶类" and row["监测类型"] == "例行监测"]


@pytest.mark.parametrize("scale", ["usual", "small"])
def test_q01_recomputed_from_the_files(request: pytest.FixtureRequest, scale: str) -> None:
    """By products, as a person would sort them; weights and pass rates in floating point."""
    from baotu.samples.industry import _GROUPS

    written: Written = request.getfixturevalue(scale)
    division = {product: code for code, group in _GROUPS.items() for product in group.products}
    samples = latest_samples(written, "industrial_spot_checks")
    for year, stated in written.truth["Q01"].items():
        (file,) = written.out.glob(f"reference_weights/工业总产值_{int(year) - 1}年_*.csv")
        weights = {row["代码"]: float(row["数值"]) for row in plain(file)}
        counted: dict[str, list[int]] = {}
        follow_ups = [0, 0]
        for rows in samples.values():
            row = rows[0]
            if row["_file"].split("/")[1] != year or row["_bad"] or "济南" not in row["所属区县"]:
                continue
            if row["产品名称"] not in division:
                assert not row["产品名称"] or row["产品名称"] == "示例产品"  # planted, in a file without numbers
                continue
            if row["抽样日期"].endswith("0230"):
                continue
            passed = row["_verdict"] == "合格"
            if row["抽查类别"] == "复查":
                follow_ups[0] += 1
                follow_ups[1] += passed
                continue
            own = counted.setdefault(division[row["产品名称"]], [0, 0])
            own[0] += 1
            own[1] += passed
            assert row.get("行业代码", "").removeprefix("C") in {"", division[row["产品名称"]]}
        weight = sum(weights[code] for code in counted)
        value = 100 * sum(weights[code] * x / n for code, (n, x) in counted.items()) / weight
        n, x = (sum(part[i] for part in counted.values()) for i in (0, 1))
        assert (stated["n"], stated["x"], stated["divisions_sampled"]) == (n, x, len(counted))
        assert float(stated["value"]) == pytest.approx(value) and abs(value - 96) > 0.1
        assert stated["attained"] == (value >= 96)
        assert float(stated["coverage_pct"]) == pytest.approx(100 * weight / sum(weights.values()))
        assert len(weights) == 29 and 80 <= float(stated["coverage_pct"]) < 100
        pooled, batch = (written.truth[m][year] for m in ("SUPERVISION_EXCL_FOLLOWUP", "SUPERVISION_BATCH"))
        assert (pooled["n"], pooled["x"]) == (n, x)
        assert (batch["n"] - n, batch["x"] - x) == tuple(follow_ups)
    last = written.truth["Q01"]["2022"]
    assert not last["attained"] and written.truth["SUPERVISION_EXCL_FOLLOWUP"]["2022"]["attained"]
    assert written.truth["Q01"]["2021"]["attained"]
    assert not written.truth["SUPERVISION_EXCL_FOLLOWUP"]["2021"]["attained"]


def test_counts_are_told_row_by_row(usual: Written) -> None:
    assert {c["outcome"] for c in usual.truth["counts"]} == {"counted", "beside_samples", "total", "quarantined"}
    for count in usual.truth["counts"]:
        row = plain(usual.out / count["file"])[count["file_row"] - 4]  # two titles and a header
        assert (row["期间"], row["类别"]) == (count["period"], count["category"])
        assert [row[h] for h in ("抽检批次数", "合格批次数", "不合格批次数")] == [
            str(count[key]) for key in ("tested", "passed", "failed")
        ]
        assert (count["passed"] + count["failed"] == count["tested"]) == (count["outcome"] != "quarantined")
    for file in {c["file"] for c in usual.truth["counts"]}:
        mine = [c for c in usual.truth["counts"] if c["file"] == file]
        (total,) = (c for c in mine if c["outcome"] == "total")
        assert total["tested"] == sum(c["tested"] for c in mine if c["outcome"] in ("counted", "beside_samples"))


def test_the_register_recounted_from_the_files(small: Written) -> None:
    stated = small.truth["enterprises"]
    held = {
        (e["file"], e["file_row"])
        for e in small.truth["errors"]
        if e["file"].startswith(REGISTER) and e["outcome"] == "quarantined"
    }
    extracts = sorted((d for d in small.truth["deliveries"] if d["source"] == REGISTER), key=lambda d: d["issued_on"])
    # One of them arrives after all others.
    assert [d for d in small.truth["deliveries"] if d["source"] == REGISTER][-1] is extracts[1]
    dimension: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for extract in extracts:
        rows = plain(small.out / extract["file"])
        assert len(rows) == extract["rows_read"]
        for number, row in enumerate(rows, 2):
            if (extract["file"], number) in held:
                continue
            code = row["统一社会信用代码"].upper()
            shown = tuple(cell for header, cell in row.items() if header not in ("统一社会信用代码", "经营范围"))
            intervals = dimension.setdefault(code, [])
            if not intervals or intervals[-1][1] != shown:
                intervals.append((extract["issued_on"], shown))
            assert len(code) == 15 or stdnum_uscc.is_valid(code), (extract["file"], number)
            assert len(code) == 18 or mod_11_10.is_valid(code)
            assert len(code) == 15 or code[8:11] == "PDY"
    assert len(dimension) == stated["enterprises"] > 15_000
    assert sum(map(len, dimension.values())) == stated["intervals"]
    for code, history in stated["histories"].items():
        assert [start for start, _ in dimension[code]] == [interval["valid_from_on"] for interval in history]
        assert [cells[0] for _, cells in dimension[code]] == [interval["enterprise_name"] for interval in history]
    assert max(len(history) for history in stated["histories"].values()) >= 3
    old_names = {"章丘市": "370114", "济阳县": "370115", "莱芜市莱城区": "370116"}
    places = {name: code for code, name, _ in DIVISIONS} | old_names
    for day, divisions in stated["active"].items():
        active = dict.fromkeys(divisions, 0)
        for intervals in dimension.values():
            known = [cells for start, cells in intervals if start <= day]
            if known and known[-1][5] in {"在营（开业）企业", "存续", "开业"} and known[-1][6] in places:
                active[places[known[-1][6]]] += 1
        assert active == divisions and all(active.values())


def test_companies_of_other_sources_are_in_the_register(small: Written) -> None:
    rows = plain(small.out / REGISTER / "企业登记信息_全量_20200115.csv")
    known = {row["统一社会信用代码"]: row["企业名称"] for row in rows}
    for company in (*producers(), *manufacturers()):
        assert known[company.code] == company.name


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
