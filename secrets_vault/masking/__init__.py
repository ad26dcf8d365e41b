"""Masking: nothing that leaves for a log, a page or a message carries a secret.

`Masker(known).mask(text)` covers a text; the functions here do it for the parts of a call.
"""

from secrets_vault.masking.calls import mask_head, mask_id, mask_path, mask_text, mask_url
from secrets_vault.masking.masker import WITHHELD, MaskedText, Masker
from secrets_vault.masking.spans import tail_or_stars

__all__ = [
    "WITHHELD",
    "MaskedText",
    "Masker",
    "mask_head",
    "mask_id",
    "mask_path",
    "mask_text",
    "mask_url",
    "tail_or_stars",
]
