"""The functions of schema `stats` against oracles that share no code with them: scipy, python-stdnum, and the
worked examples of the domain study, whose numbers stand here."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_10

from baotu.periods import parse_period

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]

# Sanctioned examples: public register entries of companies, and python-stdnum's own.
VALID_CODES = [
    "914403001922038216",
    "91370000706266601D",
    "9144030071526726XG",
    "91370200264574251E",
    "913700007456765902",
    "91110000600037341L",
]

# x, n, target %, Wilson 95 %, Clopper-Pearson 95 % (percent, four places), P(F<=f), P(F>=f), verdict
WORKED = {
    "W1": (1482, 1500, 98, (98.1111, 99.2396), (98.1101, 99.2873), 0.01226, 0.99317, "met_proven"),
    "W2": (1178, 1200, 98, (97.2397, 98.7862), (97.2374, 98.8476), 0.39012, 0.68824, "met_not_proven"),
    "W3": (60, 60, 98, (93.9828, 100), (94.0371, 100), 0.29755, 1, "met_not_proven"),
    "W4": (752, 800, 96, (92.1346, 95.4449), (92.1233, 95.5433), 0.99744, 0.00413, "not_met_proven"),
    "W5": (86, 100, 98, (77.8628, 91.4737), (77.6272, 92.1295), 1, 0.0, "not_met_proven"),
    "W6": (16294, 16641, 98, (97.6864, 98.1211), (97.6861, 98.1265), 0.79272, 0.22325, "not_met_not_proven"),
    "W7": (295, 300, 97, (96.1585, 99.2861), (96.1536, 99.4567), 0.11202, 0.94757, "met_not_proven"),
}

# What hypothesis needs to live with a session's database.
PROPERTY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def one(connection: psycopg.Connection, function: str, *arguments: object) -> object:
    """stats.<function>(arguments), each argument cast to what the function declares."""
    types = connection.execute(
        "select array(select format_type(t, null) from unnest(proargtypes) with ordinality as a(t, i) order by i)"
        " from pg_proc where pronamespace = 'stats'::regnamespace and proname = %s",
        [function],
    ).fetchone()[0]
    call = ", ".join(f"%s::{t}" for t in types)
    return connection.execute(f"select stats.{function}({call})", arguments).fetchone()[0]


def column(connection: psycopg.Connection, function: str, *columns: object) -> np.ndarray:
    """stats.<function> of float8 columns, row by row, in one query."""
    names = [f"c{i}" for i in range(len(columns))]
    rows = connection.execute(
        f"select stats.{function}({', '.join(names)})"
        f" from unnest({', '.join('%s::float8[]' for _ in names)}) with ordinality as t({', '.join(names)}, i)"
        " order by i",
        [np.asarray(c, dtype=float).tolist() for c in columns],
    ).fetchall()
    return np.array([r[0] for r in rows], dtype=float)


# --- as declared ------------------------------------------------------------------------------------------------


def test_every_function_is_immutable_and_parallel_safe(stats_functions):
    """Else a scan that calls it runs on one core, and it may stand in no index."""
    rows = stats_functions.execute(
        "select proname, provolatile::text, proparallel::text from pg_proc where pronamespace = 'stats'::regnamespace"
    ).fetchall()
    assert len(rows) >= 23
    assert [r for r in rows if r[1:] != ("i", "s")] == []


@pytest.mark.parametrize(
    ("name", "signature", "returns", "strict"),
    [
        (
            "incomplete_beta",
            "x double precision, a double precision, b double precision",
            "double precision",
            True,
        ),
        (
            "binomial_upper_tail",
            "k double precision, n double precision, p double precision",
            "double precision",
            True,
        ),
        (
            "binomial_lower_tail",
            "k double precision, n double precision, p double precision",
            "double precision",
            True,
        ),
        (
            "clopper_pearson",
            "x double precision, n double precision, alpha double precision",
            "double precision[]",
            True,
        ),
        (
            "wilson",
            "x double precision, n double precision, alpha double precision",
            "double precision[]",
            True,
        ),
        ("normal_cdf", "z double precision", "double precision", True),
        ("normal_quantile", "p double precision", "double precision", True),
        ("student_t_cdf", "t double precision, df double precision", "double precision", True),
        ("student_t_quantile", "p double precision, df double precision", "double precision", True),
        (
            "proportion_verdict",
            "x numeric, n numeric, target_pct numeric, operator text, alpha numeric, min_n integer",
            "text",
            False,
        ),
        (
            "mean_verdict",
            (
                "mean numeric, se numeric, df numeric, target numeric, operator text, alpha numeric, n integer,"
                " min_n integer"
            ),
            "text",
            False,
        ),
        ("normalize_uscc", "code text", "text", True),
        ("is_uscc", "code text", "boolean", True),
        ("clean_text", "value text", "text", True),
        ("parse_date", "value text", "date", True),
        ("parse_number", "value text", "numeric", True),
        (
            "weighted_share_is_attained",
            "weights numeric[], conforming numeric[], counted numeric[], target_pct numeric, operator text",
            "boolean",
            True,
        ),
        ("parse_period", "value text", "daterange", True),
        ("parse_date_since", "value text, first_year integer", "date", True),
        ("is_organisation_code", "code text", "boolean", True),
        ("is_registration_no", "code text", "boolean", True),
        ("normalize_name", "value text", "text", True),
    ],
)
def test_the_contract(stats_functions, name, signature, returns, strict):
    assert stats_functions.execute(
        "select pg_get_function_arguments(oid), pg_get_function_result(oid), proisstrict from pg_proc"
        " where pronamespace = 'stats'::regnamespace and proname = %s",
        [name],
    ).fetchall() == [(signature, returns, strict)]


def test_bodies_hold_no_database_name(stats_functions):
    """A dump restored under another name must still work."""
    assert (
        stats_functions.execute(
            "select proname from pg_proc where pronamespace = 'stats'::regnamespace"
            " and prosrc like '%%' || current_database() || '%%stats%%.%%'"
        ).fetchall()
        == []
    )


# --- distributions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [30, 1_000, 100_000])
def test_binomial_tails(stats_functions, largest):
    rng = np.random.default_rng(largest)
    n = rng.integers(1, largest + 1, 2_000)
    p = rng.choice([0.5, 0.88, 0.96, 0.97, 0.98, 0.999, 1e-5], 2_000)
    k = np.round(np.clip(rng.binomial(n, p) + 3 * rng.normal(size=2_000) * np.sqrt(n * p * (1 - p)), 0, n))
    upper = column(stats_functions, "binomial_upper_tail", k, n, p)
    lower = column(stats_functions, "binomial_lower_tail", k, n, p)
    assert np.max(np.abs(upper - stats.binom.sf(k - 1, n, p))) < 1e-12
    assert np.max(np.abs(lower - stats.binom.cdf(k, n, p))) < 1e-12
    # Small tails are right in their own digits too, not only as differences from 1.
    for got, want in ((upper, stats.binom.sf(k - 1, n, p)), (lower, stats.binom.cdf(k, n, p))):
        small = (want < 1e-6) & (want > 1e-250)
        assert small.any()
        assert np.max(np.abs(got[small] / want[small] - 1)) < 1e-10


def test_binomial_tails_against_exact_sums(stats_functions):
    """scipy itself by whole-number arithmetic: p = 49/50, n = 40."""
    from fractions import Fraction
    from math import comb

    p = Fraction(49, 50)
    mass = [comb(40, i) * p**i * (1 - p) ** (40 - i) for i in range(41)]
    for k in range(41):
        assert one(stats_functions, "binomial_upper_tail", k, 40, 0.98) == pytest.approx(
            float(sum(mass[k:])), rel=1e-12, abs=0
        )
        assert one(stats_functions, "binomial_lower_tail", k, 40, 0.98) == pytest.approx(
            float(sum(mass[: k + 1])), rel=1e-12, abs=0
        )


@pytest.mark.parametrize(
    ("k", "n", "p", "upper", "lower"),
    [
        (0, 10, 0.5, 1, 0.5**10),
        (10, 10, 0.5, 0.5**10, 1),
        (-1, 10, 0.5, 1, 0),
        (11, 10, 0.5, 0, 1),
        (0, 10, 0, 1, 1),
        (1, 10, 0, 0, 1),
        (10, 10, 1, 1, 1),
        (9, 10, 1, 1, 0),
        (0, 0, 0.5, 1, 1),
        (0, 100_000, 0.98, 1, 0),  # .02 ** 100000 underflows
    ],
)
def test_binomial_tails_at_the_ends(stats_functions, k, n, p, upper, lower):
    assert one(stats_functions, "binomial_upper_tail", k, n, p) == pytest.approx(upper, rel=1e-13)
    assert one(stats_functions, "binomial_lower_tail", k, n, p) == pytest.approx(lower, rel=1e-13)


@pytest.mark.parametrize("bad", [(1, 10, -0.1), (1, 10, 1.1), (1, 10, "NaN"), ("NaN", 10, 0.5), (1, "NaN", 0.5)])
def test_binomial_tails_of_nonsense_are_not_a_number(stats_functions, bad):
    assert np.isnan(one(stats_functions, "binomial_upper_tail", *bad))
    assert np.isnan(one(stats_functions, "binomial_lower_tail", *bad))


def test_incomplete_beta_with_fractional_parameters(stats_functions):
    rng = np.random.default_rng(7)
    a, b = 10 ** rng.uniform(-2, 5, (2, 3_000))
    near = rng.beta(a, b) + rng.normal(size=3_000) * np.sqrt(a * b / (a + b + 1)) / (a + b)
    x = np.where(rng.random(3_000) < 0.7, np.clip(near, 1e-200, 1 - 1e-16), rng.random(3_000))
    got = column(stats_functions, "incomplete_beta", x, a, b)
    assert np.max(np.abs(got - special.betainc(a, b, x))) < 1e-12


def test_incomplete_beta_tiny_parameters(stats_functions):
    """Where the continued fraction cancels or stalls and the power series must take over."""
    rng = np.random.default_rng(8)
    a, b = 10 ** rng.uniform(-45, 4, (2, 3_000))
    x = np.where(rng.random(3_000) < 0.5, 10 ** rng.uniform(-290, 0, 3_000), 1 - 10 ** rng.uniform(-15, 0, 3_000))
    got = column(stats_functions, "incomplete_beta", x, a, b)
    assert np.max(np.abs(got - special.betainc(a, b, x))) < 1e-12


def test_nothing_aborts_by_underflow_or_overflow(stats_functions):
    """PostgreSQL raises an error where IEEE gives 0 or infinity; one row would end a whole build."""
    stats_functions.execute(
        "select stats.incomplete_beta(x, a, b) from"
        " unnest('{0,5e-324,1e-320,1e-300,1e-200,1e-160,0.5,0.9999999999999999,1,NaN,-1,2}'::float8[]) x,"
        " unnest('{0,5e-324,1e-40,0.5,1,1e5,1e12,2e12,1e15,Infinity,NaN,-1}'::float8[]) a,"
        " unnest('{0,5e-324,1e-40,0.5,1,1e5,1e12,2e12,1e15,Infinity,NaN,-1}'::float8[]) b"
    ).fetchall()
    stats_functions.execute(
        "select stats.binomial_upper_tail(k, n, p), stats.binomial_lower_tail(k, n, p),"
        "  stats.clopper_pearson(k, n, p), stats.wilson(k, n, p), stats.student_t_cdf(k, n),"
        "  stats.student_t_quantile(p, n), stats.normal_cdf(k), stats.normal_quantile(p) from"
        " unnest('{-Infinity,-1e300,-40,-38,-37.6,0,5e-324,1e-20,0.3,1,99999,1e5,1e300,Infinity,NaN}'::float8[]) k,"
        " unnest('{0,5e-324,0.5,1,1e5,1e9,1e12,1e300,Infinity,NaN}'::float8[]) n,"
        " unnest('{0,5e-324,1e-300,1e-12,0.02,0.5,0.98,0.9999999999999999,1,NaN}'::float8[]) p"
    ).fetchall()


def test_normal(stats_functions):
    z = np.linspace(-37, 9, 4_001)
    cdf = column(stats_functions, "normal_cdf", z)
    assert np.max(np.abs(cdf - stats.norm.cdf(z))) < 1e-15
    assert np.max(np.abs(cdf / stats.norm.cdf(z) - 1)) < 1e-12
    p = np.concatenate([np.linspace(0.0005, 0.9995, 2_000), 10.0 ** np.linspace(-300, -3, 500)])
    quantile = column(stats_functions, "normal_quantile", p)
    assert np.allclose(quantile, stats.norm.ppf(p), rtol=2e-15, atol=2e-15)
    assert one(stats_functions, "normal_quantile", 0.975) == pytest.approx(1.959963984540054, rel=1e-15)
    assert one(stats_functions, "normal_quantile", 0.999) == pytest.approx(3.090232306167813, rel=1e-15)
    assert column(stats_functions, "normal_quantile", [0, 1]).tolist() == [-np.inf, np.inf]
    assert column(stats_functions, "normal_cdf", [-np.inf, np.inf]).tolist() == [0, 1]


def test_student_t(stats_functions):
    rng = np.random.default_rng(9)
    df = np.concatenate([np.arange(1, 201), 10 ** rng.uniform(0, 6, 1_800)])
    t = rng.normal(0, 4, 2_000)
    assert np.max(np.abs(column(stats_functions, "student_t_cdf", t, df) - stats.t.cdf(t, df))) < 1e-12
    p = np.where(rng.random(2_000) < 0.5, rng.uniform(0, 1, 2_000), 10 ** rng.uniform(-10, -1, 2_000))
    quantile = column(stats_functions, "student_t_quantile", p, df)
    assert np.allclose(quantile, stats.t.ppf(p, df), rtol=1e-10, atol=1e-10)
    # Closed forms: one degree of freedom is Cauchy's, two are algebraic.
    assert one(stats_functions, "student_t_quantile", 0.975, 1) == pytest.approx(np.tan(0.475 * np.pi), rel=1e-12)
    assert one(stats_functions, "student_t_quantile", 0.975, 2) == pytest.approx(
        0.95 * np.sqrt(2 / (1 - 0.95**2)), rel=1e-12
    )
    # Without limit it is the normal distribution.
    assert one(stats_functions, "student_t_cdf", -1.5, "Infinity") == pytest.approx(stats.norm.cdf(-1.5), rel=1e-14)
    assert one(stats_functions, "student_t_cdf", 0, 3) == 0.5
    assert np.isnan(one(stats_functions, "student_t_cdf", 1, 0))


# --- intervals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", WORKED)
def test_worked_intervals_and_tails(stats_functions, case):
    x, n, target, wilson, exact, p_met, p_not_met, _ = WORKED[case]
    assert np.round(100 * np.array(one(stats_functions, "wilson", x, n, 0.05)), 4).tolist() == list(wilson)
    assert np.round(100 * np.array(one(stats_functions, "clopper_pearson", x, n, 0.05)), 4).tolist() == list(exact)
    # In failures, as the study states them: F <= f is X >= x.
    assert one(stats_functions, "binomial_upper_tail", x, n, target / 100) == pytest.approx(p_met, abs=5e-6)
    assert one(stats_functions, "binomial_lower_tail", x, n, target / 100) == pytest.approx(p_not_met, abs=5e-6)


def test_clopper_pearson_against_scipy(stats_functions):
    rng = np.random.default_rng(10)
    n = rng.choice([1, 5, 30, 183, 1_500, 20_000, 100_000], 800)
    x = np.clip(np.floor(rng.random(800) ** 0.03 * (n + 1)), 0, n)
    x = np.where(rng.random(800) < 0.3, np.maximum(x * rng.random(800), np.minimum(x, 0.2)), x)  # fractional ones
    alpha = rng.choice([0.05, 0.002, 0.2], 800)
    got = column(stats_functions, "clopper_pearson", x, n, alpha)
    low = np.where(x == 0, 0, stats.beta.ppf(alpha / 2, np.maximum(x, 1e-3), n - x + 1))
    high = np.where(x == n, 1, stats.beta.ppf(1 - alpha / 2, x + 1, np.maximum(n - x, 1e-3)))
    assert np.max(np.abs(got[:, 0] - low)) < 1e-12
    assert np.max(np.abs(got[:, 1] - high)) < 1e-12


def test_wilson_against_its_definition(stats_functions):
    """Its ends are where |p_hat - p| / sqrt(p(1-p)/n) = z."""
    x, n = np.array([1.0, 50, 98.5, 1_482]), np.array([30.0, 100, 100, 1_500])
    ends = column(stats_functions, "wilson", x, n, np.full(4, 0.05))
    for p in ends.T:
        assert np.allclose(np.abs(x / n - p) / np.sqrt(p * (1 - p) / n), 1.959963984540054, rtol=1e-9)


@pytest.mark.parametrize("function", ["clopper_pearson", "wilson"])
def test_interval_ends(stats_functions, function):
    assert one(stats_functions, function, 0, 60, 0.05)[0] == 0
    assert one(stats_functions, function, 60, 60, 0.05)[1] == 1
    assert one(stats_functions, function, 60, 60, 0.05)[0] < 0.95  # Wald's [100, 100] is the classic failure
    for nonsense in ((1, 0, 0.05), (-1, 10, 0.05), (11, 10, 0.05), (1, 10, 0), (1, 10, 1), ("NaN", 10, 0.05)):
        assert one(stats_functions, function, *nonsense) is None


# --- verdicts -----------------------------------------------------------------------------------------------------


def verdict(connection, x, n, target, operator=">=", alpha="0.025", min_n=30):
    """stats.proportion_verdict with the catalogue's usual definition."""
    return one(connection, "proportion_verdict", x, n, target, operator, alpha, min_n)


