"""Rules for brand records. Which cells are needed depends on the kind of record."""

import great_expectations.expectations as gxe

from expectations import about, failing_rows

ROW_RULES = [
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind is null and record_kind_text is not null"),
        severity="warning",
        meta=about(
            "BRA001",
            "record_kind",
            "记录类型不是可识别的用语;应为培育名单、品牌价值、泰山品质认证、优质产品基地或市长质量奖,新写法可加入 brand_record_kind_alias",
            "the kind of record is no known wording; expected cultivation, valuation, certificate, quality_base or"
            " quality_award, or add the wording to the seed brand_record_kind_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind is null and record_kind_text is null"),
        severity="warning",
        meta=about(
            "BRA002",
            "record_kind",
            "没有说明是哪一类记录:工作表名、标题和文件名里没有或不止一类;请在说明文件中写 record_kind",
            "nothing says which kind of record it is: sheet, heading and file name have none or more than one; say"
            " record_kind in the sidecar",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_kind not in ('quality_base', 'quality_award') and brand_key is null"
        ),
        severity="warning",
        meta=about(
            "BRA003",
            "brand_name",
            "品牌名称和企业名称都为空;应至少有其一,请补填(合计、说明等行请删除)",
            "brand and holder are both missing; expected one of them: fill it in, or delete the row if it is a total or"
            " a note",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind = 'quality_base' and base_key is null"),
        severity="warning",
        meta=about("BRA004", "base_name", "基地名称为空,请补填", "the base's name is missing; fill it in"),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind = 'cultivation' and brand_class is null"),
        severity="warning",
        meta=about(
            "BRA005",
            "brand_class",
            "类别为空或无法识别;应为制造业、农业、产品或服务业,或在说明文件中写 brand_class,新写法可加入 brand_class_alias",
            "the class is missing or unknown; expected manufacturing, agriculture, product or service: fill it in, say"
            " brand_class in the sidecar, or add the wording to the seed brand_class_alias",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_status_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "BRA006",
            "status",
            "状态不是可识别的用语;应为新增培育、持续培育、退出、有效、续证、暂停、撤销、注销或过期,新用语可加入 brand_status_alias",
            "the status is no known wording; expected added, continued, withdrawn, valid, renewed, suspended, revoked,"
            " cancelled or expired in Chinese: correct it, or add the wording to the seed brand_status_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind = 'valuation' and value_number is null"),
        severity="warning",
        meta=about(
            "BRA007",
            "brand_value",
            "品牌价值为空或不是数字;应为如 12.5 或 12.5亿元 的数值",
            "the brand value is missing or no number; expected one such as 12.5, with or without its unit",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_kind = 'valuation' and value_number is not null and brand_value is null"
        ),
        severity="warning",
        meta=about(
            "BRA008",
            "unit",
            "不知道品牌价值的单位;应为亿元、万元或元,请写在单位列、表头或说明文件的 value_unit 中",
            "the unit of the brand value is unknown; expected yuan, ten thousand or a hundred million yuan in Chinese, in"
            " the unit column, the header, or as value_unit in the sidecar",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("value_number <= 0"),
        severity="warning",
        meta=about(
            "BRA009",
            "brand_value",
            "品牌价值为零或为负,请核对",
            "the brand value is zero or negative; check it",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_valued_on_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "BRA010",
            "valued_on",
            "评价日期无法识别或不存在;应为日期、月份或年份",
            "the date of valuation cannot be read or does not exist; expected a date, a month or a year",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("valued_on_basis in ('file', 'sidecar') and valued_on > issued_on"),
        severity="warning",
        meta=about(
            "BRA011",
            "valued_on",
            "评价日期晚于本次交付的发布日期,请核对;发布日期有误时在说明文件中写 issued_on",
            "the date of valuation is later than the date of issue of its delivery; check it, or say issued_on in the"
            " sidecar",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "method_text is not null and method_version is null and record_kind = 'valuation'"
        ),
        severity="warning",
        meta=about(
            "BRA012",
            "method_version",
            "评价标准无法识别;应为 GB/T 29188-2012 或 GB/T 29188-2022,不同版本的价值不能相加",
            "the standard of the valuation is unknown; expected GB/T 29188-2012 or GB/T 29188-2022: values of two"
            " versions are not added",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_validity_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "BRA013",
            "valid_to",
            "有效期无法识别或不存在;应为日期或“长期”",
            "the validity cannot be read or does not exist; expected dates, or an open end",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("valid_before_on <= valid_from_on"),
        severity="warning",
        meta=about(
            "BRA014",
            "valid_to",
            "有效期的终止早于起始,请核对两个日期",
            "the validity ends before it begins; check the two dates",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_list_year_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "BRA015",
            "list_year",
            "年度无法识别;应为如 2021 或 2021年",
            "the year of the list cannot be read; expected one such as 2021",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="has_surplus_fields",
        value_set=[False],
        severity="warning",
        meta=about(
            "BRA016",
            None,
            "本行字段数多于表头,单元格可能错位;请检查分隔符和引号",
            "the row has more fields than the header, its cells may stand in the wrong columns; check separators and"
            " quotes",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_level_readable",
        value_set=[True],
        severity="warning",
        meta=about(
            "BRA017",
            "level",
            "级别无法识别;应为市级或省级(省级名单才计入指标),新写法可加入 title_level_alias",
            "the level is unknown; expected municipal or provincial in Chinese, for only provincial lists count: correct"
            " it, or add the wording to the seed title_level_alias",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind = 'quality_award' and award_level is null"),
        severity="warning",
        meta=about(
            "BRA018",
            "award",
            "不知道是组织奖、个人奖还是提名奖;请填写奖项,新写法可加入 quality_award_pattern",
            "nothing says whether an organisation or a person won the award, or a nomination; fill the award in, or add"
            " the wording to the seed quality_award_pattern",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows(
            "record_kind = 'quality_award' and party_name_key is null and payee_person is null"
        ),
        severity="warning",
        meta=about(
            "BRA019",
            "holder_name",
            "没有获奖组织,也没有获奖个人,请补填",
            "neither the organisation nor the person that won the award is named; fill one of them in",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_tier_readable",
        value_set=[True],
        severity="info",
        meta=about(
            "BRA107",
            "tier",
            "培育层次无法识别,不计入任何层次;应为主导品牌、潜力品牌或老品牌振兴,新写法可加入 brand_tier_alias",
            "the tier is unknown and the entry is of none; expected leading, potential or revived old brand in Chinese:"
            " correct it, or add the wording to the seed brand_tier_alias",
        ),
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_holder_uscc_valid",
        value_set=[True],
        severity="info",
        meta=about(
            "BRA101",
            "holder_uscc",
            "统一社会信用代码校验位不符(GB 32100-2015),以名称识别企业",
            "the social credit code fails its check digit (GB 32100-2015); the holder is known by its name",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="with slice as (select * from {batch}), "
        "repeated as (select delivery_id, row_no, item_no, "
        "count(*) over (partition by delivery_id, brand_record_id) as times from slice "
        "where record_kind is not null) "
        "select delivery_id, row_no, item_no from repeated where times > 1",
        severity="info",
        meta=about(
            "BRA102",
            "brand_name",
            "同一记录在文件中重复,只计一次",
            "the same record stands more than once in the file; it counts once",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        # An award is its payee's, and of no brand.
        unexpected_rows_query=failing_rows("is_brand_imputed and record_kind is distinct from 'quality_award'"),
        severity="info",
        meta=about(
            "BRA103",
            "brand_name",
            "品牌名称为空,以企业名称代替,一家企业计一个品牌",
            "the brand is missing: the holder's name stands for it, one enterprise as one brand",
        ),
    ),
    gxe.ExpectColumnValuesToNotBeInSet(
        column="division_basis",
        value_set=["unknown"],
        severity="info",
        meta=about(
            "BRA104",
            "division",
            "没有企业或基地所在地;可在说明文件中写 division",
            "no place of holder or base; the sidecar may say division",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("method_version_basis = 'assumed'"),
        severity="info",
        meta=about(
            "BRA105",
            "method_version",
            "没有写明评价标准,按评价日期当时有效的版本处理",
            "the standard of the valuation is not stated; the version in force on that day is assumed",
        ),
    ),
    gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=failing_rows("record_kind = 'certificate' and valid_before_on_basis = 'unknown'"),
        severity="info",
        meta=about(
            "BRA106",
            "valid_to",
            "证书没有有效期终止日期,按未到期处理",
            "the certificate has no end of validity; it is taken as not yet ended",
        ),
    ),
]

PROFILE = {
    "known_kind_share": "avg((record_kind is not null)::integer)",
    "readable_value_share": "avg((value_number is not null)::integer) filter (where record_kind = 'valuation')",
    "named_share": "avg((coalesce(brand_key, base_key, party_name_key, payee_person) is not null)::integer)",
}

DELIVERY_RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="known_kind_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "BRA201",
            "record_kind",
            "一半以上的行不知道是哪一类记录;请在说明文件中写 record_kind",
            "more than half of the rows do not say their kind of record; say record_kind in the sidecar",
        ),
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="readable_value_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "BRA202",
            "brand_value",
            "一半以上的品牌价值无法识别,很可能取错了列",
            "more than half of the brand values cannot be read: most likely the wrong column was taken for them",
        ),
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="named_share",
        min_value=0.5,
        severity="critical",
        meta=about(
            "BRA203",
            "brand_name",
            "一半以上的行没有品牌、企业或基地名称,很可能取错了列",
            "more than half of the rows name neither brand, holder nor base: most likely the wrong column was taken",
        ),
    ),
]
