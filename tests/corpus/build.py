"""How the workbooks of this folder were made: `python tests/corpus/build.py`. Text files were written by hand.

Everything in them is fictional; the forms are those of real notices.
"""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

HERE = Path(__file__).parent
Rows = Sequence[Sequence[Any]]


def sheet(book: Workbook, title: str, rows: Rows, merged: Sequence[str] = ()) -> Any:
    made = book.create_sheet(title)
    for row in rows:
        made.append(list(row))
    for place in merged:
        made.merge_cells(place)
    return made


def book(*sheets: tuple[str, Rows, Sequence[str]]) -> Workbook:
    made = Workbook()
    made.remove(made.worksheets[0])
    for title, rows, merged in sheets:
        sheet(made, title, rows, merged)
    return made


def save(made: Workbook, place: str) -> None:
    path = HERE / place
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(path)


def bytes_of(made: Workbook) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def across(row: int, columns: int) -> str:
    return f"A{row}:{get_column_letter(columns)}{row}"


PASS_15 = [
    "抽样编号", "序号", "标称生产企业名称", "标称生产企业地址", "被抽样单位名称", "被抽样单位所在省份", "食品名称", "规格型号",
    "生产日期/批号", "分类", "公告号", "公告日期", "任务来源/项目名称", "备注", "公告网址链接",
]  # fmt: skip
FAIL_18 = [
    "抽样编号", "序号", "标称生产企业名称", "标称生产企业地址", "被抽样单位名称", "被抽样单位地址", "食品名称", "规格型号", "商标",
    "生产日期/批号", "不合格项目", "分类", "公告号", "公告日期", "任务来源/项目名称", "检验机构", "备注", "公告网址链接",
]  # fmt: skip
SHANDONG = [
    "序号", "样品名称", "标称生产企业名称(种养殖者或供货者名称)", "标称生产企业地址(种养殖者或供货者地址)", "被抽样单位名称",
    "被抽样单位地址", "规格型号", "商标", "生产(加工/购进/检疫/消毒/其他)日期/批号", "不合格项目||检验结果||标准值", "备注",
]  # fmt: skip
JINAN_PASS = [
    "序号",
    "标称生产企业名称",
    "被抽样单位名称",
    "被抽样单位地址",
    "食品名称",
    "规格型号",
    "生产日期/批号",
    "分类",
]
JINAN_FAIL = [*JINAN_PASS[:7], "不合格项目", "检验结果", "标准值", "分类"]


def jinan_pass() -> Workbook:
    return book((
        "Sheet1",
        [
            ["附件1"], ["食品抽检合格产品信息"], JINAN_PASS,
            [1, "山东甲子食品有限公司", "济南市历下区佳和超市", "济南市历下区泉城路1号", "挂面", "1kg/袋", "2020-06-01", "粮食加工品"],
            [2, "/", "济南市槐荫区惠民菜店", "济南市槐荫区经七路9号", "韭菜", "/", "2020-06-28（购进日期）", "食用农产品"],
        ],
        [across(1, 8), across(2, 8)],
    ))  # fmt: skip


def jinan_fail() -> Workbook:
    return book((
        "Sheet1",
        [
            ["附件2"], ["食品抽检不合格产品信息"], JINAN_FAIL,
            [1, "山东乙丑食品有限公司", "济南市市中区大众饭店", "济南市市中区英雄山路7号", "酱卤肉", "散装", "2020-07-02",
             "菌落总数", "5.1×10⁵CFU/g", "≤8×10⁴CFU/g", "肉制品"],
        ],
        [across(1, 11), across(2, 11)],
    ))  # fmt: skip


