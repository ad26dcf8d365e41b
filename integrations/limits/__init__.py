"""What an upstream's answer says about its limits. Pure: headers and a clock in, readings out."""

from integrations.limits.quota import Reading
from integrations.limits.reading import documented_limits, fitting_limits, read_limits
from integrations.limits.signals import LOOKED_AT_BYTES, asked_wait_s, error_codes, is_limit, may_be_limit, never_repeat
from integrations.limits.units import retry_after_s, wait_s

__all__ = [
    "LOOKED_AT_BYTES",
    "Reading",
    "asked_wait_s",
    "documented_limits",
    "error_codes",
    "fitting_limits",
    "is_limit",
    "may_be_limit",
    "never_repeat",
    "read_limits",
    "retry_after_s",
    "wait_s",
]
