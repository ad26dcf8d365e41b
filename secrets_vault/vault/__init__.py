"""THE door: nothing is stored, used, shown or destroyed but through here, and each act is written in the book."""

from secrets_vault.keyring import learn
from secrets_vault.vault.columns import open_text, seal_text
from secrets_vault.vault.describing import describe, note_end
from secrets_vault.vault.ending import delete, destroy, retire, undelete
from secrets_vault.vault.finding import find_value, fingerprint, keyed_hash, same_value
from secrets_vault.vault.forgetting import forget_renewed
from secrets_vault.vault.handing_out import hand_out, open_for_link, outer_layer, seal_for_link
from secrets_vault.vault.knowing import stamps, values_to_mask
from secrets_vault.vault.opening import copy_value, holds, reveal, take_out, use
from secrets_vault.vault.policy import Policy, bind_policy, check_policy
from secrets_vault.vault.storing import (
    change_fields,
    mark_verified,
    promote,
    replace,
    restore,
    store,
    store_elsewhere,
)

__all__ = [
    "Policy",
    "bind_policy",
    "change_fields",
    "check_policy",
    "copy_value",
    "delete",
    "describe",
    "destroy",
    "find_value",
    "fingerprint",
    "forget_renewed",
    "hand_out",
    "holds",
    "keyed_hash",
    "learn",
    "mark_verified",
    "note_end",
    "open_for_link",
    "open_text",
    "outer_layer",
    "promote",
    "replace",
    "restore",
    "retire",
    "reveal",
    "same_value",
    "seal_for_link",
    "seal_text",
    "stamps",
    "store",
    "store_elsewhere",
    "take_out",
    "undelete",
    "use",
    "values_to_mask",
]
