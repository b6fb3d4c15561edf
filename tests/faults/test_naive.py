"""What a naive implementation gets wrong: each error, switched on in a copy of the project, fails a test of ours.

The errors are the 32 of the domain study, by its numbers. An error may have several places, and each place is a mutant:
a text of one file, what a hurried hand would have put there, and the tests that must notice. A guard notices by other
rows than it expects; a mutant that dbt or PostgreSQL refuses has proven nothing.
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from baotu import dbt
from baotu.warehouse import connect
from tests.conftest import WarehouseServer, new_directory
from tests.dbt.test_unit_tests import build_for_unit_tests, in_use, invoke, run_unit_tests


@dataclass(frozen=True)
class Mutant:
    """One error in one place."""

    number: int
    does: str
    file: str
    old: str
    new: str
    #: Unit tests (`model::test`) of which at least one must fail.
    guards: tuple[str, ...] = ()
    #: Conditions in SQL that hold of the functions as they are, of which at least one must no longer.
    probes: tuple[str, ...] = ()

    @property
    def built(self) -> str:
        """The seed or function that has to be made again in the database; a unit test reads its model's text itself."""
        return Path(self.file).stem if self.file.startswith(("seeds/", "functions/")) else ""


MUTANTS = [
    Mutant(
        1,
        "covers the directory by checks of every kind",
        "models/intermediate/int_directory_match.sql",
        "        and draw_method = 'random'\n",
        "",
        ("int_directory_match::directory_members_that_an_inspection_is_of",),
    ),
    Mutant(
        5,
        "counts failing items as repeated failures",
        "models/marts/mart_watch_list_failure.sql",
        "    select * from charged where final_result = 'fail'\n",
        "    select charged.* from charged inner join {{ ref('fct_sample_item') }} as tested"
        " on charged.sample_id = tested.sample_id where charged.final_result = 'fail'\n",
        ("mart_watch_list_failure::repeated_failures_and_what_came_next",),
    ),
    Mutant(
        6,
        "charges the producer with the first result",
        "models/intermediate/int_charged_sample.sql",
        "    charged.final_result,\n",
        "    charged.initial_result as final_result,\n",
        ("int_charged_sample::who_a_sample_is_charged_to",),
    ),
    Mutant(
        7,
        "charges the producer with what monitoring found",
        "models/intermediate/int_charged_sample.sql",
        "        and sample.sampling_kind not in ('risk_monitoring', 'rapid_test')\n",
        "",
        ("int_charged_sample::who_a_sample_is_charged_to",),
    ),
    Mutant(
        30,
        "reads an inspection that is not published yet as published late",
        "models/marts/mart_random_inspection.sql",
        "when days_since is not null then 'pending'",
        "when days_since is not null then 'late'",
        ("mart_random_inspection::random_inspections_of_a_year",),
    ),
    Mutant(
        1,
        "counts samples of every kind",
        "models/core/sample_measure.sql",
        "sample.sampling_kind = measure.sampling_kind\n",
        "sample.sampling_kind is not null\n",
        ("sample_measure::samples_that_a_measure_looks_at",),
    ),
    Mutant(
        1,
        "takes published counts of every kind",
        "models/core/summary_measure.sql",
        "and counted.sampling_kind = measure.sampling_kind",
        "and counted.sampling_kind is not null",
        ("summary_measure::summaries_that_a_measure_takes",),
    ),
    Mutant(
        2,
        "averages the rates of categories",
        "models/intermediate/int_pass_rate_value.sql",
        "breakdown.breakdown = case when weighted_point.whole_weight is null then 'city' else 'category' end",
        "breakdown.breakdown = 'category'",
        ("int_pass_rate_value::weighted_pass_rates",),
    ),
    Mutant(
        2,
        "weighs each division of manufacturing alike",
        "models/intermediate/int_pass_rate_value.sql",
        "then 1 else weight.category_weight end as stratum_weight",
        "then 1 else weight.category_weight * 0 + 1 end as stratum_weight",
        ("int_pass_rate_value::weighted_pass_rates",),
    ),
    Mutant(
        2,
        "averages the rates of rounds",
        "models/intermediate/int_summary_cell.sql",
        "sum(passed_count) as passed_count,",
        "sum(tested_count) * avg(passed_count / tested_count) as passed_count,",
        ("int_summary_cell::summaries_are_never_added_twice",),
    ),
    Mutant(
        3,
        "rounds a rate to the decimal that is shown, then compares",
        "functions/weighted_share_is_attained.sql",
        "return 100 * share_numerator >= target_pct * whole * share_denominator;",
        "return round(100 * share_numerator / (whole * share_denominator), 1) >= target_pct;",
        ("int_pass_rate_value::weighted_pass_rates",),
    ),
    Mutant(
        3,
        "rounds a rate before its verdict",
        "functions/proportion_verdict.sql",
        "100 * x > target_pct * n or (operator = '>=' and 100 * x = target_pct * n)",
        "round(100 * x / n, 1) > target_pct or (operator = '>=' and round(100 * x / n, 1) = target_pct)",
        probes=("stats.proportion_verdict(96830, 98839, 98, '>=', .025, 30) = 'not_met_not_proven'",),
    ),
    Mutant(
        3,
        "rounds a mean before comparing",
        "models/marts/mart_target_tracking.sql",
        "else coalesce(bound_{{ side }}, value) >= target_value",
        "else round(coalesce(bound_{{ side }}, value), 1) >= target_value",
        ("mart_target_tracking::target_satisfaction", "mart_target_tracking::target_published_values_are_judged"),
    ),
    Mutant(
        4,
        'reads "above" as "at least" in counts',
        "models/marts/mart_target_tracking.sql",
        "when target_operator = '>' then coalesce(bound_{{ side }}, value) > target_value",
        "when target_operator = '>' then coalesce(bound_{{ side }}, value) >= target_value",
        ("mart_target_tracking::target_published_values_are_judged",),
    ),
    Mutant(
        4,
        'reads "above" as "at least" in rates',
        "functions/weighted_share_is_attained.sql",
        "return 100 * share_numerator > target_pct",
        "return 100 * share_numerator >= target_pct",
        probes=("not stats.weighted_share_is_attained(array[1], array[98], array[100], 98, '>')",),
    ),
    Mutant(
        4,
        'reads "at least" as "above" in rates',
        "functions/weighted_share_is_attained.sql",
        "return 100 * share_numerator >= target_pct",
        "return 100 * share_numerator > target_pct",
        ("int_pass_rate_value::weighted_pass_rates",),
    ),
    Mutant(
        4,
        'reads "at least" as "above" in scores',
        "models/marts/mart_target_tracking.sql",
        "else coalesce(bound_{{ side }}, value) >= target_value",
        "else coalesce(bound_{{ side }}, value) > target_value",
        ("mart_target_tracking::target_satisfaction",),
    ),
    Mutant(
        4,
        "takes the tenth place for no place among the first ten",
        "models/marts/mart_target_tracking.sql",
        "value <= target_value",
        "value < target_value",
        ("mart_target_tracking::target_published_values_are_judged",),
    ),
    Mutant(
        5,
        "counts a sample once for each item tested",
        "models/core/fct_sample.sql",
        "group by sample_id, sample_domain, delivery_id, origin_id, issued_on\n",
        "group by sample_id, sample_domain, delivery_id, origin_id, issued_on, item_name\n",
        ("fct_sample::sample_of_two_failing_items_is_one_failure",),
    ),
    Mutant(
        6,
        "judges a sample by its first test",
        "models/core/fct_sample.sql",
        "when has_failure then 'fail'",
        "when has_initial_failure then 'fail'",
        ("fct_sample::sample_reinspection_replaces_the_first_result",),
    ),
    Mutant(
        6,
        "takes the first result for the final one",
        "macros/spot_checks.sql",
        "reinspection_alias.result_code, result_alias.result_code, initial_alias.result_code",
        "initial_alias.result_code, result_alias.result_code, reinspection_alias.result_code",
        ("stg_food_spot_checks::food_result_wordings",),
    ),
    Mutant(
        7,
        "reads 问题样品 as a failure",
        "seeds/result_alias.csv",
        "问题样品,problem_sample",
        "问题样品,fail",
        ("stg_food_spot_checks::food_result_wordings",),
    ),
    Mutant(
        7,
        "counts problem samples as judged, and none of them as a pass",
        "models/intermediate/int_pass_rate_cell.sql",
        "where gathered.final_result is not null)",
        "where gathered.final_result is not null or gathered.unjudged_reason = 'problem_sample')",
        ("int_pass_rate_cell::pass_rate_counts_by_period_and_knowledge",),
    ),
    Mutant(
        8,
        "calls a period final on the day that it ends",
        "macros/definitions.sql",
        "and {{ known_at }} >= {{ period_end }} + {{ lag_days }} ",
        "",
        ("mart_target_tracking::target_finality_and_running_periods",),
    ),
    Mutant(
        8,
        "gives a verdict on a period that runs",
        "models/marts/mart_target_tracking.sql",
        "when not defined.is_closed then 'pending'",
        "",
        ("mart_target_tracking::target_finality_and_running_periods",),
    ),
    Mutant(
        8,
        "takes every period for one that has ended",
        "models/intermediate/int_evaluation_point.sql",
        "period_end_on <= as_of_on as is_closed",
        "true as is_closed",
        ("int_evaluation_point::evaluation_points_and_their_labels",),
    ),
    Mutant(
        8,
        "draws the running month on the control chart",
        "models/marts/mart_control_chart.sql",
        "and period_end_on <= as_of_on\n",
        "",
        ("mart_control_chart::control_chart_of_pass_rates",),
    ),
    Mutant(
        9,
        "knows a category by its row's number",
        "macros/spot_checks.sql",
        "left join {{ ref('product_category_alias') }} as category_alias\n"
        "        on coded.sample_domain = category_alias.sample_domain and coded.category_word = category_alias.alias",
        "left join (select *, row_number() over (partition by sample_domain) as place"
        " from {{ ref('product_category_alias') }}) as category_alias\n"
        "        on coded.sample_domain = category_alias.sample_domain and coded.row_no = category_alias.place",
        ("stg_food_spot_checks::food_categories_and_tableware",),
    ),
    Mutant(
        10,
        "takes a division of manufacturing without samples for one without failures",
        "models/intermediate/int_pass_rate_value.sql",
        "else 100 * sum(stratum_weight * passed / judged) / sum(stratum_weight)",
        "else 100 * (coalesce(whole_weight, sum(stratum_weight)) - sum(stratum_weight)"
        " + sum(stratum_weight * passed / judged)) / coalesce(whole_weight, sum(stratum_weight))",
        ("int_pass_rate_value::weighted_pass_rates",),
    ),
    Mutant(
        10,
        "shows a cell without samples as 0 %",
        "models/marts/mart_pass_rate.sql",
        "coalesce(city_value, 100.0 * passed_count / nullif(judged_count, 0)) as",
        "coalesce(city_value, 100.0 * passed_count / nullif(judged_count, 0), 0) as",
        ("mart_pass_rate::pass_rates_are_pooled",),
    ),
    Mutant(
        10,
        "shows a cell without samples as 100 %",
        "models/marts/mart_pass_rate.sql",
        "coalesce(city_value, 100.0 * passed_count / nullif(judged_count, 0)) as",
        "coalesce(city_value, 100.0 * passed_count / nullif(judged_count, 0), 100) as",
        ("mart_pass_rate::pass_rates_are_pooled",),
    ),
    Mutant(
        10,
        "judges a value whatever part of the weights it covers",
        "models/marts/mart_target_tracking.sql",
        "when defined.coverage_pct < defined.min_coverage_pct then 'insufficient_coverage'",
        "",
        ("mart_target_tracking::target_satisfaction",),
    ),
    Mutant(
        11,
        "scores an answer as its share of the best one",
        "models/core/fct_survey_response.sql",
        "(answer - scale_min))\n        / nullif((scale_max - scale_min) *",
        "answer)\n        / nullif(scale_max *",
        ("fct_survey_response::response_score_is_linear",),
    ),
    Mutant(
        12,
        "averages industries, each alike",
        "models/intermediate/int_satisfaction_value.sql",
        "else weight.industry_weight",
        "else weight.industry_weight * 0 + 1",
        ("int_satisfaction_value::satisfaction_of_the_city_is_weighted",),
    ),
    Mutant(
        13,
        "knows an enterprise by the name on its certificate",
        "models/staging/stg_enterprise_titles.sql",
        "case when stats.is_uscc(uscc_code) then uscc_code else enterprise_name_key end as holder_key",
        "enterprise_name_key as holder_key",
        ("stg_enterprise_titles::titles_identity",),
    ),
    Mutant(
        13,
        "counts certificates",
        "models/intermediate/int_title_count.sql",
        "held as (\n    select distinct\n",
        "held as (\n    select\n",
        ("int_title_count::high_tech_enterprises_at_a_date",),
    ),
    Mutant(
        13,
        "takes each name on a list for an enterprise of its own",
        "models/core/title_validity.sql",
        "coalesce(bridge.enterprise_id, bridge.subject_id, fact.party_id) as holder_id",
        "fact.party_id as holder_id",
        ("title_validity::titles_end_by_what_is_known",),
    ),
    Mutant(
        14,
        "counts the day after 有效期至",
        "macros/titles.sql",
        "{{ title }}.valid_before_on > {{ day }}",
        "{{ title }}.valid_before_on >= {{ day }}",
        ("int_title_count::high_tech_enterprises_at_a_date", "mart_enterprise_title::enterprise_titles_of_today"),
    ),
    Mutant(
        14,
        "counts whoever ever had a certificate",
        "macros/titles.sql",
        "and ({{ title }}.valid_before_on is null or {{ title }}.valid_before_on > {{ day }})",
        "",
        ("int_title_count::high_tech_enterprises_at_a_date",),
    ),
    Mutant(
        14,
        "counts a revoked certificate to its stated end",
        "models/core/title_validity.sql",
        "least(valid_before_on, withdrawn_on) as valid_before_on",
        "valid_before_on",
        ("title_validity::titles_end_by_what_is_known",),
    ),
    Mutant(
        14,
        "lets a revocation count before anybody knew of it",
        "models/core/title_validity.sql",
        "            and ended.known_from_on <= spell.moment_on\n",
        "",
        ("title_validity::titles_end_by_what_is_known",),
    ),
    Mutant(
        14,
        "ends what is recognised after a revocation",
        "models/core/title_validity.sql",
        "        and held.valid_from_on <= ending.ended_on\n",
        "",
        ("title_validity::titles_end_by_what_is_known",),
    ),
    Mutant(
        14,
        "adds a day to three years of validity",
        "models/staging/stg_enterprise_titles.sql",
        "when 'title_rule' then (valid_from_date + make_interval(years => default_validity_years))::date",
        "when 'title_rule' then (valid_from_date + make_interval(years => default_validity_years))::date + 1",
        ("stg_enterprise_titles::titles_validity_is_half_open",),
    ),
    Mutant(
        14,
        "lets a revoked title run on",
        "models/staging/stg_enterprise_titles.sql",
        "case when status_code in ('revoked', 'withdrawn') then coalesce(lower(ended_days), issued_on) end",
        "case when status_code = 'withdrawn' then coalesce(lower(ended_days), issued_on) end",
        ("stg_enterprise_titles::titles_validity_is_half_open",),
    ),
    Mutant(
        14,
        "takes whatever a list says of a title for a grant",
        "models/staging/stg_enterprise_titles.sql",
        "status_code in ('recognised', 'recertified') as is_grant",
        "status_code is not null as is_grant",
        ("stg_enterprise_titles::titles_named_beside_the_cells",),
    ),
    Mutant(
        14,
        "reads 暂停 as valid",
        "seeds/brand_status_alias.csv",
        "暂停,suspended",
        "暂停,valid",
        ("stg_brand_records::brands_kinds_classes_and_imputed_names",),
    ),
    Mutant(
        14,
        "adds a day to a brand's certificate",
        "models/staging/stg_brand_records.sql",
        "upper(valid_to_days) as valid_before_on",
        "upper(valid_to_days) + 1 as valid_before_on",
        ("stg_brand_records::brands_identity_and_validity",),
    ),
    Mutant(
        14,
        "counts a brand's certificate on the first day without it",
        "models/intermediate/int_brand_validity.sql",
        "known.on_date < known.valid_before_on",
        "known.on_date <= known.valid_before_on",
        ("int_brand_validity::certificates_are_valid_by_date_and_status",),
    ),
    Mutant(
        14,
        "judges a certificate of any day by the status told last",
        "models/intermediate/int_brand_validity.sql",
        "        version.known_from_on <= known.on_date desc,\n",
        "",
        ("int_brand_validity::certificates_are_valid_by_date_and_status",),
    ),
    Mutant(
        14,
        "counts certificates that are suspended",
        "macros/brands.sql",
        "in ('suspended', 'revoked', 'cancelled', 'expired', 'withdrawn')",
        "in ('revoked', 'cancelled', 'expired', 'withdrawn')",
        ("int_brand_validity::certificates_are_valid_by_date_and_status",),
    ),
    Mutant(
        14,
        "counts certificates that are revoked",
        "macros/brands.sql",
        "in ('suspended', 'revoked', 'cancelled', 'expired', 'withdrawn')",
        "in ('suspended', 'expired')",
        ("int_brand_validity::certificates_are_valid_by_date_and_status",),
    ),
    Mutant(
        15,
        "knows a brand by its spelling, so that two lists hold two",
        "models/staging/stg_brand_records.sql",
        "stats.normalize_name(coalesce(brand_name, holder_name)) as brand_key",
        "coalesce(brand_name, holder_name) as brand_key",
        ("stg_brand_records::brands_identity_and_validity",),
    ),
    Mutant(
        15,
        "lets an exit from the list replace the year's entry",
        "models/staging/stg_brand_records.sql",
        """'list_year_number', "coalesce(status_code = 'withdrawn', false)",""",
        "'list_year_number',",
        ("stg_brand_records::brands_identity_and_validity",),
    ),
    Mutant(
        15,
        "adds the lists of all years",
        "models/intermediate/int_brand_standing.sql",
        "where not is_exit and list_year = last_listed_year",
        "where not is_exit",
        ("int_brand_standing::brands_stand_on_the_lists",),
    ),
    Mutant(
        15,
        "takes the sum of the lists for the brands ever listed",
        "models/marts/mart_brand_list.sql",
        "count(*) filter (where is_ever_listed) as cumulative_count",
        "sum(list_count) as cumulative_count",
        ("mart_brand_list::brand_lists_in_three_readings",),
    ),
    Mutant(
        15,
        "counts brands that have left",
        "models/intermediate/int_brand_standing.sql",
        "coalesce(last_exit_year > list_year, false)",
        "false",
        ("int_brand_standing::brands_stand_on_the_lists",),
    ),
    Mutant(
        15,
        "knows a brand by its holder's spelling",
        "models/core/brand_record.sql",
        "partition by holder_key",
        "partition by party_name_key",
        ("brand_record::brands_of_one_holder_are_one",),
    ),
    Mutant(
        16,
        "adds the titles of an enterprise",
        "models/intermediate/int_title_count.sql",
        "case when not measure.is_of_enterprises then title.title_code end as title_code",
        "title.title_code",
        ("int_title_count::titled_enterprises_count_once",),
    ),
    Mutant(
        16,
        "counts titles that the city gives",
        "models/intermediate/int_title_count.sql",
        "            and (measure.min_level_order is null or title.level_order >= measure.min_level_order)\n",
        "",
        ("int_title_count::titled_enterprises_count_once",),
    ),
    Mutant(
        16,
        "adds families in the bridge's last step",
        "models/marts/mart_title_bridge.sql",
        "count(distinct holder_id) filter (where is_counted) as enterprises",
        "count(distinct family_key) filter (where is_counted) as enterprises",
        ("mart_title_bridge::title_bridge_from_rows_to_enterprises",),
    ),
    Mutant(
        16,
        "takes 隐形冠军 for one of the four families",
        "seeds/enterprise_title.csv",
        "hidden_champion,other,",
        "hidden_champion,champion,",
        ("stg_enterprise_titles::titles_spellings_and_levels",),
    ),
    Mutant(
        17,
        "takes two valuers of one brand for one",
        "models/staging/stg_brand_records.sql",
        "'holder_key', 'stats.normalize_name(valuer_text)',",
        "'holder_key',",
        ("stg_brand_records::brands_identity_and_validity",),
    ),
    Mutant(
        17,
        "takes values of the old and the new standard for one method",
        "models/staging/stg_brand_records.sql",
        "else 'GB/T 29188-2022'",
        "else 'GB/T 29188-2012'",
        ("stg_brand_records::brands_values_in_hundred_millions",),
    ),
    Mutant(
        17,
        "adds the values of a parent brand and its products",
        "models/intermediate/int_brand_valuation.sql",
        "not coalesce(ancestry.ancestors && counted.scheme_brands, false) as is_topmost",
        "true as is_topmost",
        ("int_brand_valuation::brand_values_of_one_valuer_and_version",),
    ),
    Mutant(
        17,
        "adds the values of all valuers",
        "macros/brands.sql",
        "where is_headline and is_topmost",
        "where is_topmost",
        ("int_brand_count::brand_values_certificates_and_bases_are_counted",),
    ),
    Mutant(
        17,
        "adds values by both versions of the standard",
        "models/intermediate/int_brand_valuation.sql",
        "counted.definition_valuer_key desc, counted.scheme_count desc,\n            counted.method_version desc, counted",
        "counted.definition_valuer_key desc, counted",
        ("int_brand_valuation::brand_values_of_one_valuer_and_version",),
    ),
    Mutant(
        18,
        "takes an enterprise's district from its code",
        "models/staging/stg_enterprise_registry.sql",
        "{{ stated_division_code('names_city') }} as division_code,",
        "case when identifier_scheme = 'USCC' then substr(identifier, 3, 6)\n"
        "            else {{ stated_division_code('names_city') }} end as division_code,",
        ("stg_enterprise_registry::enterprise_places",),
    ),
    Mutant(
        19,
        "takes all of 莱芜市 for the district 莱芜区",
        "seeds/division_name.csv",
        "莱芜市,370100",
        "莱芜市,370116",
        ("stg_food_spot_checks::food_divisions",),
    ),
    Mutant(
        20,
        "puts a zone into one of the districts that it spans",
        "seeds/division_name.csv",
        "\n高新区,370100",
        "\n高新区,370102",
        ("stg_food_spot_checks::food_divisions",),
    ),
    Mutant(
        20,
        "adds districts and zones to the city's total",
        "models/intermediate/int_summary_cell.sql",
        "2 * (cell.breakdown <> 'division' and not summary.is_whole_city)::integer",
        "0",
        ("int_summary_cell::summaries_are_never_added_twice",),
    ),
    Mutant(
        21,
        "leaves 莱芜 out where it was a city of its own",
        "seeds/division_name.csv",
        "莱芜市,370100,371200,,false\n",
        "",
        ("stg_food_spot_checks::food_zones_are_units_of_their_own",),
    ),
    Mutant(
        22,
        "gives Wald's interval",
        "functions/clopper_pearson.sql",
        "{{ function('clopper_pearson_lower').include(database=false) }}(x, n, alpha / 2),\n"
        "        1 - {{ function('clopper_pearson_lower').include(database=false) }}(n - x, n, alpha / 2)\n",
        "x / n - 1.959963984540054 * sqrt(x * (n - x) / n) / n, x / n + 1.959963984540054 * sqrt(x * (n - x) / n) / n\n",
        ("mart_target_tracking::target_intervals",),
    ),
    Mutant(
        23,
        "shows the score of a division with a few respondents",
        "models/marts/mart_satisfaction.sql",
        "case when scored.respondent_count >= definition.min_n then scored.mean_score end",
        "scored.mean_score",
        ("mart_satisfaction::satisfaction_of_few_is_suppressed",),
    ),
    Mutant(
        19,
        "lets the city of today have been 莱芜市",
        "models/core/bridge_division_succession.sql",
        "where stated.division_code <> '370100' or member.division_code = '370100'\n",
        "",
        ("bridge_division_succession::codes_in_time",),
    ),
    Mutant(
        20,
        "counts a sample of a zone in the zone and in its host",
        "models/intermediate/int_division_cell.sql",
        "('assessment', 'as_is', month.as_is_unit_code),",
        "('assessment', 'as_is', month.as_is_unit_code), ('assessment', 'as_is', month.as_is_division_code),",
        ("int_division_cell::units_sum_to_their_city",),
    ),
    Mutant(
        21,
        "compares a year without 莱芜 with one that has it",
        "models/marts/mart_comparison.sql",
        "count(judged) over of_division > 0 and count(base_judged) over of_division > 0 as is_division_common,",
        "true as is_division_common,",
        ("mart_comparison::comparison_on_equal_scope",),
    ),
    Mutant(
        21,
        "leaves territory that was not of the city in the city as it was",
        "models/core/bridge_division_succession.sql",
        "member.division_code not like '3712%'",
        "true",
        ("bridge_division_succession::codes_in_time",),
    ),
    Mutant(
        23,
        "places 60 of 60 first, whatever chance may do",
        "models/marts/mart_division_scorecard.sql",
        "rank_interval.ranks[2 * unit.place] as rank_high",
        "rank() over (partition by {{ group }} order by unit.passed / unit.judged desc) as rank_high",
        ("mart_division_scorecard::funnel_of_fourteen_units",),
    ),
    Mutant(
        23,
        "lets a small division gain by its small sample",
        "models/marts/mart_district_assessment.sql",
        "case when tau_pp > 0 then shrunk_value else city_value end as scored_value",
        "value as scored_value",
        ("mart_district_assessment::assessment_of_divisions",),
    ),
    Mutant(
        24,
        "reckons with ranks",
        "models/marts/mart_indicator_progress.sql",
        "            when target_kind = 'rank' then 'rank'\n",
        "",
        ("mart_indicator_progress::progress_of_the_worked_examples",),
    ),
    Mutant(
        24,
        "takes the growth of tiny counts and of rates near their ceiling",
        "models/marts/mart_indicator_progress.sql",
        "case when reasoned.target_kind in ('stock', 'sum', 'level') then travelled.eurostat_ratio end",
        "travelled.eurostat_ratio",
        ("mart_indicator_progress::progress_of_the_worked_examples",),
    ),
    Mutant(
        24,
        "puts 0.001 in the place of a baseline of 0",
        "functions/growth_ratio.sql",
        "first_value > 0 and value > 0 and target > 0 and target <> first_value and elapsed > 0 and total > 0\n"
        "        then (power(value / first_value, 1 / elapsed) - 1) / nullif(power(target / first_value, 1 / total) - 1, 0)",
        "elapsed > 0 and total > 0\n"
        "        then (power(value / greatest(first_value, 0.001), 1 / elapsed) - 1)"
        " / nullif(power(target / greatest(first_value, 0.001), 1 / total) - 1, 0)",
        probes=("stats.growth_ratio(0, 3, 8, 1, 2) is null",),
    ),
    Mutant(
        25,
        "colours a miss within the noise red",
        "models/marts/mart_target_tracking.sql",
        "when verdict = 'not_met_not_proven' then 'yellow'",
        "when verdict = 'not_met_not_proven' then 'red'",
        ("mart_target_tracking::target_verdicts_of_proportions",),
    ),
    Mutant(
        25,
        "takes 60 of 60 for a proof",
        "functions/proportion_verdict.sql",
        "(x::float8, n::float8, target) <= alpha::float8 then\n        return 'met_proven';",
        "(x::float8, n::float8, target) <= alpha::float8 or x = n then\n        return 'met_proven';",
        ("mart_target_tracking::target_verdicts_of_proportions",),
        ("stats.proportion_verdict(60, 60, 98, '>=', .025, 30) = 'met_not_proven'",),
    ),
    Mutant(
        25,
        "colours 29 of 29 green",
        "models/marts/mart_target_tracking.sql",
        "when verdict <> 'not_applicable' or is_attained is null then 'grey'",
        "when is_attained is null then 'grey'",
        ("mart_target_tracking::target_verdicts_of_proportions",),
    ),
    Mutant(
        26,
        "judges a past month-end by what is known today",
        "models/intermediate/int_evaluation_point.sql",
        "        month_end.period_end_on as known_at_on,",
        "        {{ known_at() }} as known_at_on,",
        ("int_evaluation_point::evaluation_points_of_history",),
    ),
    Mutant(
        26,
        "lets a sample's last version stand for all before it",
        "models/core/fct_sample.sql",
        "    stated_on as known_from_on,",
        "    min(stated_on) over (partition by sample_id) as known_from_on,",
        ("fct_sample::sample_versions_by_knowledge_time",),
    ),
    Mutant(
        27,
        "lets any letter stand in a code",
        "functions/is_uscc.sql",
        "'^[0-9ANY][0-9]{7}[0-9A-HJ-NP-RTUWXY]{10}$'",
        "'^[0-9A-Z]{18}$'",
        ("stg_food_spot_checks::food_credit_codes", "stg_enterprise_registry::enterprise_identifiers"),
    ),
    Mutant(
        27,
        "forgets that 31 - 0 is 0 again",
        "functions/is_uscc.sql",
        ") % 31 = 0;",
        ") % 31 = 0 and get_byte(value_of, get_byte(bytes, 17)) > 0;",
        probes=("stats.is_uscc('91370100MA3W0023X0')",),
    ),
    Mutant(
        28,
        "reads a renewal as a first award",
        "seeds/title_status_alias.csv",
        "复核通过,recertified",
        "复核通过,recognised",
        ("stg_enterprise_titles::titles_named_beside_the_cells",),
    ),
    Mutant(
        28,
        "pays for a renewal",
        "models/marts/mart_incentive.sql",
        "when first_status in ('renewed', 'continued') or same_earlier_count > 0 then 'renewal'",
        "when same_earlier_count > 0 then 'renewal'",
        ("mart_incentive::incentives_pay_the_first_award_only",),
    ),
    Mutant(
        28,
        "pays for each certificate of an enterprise",
        "models/marts/mart_incentive.sql",
        "            when earlier_count > 0 then 'further_award'\n",
        "",
        ("mart_incentive::incentives_pay_the_first_award_only",),
    ),
    Mutant(
        28,
        "pays for a nomination",
        "models/marts/mart_incentive.sql",
        "            when is_nomination then 'nomination'\n",
        "",
        ("mart_incentive::incentives_pay_the_first_award_only",),
    ),
    Mutant(
        28,
        "pays for what was awarded before the plan",
        "models/marts/mart_incentive.sql",
        "            when awarded_on < rule_from_on then 'before_plan'\n",
        "",
        ("mart_incentive::incentives_pay_the_first_award_only",),
    ),
    Mutant(
        29,
        "dates a ranking by the year that it is of",
        "models/core/fct_indicator_reading.sql",
        "then least(published_on, issued_on)",
        "then least(period_end_on, issued_on)",
        ("fct_indicator_reading::readings_have_versions",),
    ),
    Mutant(
        29,
        "reads what was not yet published",
        "models/intermediate/int_published_value.sql",
        "reading.known_from_on <= point.known_at_on\n"
        "            and (reading.known_before_on is null or reading.known_before_on > point.known_at_on)\n"
        "            and case",
        "reading.known_before_on is null\n            and case",
        ("int_published_value::published_values_by_period_and_knowledge",),
    ),
    Mutant(
        30,
        "takes an unknown attainment for none",
        "models/marts/mart_target_tracking.sql",
        "when at_low.is_attained = at_high.is_attained then at_low.is_attained",
        "else coalesce(at_low.is_attained and at_high.is_attained, false)",
        ("mart_target_tracking::target_published_values_are_judged",),
    ),
    Mutant(
        30,
        "gives no data the verdict of a miss",
        "models/marts/mart_target_tracking.sql",
        "when defined.value is null then 'no_data'",
        "when defined.value is null then 'not_met_proven'",
        ("mart_target_tracking::target_verdicts_of_proportions",),
    ),
    Mutant(
        30,
        "counts a year without an assessment as missed",
        "models/marts/mart_indicator_progress.sql",
        "count(*) filter (where not is_attained) as years_missed",
        "count(*) filter (where is_attained is not true) as years_missed",
        ("mart_indicator_progress::progress_held_and_trends",),
    ),
    Mutant(
        31,
        "draws a line through certificates that lapse by cohorts",
        "models/marts/mart_indicator_progress.sql",
        "reasoned.forecast_method = 'line'",
        "reasoned.forecast_method is not null",
        ("mart_indicator_progress::progress_forecasts",),
    ),
    Mutant(
        31,
        "forgets the cohort that has lapsed and waits for the batch",
        "models/marts/mart_title_cohort.sql",
        "(expiring_count + lapsed_count)::float8, coalesce(",
        "expiring_count::float8, coalesce(",
        ("mart_title_cohort::high_tech_cohorts_at_the_deadline",),
    ),
    Mutant(
        31,
        "compares with years before as they are known by now",
        "models/marts/mart_title_cohort.sql",
        "greatest(back.from_on + (point.known_at_on - point.value_on), make_date(year, 1, 31))",
        "point.known_at_on",
        ("mart_title_cohort::high_tech_cohorts_at_the_deadline",),
    ),
    Mutant(
        31,
        "renews every certificate",
        "functions/cohort_forecast.sql",
        "staying + expiring * renewal_rate + arriving,",
        "staying + expiring + arriving,",
        probes=("(stats.cohort_forecast(2500, 1000, .7, 900))[1] = 4100",),
    ),
    Mutant(
        32,
        "judges every day by the latest definition",
        "macros/definitions.sql",
        "({{ definition }}.in_force_from_on is null or {{ definition }}.in_force_from_on <= {{ known_at }})\n"
        "    and ({{ definition }}.valid_before_on is null or {{ definition }}.valid_before_on > {{ known_at }})",
        "{{ definition }}.valid_before_on is null",
        ("mart_target_tracking::target_versions_judge_from_their_day",),
    ),
    Mutant(
        32,
        "lets a definition's first version run on beside the second",
        "models/core/dim_indicator.sql",
        "lead(valid_from_on) over versions as valid_before_on",
        "null::date as valid_before_on",
        ("dim_indicator::definitions_follow_each_other",),
    ),
]


