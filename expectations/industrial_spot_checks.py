"""Rules for industrial spot checks (Q01). Its rate weighs divisions of manufacturing, so a sample has to name one."""

from expectations.spot_checks import PROFILE, delivery_rules, needs_category, row_rules

ROW_RULES = [
    *row_rules("industrial_spot_checks", "ISC", "产品名称"),
    needs_category(
        "ISC",
        "由产品类别、名称和行业代码都看不出制造业行业大类(GB/T 4754 的 13–41);请补填行业代码,或加入"
        " product_category_pattern",
        "neither class and name of product nor an industry code tell the division of manufacturing (GB/T 4754, 13–41);"
        " fill in the code, or add the product to the seed product_category_pattern",
    ),
]
DELIVERY_RULES = delivery_rules("ISC")
__all__ = ["DELIVERY_RULES", "PROFILE", "ROW_RULES"]
