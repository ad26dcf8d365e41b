"""Reading a one-time link: what the reader has to prove, and one view taken by one conditional update.

A try is counted before it is judged and a view before it is shown, so that callers at the same moment cannot share one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.db.models import F, Q

from integrations.errors import IntegrationError
from integrations.handover.ending import burn, tell
from integrations.handover.making import TRIES, record
from integrations.handover.state import is_open
from integrations.links.link import TOKEN, token_hash
from integrations.models import Handover
from secrets_vault import leftovers, vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret

CODE_WORKS_FOR = timedelta(minutes=15)
MOST_CODES = 3
CODE = re.compile(r"[0-9]{6}")


class Gone(IntegrationError):
    """The link cannot be read, or no longer."""

    code = "handover_gone"


class WrongProof(IntegrationError):
    """The passphrase, the address or the code is not right. `left` says how many tries are left."""

    code = "handover_wrong"

    def __init__(self, left: int) -> None:
        self.left = left
        super().__init__("not right")


@dataclass(frozen=True)
class Proof:
    """What a reader typed."""

    passphrase: str = ""
    email: str = ""
    code: str = ""

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Proof()"


def find_open(token: str, *, now: datetime) -> Handover | None:
    """Return the link if it can still be read. Unknown, read, revoked, expired and burnt are all the same: None."""
    if not TOKEN.fullmatch(token):
        return None
    living = Q(client=None) | Q(client__archived_at=None)
    rows = Handover.objects.filter(is_open(now), living, token_hash=token_hash(token))
    found: Handover | None = rows.select_related("client", "created_by").first()
    return found


def actor_of(handover: Handover, *, ip: str = "") -> Actor:
    """Return who opens a link, for the book."""
    return Actor(kind="client_link", id=str(handover.pk), label=handover.confirm_email, ip=ip)


def needs_code(handover: Handover, *, now: datetime) -> bool:
    """Tell whether a code has to be mailed before this link can be read."""
    has_code = handover.code_hash is not None and handover.code_until is not None and handover.code_until > now
    return handover.confirm == Handover.Confirm.CODE and not has_code


def new_code(handover: Handover, *, now: datetime, actor: Actor) -> str:
    """Return a code to mail, of which a keyed hash is kept for a quarter of an hour. Raises Gone after the third."""
    code = f"{secrets.randbelow(1_000_000):06}"
    with transaction.atomic():
        row = Handover.objects.filter(is_open(now), pk=handover.pk, codes_sent__lt=MOST_CODES)
        made = row.update(
            code_hash=_code_hash(handover, code), code_until=now + CODE_WORKS_FOR, codes_sent=F("codes_sent") + 1
        )
        if not made:
            raise Gone("no more codes")
        handover.refresh_from_db(fields=["code_hash", "code_until", "codes_sent"])
        _note_opened(handover, now=now, actor=actor)
        record(handover, "handover.code_sent", actor=actor)
    return code


def forget_code(handover: Handover) -> None:
    """Take back a code that could not be mailed: the next one may be asked for at once."""
    sent = Handover.objects.filter(pk=handover.pk, code_hash=handover.code_hash, codes_sent__gt=0)
    with transaction.atomic():
        if sent.update(code_hash=None, code_until=None, codes_sent=F("codes_sent") - 1):
            record(handover, "handover.code_not_sent", actor=SYSTEM)


def read(handover: Handover, token: str, proof: Proof, *, now: datetime, actor: Actor) -> dict[str, Secret]:
    """Return what the link holds and take one view. Raises Gone, WrongProof, or Unreadable, which takes none."""
    if handover.passphrase_hash or handover.confirm:
        _prove(handover, proof, now=now, actor=actor)
    if handover.sealed is None:
        raise Gone("empty")
    values = vault.open_for_link(handover.sealed, token=token, row_id=handover.pk, client=handover.client)
    _take_view(handover, now=now, actor=actor)
    return values


def _prove(handover: Handover, proof: Proof, *, now: datetime, actor: Actor) -> None:
    taken = Handover.objects.filter(is_open(now), pk=handover.pk, tries_left__gt=0)
    if not taken.update(tries_left=F("tries_left") - 1):
        raise Gone("no more tries")
    if _is_right(handover, proof, now=now):
        Handover.objects.filter(pk=handover.pk, burnt_at=None).update(tries_left=TRIES)
        return
    left = Handover.objects.values_list("tries_left", flat=True).get(pk=handover.pk)
    with transaction.atomic():
        _note_opened(handover, now=now, actor=actor)
        record(handover, "handover.wrong_try", actor=actor, left=left)
    if left == 0:
        burn(handover, actor=actor, now=now)
    raise WrongProof(left)


def _is_right(handover: Handover, proof: Proof, *, now: datetime) -> bool:
    """Judge every part, so that an answer never tells which one was wrong."""
    is_right = True
    if handover.passphrase_hash:
        is_right &= check_password(proof.passphrase, handover.passphrase_hash)
    if handover.confirm == Handover.Confirm.EMAIL:
        typed, wanted = (text.strip().casefold().encode() for text in (proof.email, handover.confirm_email))
        is_right &= hmac.compare_digest(typed, wanted)
    if handover.confirm == Handover.Confirm.CODE:
        is_right &= not needs_code(handover, now=now) and _is_code(handover, proof.code)
    return is_right


def _is_code(handover: Handover, typed: str) -> bool:
    digits = "".join(typed.split())
    is_shaped = CODE.fullmatch(digits) is not None
    return is_shaped and hmac.compare_digest(_code_hash(handover, digits), bytes(handover.code_hash or b""))


def _code_hash(handover: Handover, code: str) -> bytes:
    return vault.keyed_hash("handover-code", handover.pk.bytes + code.encode())


def _take_view(handover: Handover, *, now: datetime, actor: Actor) -> None:
    with transaction.atomic(durable=True):
        row = Handover.objects.filter(pk=handover.pk)
        confirmed = {"confirmed_at": now} if handover.confirm else {}
        if not row.filter(is_open(now)).update(
            views_used=F("views_used") + 1, read_at=now, code_hash=None, **confirmed
        ):
            raise Gone("somebody else was faster")
        row.filter(views_used__gte=F("views_allowed")).update(sealed=None)
        handover.refresh_from_db(fields=["views_used", "read_at", "confirmed_at"])
        view = handover.views_used
        _note_opened(handover, now=now, actor=actor)
        record(handover, "handover.read", actor=actor, view=view, of=handover.views_allowed, confirmed=bool(confirmed))
        tell(handover, "handover_read", key=f"{handover.pk}:{view}", now=now)
        transaction.on_commit(leftovers.wipe, robust=True)


def _note_opened(handover: Handover, *, now: datetime, actor: Actor) -> None:
    if Handover.objects.filter(pk=handover.pk, opened_at=None).update(opened_at=now):
        record(handover, "handover.opened", actor=actor)