@pytest.mark.parametrize("case", WORKED)
def test_worked_verdicts(stats_functions, case):
    x, n, target, *_, expected = WORKED[case]
    assert verdict(stats_functions, x, n, target) == expected


@pytest.mark.parametrize(("target", "n"), [(88, 29), (96, 91), (97, 122), (98, 183)])
def test_smallest_sample_that_can_prove(stats_functions, target, n):
    assert verdict(stats_functions, n, n, target, min_n=1) == "met_proven"
    assert verdict(stats_functions, n - 1, n - 1, target, min_n=1) == "met_not_proven"


def test_exact_tail_and_not_wilson_decides(stats_functions):
    """185 of 185 prove 98 % although Wilson's lower end is 97.966."""
    assert verdict(stats_functions, 185, 185, 98) == "met_proven"
    assert one(stats_functions, "wilson", 185, 185, 0.05)[0] == pytest.approx(0.97966, abs=5e-6)


@pytest.mark.parametrize(
    ("x", "n", "target", "operator", "min_n", "expected"),
    [
        (0, 0, 98, ">=", 30, "no_data"),
        (None, None, 98, ">=", 30, "no_data"),
        (None, 100, 98, ">=", 30, "no_data"),
        (29, 29, 98, ">=", 30, "insufficient_sample"),
        (0, 29, 98, ">=", 30, "insufficient_sample"),
        ("29.99", "29.99", 98, ">=", 30, "insufficient_sample"),
        (30, 30, 98, ">=", 30, "met_not_proven"),
        (29, 29, 98, ">=", None, "met_not_proven"),
        (98, 100, 98, ">=", 30, "met_not_proven"),  # exactly at the target: attained by >=
        (98, 100, 98, ">", 30, "not_met_not_proven"),  # and not by >
        (97, 100, 98, ">=", 30, "not_met_not_proven"),
        # 97.95 % of 1,999,999 would be 1,958,999.02: half a sample decides, a rounded rate would not
        (1_958_999, 1_999_999, "97.95", ">=", 30, "not_met_not_proven"),
        (1_959_000, 1_999_999, "97.95", ">=", 30, "met_not_proven"),
        ("1080.604", "1102.657142857142857142857142857", 98, ">=", 30, "met_not_proven"),  # fractional
        (60, 60, 100, ">=", 30, "met_not_proven"),  # 100 % can be attained, never proven
        (59, 60, 100, ">=", 30, "not_met_proven"),
        (0, 60, 0, ">=", 30, "met_not_proven"),
        (1, 60, 0, ">=", 30, "met_proven"),
        (98, 100, None, ">=", 30, "not_assessable"),
        (101, 100, 98, ">=", 30, "not_assessable"),
        (-1, 100, 98, ">=", 30, "not_assessable"),
        ("NaN", 100, 98, ">=", 30, "not_assessable"),
        (50, "NaN", 98, ">=", 30, "not_assessable"),
    ],
)
def test_verdict_cases(stats_functions, x, n, target, operator, min_n, expected):
    assert verdict(stats_functions, x, n, target, operator, min_n=min_n) == expected


