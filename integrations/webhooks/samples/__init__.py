"""Requests as a vendor would send them, made from the same facts that verify them: for the test sender."""

from integrations.webhooks.samples.signing import CannotSign, Variant, can_sign, sign

__all__ = ["CannotSign", "Variant", "can_sign", "sign"]
