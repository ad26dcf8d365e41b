"""One file for each vendor that makes and revokes keys by its API: calls only; the story is in `automatic.py`.

Each has `old_at_provider(vendor)`, `remove_orphans(vendor, keep=…)`, `make(vendor)`, `revoke(vendor, id)`, and says by
ENDS_OLD_AT_ONCE whether the vendor ends the old key in the call that makes the new one.
"""

from __future__ import annotations

from types import ModuleType

from integrations.rotating.drivers import aws_iam, cloudflare, gitlab, sendgrid, twilio

DRIVERS: dict[str, ModuleType] = {
    "aws_iam": aws_iam,
    "cloudflare": cloudflare,
    "gitlab": gitlab,
    "sendgrid": sendgrid,
    "twilio": twilio,
}
