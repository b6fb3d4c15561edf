"""From a name in a spot check to an enterprise of the register: rules, model, reviewers, any order of arrival."""

import re

import pytest
from click.testing import CliRunner

from baotu import publish
from baotu.cli import main
from baotu.samples import uscc
from tests.pipeline.conftest import Installation

pytestmark = pytest.mark.operations

CODES = [uscc("370102", 80_000 + number) for number in range(5)]
REGISTER = {
    date: "企业名称,统一社会信用代码,曾用名,住所\n"
    + "".join(f"{name},{code},{former},济南市历下区示例路1号\n" for name, code, former in rows)
    for date, rows in {
        "20200131": [
            ("济南云栖示例食品有限公司", CODES[0], ""),
            ("济南麦浪示例乳业有限公司", CODES[1], "济南老麦浪示例乳品厂"),
            ("济南同名示例粮油有限公司", CODES[2], ""),
            ("济南同名示例粮油有限公司", CODES[3], ""),
        ],
        "20210131": [("济南新云栖示例食品有限公司", CODES[0], ""), ("济南青禾示例调味品有限公司", CODES[4], "")],
    }.items()
}
#: Producer as the notice writes it → status, rule, code of the enterprise.
EXPECTED = {
    "济南云栖示例食品有限公司": ("linked", "exact_name", CODES[0]),
    "济南新云栖示例食品有限公司": ("linked", "former_name", CODES[0]),
    "济南老麦浪示例乳品厂": ("linked", "former_name", CODES[1]),
    "济南麦浪示例乳业有限责任公司": ("linked", "variant_name", CODES[1]),
    "济南麦浪示例乳业有限公司第一分公司": ("linked", "branch", CODES[1]),
    "济南同名示例粮油有限公司": ("review", "exact_name", None),
    "济南别处示例纸业有限公司": ("unlinked", None, None),
    "济南青*示例调味品有限公司": ("unmatchable", None, None),
}


def spot_checks() -> str:
    lines = [
        f"SL{n:04},示例食品,{name},某某超市,济南市历下区示例路2号,合格,评价性抽检,2020-06-{n + 1:02}"
        for n, name in enumerate(EXPECTED)
    ]
    return "抽样编号,食品名称,标称生产企业名称,被抽样单位名称,被抽样单位地址,结论,抽样类型,抽样日期\n" + "\n".join(
        lines
    )


def links(warehouse: Installation) -> dict[str, tuple[str, str | None, str | None]]:
    return {
        row["party_name"]: (row["link_status"], row["link_rule"], row["identifier"])
        for row in warehouse.rows(
            "select party.party_name, link.link_status, link.link_rule, code.identifier"
            " from core.dim_party as party inner join core.bridge_party_enterprise as link using (party_id)"
            " left join core.dim_enterprise_identifier as code"
            " on link.enterprise_id = code.enterprise_id and code.scheme = 'USCC' where party.roles like '%%producer%%'"
        )
    }


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["links", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("first", ["register", "spot checks"])
def test_parties_find_their_enterprises(warehouse: Installation, first: str) -> None:
    def arrive(what: str) -> None:
        if what == "register":
            for date, text in sorted(REGISTER.items(), reverse=True):
                warehouse.put("enterprise_registry", f"企业登记信息_{date}.csv", text)
            warehouse.ingest("enterprise_registry")
        else:
            warehouse.put("food_spot_checks", "抽检_20200731.csv", spot_checks())
            warehouse.ingest("food_spot_checks")

    arrive(first)
    publish.build()
    arrive("spot checks" if first == "register" else "register")
    publish.build()
    assert links(warehouse) == EXPECTED
    if first == "register":
        return

    # What waits is listed with who it may be; a decision counts from the next build, and until it is withdrawn.
    listed = run("list")
    party = re.search(r"\[([0-9a-f]{8})\] 济南同名示例粮油有限公司", listed)
    assert party and CODES[2] in listed and CODES[3] in listed and "长*" not in listed
    decided = run("decide", party[1], "--enterprise", CODES[3], "--reason", "the address says so")
    number = re.search(r"decision (\d+)", decided)
    assert number is not None
    publish.build()
    assert links(warehouse)["济南同名示例粮油有限公司"] == ("linked", "reviewer", CODES[3])
    run("withdraw", number[1], "--reason", "another shop of that name")
    run("decide", party[1], "--none", "--reason", "of another city")
    publish.build()
    assert links(warehouse)["济南同名示例粮油有限公司"] == ("unlinked", "reviewer", None)
    history = warehouse.rows("select reason, withdrawn_reason from ops.link_decision order by decision_id")
    assert [row["withdrawn_reason"] for row in history] == ["another shop of that name", None]

    # Unknown party, code or decision: a line that says what to give.
    for wrong, told in (
        (("show", "00000000"), "no party has this id"),
        (("decide", party[1], "--enterprise", CODES[0][:-1] + "0", "--reason", "x"), "the register has no enterprise"),
        (("withdraw", "999", "--reason", "x"), "no decision 999"),
    ):
        done = CliRunner().invoke(main, ["links", *wrong])
        assert done.exit_code == 1 and told in done.output, done.output
