"""What is nobody's business: columns hashed by declaration, names of individual households (个体工商户), and numbers of
persons wherever they stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence

from baotu.readers.reading import FIELD_COUNT, File, Part, Row


def hashed(rows: Iterable[Row], columns: Sequence[str], file: File) -> Iterator[Row]:
    """Columns declared `personal: hash` or `hash_each`."""
    declared = [file.source.columns[name].personal for name in columns]
    whole = [i for i, personal in enumerate(declared) if personal == "hash"]
    each = [i for i, personal in enumerate(declared) if personal == "hash_each"]
    for row in rows:
        for index in whole:
            if text := row.values[index]:
                row.values[index] = file.hash(text)
        for index in each:
            if text := row.values[index]:
                # The same person twice in a cell is one.
                hashes = dict.fromkeys(file.hash(name) for name in names_in(text))
                row.values[index] = " ".join(hashes) or None
        yield row


#: What stands around names in a cell and is no part of them: 主检：, (组长), (鲁0123456), 等3人.
_AROUND = re.compile(r"\([^()]*\)|^[^:]{1,8}:|等(?:\d+|[一二两三四五六七八九十]+)?(?:人|名|位)?$")
_BETWEEN = re.compile(r"[、,;/|\n\r]+")
_NOBODY = frozenset({"无", "暂无", "空", "null", "none", "na", "n/a", "待定", "不详"})


def names_in(text: str) -> list[str]:
    """The persons that a cell names. What holds no letter (a number, a dash) names nobody."""
    text = unicodedata.normalize("NFKC", text)
    pieces = [piece for piece in _BETWEEN.split(text) if piece.strip()]
    if len(pieces) == 1:
        pieces = _by_spaces(_AROUND.sub(" ", pieces[0].strip()))
    names = ("".join(_AROUND.sub("", "".join(piece.split())).split()) for piece in pieces)
    return [name for name in names if re.search(r"[^\W\d_]", name) and name.casefold() not in _NOBODY]


def _by_spaces(text: str) -> list[str]:
    """Names parted by spaces only. 张 三 is one name, spread to the width of three characters."""
    found: list[str] = []
    singles: list[str] = []
    for word in [*text.split(), ""]:
        if len(word) == 1:
            singles.append(word)
            continue
        width = 2 if len(singles) % 2 == 0 else len(singles)
        found += ["".join(singles[i : i + width]) for i in range(0, len(singles), width or 1)]
        singles = []
        if word:
            found.append(word)
    return found


#: Identity numbers of who was born until 2009, and mobile numbers; neither within a longer number or code. A form's
#: number may hold a day too (370102202105030123): one of ours would be of a child.
_IDENTITY = re.compile(
    r"(?<![0-9A-Za-z])[1-8]\d{5}(?:19[2-9]\d|200\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx](?![0-9A-Za-z])"
)
_MOBILE = re.compile(r"(?<![0-9A-Za-z.])(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?![0-9A-Za-z.])")
_IDENTITY_NAMED = re.compile(r"(?:身份证|证件)[^0-9]{0,6}$")
#: Behind such words eleven digits are no telephone.
_OTHER_NUMBER = re.compile(
    r"(?:批号|批次|编号|条码|单号|证号|文号|货号|型号|账号|注册号|代码|no\.?)[^0-9]{0,4}$", re.IGNORECASE
)
_LONG_NUMBER = re.compile(r"\d{11}|1[3-9]\d[- ]\d{4}[- ]?\d{4}")
_WORDS = re.compile(r"[\u4e00-\u9fff]")
#: A name behind a word and a colon, in a remark or a title: 联系人：张三.
_NAMED = re.compile(
    r"((?:联系人|联络人|负责人|法定代表人|法人代表|法人|经营者|业主|店主|户主|经办人|当事人|填表人|填报人|制表人|审核人|签收人"
    r"|执法人员|检查人员|抽样人员?|采样人员?|检验人员?|姓名)[:：]\s*)([\u4e00-\u9fff·]{2,4}(?:[、,，][\u4e00-\u9fff·]{2,4}(?![\u4e00-\u9fff]*[:：]))*)"
)
WITHHELD_IDENTITY, WITHHELD_MOBILE, WITHHELD_NAME = "[证件号码]", "[手机号码]", "[姓名]"


def _is_identity(text: str, found: re.Match[str]) -> bool:
    """By its check (GB 11643, ISO 7064 MOD 11-2), or by the word before it."""
    number = found[0]
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper() or bool(_IDENTITY_NAMED.search(text[: found.start()]))


def without_persons(text: str, *, is_free: bool = False) -> str:
    """A text without numbers of persons: identity numbers that keep their check, mobile numbers among words.

    A cell of eleven digits and nothing else keeps them, for it may be a form's number or a lot; unless `is_free`: a
    remark, or a column that nobody declared. There names go too that a word announces.
    """
    if is_free and (":" in text or "：" in text):
        text = _NAMED.sub(rf"\1{WITHHELD_NAME}", text)
    if not is_suspect(text, is_free):
        return text
    whole = text
    text = _IDENTITY.sub(lambda found: WITHHELD_IDENTITY if _is_identity(whole, found) else found[0], whole)
    if is_free or _WORDS.search(text):
        named = text
        text = _MOBILE.sub(
            lambda found: found[0] if _OTHER_NUMBER.search(named[: found.start()]) else WITHHELD_MOBILE, named
        )
    return text


def is_suspect(text: str, is_free: bool = False) -> bool:
    """Whether a longer look is worth its time. Codes and forms' numbers are most of what has eleven digits."""
    if len(text) < 11:
        return False
    if text.isascii() and text.isalnum():
        return (len(text) == 18 and text[6:8] in ("19", "20")) or (is_free and len(text) == 11)
    return _LONG_NUMBER.search(text) is not None