def rounds() -> list[list[Mutant]]:
    """Mutants that are switched on together. A unit test reads one model and mocks the others, so that mutants of
    different models share a round; what many models use has a round of its own."""
    shared: dict[int, list[Mutant]] = defaultdict(list)
    alone = []
    of_model: Counter[str] = Counter()
    for mutant in MUTANTS:
        if mutant.file.startswith("models/"):
            shared[of_model[mutant.file]].append(mutant)
            of_model[mutant.file] += 1
        else:
            alone.append([mutant])
    return [*shared.values(), *alone]


class Copy:
    """A copy of the project in which mutants are switched on, and its database."""

    def __init__(self, directory: Path) -> None:
        self.project = directory / "project"
        self.target = directory / "target"
        shutil.copytree(dbt.DBT_PROJECT, self.project, ignore=shutil.ignore_patterns("target", "logs"))
        self._found: dict[Mutant, dict[str, str]] = {}
        self._stale: set[str] = set()

    def found(self, mutant: Mutant) -> dict[str, str]:
        """What its guards and probes say while it is switched on, in the round that it is of."""
        if mutant not in self._found:
            (together,) = (together for together in rounds() if mutant in together)
            self._switch_on(together)
        return self._found[mutant]

    def ask(self, mutants: list[Mutant]) -> dict[Mutant, dict[str, str]]:
        """pass, fail or error of their guards and probes, of the project as it stands."""
        names = sorted({guard.split("::")[1] for mutant in mutants for guard in mutant.guards})
        ran = run_unit_tests(*names, project=self.project, target=self.target) if names else {}
        with connect() as connection:
            probes = {
                probe: "pass" if connection.execute(f"select {probe}").fetchone() == (True,) else "fail"
                for mutant in mutants
                for probe in mutant.probes
            }
        return {
            mutant: {guard: ran[guard][0] for guard in mutant.guards}
            | {probe: probes[probe] for probe in mutant.probes}
            for mutant in mutants
        }

    def _switch_on(self, mutants: list[Mutant]) -> None:
        before = {mutant.file: (self.project / mutant.file).read_text(encoding="utf-8") for mutant in mutants}
        try:
            for mutant in mutants:
                text = before[mutant.file].replace(mutant.old, mutant.new)
                (self.project / mutant.file).write_text(text, encoding="utf-8")
            built = {mutant.built for mutant in mutants if mutant.built}
            self._make(self._stale | built)
            self._stale = built
            self._found |= self.ask(mutants)
        finally:
            for file, text in before.items():
                (self.project / file).write_text(text, encoding="utf-8")

    def _make(self, nodes: set[str]) -> None:
        """Seeds and functions anew, those of the round before as they were."""
        if nodes:
            # fmt: off
            made = invoke(
                "build", "--select", *sorted(nodes), "--exclude-resource-type", "test", "unit_test",
                project=self.project, target=self.target,
            )
            # fmt: on
            assert [str(result.status) for result in made] == ["success"] * len(nodes)


