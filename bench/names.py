"""Names of enterprises as they are miswritten, and invented ones that look like a register's; seeded, nothing real.

CORRUPTIONS make of a name another spelling of the same enterprise, IMPOSTORS the name of another one that looks like it.
Each takes (draw, name) and gives None where the name has not what it changes.
"""

import random
import re
from collections.abc import Callable, Iterator

from baotu import naming

Change = Callable[[random.Random, str], str | None]

_SOUNDS = {c: group for group in naming._LISTS["sounds"] for c in group[:40]}
_LOOKS = {c: group for group in naming._LISTS["looks"] for c in group}
_COMMON = "华天金新中大德东海三万鑫恒泰盛源通达利兴宏瑞康永安信富丰祥和润诚正龙福美佳明光亚联智创科力奥博凯顺昌隆宝嘉泉鲁齐舜百益"
_CITIES = ("青岛", "淄博", "烟台", "潍坊", "济宁", "泰安", "临沂", "德州", "聊城", "北京", "上海", "郑州")
_TRADES = (
    "食品",
    "商贸",
    "科技",
    "机械",
    "建材",
    "化工",
    "服饰",
    "餐饮管理",
    "电子",
    "粮油",
    "物流",
    "装饰工程",
    "生物科技",
    "包装制品",
)
_ROADS = ("泉城路", "经十路", "解放路", "文化东路", "花园路", "英雄山路", "无影山", "洪楼")


def _swapped_form(draw: random.Random, name: str) -> str | None:
    if "有限责任公司" in name:
        return name.replace("有限责任公司", "有限公司", 1)
    return name.replace("有限公司", "有限责任公司", 1) if "有限公司" in name and "股份有限" not in name else None


def _brackets(draw: random.Random, name: str) -> str | None:
    if "(" in name:
        return draw.choice([name.replace("(", "（").replace(")", "）"), name.replace("(", "").replace(")", "")])
    match = re.match(r"^(济南|山东)市?省?(.{2,}?)((?:集团)?(?:股份)?有限(?:责任)?公司)$", name)
    return f"{match[2]}{draw.choice('(（')}{match[1]}{draw.choice(')）')}{match[3]}" if match else None


def _place_added(draw: random.Random, name: str) -> str | None:
    if name.startswith("济南市"):
        return "山东省" + name
    if name.startswith("济南"):
        return draw.choice(["山东省济南市" + name[2:], "济南市" + name[2:], "山东" + name])
    if name.startswith("山东省"):
        return "山东" + name[3:]
    if name.startswith("山东"):
        return "山东省" + name[2:]
    match = re.match(r"^(章丘|平阴|商河|济阳|长清|莱芜)", name)
    return "济南市" + name if match and match[1] != "莱芜" else None


def _place_dropped(draw: random.Random, name: str) -> str | None:
    match = re.match(r"^(济南市?|山东省?)(?=..{3,})(?!.?[市区县])", name)
    return name[match.end() :] if match else None


def _old_division(draw: random.Random, name: str) -> str | None:
    for place in ("章丘", "济阳", "长清", "莱芜", "平阴", "商河"):
        match = re.match(rf"^(?:山东省?)?(?:济南市?)?{place}([市区县]?)", name)
        if match:
            today = {"平阴": "县", "商河": "县"}.get(place, "区")
            before = {"章丘": "市", "莱芜": "市"}.get(place, "县")
            written = [f"济南市{place}{today}", f"{place}{today}", place, f"{place}{before}"]
            return draw.choice([w for w in written if w != match[0]]) + name[match.end() :]
    return None


def _replaced(name: str, at: int, character: str) -> str:
    return name[:at] + character + name[at + 1 :]


def _homophone(draw: random.Random, name: str) -> str | None:
    places = [i for i, c in enumerate(name) if len(_SOUNDS.get(c, "")) > 1]
    at = draw.choice(places)
    return _replaced(name, at, draw.choice([c for c in _SOUNDS[name[at]] if c != name[at]]))


def _look_alike(draw: random.Random, name: str) -> str | None:
    places = [i for i, c in enumerate(name) if c in _LOOKS]
    if not places:
        return None
    at = draw.choice(places)
    return _replaced(name, at, draw.choice([c for c in _LOOKS[name[at]] if c != name[at]]))


def _typo(draw: random.Random, name: str) -> str | None:
    at = draw.randrange(len(name))
    return _replaced(name, at, draw.choice([c for c in _COMMON if c != name[at]]))


def _dropped(draw: random.Random, name: str) -> str | None:
    at = draw.randrange(len(name))
    return name[:at] + name[at + 1 :]


def _doubled(draw: random.Random, name: str) -> str | None:
    at = draw.randrange(len(name))
    return name[:at] + name[at] + name[at:]


def _swapped(draw: random.Random, name: str) -> str | None:
    at = draw.randrange(len(name) - 1)
    made = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return made if made != name else None


def _truncated(draw: random.Random, name: str) -> str | None:
    return name[: -draw.randint(1, 4)] if name.endswith("有限公司") and len(name) > 9 else None