def test_attainment_is_decided_in_numeric(stats_functions):
    """.15*97/100 + .70*196/200 + .15*396/400 is exactly .98; in float8 it is not."""
    weighted = Decimal(".15") * 97 / 100 + Decimal(".70") * 196 / 200 + Decimal(".15") * 396 / 400
    assert weighted == Decimal(".98")
    assert 0.15 * 97 / 100 + 0.70 * 196 / 200 + 0.15 * 396 / 400 != 0.98
    n = Decimal(700)
    assert verdict(stats_functions, weighted * n, n, 98) == "met_not_proven"
    assert verdict(stats_functions, weighted * n - Decimal("1e-20"), n, 98) == "not_met_not_proven"


@pytest.mark.parametrize(
    "bad",
    [{"operator": "<"}, {"operator": None}, {"alpha": 0}, {"alpha": "0.5"}, {"alpha": None}, {"target": 980}],
)
def test_a_wrong_definition_is_an_error(stats_functions, bad):
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        verdict(stats_functions, 95, 100, **({"target": 98} | bad))


def expected_verdict(x: int, n: int, target: int) -> str:
    """The rule of the study, in failures, by scipy."""
    f, q = n - x, (100 - target) / 100
    if n < 30:
        return "insufficient_sample"
    if stats.binom.cdf(f, n, q) <= 0.025:
        return "met_proven"
    if stats.binom.sf(f - 1, n, q) <= 0.025:
        return "not_met_proven"
    return "met_not_proven" if 100 * x >= target * n else "not_met_not_proven"


