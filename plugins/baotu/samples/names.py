"""Invented names, divisions and codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Code, name, resident population in 10,000 (invented).
DIVISIONS: tuple[tuple[str, str, str], ...] = (
    ("370102", "历下区", "80.5"),
    ("370103", "市中区", "88.1"),
    ("370104", "槐荫区", "66.4"),
    ("370105", "天桥区", "84.2"),
    ("370112", "历城区", "110.6"),
    ("370113", "长清区", "59.3"),
    ("370114", "章丘区", "104.7"),
    ("370115", "济阳区", "55.8"),
    ("370116", "莱芜区", "86.9"),
    ("370117", "钢城区", "29.6"),
    ("370124", "平阴县", "33.2"),
    ("370126", "商河县", "48.7"),
)
DIVISION_NAMES = {code: name for code, name, _ in DIVISIONS}
#: Another city has a 市中区 too: the name alone does not make a sample Jinan's.
ELSEWHERE = ("枣庄市市中区", "泰安市泰山区", "淄博市张店区")

WORDS_1 = ("云栖", "麦浪", "青禾", "晨露", "松涧", "月桥", "柳岸", "石泉", "星野", "棠梨", "秋水", "远帆")
WORDS_2 = ("一味", "二禾", "三谷", "四时", "五味", "六和", "七里", "八方", "九州", "十全")
PARTIES = ("超市", "便利店", "粮油店", "食品商行")
FARMS = ("果蔬专业合作社", "家庭农场", "养殖场", "农贸市场", "茶园", "渔业合作社")
CATERERS = ("餐饮店", "快餐店", "面馆", "食堂")

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


#: What an enterprise is called by what it does; the first are food's producers, the next industry's.
FOOD_KINDS = ("食品", "粮油", "调味品", "乳业", "酒业", "糕点")
INDUSTRY_KINDS = ("电气", "建材", "纺织", "机械", "化工", "家具", "五金", "仪表", "汽车部件", "塑业", "纸业", "玩具")


def organisation_code(serial: int) -> str:
    """An organisation code of the private range, with its check (GB 11714)."""
    subject = f"PDY{serial:05d}"
    weighted = sum(int(c, 36) * w for c, w in zip(subject, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    return subject + "0X987654321"[weighted % 11]


def checked(body: str) -> str:
    """The first 17 characters of a credit code with the check that they need (GB 32100)."""
    total = sum(_USCC.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + _USCC[-total % 31]


def uscc(division: str, serial: int) -> str:
    """An invented credit code of an enterprise with both check characters right."""
    return checked(f"91{division}{organisation_code(serial)}")


def wrong_check(code: str) -> str:
    return code[:-1] + _USCC[(_USCC.index(code[-1]) + 1) % 31]


@dataclass(frozen=True)
class Company:
    name: str
    code: str


def companies(kinds: Sequence[str], first: int) -> list[Company]:
    """As many companies as there are pairs of words, with serial numbers from `first` on."""
    names = [f"济南{a}{b}示例" for a in WORDS_1 for b in WORDS_2]
    return [
        Company(f"{name}{kinds[i % len(kinds)]}有限公司", uscc(DIVISIONS[i % len(DIVISIONS)][0], first + i))
        for i, name in enumerate(names)
    ]


def producers() -> list[Company]:
    return companies(FOOD_KINDS, 1)


def manufacturers() -> list[Company]:
    return companies(INDUSTRY_KINDS, 1 + len(WORDS_1) * len(WORDS_2))