def _branch(draw: random.Random, name: str) -> str | None:
    parsed = naming.parse(naming.normalized(name))
    if not name.endswith(("公司", "厂")) or not parsed or parsed[0].branch or name.endswith(("分公司", "分厂")):
        return None
    return name + draw.choice(
        ["第一车间", "第二车间", "二分厂"] if name.endswith("厂") else
        [draw.choice(_ROADS) + "店", "第二分公司", "章丘分公司", draw.choice(_ROADS) + "分店", "第三车间", "门市部"]
    )  # fmt: skip


def _two_parties(draw: random.Random, name: str) -> str | None:
    other = f"{draw.choice(_CITIES)}{draw.choice(_COMMON)}{draw.choice(_COMMON)}{draw.choice(_TRADES)}有限公司"
    return draw.choice([f"委托方:{other};受委托方:{name}", f"受委托生产商：{name}；委托商：{other}"])


def _spaces(draw: random.Random, name: str) -> str | None:
    at = draw.randrange(1, len(name))
    return name[:at] + draw.choice([" ", "　", "  "]) + name[at:] + draw.choice(["", " "])


def _note(draw: random.Random, name: str) -> str | None:
    return draw.choice(
        [name + "(分装)", name + "（代号QDO）", "生产企业：" + name, "分装商：" + name, name + "(委托加工)"]
    )


CORRUPTIONS: dict[str, Change] = {
    "form": _swapped_form,
    "brackets": _brackets,
    "place added": _place_added,
    "place dropped": _place_dropped,
    "old division": _old_division,
    "homophone": _homophone,
    "look-alike": _look_alike,
    "wrong character": _typo,
    "dropped character": _dropped,
    "doubled character": _doubled,
    "swapped characters": _swapped,
    "truncated": _truncated,
    "branch or workshop": _branch,
    "two parties": _two_parties,
    "spaces": _spaces,
    "notes and labels": _note,
}


def _other_number(draw: random.Random, name: str) -> str | None:
    match = re.search(r"第?[一二三四五六七八九](?=[分厂店公局建机])|(?<=第)[一二三四五六七八九十]+", name)
    if not match:
        return None
    numeral = match[0][-1]
    at = match.end() - 1
    return _replaced(name, at, draw.choice([c for c in "一二三四五六七八九" if c != numeral]))


def _other_trade(draw: random.Random, name: str) -> str | None:
    parsed = naming.parse(naming.normalized(name))
    if not parsed or not parsed[0].trade or name.count(parsed[0].trade) != 1:
        return None
    others = [t for t in _TRADES if t not in parsed[0].trade and parsed[0].trade not in t]
    return name.replace(parsed[0].trade, draw.choice(others))


def _other_city(draw: random.Random, name: str) -> str | None:
    match = re.match(r"^(济南|青岛|上海|北京|广州)", name)
    return draw.choice([c for c in _CITIES if c != match[1]]) + name[match.end() :] if match else None


def _wider_place(draw: random.Random, name: str) -> str | None:
    parsed = naming.parse(naming.normalized(name))
    if not parsed or parsed[0].district:
        return None
    if name.startswith("济南"):
        return "山东" + re.sub("^济南市?", "", name)
    return "济南" + re.sub("^山东省?", "", name) if name.startswith("山东") and "济南" not in name else None


def _group(draw: random.Random, name: str) -> str | None:
    """The parent of a group for one of its companies, and the other way round."""
    if "集团" in name:
        return name.replace("(集团)", "").replace("集团", "", 1)
    return re.sub(r"(有限(?:责任)?公司)$", r"集团\1", name) if name.endswith("公司") and "有限" in name else None


def _shop(draw: random.Random, name: str) -> str | None:
    """A shop or canteen of the same 字号 and trade, there or in one of our districts."""
    match = re.match(r"^(?:济南市?|山东省?)?(.{3,})(?:有限责任公司|有限公司)$", name)
    if not match or re.search(r"[店超行场部馆楼厅堂坊院所站园校社心]$", match[1]) or "集团" in name:
        return None
    place = draw.choice(("济南", "济南市", "章丘", "历城区", "长清", "莱芜"))
    return place + match[1] + draw.choice(("店", "商店", "食堂", "超市", "商行", "经营部"))


IMPOSTORS: dict[str, Change] = {
    "other number": _other_number,
    "other trade": _other_trade,
    "other city": _other_city,
    "province for city": _wider_place,
    "group for company": _group,
    "shop for company": _shop,
}


def invented(count: int, seed: int = 1, forms: tuple[str, ...] = ("有限公司",)) -> Iterator[str]:
    """Distinct names as a register of Jinan may hold them."""
    draw = random.Random(seed)
    first = [c for group in naming._LISTS["sounds"] for c in group[:3]]
    trades = sorted(naming._TRADES)
    weights = [5 if len(t) == 2 else 2 for t in trades]
    usual = list(_TRADES)
    places = ("济南",) * 8 + ("山东",) * 6 + ("济南市", "章丘市", "济南市历城区", "莱芜市", "平阴县", "商河县")
    made: set[str] = set()
    while len(made) < count:
        length = draw.choices((2, 3, 4), (55, 30, 15))[0]
        core = "".join(draw.choice(_COMMON) if draw.random() < 0.5 else draw.choice(first) for _ in range(length))
        trade = draw.choice(usual) if draw.random() < 0.5 else draw.choices(trades, weights)[0]
        name = draw.choice(places) + core + trade + draw.choice(forms)
        # 某 stands for a character withheld.
        if name not in made and "某" not in name:
            made.add(name)
            yield name