@pytest.mark.parametrize("target", [88, 96, 97, 98])
def test_verdicts_of_all_small_samples(stats_functions, target):
    rows = stats_functions.execute(
        "select x, n, stats.proportion_verdict(x, n, %s, '>=', .025, 30)"
        " from generate_series(29, 250, 13) n, generate_series(0, n) x",
        [target],
    ).fetchall()
    assert {r[2] for r in rows} >= {
        "met_not_proven",
        "not_met_not_proven",
        "not_met_proven",
        "insufficient_sample",
    }
    assert [r for r in rows if r[2] != expected_verdict(int(r[0]), int(r[1]), target)] == []


@PROPERTY
@given(
    n=st.decimals(30, 3_000, places=3),
    share=st.decimals(Decimal("0.8"), 1, places=4),
    target=st.sampled_from([88, 96, 97, 98]),
)
@example(n=Decimal(185), share=Decimal(1), target=98)
def test_verdict_and_shown_interval_agree(stats_functions, n, share, target):
    """The page shows Clopper-Pearson beside the verdict: they may never contradict each other."""
    x = n * share
    low, high = one(stats_functions, "clopper_pearson", x, n, 0.05)
    if min(abs(low - target / 100), abs(high - target / 100)) < 1e-12:
        return
    proven = {"met_proven": low > target / 100, "not_met_proven": high < target / 100}
    found = verdict(stats_functions, x, n, target)
    assert {name for name, holds in proven.items() if holds} == ({found} & proven.keys())


def mean_verdict(connection, mean, se, df=None, target=88, operator=">=", alpha="0.025", n=1_000, min_n=100):
    """stats.mean_verdict with I07's definition."""
    return one(connection, "mean_verdict", mean, se, df, target, operator, alpha, n, min_n)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # C2: mean 87.875, sd .7213 * 25 over 1,000 answers: [86.757, 88.993] holds 88; x*20 gives [89.406, 91.194]
        ({"mean": "87.875", "se": "0.5702"}, "not_met_not_proven"),
        ({"mean": "90.300", "se": "0.4562"}, "met_proven"),
        # C3: four industries, weighted
        ({"mean": "87.870", "se": "0.489"}, "not_met_not_proven"),
        ({"mean": "88.525", "se": "0.489"}, "met_not_proven"),
        ({"mean": 86, "se": "0.5"}, "not_met_proven"),
        # exactly at the target
        ({"mean": 88, "se": "0.5"}, "met_not_proven"),
        ({"mean": 88, "se": "0.5", "operator": ">"}, "not_met_not_proven"),
        # 2.1 standard errors: enough for the normal, not for t with ten degrees of freedom (2.228)
        ({"mean": "89.05", "se": "0.5"}, "met_proven"),
        ({"mean": "89.05", "se": "0.5", "df": 10}, "met_not_proven"),
        ({"mean": "86.95", "se": "0.5"}, "not_met_proven"),
        ({"mean": "86.95", "se": "0.5", "df": 10}, "not_met_not_proven"),
        ({"mean": "89.15", "se": "0.5", "df": "10.4"}, "met_proven"),
        # no variance is no proof, and no error
        ({"mean": 100, "se": 0}, "met_not_proven"),
        ({"mean": 80, "se": 0}, "not_met_not_proven"),
        ({"mean": 90, "se": None}, "insufficient_sample"),
        ({"mean": 90, "se": "0.5", "df": 0}, "insufficient_sample"),
        ({"mean": 90, "se": "0.5", "n": 99}, "insufficient_sample"),
        ({"mean": 90, "se": "0.5", "n": 99, "min_n": None}, "met_proven"),
        ({"mean": None, "se": "0.5"}, "no_data"),
        ({"mean": 90, "se": "0.5", "n": 0}, "no_data"),
        ({"mean": 90, "se": "0.5", "n": None}, "no_data"),
        ({"mean": 90, "se": "0.5", "target": None}, "not_assessable"),
        ({"mean": "NaN", "se": "0.5"}, "not_assessable"),
        ({"mean": 90, "se": "NaN"}, "not_assessable"),
        ({"mean": 90, "se": "-0.5"}, "not_assessable"),
        # quotients that float8 cannot hold
        ({"mean": 90, "se": "1e-400"}, "met_proven"),
        ({"mean": 80, "se": "1e-400", "df": 1_000}, "not_met_proven"),
        ({"mean": 80, "se": "1e300"}, "not_met_not_proven"),
        ({"mean": "88.0000000000000000000000000000000001", "se": "1e300"}, "met_not_proven"),
    ],
)
def test_mean_verdicts(stats_functions, arguments, expected):
    assert mean_verdict(stats_functions, **arguments) == expected


