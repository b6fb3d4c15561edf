"""One column's name as offices write it: the form in which it is compared, its remarks, whether it names a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

#: Undeclared headers that name a person or a way to reach one: dropped before raw, whatever the source.
#: Matched against the whole normalised header. A question such as 手机没有信号 is not a phone number, so the
#: words stand at the end; a column that is needed in spite of its name is declared in the source's YAML.
PERSONAL_HEADERS: tuple[str, ...] = (
    r"(?!是否|有无).*(电话|手机|座机|传真|tel|telephone|phone|mobile)(号码|号|no\.?|number)?(\(.*\))?",
    r"(?!是否|有无).*(身份证|护照|证件)(号码|号)?(\(.*\))?|.*身份证.*",
    r".*(法定代表|法人代表).*|.*法人(姓名|签字|签名)?|opername",
    r".*(联系人|联系方式|联络人).*|contact(s|name|person)?",
    r".*(姓名|签字|签名)",
    # In whatever place of a process a person stands; 经营者名称 is a shop's.
    r"(个体)?(经营者|业主|店主|户主|户名|投资人|股东|合伙人|当事人|获奖人|申请人|受理人|执行人)",
    r"(主检|陪同|检查|执法|抽样|采样|检验|审核|批准|编制|校核|制表|签发|复核)(人|员|人员)\d*",
    r".*(负责人|经办人|抽样人|检验人|填表人|填报人|采样人|受访人)(员)?\d*",
    r".*(邮箱|电子邮件|e-?mail|微信|微信号|qq|qq号)(地址|号码)?",
    r".*(银行卡|银行账号|家庭住址|家庭地址|居住地址|住址).*",
)
_PERSONAL = re.compile("|".join(f"(?:{pattern})" for pattern in PERSONAL_HEADERS))

_BRACKETS = str.maketrans("[]{}〔〕【】〖〗〈〉《》「」『』", "()" * 9)
_CIRCLED = re.compile(r"^\s*[①-⒛⓪-⓿❶-➓㈠-㈩㊀-㊉]+")
_STARRED = re.compile(r"[★☆*＊※✱﹡](?:必填项?|选填)|[★☆*＊※✱﹡]")
_MARKS = re.compile(r"\((?:必填项?|选填|隐藏栏?|required)?\)")
SPACE = re.compile(r"[\s\u200b-\u200f\u2028\u2029\u2060\ufeff\ufffd\x00-\x1f\x7f]+")
_NUMBERING = re.compile(
    r"^(?:\d{1,3}[.、:)](?!\d)|\d{1,2}-(?=[^\d\W])|\(\d{1,3}\)"
    r"|[一二三四五六七八九十]+、|\([一二三四五六七八九十]+\))"
)
_SEPARATORS = re.compile(r"[|║‖∥∣│┃]+")
#: Traditional characters that such headers hold, each with the simplified one that it can only stand for.
_PAIRS = (
    "檢检驗验測测樣样編编號号稱称單单產产業业標标準准結结論论項项類类別别規规備备註注機机構构網网鏈链發发佈布來来區区縣县質质鑒鉴實实誌志態态"
    "務务會会評评審审數数總总計计寫写報报簽签條条碼码級级細细廠厂製制採采購购隨随團团體体農农藥药殘残銷销經经營营範范圍围統统額额資资冊册種种"
)
_TRADITIONAL = str.maketrans(_PAIRS[::2], _PAIRS[1::2])


@lru_cache(maxsize=50_000)
def plain_header(text: str) -> str:
    """A header without what is no part of its name, in the case it was written in: see `normalize_header`."""
    text = _STARRED.sub("", _CIRCLED.sub("", text))
    text = SPACE.sub("", unicodedata.normalize("NFKC", text)).translate(_BRACKETS)
    text = _SEPARATORS.sub("|", _MARKS.sub("", text)).translate(_TRADITIONAL)
    return (_NUMBERING.sub("", text) or text).rstrip(":;,、。") or text


def normalize_header(text: str) -> str:
    """The form in which headers are compared, never fuzzy.

    NFKC, no white space, line breaks or invisible characters, one kind of bracket and of cell separator
    (`║ ‖ ∥ ∣ ||` are typed for each other), without stars, marks such as ★必填, leading numbering and a colon at
    the end, traditional characters as simplified ones, case-folded.
    """
    return plain_header(text).casefold()


def is_personal_header(text: str) -> bool:
    """Whether an undeclared header names personal data."""
    return _PERSONAL.fullmatch(normalize_header(text)) is not None


def is_sampled(text: str) -> bool:
    """被抽样单位 is the sampled party, 抽样单位 the sampling agency: near in letters, far in meaning."""
    return text.startswith(("被", "受"))


#: A unit in which test results are given, normalised but for case.
UNIT = (
    r"(?:[mμµunkK]?g|mL|ml|[mM]?L|k?J|kcal|IU|Bq|[Cc][Ff][Uu]|MPN|m?mol|mm|cm|m|℃|°C|kPa|MPa|N|dB|V|A|W|h|s)"
    r"(?:/(?:\d*(?:k?g|mL|ml|L|cm2|dm2|m2|m3|d|h|件|枚|片|个)))?|%(?:vol)?|[pP]{2}[bBmM]|度|°|倍"
)
_COUNT_UNIT = r"批次?|个|家|份|件|人|名|次|%"
#: What stands in brackets behind a name, says how to fill the column in, and leaves open nothing of what it holds. A
#: closed list: a remark that is not here may tell two columns apart (初检, 供货者, 万元), and then nothing is guessed.
_REMARKS = re.compile(
    "|".join(
        (
            r"(?:请?(?:加盖|盖)?(?:单位|企业)?(?:公章|印章|章|盖章|签章))+",
            r"(?:必|选|可选|可不|非必|勿|不)填(?:项|写)?|可空|可为空|若有|如有|自动(?:生成|带出)|系统(?:自动)?生成|隐藏列?",
            r"(?:若|如)?(?:没有|无)(?:的|者)?(?:可|请|则)?(?:不填|留空|填.{1,4})",
            r"(?:请|须|需|应)?(?:以|按照?|同|与|依|据|根据|参照).{1,16}(?:为准|一致|相同|填写|填报|标注|选择)",
            r"(?:请|须|需|应)?(?:如实|准确|逐项|完整)?(?:填写|填报|选择|注明|输入|填(?!写|报))(?!单位|机构|人|日期|时间)[^()]{0,24}",
            r"(?:格式|示例|样例|例如?|比如|如)[:为]?[^()]{1,30}",
            r"(?:年|月|日|时|分|[-/.]|[yY]{2,4}|[mM]{1,2}|[dD]{1,2}){2,}|\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?",
            r"(?:全称|中文|文本|数字|数值|日期)(?:格式|型)?|下拉(?:框|菜单)?(?:选择)?|单选|多选|可多选|\d{1,2}位(?:数字|字符|代码|数)?",
            r"(?:详?见|参见)(?:备注|附件|附表|说明|注|填表说明|代码表|标签|包装)\d*",
            rf"(?:单位[:为]?)?(?:{_COUNT_UNIT}|{UNIT})",
        )
    )
)
_LINE_BREAK = re.compile(r"[\r\n\u2028\u2029]+")
_NOTE_WORD = re.compile(r"(?:填写|填表|填报)?(?:注|说明|备注|要求|提示|注意)\d?[:.]")


def is_remark(text: str) -> bool:
    """Whether a text says only how a column is filled in: (盖章), (年/月/日), (以标签为准)."""
    text = plain_header(text)
    return _REMARKS.fullmatch(text[1:-1] if text[:1] == "(" and text[-1:] == ")" else text) is not None


def without_remarks(text: str) -> Iterator[tuple[str, str]]:
    """Shorter names that a header may stand for, normalised, each with the remark that was left out.

    A remark is a bracket at the end, or what follows on a new line.
    """
    name, left = plain_header(text), ""
    while (cut := _last_bracket(name)) and is_remark(name[cut:]):
        left = name[cut:] + left
        name = name[:cut]
        yield name.casefold(), left
    for line_break in _LINE_BREAK.finditer(text.strip()):
        rest = plain_header(text.strip()[line_break.end() :])
        if _NOTE_WORD.match(rest) or is_remark(rest):
            yield normalize_header(text.strip()[: line_break.start()]), rest
            return


def _last_bracket(name: str) -> int:
    """Where the bracket begins that a name ends with; 0 when it ends with none."""
    depth = 0
    for index in range(len(name) - 1, 0, -1) if name.endswith(")") else ():
        depth += {")": 1, "(": -1}.get(name[index], 0)
        if depth == 0:
            return index
    return 0


def pieces(name: str) -> list[str]:
    """The pieces of a normalised name of several, 不合格项目|检验结果|标准值 or 不合格项目:检验结果(标准值)."""
    return [piece for piece in re.split(r"[|/:、()]+", name) if piece]


#: A header's levels, from top to bottom, without empty ones: two for 被抽样单位 over 名称.
Levels = tuple[str, ...]

#: A group over columns that is about all of the row: 合计 over 检验批次.
_WHOLE = frozenset({"合计", "总计", "总体", "全部"})


def levels_of(cell: str | Sequence[str] | None) -> Levels:
    """A cell or its levels as levels."""
    if cell is None or isinstance(cell, str):
        return (cell,) if cell and normalize_header(cell) else ()
    return tuple(level for level in cell if normalize_header(level))


def is_whole(levels: Levels) -> bool:
    """Whether what stands over the last level is about the whole row."""
    return all(normalize_header(level) in _WHOLE for level in levels[:-1])


def says_no_name(upper: str, lower: str) -> bool:
    """Whether a lower level only says more of the upper one: a remark, a unit, its translation."""
    is_chinese = re.compile(r"[\u4e00-\u9fff]")
    return is_remark(lower) or bool(is_chinese.search(upper) and not is_chinese.search(lower))
