"""A Chinese enterprise's name taken apart: place, 字号, trade, form, numbers, branch. A pure function of the name.

    parse("济南市章丘区华泰食品有限公司第一分公司")
    # city 济南, district 章丘, core 华泰, trade 食品, form limited, branch 一分公司

`linking` compares these parts; how close two of them must be is the model's business, not said here. The word lists are
`naming.json` beside this file: places, words of trades, characters that sound or look alike.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import adler32, crc32

_LISTS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

#: What stands in for a character that is kept from us, as in 长*实业; X only between Chinese characters.
#: ○ is a zero between numerals.
_MASK = re.compile(r"[*×✕╳☓●◯■□▇█?�#…某]|\.{2,}|_{2,}|(?<=[一-鿿])X+(?=[一-鿿])|(?<![零〇○一二三四五六七八九十0-9])○")
_DIGEST = re.compile(r"[0-9A-F]{16}")
_HAN = re.compile(r"[一-鿿]")
#: No name at all. Whoever writes one of these means nobody.
_NOBODY = re.compile(
    r"^[(\[]?(?:无|空|不详|不明|未知|未注明|未标[注示明]|未提供|待查|待定|待补|暂无|无标[注示]?|没有|个人|本人|农户|散户|散装|自制|自产|"
    r"自产自销|现场制作|见包装|见标签|同上|同左|其他|其它|企业名称|生产企业|测试|N/?A|NULL|NONE|NIL|-+|/+|、|。)+.{0,3}[)\]]?$"
)

#: Who does what, where one cell names two: the maker is who was entrusted with the work.
_ROLE = re.compile(
    r"[(\[]?((?:受|被)委托(?:加工|生产)?(?:方|商|人|者|单位|企业|厂家?|生产商|生产企业|生产厂家?)?"
    r"|委托(?:加工|生产)?(?:方|商|人|者|单位|企业|厂家?|生产商|生产企业)?"
    r"|(?:实际)?(?:生产|制造|加工|分装|灌装|出品|进口|经销|销售|供货|代理)(?:商|者|方|单位|企业|厂家?|公司)"
    r"|(?:被?抽[样检查]|受检)(?:单位|企业|方)?)(?:名称)?[)\]]?[::]"
)
_BOTH = re.compile(r"(?<=公司|作社|[一-鿿]厂)[/;;、,,|]+(?=[一-鿿]{4})")

_NOTE = re.compile(
    r"^(?:分装|委托|受委托|被委托|委托加工|生产|加工|制造|代号.*|批号.*|产地.*|[A-Z0-9]{1,4}|个体|个体工商户|个人独资|普通合伙|特殊普通合伙|"
    r"有限合伙|自然人独资|原名?[:：]?.*|曾用名.*|筹|筹建|存续|在业|注销|吊销.*)$"
)
_NOTE_END = re.compile(r"\((?:分装|委托|受委托|被委托|委托加工|生产|加工|代号[^()]*|[A-Z0-9]{1,4})\)$")
_BRACKET = re.compile(r"\(([^()]*)\)")

_PROVINCE_END = ("省", "市", "壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "特别行政区")
_CITY_END = ("市", "地区", "自治州", "盟", "州")
_SMALL_PLACE = re.compile(r"^([一-鿿]{1,3})(?:自治县|[县旗]|(?<![小社园城新])[区市])(?!场|政|域|民|委|里|内|长)")
#: …区 and …市 that are no place.
_NO_PLACE = re.compile(
    r"^(?:超|夜|都|城|菜|股|门|上|小|社|园|景|校|厂|片|特|新|矿|东|西|南|北|老)[区市]|^.{0,2}(?:超|夜|都|门|菜)市"
)
_OPEN_CITIES = sorted(_LISTS["cities_only_with_suffix"])

_FORMS = (
    ("集团股份有限公司", "shares", "集团"),
    ("股份有限公司", "shares", ""),
    ("股份公司", "shares", ""),
    ("集团有限责任公司", "limited", "集团"),
    ("集团有限公司", "limited", "集团"),
    ("有限责任公司", "limited", ""),
    ("有限公司", "limited", ""),
    ("集团总公司", "company", "集团"),
    ("集团公司", "company", "集团"),
    ("总公司", "company", ""),
    ("公司", "company", ""),
    ("农民专业合作社联合社", "cooperative", "联社"),
    ("专业合作社联合社", "cooperative", "联社"),
    ("农民专业合作社", "cooperative", ""),
    ("农业专业合作社", "cooperative", ""),
    ("专业合作社", "cooperative", ""),
    ("专业合作联社", "cooperative", "联社"),
    ("供销合作社", "supply", ""),
    ("供销社", "supply", ""),
    ("合作社", "cooperative", ""),
    ("家庭农场", "farm", ""),
    ("农场", "farm", ""),
    ("总厂", "factory", ""),
    ("厂", "factory", ""),
)
#: Cut off at the end of a cell, at least two characters of it left.
_CUT = (
    *(
        (whole[:end], form)
        for whole, form in (("有限公司", "limited"), ("有限责任公司", "limited"), ("股份有限公司", "shares"))
        for end in range(len(whole) - 1, 2, -1)
    ),
    ("有限", "limited"),
    ("股份", "shares"),
)

_HEAD = re.compile(
    r"^(.{3,}?(?:有限责任公司|有限公司|股份公司|集团公司|总公司|(?<!分)公司|专业合作社|供销合作社|合作社|供销社))(.{1,40})$"
)
_FACTORY_HEAD = re.compile(
    r"^(.{3,}?厂)(.{1,20}(?:分厂|车间|门市部|营业部|经营部|分店|销售部|服务部|办事处|销售处|分部))$"
)
_BRANCH = re.compile(
    r"(?:分公司|支公司|子公司|分厂|工厂|总厂|食品厂|加工厂|厂|车间|工段|店|门市部?|门店|专柜|专卖|营业部|营业厅|营业所|经营部|经营处|经销部|批发部|"
    r"销售部|销售处|销售中心|服务部|服务站|服务中心|办事处|管理处|加油站|加气站|超市|商场|商城|卖场|广场|酒店|宾馆|餐厅|食堂|市场|基地|"
    r"仓库|物流园|配送中心|中心|项目部|工程处|分部|分校|分社|分所|分院|分行|支行|支局|分理处|储蓄所|所|站|部|库|室|队|处)$"
)
#: What kind of place a name without a legal form says that it is: a shop is no company of the same 字号.
_ESTABLISHMENT = re.compile(
    r"(?:店|铺|超市|便利|商行|商场|商城|卖场|市场|摊|部|馆|楼|厅|食堂|酒家|酒楼|坊|屋|吧|房|院|所|站|园|校|学|社|中心)$"
)
_NUMERALS = str.maketrans("壹贰叁肆伍陆柒捌玖拾〇○", "一二三四五六七八九十零零")
_NUMBER = re.compile(r"[0-9]+|[一二三四五六七八九十](?:[零一二三四五六七八九十]+)?")
_DIGITS = {c: str(i) for i, c in enumerate("零一二三四五六七八九")}

_SOUND = {ord(c): group[0] for group in _LISTS["sounds"] for c in group}
_LOOK = {ord(c): group[0] for group in _LISTS["looks"] for c in group}
_TRADES = frozenset(_LISTS["trades"])
_LONGEST_TRADE = max(map(len, _TRADES))


@dataclass(frozen=True, slots=True)
class Name:
    """One name, or one of two in a cell. Places without 省, 市, 区, 县; "" where the name does not say it."""

    role: str
    province: str
    city: str
    district: str
    stem: str
    core: str
    trade: str
    form: str
    numbers: str
    branch: str
    text: str

    @property
    def division(self) -> str:
        """The district or county where it is one of ours: of those two differ for certain."""
        return self.district if self.city == "济南" and self.district in _LISTS["districts"] else ""

    @property
    def establishment(self) -> str:
        """店, 食堂, 超市, …: what the 字号 and trade end in where that is a kind of place."""
        found = _ESTABLISHMENT.search(self.stem)
        return found[0] if found else ""

    @property
    def place(self) -> str:
        """The narrowest place that it names."""
        return self.district or self.city or self.province


def normalized(text: str) -> str:
    """As `stats.normalize_name` does, for names that do not come from there."""
    text = unicodedata.normalize("NFKC", text)
    text = text.translate(str.maketrans("[]{}<>【】〔〕〈〉《》", "()()()()()()()"))
    return re.sub(r"\s+", "", text).upper()


def is_comparable(key: str | None) -> bool:
    """Whether a name says enough to be compared: not masked, nobody's, a digest, or a mere person's."""
    if not key or len(key) < 4 or len(key) > 120 or _MASK.search(key) or _DIGEST.search(key) or _NOBODY.match(key):
        return False
    return len(_HAN.findall(key)) >= 4


def parties(key: str) -> list[tuple[str, str]]:
    """Whom a cell names, with the role that it gives each: maker, principal, or "" where it says none."""
    marks = list(_ROLE.finditer(key))
    if marks:
        found = []
        if marks[0].start() > 3:
            found.append(("", key[: marks[0].start()]))
        for mark, after in zip(marks, [*marks[1:], None], strict=True):
            role = "principal" if mark[1].startswith("委托") else "maker"
            found.append((role, key[mark.end() : after.start() if after else None]))
        if len(found) == 1:
            found = [("", found[0][1])]
    else:
        found = [("", part) for part in _BOTH.split(key)]
    # A bracket is a part's own where it has both.
    marks_between = "/;;、,,。.:"
    return [
        (role, part.strip(marks_between if part.count("(") == part.count(")") else marks_between + "()"))
        for role, part in found
        if part
    ]


def parse(key: str) -> list[Name]:
    """The names that a cell holds, taken apart; none where it may not be compared."""
    if not is_comparable(key):
        return []
    found = (_parse(role, part) for role, part in parties(key) if is_comparable(part))
    return [name for name in found if name is not None]


def _parse(role: str, text: str) -> Name | None:
    text = text.translate(_NUMERALS)
    plain = _once(_NOTE_END.sub("", text).replace("(", "").replace(")", ""))
    text, bracketed = _without_brackets(text)
    province, city, district, rest = _place(text)
    if bracketed and not (province or city or district):
        province, city, district, _ = _place(bracketed, is_whole=True)
    elif bracketed and _place(bracketed, is_whole=True)[:2] != (province, city):
        rest = bracketed + rest
    head, branch = _branch(rest)
    stem, form = _form(head)
    if len(stem) < 2:
        return None
    core, trade = _core(stem)
    if core in _TRADES:
        core, trade = "", stem  # 济南市建筑工程公司 has no 字号
    return Name(role, province, city, district, stem, core, trade, form, numbers(stem), _branch_key(branch), plain)


def _without_brackets(text: str) -> tuple[str, str]:
    """Without brackets, and the place that stood in one. Notes go; what is part of the name stays where it is."""
    if "(" not in text and ")" not in text:
        return text, ""
    place = ""

    def resolve(match: re.Match[str]) -> str:
        nonlocal place
        inner = match[1]
        if _NOTE.match(inner):
            return ""
        if not place and inner and not _place(inner, is_whole=True)[3] and any(_place(inner, is_whole=True)[:3]):
            place = inner
            return ""
        return inner

    text = _BRACKET.sub(resolve, text)
    return text.replace("(", "").replace(")", ""), place


@cache
def _places() -> tuple[dict[str, tuple[str, str, str]], int]:
    """Every spelling of a province or city."""
    found: dict[str, tuple[str, str, str]] = {}
    for province, cities in _LISTS["cities"].items():
        for city in cities:
            for end in _CITY_END:
                found[city + end] = (province, city, "")
            if city not in _OPEN_CITIES:
                found[city] = (province, city, "")
    for province in _LISTS["provinces"]:
        municipality = province if province in ("北京", "天津", "上海", "重庆") else ""
        for end in ("", *_PROVINCE_END):
            found[province + end] = (province, municipality, "")
    return found, max(map(len, found))


@cache
def _districts() -> tuple[dict[str, str], int]:
    found = {written: name for name, spellings in _LISTS["districts"].items() for written in spellings}
    return found, max(map(len, found))


def _longest(text: str, spellings: dict[str, object], longest: int) -> str:
    for length in range(min(longest, len(text)), 1, -1):
        if text[:length] in spellings:
            return text[:length]
    return ""


def _place(text: str, is_whole: bool = False) -> tuple[str, str, str, str]:
    """Province, city and district at the front of a name, and the rest."""
    places, longest = _places()
    districts, longest_district = _districts()
    province = city = district = ""
    rest = text
    least = 0 if is_whole else 3
    while not (city and district):
        if not district:
            found = _longest(rest, districts, longest_district)  # type: ignore[arg-type]
            # 莱芜 alone is a place, 高新区 only within one.
            is_ours = found and (city in ("", "济南") or (city == "莱芜"))
            if is_ours and len(rest) - len(found) >= least:
                name = districts[found]
                if name in ("高新", "起步") and not city:
                    break
                # A former city with its own district: 莱芜市钢城区.
                further = _longest(rest[len(found) :], districts, longest_district)  # type: ignore[arg-type]
                if name == "莱芜" and further and districts[further] in ("莱城", "钢城", "高新"):
                    found += further
                    name = districts[further] if districts[further] != "高新" else "莱芜"
                province, city, district = "山东", "济南", name
                rest = rest[len(found) :]
                continue
        if not city and not district:
            found = _longest(rest, places, longest)  # type: ignore[arg-type]
            if found and len(rest) - len(found) >= least:
                said_province, said_city, _ = places[found]
                if province and said_province != province:
                    break  # 山东北京…: the second is part of the name
                if not said_city and province:
                    break
                province, city = said_province, said_city
                rest = rest[len(found) :]
                continue
        break
    if not district:
        small = _SMALL_PLACE.match(rest)
        if small and not _NO_PLACE.match(rest) and len(rest) - small.end() >= max(least, 0):
            district = small[1]
            rest = rest[small.end() :]
    return province, city, district, rest


def _branch(text: str) -> tuple[str, str]:
    match = _HEAD.match(text)
    if match and _BRANCH.search(match[2]):
        return match[1], match[2]
    match = _FACTORY_HEAD.match(text)
    return (match[1], match[2]) if match else (text, "")


@cache
def _misspelt() -> re.Pattern[str]:
    """A form with one character wrong, missing, doubled or swapped with the next."""
    patterns: list[str] = []
    for whole in ("股份有限公司", "有限责任公司", "专业合作社", "有限公司"):
        for i in range(len(whole)):
            if i > 0:
                patterns.append(whole[:i] + "[一-鿿]" + whole[i + 1 :])
                patterns.append(whole[:i] + whole[i + 1 :])
            patterns.append(whole[: i + 1] + whole[i:])
            if i + 1 < len(whole):
                patterns.append(whole[:i] + whole[i + 1] + whole[i] + whole[i + 2 :])
    exact = {"有限公司", "股份公司", "有限任公司", "有公司", "专业作社"}
    patterns = [p for p in dict.fromkeys(patterns) if p not in exact]
    return re.compile(f"^(.{{2,}}?)({'|'.join(sorted(patterns, key=len, reverse=True))})$")


def _headless(text: str) -> str | None:
    """The stem before 限公司, whose first character is wrong or missing: 食品佑限公司, 食品限公司."""
    if not text.endswith("限公司") or text.endswith("有限公司") or len(text) < 6:
        return None
    stem = text[:-3]
    return stem if any(stem.endswith(trade) for trade in (stem[-2:], stem[-3:]) if trade in _TRADES) else stem[:-1]


def _form(text: str) -> tuple[str, str]:
    """The stem, and the class of the form: limited, shares, company, cooperative, supply, farm, factory or ""."""
    text = text.replace("股股份有", "股份有").replace("股份份有", "股份有")
    doubled = text.endswith(("有有限公司", "有有限责任公司")) and text.rpartition("有有限")[0]
    if doubled and doubled[-2:] in _TRADES:
        return doubled, "limited"
    for written, form, kept in _FORMS:
        if text.endswith(written) and len(text) - len(written) >= 2:
            if form != "company" and form != "factory":
                return text[: -len(written)] + kept, form
            break
    headless = _headless(text)
    if headless:
        return headless, "limited"
    match = _misspelt().match(text)
    if match:
        if "社" in match[2]:
            return match[1], "cooperative"
        return match[1], "shares" if "股" in match[2] or "份" in match[2] else "limited"
    for written, form, kept in _FORMS:
        if text.endswith(written) and len(text) - len(written) >= 2:
            return text[: -len(written)] + kept, form
    for written, form in _CUT:
        if text.endswith(written) and len(text) - len(written) >= 3:
            return text[: -len(written)], form
    return text, ""


def _core(stem: str) -> tuple[str, str]:
    """The 字号 and the words of the trade behind it."""
    end = len(stem)
    while True:
        for length in range(min(_LONGEST_TRADE, end - 2), 1, -1):
            if stem[end - length : end] in _TRADES:
                end -= length
                break
        else:
            return stem[:end], stem[end:]


def numbers(text: str) -> str:
    """Numbers as digits, in their order: 第一 and 1 are one, 一厂 and 二厂 are not."""
    return " ".join(_as_digits(number) for number in _NUMBER.findall(text))


def _as_digits(number: str) -> str:
    if number.isascii():
        return number.lstrip("0") or "0"
    if "十" in number and len(number) <= 3:
        tens, _, units = number.partition("十")
        if len(tens) <= 1 and len(units) <= 1 and (not tens or tens in _DIGITS) and (not units or units in _DIGITS):
            return f"{_DIGITS.get(tens, '1')}{_DIGITS.get(units, '0')}"
    return "".join(_DIGITS.get(c, "10") for c in number)


def _branch_key(branch: str) -> str:
    """第一分公司 = 一分公司 = 1分公司; 济南市分公司 = 济南分公司."""
    branch = _NUMBER.sub(lambda m: _as_digits(m[0]), branch.replace("第", ""))
    return re.sub(r"(?<=[一-鿿]{2})[市区县](?=[一-鿿]{2})|^(?:山东省?)?(?=济南)", "", branch)


def sound(text: str) -> str:
    """Equal for texts that sound alike, without tones, doubled characters once."""
    return _once(text.translate(_SOUND))


def look(text: str) -> str:
    """Equal for texts whose characters look alike; the text itself where it has none of them."""
    return text.translate(_LOOK)


def _once(text: str) -> str:
    return "".join(c for i, c in enumerate(text) if i == 0 or text[i - 1] != c)


def neighbours(text: str) -> list[int]:
    """Digests of a text and of what is left when one character goes: two texts share one where an edit parts them."""
    return [_evidence(text), *(_evidence(text[:i] + text[i + 1 :]) for i in range(len(text)))]


def block_keys(name: Name) -> list[int]:
    """Two names are compared where they share one of these. They depend on the name alone, so that candidates do too."""
    return list(dict.fromkeys(_digest(key) for key in _block_keys(name)))


def _block_keys(name: Name) -> Iterator[str]:
    stem = name.stem
    yield "P" + sound(stem)
    yield "T" + "".join(sorted(stem))
    if (looks := look(stem)) != stem or any(ord(c) in _LOOK for c in stem):
        yield "L" + looks
    # One character wrong in two is another 字号, unless it sounds or looks alike: no candidate.
    first = 0 if len(name.core) >= 3 else len(name.core)
    if len(stem) >= 4 and name.core:
        yield "D" + stem
        for i in range(first, len(stem)):
            yield "D" + stem[:i] + stem[i + 1 :]
    yield from ("R" + text for text in _edited(name))


def text_neighbours(name: Name) -> list[int]:
    """As `neighbours`, of the whole name without brackets: an edit that hides place or form leaves these."""
    return [_evidence(text) for text in _edited(name)]


def _edited(name: Name) -> Iterator[str]:
    text = name.text
    yield text
    core = text.find(name.core) if len(name.core) == 2 else -1
    for i in range(len(text)):
        if core < 0 or not core <= i < core + 2:
            yield text[:i] + text[i + 1 :]


def _digest(text: str) -> int:
    """32 bits: two texts that share one by chance are compared once too often, no more."""
    return crc32(text.encode()) - 0x80000000


def _evidence(text: str) -> int:
    """64 bits, for what must not be so by chance: it may have been chance that two names are compared at all."""
    data = text.encode()
    return (crc32(data) - 0x80000000 << 32) | adler32(data)