def test_mean_verdicts_against_scipy(stats_functions):
    rng = np.random.default_rng(11)
    for _ in range(300):
        mean, se = round(rng.normal(88, 1.5), 3), round(rng.uniform(0.2, 1), 3)
        df = None if rng.random() < 0.5 else int(rng.integers(1, 60))
        distribution = stats.norm if df is None else stats.t(df)
        if distribution.sf((mean - 88) / se) <= 0.025:
            expected = "met_proven"
        elif distribution.cdf((mean - 88) / se) <= 0.025:
            expected = "not_met_proven"
        else:
            expected = "met_not_proven" if mean >= 88 else "not_met_not_proven"
        assert mean_verdict(stats_functions, str(mean), str(se), df) == expected


@pytest.mark.parametrize("bad", [{"operator": "="}, {"operator": None}, {"alpha": "0.95"}, {"alpha": None}])
def test_a_wrong_definition_of_a_mean_is_an_error(stats_functions, bad):
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        mean_verdict(stats_functions, 90, 1, **bad)


# --- unified social credit codes ----------------------------------------------------------------------------------


def check_character(body: str) -> str:
    """GB 32100-2015, from the standard's formula."""
    return ALPHABET[(31 - sum(ALPHABET.index(c) * w for c, w in zip(body, WEIGHTS, strict=True)) % 31) % 31]


def are_uscc(connection, codes: list[str]) -> list[bool]:
    """stats.is_uscc of each code, in one query."""
    rows = connection.execute(
        "select stats.is_uscc(c) from unnest(%s::text[]) with ordinality as t(c, i) order by i", [codes]
    )
    return [r[0] for r in rows.fetchall()]


def test_real_codes(stats_functions):
    assert are_uscc(stats_functions, VALID_CODES) == [True] * len(VALID_CODES)
    assert one(stats_functions, "is_uscc", None) is None


def test_random_codes_against_stdnum(stats_functions):
    rng = np.random.default_rng(12)
    codes = []
    for _ in range(4_000):
        body = "".join(rng.choice(list("0123456789"), 8)) + "".join(rng.choice(list(ALPHABET), 9))
        codes.append(body + (check_character(body) if rng.random() < 0.5 else rng.choice(list(ALPHABET))))
    expected = [uscc.is_valid(c) for c in codes]
    assert 1_500 < sum(expected) < 3_000
    assert are_uscc(stats_functions, codes) == expected
    # every final check character occurred, so no value of the table went untried
    assert {c[-1] for c, good in zip(codes, expected, strict=True) if good} == set(ALPHABET)


@pytest.mark.parametrize("code", VALID_CODES)
def test_every_slip_of_one_character_is_found(stats_functions, code):
    """All substitutions by any ASCII letter or digit, all transpositions of neighbours."""
    slips = [code[:i] + c + code[i + 1 :] for i in range(18) for c in ALPHABET + "IOSVZ" if c != code[i]]
    slips += [code[:i] + code[i + 1] + code[i] + code[i + 2 :] for i in range(17) if code[i] != code[i + 1]]
    assert are_uscc(stats_functions, slips) == [False] * len(slips)


def test_letters_outside_the_alphabet(stats_functions):
    """I, O, S, V, Z never, even where a contiguous alphabet (A=10 ... Z=35) would compute a fitting check."""
    contiguous = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = []
    for letter in "IOSVZ":
        for check in contiguous:
            codes += [f"91370000{letter}06266601{check}", f"91370000706266{letter}01{check}"]
    assert not any(are_uscc(stats_functions, codes))


def test_departments_with_letters(stats_functions):
    """A, N (rural collectives) and Y lead real codes, which python-stdnum refuses; the other letters do not."""
    for first in ALPHABET:
        body = first + "2370112MF123456"
        body += "7" * (17 - len(body))
        assert one(stats_functions, "is_uscc", body + check_character(body)) == (first in "0123456789ANY")


@pytest.mark.parametrize(
    "code",
    ["", " ", "9137000070626660", "91370000706266601D ", "91370000706266601D\n", "91370000706266601d", "x" * 10_000,
     "９１３７００００７０６２６６６０１Ｄ", "91370000706266601\\", "9137000070626660中1"],
)  # fmt: skip
def test_what_is_no_normalised_code(stats_functions, code):
    assert one(stats_functions, "is_uscc", code) is False


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("91370000706266601D", "91370000706266601D"),
        (" 91370000706266601d\n", "91370000706266601D"),
        ("９１３７００００７０６２６６６０１ｄ", "91370000706266601D"),
        ("9137 0000 7062\u30006660\u00a01D", "91370000706266601D"),
        ("\ufeff91370000706266601D\u200b", "91370000706266601D"),
        ("9137OOOO7O62666O1D", "9137OOOO7O62666O1D"),  # O stays O: no key is invented
        ("\u3000 ", None),
        ("", None),
        ("无", "无"),
    ],
)
def test_normalised_codes(stats_functions, written, normalised):
    assert one(stats_functions, "normalize_uscc", written) == normalised


# --- older identifiers ---------------------------------------------------------------------------------------------


