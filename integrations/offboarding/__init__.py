"""The end of a client: inventory, hand over, revoke, export, crypto-shred, certificate."""

from integrations.offboarding.inventory import Inventory, inventory_of
from integrations.offboarding.revoking import check_item, revoke_due
from integrations.offboarding.shredding import ask_to_shred, carry_on, undo
from integrations.offboarding.steps import NotNow, begin, cancel, current_of, start_revoking

__all__ = [
    "Inventory", "NotNow", "ask_to_shred", "begin", "cancel", "carry_on", "check_item", "current_of", "inventory_of",
    "revoke_due", "start_revoking", "undo",
]  # fmt: skip
