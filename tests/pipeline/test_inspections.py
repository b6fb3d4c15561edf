"""Random inspections and the watch list of the sample city against the truth, and the draw audit against scipy."""

from fractions import Fraction

import pytest
from scipy import stats

from tests.pipeline.conftest import City
from tests.pipeline.test_truth import QUARTERS, YEARS, close

#: Columns of the mart → figures of the truth.
COUNTS = {
    "directory_count": "directory",
    "inspection_count": "inspections",
    "covered_count": "enterprises",
    "published_in_time_count": "published_in_time",
    "enough_officers_count": "with_two_officers",
    "officer_count": "officers",
    "pair_count": "pairs",
    "repeated_pair_count": "repeated_pairs",
}


@pytest.mark.parametrize("year", YEARS)
def test_random_inspections(city: City, year: str) -> None:
    truth = city.truth["random_inspections"]["periods"][year]
    found = {
        (row["period_label_zh"], row["draw_method"]): row
        for row in city.rows(
            "select * from marts.mart_random_inspection where breakdown = 'city' and period_type in ('year', 'quarter')"
        )
    }
    for label, stated in [(f"{year}年", truth), *((f"{year}年第{q[1]}季度", truth["quarters"][q]) for q in QUARTERS)]:
        row = found[label, "random"]
        assert {name: row[column] for column, name in COUNTS.items()} == {n: stated[n] for n in COUNTS.values()}, label
        assert row["enterprise_count"] == stated["enterprises"]
        assert close(row["coverage_pct"], Fraction(100 * stated["enterprises"], stated["directory"]))
        # All were due long before the plan's end.
        assert row["publication_due_count"] == stated["inspections"] and row["publication_pending_count"] == 0
        assert row["officer_directory_count"] == 20
        led = found[label, "complaint"]
        assert led["inspection_count"] == stated["led_by_complaints"]
        assert led["coverage_pct"] is None and led["covered_count"] is None


def test_divisions_add_up_to_the_city(city: City) -> None:
    rows = city.rows("select * from marts.mart_random_inspection where period_type = 'year' and draw_method = 'random'")
    for year in YEARS:
        mine = [row for row in rows if str(row["period_start_on"].year) == year]
        (whole,) = (row for row in mine if row["breakdown"] == "city")
        parts = [row for row in mine if row["breakdown"] == "division"]
        assert len(parts) == 12
        for column in ("directory_count", "inspection_count", "covered_count", "published_in_time_count"):
            assert sum(row[column] for row in parts) == whole[column], column


def test_draws_against_scipy(city: City) -> None:
    found = {(row["task_no"], row["composition"]): row for row in city.rows("select * from marts.mart_inspection_draw")}
    assert len(found) == 2 * len(city.truth["random_inspections"]["draws"]) == 24
    for task, stated in city.truth["random_inspections"]["draws"].items():
        for composition, cells in (("division", 12), ("category", 2)):
            row = found[task, composition]
            assert (row["drawn_count"], row["directory_count"], row["outside_count"]) == (
                stated["drawn"], stated["directory"], 0
            )  # fmt: skip
            assert (row["cell_count"], row["degrees_of_freedom"]) == (cells, cells - 1)
            assert close(row["chi_square"], stated[composition])
            assert row["p_value"] == pytest.approx(
                stats.chi2.sf(float(Fraction(stated[composition])), cells - 1), rel=1e-10
            )
            assert row["draw_seed"] == f"SEED-{task}" and row["snapshot_basis"] == "named"
            # In one quarter all came from two divisions.
            is_biased = (task, composition) == ("SJ202202R", "division")
            assert row["verdict"] == ("unlike_directory" if is_biased else "like_directory"), (task, composition)


def test_officers_are_hashes(city: City) -> None:
    (row,) = city.rows(
        "select count(*) filter (where officers !~ '^[0-9a-f]{32}( [0-9a-f]{32})*$') as named, count(officers) as told"
        " from raw.random_inspections"
    )
    assert row["named"] == 0 and row["told"] > 400


def test_inspections_chosen_otherwise_enter_no_rate(city: City) -> None:
    """No model that estimates a rate reads inspections at all."""
    readers = {
        row["name"]
        for row in city.rows(
            "select relname as name from pg_attribute inner join pg_class on oid = attrelid"
            " where attname = 'draw_method' and relkind in ('r', 'v', 'p') and not relispartition"
        )
    }  # fmt: skip
    assert readers == {"fct_inspection", "mart_random_inspection", "stg_random_inspections", "random_inspections"} | {
        "draw_method_alias", "random_inspections_profile"
    } & readers  # fmt: skip


def test_watch_list(city: City) -> None:
    found = {
        row["party_name"]: {
            "samples": row["sample_count"],
            "failures": row["failure_count"],
            "most_in_window": row["most_in_window"],
            "last_failure_on": row["last_failure_on"].isoformat(),
            "next": {
                "passed": row["passed_next_count"],
                "failed": row["failed_next_count"],
                "no_later_sample": row["no_later_count"],
            },
        }
        for row in city.rows("select * from marts.mart_watch_list where charged_as = 'producer'")
    }
    assert len(found) > 20
    assert found == city.truth["watch_list"]


def test_watch_list_by_sample_and_item(city: City) -> None:
    rows = city.rows(
        "select listed.subject_id, listed.failure_count, listed.first_failure_on, listed.sample_count,"
        " count(*) as failures, min(failure.sampled_on) as first_on, bool_or(failure.failing_items is null) as is_unnamed"
        " from marts.mart_watch_list as listed"
        " inner join marts.mart_watch_list_failure as failure on listed.subject_id = failure.subject_id"
        " group by listed.subject_id, listed.failure_count, listed.first_failure_on, listed.sample_count"
    )
    assert rows and all(row["failure_count"] == row["failures"] for row in rows)
    assert all(row["first_failure_on"] == row["first_on"] and not row["is_unnamed"] for row in rows)
    # Items add up to more than batches, for a batch may fail on several.
    (items,) = city.rows("select sum(failure_count) as n from marts.mart_watch_list_item")
    assert items["n"] > sum(row["failure_count"] for row in rows)


def test_a_disputed_failure_is_not_the_producers(city: City) -> None:
    disputed = city.rows(
        "select producer_name, sampled_name, final_result from core.fct_sample where attribution_status = 'disputed'"
    )
    assert disputed and all(row["final_result"] == "fail" for row in disputed)
    charged = city.rows(
        "select failure.sample_id from marts.mart_watch_list_failure as failure"
        " inner join core.fct_sample as sample on failure.sample_id = sample.sample_id::text"
        " where failure.charged_as = 'producer' and sample.attribution_status = 'disputed'"
    )
    assert charged == []