def organisation_check(body: str) -> str:
    """GB 11714-1997, from the standard's formula: letters A = 10 ... Z = 35 without gaps."""
    check = 11 - sum(int(c, 36) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return {10: "X", 11: "0"}.get(check, str(check))


@pytest.mark.parametrize("code", ["D2143569X", "192203821", "706266601", "71526726X", "264574251", "745676590"])
def test_organisation_codes(stats_functions, code):
    assert one(stats_functions, "is_organisation_code", code) is True
    slips = [code[:8] + c for c in "0123456789X" if c != code[8]]
    rows = stats_functions.execute("select bool_or(stats.is_organisation_code(c)) from unnest(%s::text[]) c", [slips])
    assert rows.fetchone() == (False,)


def test_random_organisation_codes(stats_functions):
    rng = np.random.default_rng(13)
    codes = ["".join(rng.choice(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 8)) for _ in range(2_000)]
    codes = [
        body + (organisation_check(body) if rng.random() < 0.5 else rng.choice(list("0123456789X"))) for body in codes
    ]
    rows = stats_functions.execute(
        "select stats.is_organisation_code(c) from unnest(%s::text[]) with ordinality as t(c, i) order by i", [codes]
    )
    found = [r[0] for r in rows.fetchall()]
    assert found == [code[8] == organisation_check(code[:8]) for code in codes]
    assert 900 < sum(found) < 1_300


@pytest.mark.parametrize("code", ["", "D2143569-X", "D2143569x", "d2143569X", "D2143569A", "D214356", "Ｄ2143569X"])
def test_no_organisation_codes(stats_functions, code):
    assert one(stats_functions, "is_organisation_code", code) is False


def test_registration_numbers_against_stdnum(stats_functions):
    """GS15-2006 takes its check from ISO 7064 MOD 11,10."""
    rng = np.random.default_rng(14)
    numbers = ["110108000000016", "440301103097413", "440301103448669"]
    numbers += ["".join(rng.choice(list("0123456789"), 14)) for _ in range(1_000)]
    numbers = [n if len(n) == 15 else n + mod_11_10.calc_check_digit(n) for n in numbers]
    rows = stats_functions.execute("select bool_and(stats.is_registration_no(c)) from unnest(%s::text[]) c", [numbers])
    assert rows.fetchone() == (True,)
    slips = [n[:14] + d for n in numbers[:50] for d in "0123456789" if d != n[14]]
    rows = stats_functions.execute("select bool_or(stats.is_registration_no(c)) from unnest(%s::text[]) c", [slips])
    assert rows.fetchone() == (False,)


@pytest.mark.parametrize("code", ["", "11010800000001", "1101080000000160", "321181NA000037X", "１10108000000016"])
def test_no_registration_numbers(stats_functions, code):
    assert one(stats_functions, "is_registration_no", code) is False


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("济南某某（山东）有限公司", "济南某某(山东)有限公司"),
        ("济南某某〔山东〕有限公司", "济南某某(山东)有限公司"),
        ("《某某报》集团【济南】有限公司", "(某某报)集团(济南)有限公司"),
        ("济南 某某\u3000有限公司\n", "济南某某有限公司"),
        ("某某创维—rgb电子", "某某创维-RGB电子"),
        ("某某创维－ＲＧＢ电子", "某某创维-RGB电子"),
        ("“某某”商行", '"某某"商行'),
        ("「某某」商行", '"某某"商行'),
        ("阿·某•某・某", "阿·某·某·某"),
        ("O’某", "O'某"),
        ("济南某某有限责任公司", "济南某某有限责任公司"),  # another name than 有限公司
        ("\u200b\u3000", None),
        ("", None),
        ("济南【虚构】机械有限公司\n", "济南(虚构)机械有限公司"),
        ("\ufeff趵突\u200b", "趵突"),
    ],
)
def test_names(stats_functions, written, normalised):
    assert one(stats_functions, "normalize_name", written) == normalised
    assert normalised is None or one(stats_functions, "normalize_name", normalised) == normalised


# --- cells --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("历下区", "历下区"),
        ("  历下区\u3000", "历下区"),
        ("\u00a0历下\n\r\n\t区 ", "历下 区"),
        ("ＡＢＣ（１２）：％", "ABC(12):%"),
        ("a \u3000 b", "a b"),
        ("a\u0085b\u2028c", "a b c"),
        ("\ufeff中\u200b文", "中文"),
        ("a \u200b b", "a b"),
        ("", None),
        (" \u3000\n", None),
        ("\u200b", None),
        ("/", "/"),  # null tokens are a seed's business
        ("—", "—"),
        ("N/A", "N/A"),
        (None, None),
    ],
)
def test_clean_text(stats_functions, written, cleaned):
    assert one(stats_functions, "clean_text", written) == cleaned


@PROPERTY
@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30))
def test_clean_text_is_settled_after_one_pass(stats_functions, written):
    cleaned = one(stats_functions, "clean_text", written)
    assert cleaned is None or (cleaned and one(stats_functions, "clean_text", cleaned) == cleaned)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2020-10-18", "2020-10-18"),
        ("2020-1-8", "2020-01-08"),
        ("2020/8/12", "2020-08-12"),
        ("2020.08.15", "2020-08-15"),
        ("2016—05—03", "2016-05-03"),
        ("2016–5–3", "2016-05-03"),
        ("20200706", "2020-07-06"),
        ("2020年9月9日", "2020-09-09"),
        ("2020 年 09 月 9 日", "2020-09-09"),
        ("２０２０－１０－１８", "2020-10-18"),
        ("\u30002020-10-18\n", "2020-10-18"),
        ("2020-10-18 15:21:56", "2020-10-18"),
        ("2020-10-18T15:21:56.123456", "2020-10-18"),
        ("2020/8/12 9:05", "2020-08-12"),
        ("2020年9月9日 08:00", "2020-09-09"),
        ("2020-10-18 00:00:00+08:00", "2020-10-18"),
        ("2020-10-18（购进日期）", "2020-10-18"),
        ("2020-10-18 (购进日期)", "2020-10-18"),
        ("购进日期：2020/9/9", "2020-09-09"),
        ("购进日期2020/8/12", "2020-08-12"),
        ("购进日期: 20200706", "2020-07-06"),
        ("42100", "2015-04-06"),
        ("42275", "2015-09-28"),
        ("42249", "2015-09-02"),
        ("42157", "2015-06-02"),
        ("44122.5", "2020-10-18"),
        ("32874", "1990-01-01"),
        ("60000", "2064-04-08"),
        ("1990-01-01", "1990-01-01"),
        ("2100-12-31", "2100-12-31"),
        ("2020-02-29", "2020-02-29"),
        ("2000-02-29", "2000-02-29"),
    ],
)
def test_dates(stats_functions, written, date):
    assert str(one(stats_functions, "parse_date", written)) == date


