"""Rules for agricultural monitoring (Q02). Its rate is that of five classes, so a sample has to say its class."""

from expectations.spot_checks import PROFILE, delivery_rules, needs_category, row_rules

ROW_RULES = [
    *row_rules("agri_monitoring", "AGM", "样品名称"),
    needs_category(
        "AGM",
        "产品类别为空或无法识别(应为蔬菜、水果、茶叶、畜禽产品、水产品或其他);新名称可加入 product_category_alias",
        "the class of product is missing or unknown (expected vegetables, fruits, tea, livestock and poultry, aquatic"
        " products or other); add a new name to the seed product_category_alias",
    ),
]
DELIVERY_RULES = delivery_rules("AGM")
__all__ = ["DELIVERY_RULES", "PROFILE", "ROW_RULES"]
