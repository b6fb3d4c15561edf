"""Rules for food spot checks (Q03)."""

from expectations.spot_checks import PROFILE, delivery_rules, row_rules

ROW_RULES = row_rules("food_spot_checks", "FSC", "食品名称")
DELIVERY_RULES = delivery_rules("FSC")
__all__ = ["DELIVERY_RULES", "PROFILE", "ROW_RULES"]