@pytest.mark.parametrize(
    "written",
    ["", "/", "today", "now", "epoch", "infinity", "-infinity", "J2451187", "140801", "121011", "1-2-3", "DL04148",
     "541268408", "批号J201001", "批号:20200706", "20200706(批号)", "2016-06-10；20160610",
     "2020-09-14/2020年09月14日", "2020-10-18至2020-10-20", "2021-02-30", "2021-02-29", "2100-02-29", "2020-13-01",
     "2020-00-10", "2020-04-31", "2020-1-0", "1989-12-31", "2101-01-01", "99999-01-01", "0001-01-01 BC", "08/09/2020",
     "19-05-2021 15:21:56", "2020/10-18", "2020-1018", "2020年8月", "2020", "19999", "60001", "20000", "32873",
     "2020-10-18T16:00:00Z", "2020-10-18 16:00:00+00", "2020-10-18 25:00", "2020-10-1¹", "2020-10-18(2020-10-19)",
     "202010180", "2020-10-18A", "99999999", "20201301", "2020-10-18 " + "x" * 5_000],
)  # fmt: skip
def test_no_dates(stats_functions, written):
    assert one(stats_functions, "parse_date", written) is None


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("1956-03-01", "1956-03-01"),
        ("1899-12-31", None),
        ("1900-01-01", "1900-01-01"),
        ("20001", "1954-10-04"),
        ("1979年9月1日", "1979-09-01"),
    ],
)
def test_dates_of_older_years(stats_functions, written, date):
    found = one(stats_functions, "parse_date_since", written, 1900)
    assert (found and str(found)) == date
    assert one(stats_functions, "parse_date", written) is None


def test_every_day_of_the_range_and_no_other(stats_functions):
    """All y-m-d with d up to 32 against PostgreSQL's own calendar."""
    days, wrong = stats_functions.execute(
        "select count(stats.parse_date(t)),"
        "  count(*) filter (where stats.parse_date(t) is distinct from"
        "    case when pg_input_is_valid(t, 'date') then t::date end)"
        " from generate_series(1990, 2100) y, generate_series(0, 13) m, generate_series(0, 32) d,"
        "  lateral (select format('%s-%s-%s', y, lpad(m::text, 2, '0'), lpad(d::text, 2, '0')) as t) x"
    ).fetchone()
    assert (days, wrong) == (40_542, 0)


@pytest.mark.parametrize("style", ["ISO, YMD", "German", "SQL, DMY", "Postgres, MDY"])
def test_dates_do_not_depend_on_the_session(stats_functions, style):
    with stats_functions.transaction():
        stats_functions.execute("select set_config('datestyle', %s, true)", [style])
        assert stats_functions.execute(
            "select stats.parse_date('2020-03-04') = make_date(2020, 3, 4),"
            " stats.parse_date('2020/3/4') = make_date(2020, 3, 4), stats.parse_date('43894') = make_date(2020, 3, 4),"
            " stats.parse_date('03/04/2020') is null"
        ).fetchone() == (True, True, True, True)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0", "0"),
        ("98.5", "98.5"),
        ("-1.50", "-1.50"),
        ("+2", "2"),
        (" 7\n", "7"),
        ("1,234.5", "1234.5"),
        ("1,234,567", "1234567"),
        ("１２．５", "12.5"),
        ("１，２３４", "1234"),
        ("−3", "-3"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("007", "7"),
        ("9" * 60, "9" * 60),
        ("0.1234567890123456789012345678", "0.1234567890123456789012345678"),
    ],
)
def test_numbers(stats_functions, written, number):
    assert str(one(stats_functions, "parse_number", written)) == number


@pytest.mark.parametrize(
    "written",
    ["", " ", "/", "NaN", "nan", "Infinity", "-Infinity", "inf", "0x1F", "0b1", "0o7", "1_000", "1e5", "1E-05", "50%",
     "５０％", "5.", ".", "-", "+", "--1", "+-1", "1.2.3", "12,34", "1,2345", "1234,567", ",123", "1,", "1 000",
     "<0.05", "≤10", "10³", "①", "½", "(5)", "5mg/kg", "未检出", "٣", "一", "9" * 61, "9" * 200_000],
)  # fmt: skip
def test_no_numbers(stats_functions, written):
    assert one(stats_functions, "parse_number", written) is None


@pytest.mark.parametrize(
    ("written", "first", "after"),
    [
        ("2021-12-07", "2021-12-07", "2021-12-08"),
        ("2024年12月31日", "2024-12-31", "2025-01-01"),
        ("截至2022年12月31日", "2022-12-31", "2023-01-01"),
        ("2021", "2021-01-01", "2022-01-01"),
        ("２０２１年度", "2021-01-01", "2022-01-01"),
        ("2022年末", "2022-01-01", "2023-01-01"),
        ("2021年上半年", "2021-01-01", "2021-07-01"),
        ("2021H2", "2021-07-01", "2022-01-01"),
        ("2022Q3", "2022-07-01", "2022-10-01"),
        ("2022年第1季度", "2022-01-01", "2022-04-01"),
        ("2022年第四季度", "2022-10-01", "2023-01-01"),
        ("2022年二季度", "2022-04-01", "2022-07-01"),
        ("2021年12月", "2021-12-01", "2022-01-01"),
        ("2021-02", "2021-02-01", "2021-03-01"),
        ("2022年1-9月", "2022-01-01", "2022-10-01"),
        ("2021-12-07至2024-12-06", "2021-12-07", "2024-12-07"),
        ("2021年12月7日 ~ 2024年12月6日", "2021-12-07", "2024-12-07"),
        ("2021.12.07-2024.12.06", "2021-12-07", "2024-12-07"),
        ("2021年7月—2024年6月", "2021-07-01", "2024-07-01"),
        ("2020-2022年", "2020-01-01", "2023-01-01"),
        ("2016—05—03", "2016-05-03", "2016-05-04"),
        ("1990", "1990-01-01", "1991-01-01"),
        ("2100年", "2100-01-01", "2101-01-01"),
    ],
)
def test_periods(stats_functions, written, first, after):
    found = one(stats_functions, "parse_period", written)
    assert (str(found.lower), str(found.upper)) == (first, after)


