"""Where a secret may be sent: hosts and slots, bound by a MAC.

Whoever edits a base URL in the database cannot walk off with the credential: the gateway asks here
before it injects, and a policy that was edited, copied from another secret or removed is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hmac import compare_digest

from django.db import transaction
from django.utils.translation import gettext as _

from secrets_vault import audit, generation, keys
from secrets_vault.actor import Actor
from secrets_vault.errors import BadInput, PolicyRefused
from secrets_vault.models import StoredSecret

# body: a form field of a token request, such as body:refresh_token. path: one segment, such as path:bot{token}.
# json: a field of a JSON body. sigv4: region and service of a signature, such as sigv4:eu-central-1/s3.
# oauth1: method and realm of a signature, such as oauth1:HMAC-SHA256/1234567_SB1.
SLOT_KINDS = ("header", "query", "body", "path", "json", "sigv4", "oauth1")


# Below a domain of at least two labels; what is below it is a name and nothing else.
WIDE = re.compile(r"\*\.(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*")
BELOW = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True)
class Policy:
    """Hosts as "api.hubapi.com" or "127.0.0.1:9000"; slots as "header:authorization" or "query:api_key".

    "*.myshopify.com" is every host below that domain, at the usual port of https: for the secret of an OAuth app,
    whose token endpoint differs from account to account.
    """

    hosts: tuple[str, ...]
    slots: tuple[str, ...]

    def __post_init__(self) -> None:
        """Bring hosts and slots into one spelling, and refuse what is neither."""
        object.__setattr__(self, "hosts", tuple(sorted({one_spelling_of_host(host) for host in self.hosts})))
        object.__setattr__(self, "slots", tuple(sorted({one_spelling_of_slot(slot) for slot in self.slots})))

    def as_json(self) -> dict[str, list[str]]:
        """Return what the database keeps."""
        return {"hosts": list(self.hosts), "slots": list(self.slots)}


def one_spelling_of_host(host: str) -> str:
    """Return a host in lower case without a trailing dot. Raises BadInput for a URL, a path or nothing."""
    spelled = host.strip().rstrip(".").lower()
    is_wide = spelled.startswith("*.") and WIDE.fullmatch(spelled) is not None
    if not spelled or any(mark in spelled for mark in "/@?# \\") or ("*" in spelled and not is_wide):
        raise BadInput(
            _("{host} is not a host. Write it as api.example.com or 127.0.0.1:9000.").format(host=f"{host!r}")
        )
    return spelled


def one_spelling_of_slot(slot: str) -> str:
    """Return a slot; header names are compared without case, query names with it."""
    where, _colon, name = slot.strip().partition(":")
    if where not in SLOT_KINDS or not name:
        raise BadInput(
            _("{slot} is not a place for a secret. Write header:authorization or query:api_key.").format(
                slot=f"{slot!r}"
            )
        )
    return f"{where}:{name.lower() if where == 'header' else name}"


def bind_policy(stored: StoredSecret, policy: Policy, *, actor: Actor) -> None:
    """Bind a secret to hosts and slots, in place of what bound it before."""
    with transaction.atomic():
        write_policy(stored, policy)
        audit.record(
            "secret.bound", actor=actor, client=stored.client_id, subject=stored, details={"hosts": list(policy.hosts)}
        )
        generation.bump()


def write_policy(stored: StoredSecret, policy: Policy) -> None:
    """Write policy and MAC without an event of its own: `store()` tells of it in its own."""
    stored.policy = policy.as_json()
    stored.policy_mac = _mac(stored)
    stored.save(update_fields=["policy", "policy_mac"])


def check_policy(stored: StoredSecret, *, host: str, slot: str) -> None:
    """Return when the secret may be sent to this host in this slot, else raise PolicyRefused. Asks no database."""
    if stored.policy is None or stored.policy_mac is None:
        raise PolicyRefused(_("This secret is not bound to any host, so it is sent nowhere."))
    if not compare_digest(_mac(stored), bytes(stored.policy_mac)):
        raise PolicyRefused(_("What this secret is bound to was changed outside Keylodge. Store the secret again."))
    try:
        spelled_host, spelled_slot = one_spelling_of_host(host), one_spelling_of_slot(slot)
    except BadInput as error:
        raise PolicyRefused(str(error)) from None
    if not _is_among(spelled_host, stored.policy["hosts"]):
        raise PolicyRefused(_("This secret is not bound to this host."))
    if spelled_slot not in stored.policy["slots"]:
        raise PolicyRefused(_("This secret is not bound to this place in the request."))


def _is_among(host: str, hosts: list[str]) -> bool:
    """Tell whether a host is bound: by its name, or as one below a domain."""
    if host in hosts and not host.startswith("*"):
        return True
    return BELOW.fullmatch(host) is not None and any(
        wide.startswith("*.") and host.endswith(wide[1:]) and host != wide[1:] for wide in hosts
    )


def _mac(stored: StoredSecret) -> bytes:
    vault = keys.unlock()
    canonical = json.dumps(stored.policy, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    client = stored.client_id.bytes if stored.client_id else bytes(16)
    environment = stored.environment_id.bytes if stored.environment_id else bytes(16)
    ids = vault.installation_id.bytes + client + environment + stored.pk.bytes  # four of 16 bytes each
    return vault.mac("policy", b"policy/1\0" + ids + canonical)