def food() -> None:
    save(book(("data_1", [
        PASS_15,
        ["XC20370100001", 1, "济南丙寅粮油有限公司", "济南市历城区工业北路5号", "济南市历下区佳和超市", "山东", "小麦粉", "5kg/袋",
         "2020-03-05", "粮食加工品", "2020年第12号", "2020-05-20", "山东/国抽", "/", "http://example.invalid/1"],
        ["XC20370100002", 2, "/", "/", "济南市天桥区菜市场丁卯摊", "山东", "鲜鸡蛋", "/", "2020/4/1", "食用农产品", "2020年第12号",
         "2020-05-20", "山东/省抽", "", ""],
    ], [])), "food_spot_checks/national_pass_table/合格-20200520.xlsx")  # fmt: skip
    save(book(("data_1", [
        ["声明：以下信息仅指本次抽检标称的生产企业相关产品的生产日期/批号和所检项目"],
        FAIL_18,
        ["XC20370100003", 1, "济南戊辰酒业有限公司", "济南市章丘区明水街2号", "济南市历城区惠农超市", "济南市历城区花园路8号", "白酒",
         "500mL/瓶", "己巳", "2019-11-08", "酒精度║38.2%vol║42±1.0%vol", "酒类", "2020年第12号", "2020-05-20", "山东/国抽",
         "山东庚午检测有限公司", "/", ""],
    ], [across(1, 18)])), "food_spot_checks/notice_row_above_the_header/不合格-20200520.xlsx")  # fmt: skip
    save(book(("Sheet1", [
        ["附件2"] + [None] * 10, ["食品抽检不合格产品信息"] + [None] * 10, SHANDONG,
        [1, "草鱼", "/", "/", "济南市历下区水产店", "济南市历下区文化东路3号", "计量称重", "/", "2025/3/21",
         "恩诺沙星║156μg/kg║≤100μg/kg", "/"],
        [2, "老陈醋", "济南辛未酿造厂", "济南市长清区崮山路6号", "济南市天桥区优选超市", "济南市天桥区堤口路4号", "420mL/瓶", "辛未",
         "2025/1/15", "总酸（以乙酸计）║3.10g/100mL║≥6.00g/100mL\n苯甲酸及其钠盐（以苯甲酸计）║1.2g/kg║≤1.0g/kg", "/"],
    ], [across(1, 11), across(2, 11)])), "food_spot_checks/three_in_one_cell_by_double_bars/附件2 2025年第33期.xlsx")  # fmt: skip
    save(jinan_pass(), "food_spot_checks/verdict_in_the_file_name/附件1 食品抽检合格产品信息(2020年第8期).xlsx")
    archive = HERE / "food_spot_checks/both_attachments_and_a_pdf_in_a_zip/2020年第8期食品抽检信息.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("附件1 食品抽检合格产品信息(2020年第8期).xlsx", bytes_of(jinan_pass()))
        out.writestr("附件2 食品抽检不合格产品信息(2020年第8期).xlsx", bytes_of(jinan_fail()))
        out.writestr("关于2020年第8期食品安全抽检情况的通告.pdf", b"%PDF-1.4\n%%EOF\n")
    both = jinan_pass()
    both.worksheets[0].title = "合格"
    fail = jinan_fail().worksheets[0]
    sheet(both, "不合格", list(fail.iter_rows(values_only=True)))
    note = sheet(both, "填报说明", [["一、本表由各区县填报"], ["二、日期格式为 2020-01-01"]])
    note.sheet_state = "hidden"
    save(both, "food_spot_checks/a_pass_sheet_a_fail_sheet_and_hidden_notes/食品抽检信息2020年第9期.xlsx")
    save(book(("抽检结果", [
        ["济南市2021年第三季度食品安全监督抽检结果汇总表"],
        ["序号", "样品信息", None, None, "被抽样单位", None, "检验情况", None, None, "检验结论"],
        [None, "样品名称", "规格型号", "生产日期", "名称", "地址", "检验项目", "检验结果", "标准值", None],
        [1, "花生油", "5L/桶", date(2021, 6, 3), "济南市历下区壬申粮油店", "济南市历下区经十路1号", "黄曲霉毒素B₁", "35.2μg/kg",
         "≤20μg/kg", "不合格"],
        [2, "花生油", "1.8L/桶", date(2021, 6, 9), "济南市历城区癸酉超市", "济南市历城区华信路2号", "黄曲霉毒素B₁", "未检出",
         "≤20μg/kg", "合格"],
    ], ["A1:J1", "A2:A3", "B2:D2", "E2:F2", "G2:I2", "J2:J3"])),
        "food_spot_checks/two_level_merged_header/济南市2021年第三季度抽检结果.xlsx")  # fmt: skip
    save(book(("Sheet1", [
        ["抽样编号", "食品名称", "被抽样单位名称", "抽样所在区县", "抽样日期", "检验项目", "检验结果", "标准值", "判定结论"],
        ["SC21000001", "酱油", "甲戌超市", "历下区", "2021-05-06", "氨基酸态氮", "0.31g/100mL", "≥0.40g/100mL", "不合格"],
        [None, None, None, None, None, "苯甲酸", "1.4g/kg", "≤1.0g/kg", None],
        ["SC21000002", "香醋", "甲戌超市", "历下区", "2021-05-06", "总酸", "4.02g/100mL", "≥3.50g/100mL", "合格"],
    ], ["A2:A3", "B2:B3", "C2:C3", "D2:D3", "E2:E3", "I2:I3"])),
        "food_spot_checks/a_sample_merged_over_its_items/监督抽检_20210610.xlsx")  # fmt: skip
    save(book(("检测数据", [
        ["抽样编号", "样品名称", "抽样所在区县", "抽样日期", "铅(mg/kg)", "镉(mg/kg)", "毒死蜱", "检验结论"],
        ["PV21000001", "菠菜", "历城区", "2021-07-01", "0.05", "0.31", "未检出", "不合格"],
        ["PV21000002", "芹菜", "历城区", "2021-07-01", "0.02", "", "0.03", "合格"],
    ], [])), "food_spot_checks/analytes_as_columns/蔬菜监督抽检_20210715.xlsx")  # fmt: skip
    numbered = [f"{word}{n}" for n in (1, 2, 3) for word in ("项目", "结果", "标准")]
    save(book(("Sheet1", [
        ["抽样编号", "样品名称", "抽样所在区县", "抽样日期", *numbered, "结论"],
        ["NU21000001", "蜂蜜", "平阴县", "2021-08-02", "菌落总数", "1.2×10⁴CFU/g", "≤1000CFU/g", "果糖和葡萄糖", "62g/100g",
         "≥60g/100g", None, None, None, "不合格"],
    ], [])), "food_spot_checks/numbered_item_columns/监督抽检_20210820.xlsx")  # fmt: skip
    dirty = book(("Sheet1", [
        ["序号", "被抽样单位\n名称", "抽样单位", "样品名称*", "　规格 型号　", "抽样\xa0日期", "分类(食\r品一\r类)",
         "抽样数量(★必填)", "判 定", "备注", "备注.1"],
        [1, "济南市历下区乙亥商店", "济南市食品药品检验研究院", "绿茶", "100g/罐", 44330, "茶叶及相关制品", "2罐", "合  格", "/", "a"],
        [2, "济南市历下区丙子商店", "济南市食品药品检验研究院", "红茶", "100g/罐", "2021.5.14", "茶叶及相关制品", "2罐", "符合", "/", "b"],
    ], []))  # fmt: skip
    for column in range(12, 400):
        dirty.worksheets[0].cell(1, column).font = Font(bold=True)
    save(dirty, "food_spot_checks/line_breaks_stars_and_phantom_columns/监督抽检_20210601.xlsx")
    save(book(("Sheet1", [
        ["序号", "样品名称", "抽样所在区县", "抽样日期", "检验结论"],
        [1, "面包", "历下区", "2021-05-06", "合格"],
        [2, "蛋糕", "历下区", "2021-05-07", "不合格"],
        ["序号", "样品名称", "抽样所在区县", "抽样日期", "检验结论"],
        [3, "饼干", "历下区", "2021-05-08", "合格"],
        ["注：本表所列信息仅对本次抽检样品负责。"],
    ], [])), "food_spot_checks/header_repeated_on_each_page/监督抽检_20210530.xlsx")  # fmt: skip