@pytest.mark.parametrize(
    "written",
    ["", "/", "长期", "三年", "today", "202112", "201201", "2021年13月", "2021-02-30", "2021年第5季度", "1989", "2101",
     "2024-12-06至2021-12-07", "2021年9-1月", "2021-01-01至2021-02-01至2021-03-01", "至2024-12-06", "第8期", "20211",
     "2021 ~ " + "x" * 100],
)  # fmt: skip
def test_no_periods(stats_functions, written):
    assert one(stats_functions, "parse_period", written) is None


# What offices write, and its first and last day; baotu.periods reads these in titles and sidecars.
PERIODS = {
    "2021": ("2021-01-01", "2021-12-31"),
    "2021年度": ("2021-01-01", "2021-12-31"),
    "2019H2": ("2019-07-01", "2019-12-31"),
    "2019年下半年": ("2019-07-01", "2019-12-31"),
    "2020年上半年": ("2020-01-01", "2020-06-30"),
    "2021Q3": ("2021-07-01", "2021-09-30"),
    "2021-q1": ("2021-01-01", "2021-03-31"),
    "2021年第三季度": ("2021-07-01", "2021-09-30"),
    "2021年一季度": ("2021-01-01", "2021-03-31"),
    "2021年4季": ("2021-10-01", "2021-12-31"),
    "2021-08": ("2021-08-01", "2021-08-31"),
    "2020年2月": ("2020-02-01", "2020-02-29"),
    "2021.2": ("2021-02-01", "2021-02-28"),
    "２０２１年 １２月份": ("2021-12-01", "2021-12-31"),
}


@pytest.mark.parametrize("written", PERIODS)
def test_periods_of_cells_and_of_titles_are_read_alike(stats_functions, written):
    found = one(stats_functions, "parse_period", written)
    told = parse_period(written)
    assert (str(found.lower), str(found.upper - timedelta(days=1))) == PERIODS[written]
    assert (str(told.start_on), str(told.end_on)) == PERIODS[written]


@pytest.mark.parametrize("written", ["2020年第8期", "2021-13", "2021年0月", "2021年第5季度", "三月", "2021年第3", ""])
def test_what_is_no_period_in_either(stats_functions, written):
    assert one(stats_functions, "parse_period", written) is None
    assert parse_period(written) is None


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(1, 999), st.integers(1, 60), st.integers(0, 60)), min_size=1, max_size=8),
    st.sampled_from(["96", "97.5", "98", "100", "0"]),
    st.sampled_from([">=", ">"]),
)
@example([(15, 100, 97), (70, 200, 196), (15, 400, 396)], "98", ">=")
@example([(15, 100, 97), (70, 200, 196), (15, 400, 396)], "98", ">")
@example([(1, 3, 1), (1, 3, 2), (1, 3, 3)], "66.666666666666666666", ">=")
def test_weighted_attainment_is_compared_in_fractions(stats_functions, strata, target, operator):
    """.15 * 97/100 + .70 * 196/200 + .15 * 396/400 is exactly .98; thirds never end, and are compared all the same."""
    strata = [(w, n, min(x, n)) for w, n, x in strata]
    share = sum(Fraction(w * x, n) for w, n, x in strata) / sum(w for w, _, _ in strata)
    wanted = 100 * share > Fraction(target) if operator == ">" else 100 * share >= Fraction(target)
    columns = (
        [Decimal(w) for w, _, _ in strata],
        [Decimal(x) for _, _, x in strata],
        [Decimal(n) for _, n, _ in strata],
    )
    assert one(stats_functions, "weighted_share_is_attained", *columns, Decimal(target), operator) is wanted


def test_weighted_attainment_leaves_out_what_has_no_sample_or_no_weight(stats_functions):
    call = "weighted_share_is_attained"
    assert one(stats_functions, call, [1, 9, None], [1, 0, 0], [1, 0, 5], 100, ">=") is True
    assert one(stats_functions, call, [], [], [], 98, ">=") is None
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        one(stats_functions, call, [1], [1], [1], 98, "<=")


# --- the planner --------------------------------------------------------------------------------------------------


def test_parallel_workers_give_the_same(stats_functions):
    """All functions over one table, once on one process and once by workers."""
    calls = """
        stats.incomplete_beta(i % 100 / 100.0, i % 50 + .5, 7), stats.binomial_upper_tail(i, i + 3, .98),
        stats.binomial_lower_tail(i, i + 3, .98), stats.clopper_pearson(i, i + 3, .05), stats.wilson(i, i + 3, .05),
        stats.normal_cdf(i % 9 - 4.5), stats.normal_quantile((i % 99 + 1) / 100.0),
        stats.student_t_cdf(i % 9 - 4.5, i), stats.student_t_quantile((i % 99 + 1) / 100.0, i),
        stats.proportion_verdict(i, i + 3, 98, '>=', .025, 30),
        stats.mean_verdict(i % 20 + 80, .5, i, 88, '>=', .025, i, 30),
        stats.normalize_uscc(code), stats.is_uscc(stats.normalize_uscc(code)), stats.clean_text(cell),
        stats.parse_date(cell), stats.parse_number(i || '.5'), stats.parse_period(cell), stats.normalize_name(cell)
    """
    query = f"select array_agg(h order by i) from (select i, md5(row({calls})::text) as h from cells) t"
    with stats_functions.transaction(force_rollback=True):
        stats_functions.execute(
            "create table public.cells as select i, '９1370000706266601d'::text as code,"
            " (date '2020-01-01' + i % 900)::text || case when i % 2 = 0 then '（购进日期）' else '' end as cell,"
            " repeat('x', 900) as padding from generate_series(1, 2000) i"
        )
        stats_functions.execute("analyze public.cells")
        stats_functions.execute("set local search_path = public")
        stats_functions.execute("set local max_parallel_workers_per_gather = 0")
        alone = stats_functions.execute(query).fetchone()[0]
        for setting in (
            "max_parallel_workers_per_gather = 2",
            "parallel_setup_cost = 0",
            "parallel_tuple_cost = 0",
            "min_parallel_table_scan_size = 0",
            "debug_parallel_query = off",
        ):
            stats_functions.execute(f"set local {setting}")
        plan = stats_functions.execute(
            f"explain (analyze, verbose, format json) select i, md5(row({calls})::text) from cells"
        ).fetchone()[0][0]["Plan"]
        assert plan["Node Type"] == "Gather"
        assert plan["Workers Launched"] > 0
        assert "student_t_quantile" in str(plan["Plans"][0]["Output"])  # computed by the workers, not above them
        assert stats_functions.execute(query).fetchone()[0] == alone