def scrubbed(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Row]:
    """All cells without numbers of persons, in whatever column they stand."""
    free = columns.index("remark") if "remark" in columns else -1
    for row in rows:
        values, extra = row.values, row.extra
        for index, text in enumerate(values):
            if text and len(text) > 10 and is_suspect(text):
                values[index] = without_persons(text)
        if free >= 0 and (remark := values[free]):
            values[free] = without_persons(remark, is_free=True)
        if extra:
            if FIELD_COUNT in extra:  # its cells may stand in the wrong columns
                values[:] = [text and without_persons(text, is_free=True) for text in values]
            for key, text in extra.items():
                if text:
                    extra[key] = without_persons(text, is_free=True)
        yield row


def _seen_as(byte: int) -> int:
    if 0x30 <= byte <= 0x39 or byte in b"- ":
        return 0x30
    if 0x90 <= byte <= 0x99:  # the last byte of a digit of full width
        return 0x90
    return byte if byte in b"\n\xef\xbc" else 0x2E


_SEEN_AS = bytes(map(_seen_as, range(256)))
#: Each number of a person holds one of them: eleven digits with or without what may part them, or one of full width. So
#: do other things; `is_suspect` tells them apart.
_NUMBERS = (b"0" * 11, "０".encode())


def numbered_lines(text: str, count: int) -> Collection[int]:
    """Which of the COUNT lines of a text may hold a number of a person, from 0.

    One look at all: a search in each cell of each row took a quarter of a load.
    """
    seen = text.encode("utf-8", "replace").translate(_SEEN_AS)
    if seen.count(b"\n") != count - (not text.endswith("\n")):  # lines that end otherwise
        return range(count)
    found = set()
    for number in _NUMBERS:
        line = end = 0
        while (at := seen.find(number, end)) >= 0:
            line += seen.count(b"\n", end, at)
            found.add(line)
            if (end := seen.find(b"\n", at)) < 0:
                break
    return found


#: A code that begins with 92, also among several in a cell, behind an apostrophe that once made it text, or as
#: the 9.237E+17 that Excel writes for one of digits only; a registration number of 15 digits whose seventh is that of
#: households (6 to 9), or as the 3.70102E+14 that leaves it open.
_HOUSEHOLD = re.compile(
    r"(?<![0-9A-Z.])(?:9(?:2|\.2\d*E\+?17)|[1-8]\d{5}[6-9]\d{8}(?![0-9A-Z])"
    r"|[1-8]\.(?:\d{5}[6-9]\d*|\d{0,5})E\+?14)",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\ufffd]+")
_HASH = re.compile(r"[0-9a-f]{32}")


def is_household(code: str) -> bool:
    """Whether a code is one of an individual household (个体工商户): a credit code, an older registration number, or its
    owner's identity number."""
    if code.isascii() and code.isalnum():  # nearly always; the rest takes five times as long
        return (
            code.startswith("92")
            or (len(code) == 15 and code[6] in "6789" and code.isdigit())
            or (len(code) == 18 and _IDENTITY.match(code) is not None)
        )
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", code))
    return _HOUSEHOLD.search(plain) is not None or _IDENTITY.search(plain) is not None


def may_be_households(records: Sequence[list[str]], part: Part) -> list[list[str]]:
    """Records for `hash_households`: all but those whose codes are plainly an enterprise's, as nearly all are."""
    found = []
    for place in {code for codes, _ in part.households for code in codes}:
        found += [
            cells
            for cells in records
            if (code := cells[place])[:2] not in ("91", "93") or len(code) != 18 or not code.isascii() or not code.isalnum()
        ]  # fmt: skip
    return found


def hash_households(file: File, part: Part, cells: list[str]) -> None:
    """Hash, in place, the cells of columns declared `personal_under` if the row's code is a household's."""
    width = len(cells)
    for codes, personal in part.households:
        for code in codes:
            if code < width and is_household(cells[code]):
                for index in personal:
                    # "/" and the like name nobody, and a hash is what our own export sends back.
                    if index < width and re.search(r"\w", cells[index]) and not _HASH.fullmatch(cells[index]):
                        cells[index] = file.hash(cells[index])
                break