def industry() -> None:
    save(book(("Sheet1", [
        ["山东省产品质量监督抽查不合格产品及企业名单"],
        ["序号", "企业名称", "所属地市", "产品名称", "规格型号", "生产日期/批号", "抽查类别(省抽)", "复查检验机构", "不合格项目"],
        [1, "济南丁丑电缆有限公司", "济南市", "电线电缆", "BV 2.5mm²", "20200609", "省抽", "山东省产品质量检验研究院",
         "导体电阻、绝缘厚度"],
        [2, "济南戊寅电器有限公司", "济南市", "插座", "10A 250V", "20200511", "省抽", "/", "标志"],
    ], [across(1, 9)])), "industrial_spot_checks/two_items_joined_by_a_comma/不合格名单_20200914.xlsx")  # fmt: skip


def surveys() -> None:
    made = book(("用后即评满意度分析0620(Q1)_P", [
        ["用户id", "整体满意度", "网络覆盖", "其他，请注明", "其他，请注明", "#N/A", "脱网次数"],
        [1, 10, "9", "-1", None, "98", 0],
        [2, "8", 7, "1", "信号差", "-1", 2],
        [3, "1", "10", "-1", None, "-1", None],
    ], []))  # fmt: skip
    for column in range(8, 900):
        made.worksheets[0].cell(1, column).font = Font(bold=True)
    save(made, "satisfaction_surveys/digits_as_text_repeated_headers_phantom_columns/满意度_20220620.xlsx")


if __name__ == "__main__":
    food()
    industry()
    surveys()