@pytest.fixture(scope="module")
def copy(warehouse_server: WarehouseServer) -> Iterator[Copy]:
    """In it, as it is, every guard passes and every probe holds."""
    directory = new_directory("naive")
    made = Copy(directory)
    with in_use(warehouse_server.new_database("naive"), directory):
        build_for_unit_tests(made.project, made.target)
        assert [found for found in made.ask(MUTANTS).values() if set(found.values()) != {"pass"}] == []
        yield made


def test_no_error_is_forgotten() -> None:
    assert sorted({mutant.number for mutant in MUTANTS}) == list(range(1, 33))


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{mutant.number}-{mutant.does}" for mutant in MUTANTS])
def test_is_noticed(copy: Copy, mutant: Mutant) -> None:
    text = (dbt.DBT_PROJECT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: where is its rule now?"
    found = copy.found(mutant)
    assert set(found.values()) <= {"pass", "fail"}, found
    assert "fail" in found.values(), f"nobody notices what {mutant.does}"


def test_guards_of_a_round_are_apart() -> None:
    """A guard that fails is of the mutant that is switched on in its own model."""
    astray = [
        (mutant.file, guard)
        for mutant in MUTANTS
        for guard in mutant.guards
        if mutant.file.startswith("models/") and guard.split("::")[0] != Path(mutant.file).stem
    ]
    assert astray == []
