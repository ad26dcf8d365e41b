"""Signed-in browsers. The row is found by an HMAC of the cookie and its data is sealed.

A stolen database therefore signs nobody in (the cookie is not in it), and what a
session holds for a moment, such as the seed of an authenticator app being set up,
is not readable in it either. Django's own store keeps both in the clear.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.utils import timezone

from secrets_vault import generation, vault
from secrets_vault.errors import VaultError
from secrets_vault.models import Session

if TYPE_CHECKING:
    from django.db.models import QuerySet

REMEMBERED_FOR = timedelta(days=14)
TOUCH_EVERY = timedelta(seconds=60)
CACHE_S = 5.0


@dataclass(frozen=True)
class Lifetime:
    """How long a session lives unused, and how long at all."""

    idle: timedelta
    absolute: timedelta

    @classmethod
    def of(cls, *, is_remembered: bool) -> Lifetime:
        """Return the preset of this installation: strict, or 8 hours idle and 14 days remembered."""
        if settings.KEYLODGE_STRICT_SESSIONS:
            return cls(timedelta(minutes=15), timedelta(hours=12))
        return cls(REMEMBERED_FOR if is_remembered else timedelta(hours=8), timedelta(days=30))


class SessionStore(SessionBase):
    """Django's session interface over `Session` rows. Set as SESSION_ENGINE.

    Of two requests at once, each writes what it changed: neither takes back what the other wrote.
    """

    cache_key_prefix = ""
    read_text = "{}"
    ip = ""
    user_agent = ""
    _seen: ClassVar[dict[bytes, tuple[int, str, datetime]]] = {}

    def load(self) -> dict[str, Any]:
        """Return the session's data, or {} with the key dropped when it is unknown or over."""
        key_hash = row_key(self.session_key)
        text = self._cached(key_hash)
        if text is None:
            row = Session.objects.filter(key_hash=key_hash).first()
            if row is None or self._is_over(row):
                self._session_key = None
                self.read_text = "{}"
                return {}
            text = _text_in(row)
            self._touch(row)
            self._remember(key_hash, text)
        self.read_text = text
        return _parsed(text)

    def read_again(self) -> None:
        """Read the row as it is now. In a transaction nobody else changes it until that ends."""
        key_hash = row_key(self.session_key)
        self._seen.pop(key_hash, None)
        row = _locked(key_hash) if transaction.get_connection().in_atomic_block else _rows(key_hash).first()
        self.read_text = _text_in(row) if row is not None else "{}"
        self._session_cache = _parsed(self.read_text)

    def exists(self, session_key: str) -> bool:
        """Tell whether a session of this key is stored."""
        return Session.objects.filter(key_hash=row_key(session_key)).exists()

    def create(self) -> None:
        """Store a new, empty session under a fresh key."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Seal and store the data. Raises CreateError or UpdateError as Django's stores do."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        key_hash = row_key(self.session_key)
        with transaction.atomic():
            row = None if must_create else _locked(key_hash)
            if row is not None:
                data = _merged(_parsed(self.read_text), data, _parsed(_text_in(row)))
            text = json.dumps(data, separators=(",", ":"))
            fields = self._columns(key_hash, data, text, now=timezone.now())
            if must_create:
                self._insert(key_hash, fields)
            elif row is None or not _rows(key_hash).update(**fields):
                raise UpdateError
        self._session_cache, self.read_text = data, text
        self._seen.pop(key_hash, None)
        generation.bump()

    def delete(self, session_key: str | None = None) -> None:
        """Forget this session (or another by key) in every process."""
        key = session_key or self.session_key
        if key is None:
            return
        key_hash = row_key(key)
        Session.objects.filter(key_hash=key_hash).delete()
        self._seen.pop(key_hash, None)
        generation.bump()

    @classmethod
    def clear_expired(cls) -> None:
        """Delete the sessions that are over."""
        Session.objects.filter(expires_at__lt=timezone.now()).delete()

    def _columns(self, key_hash: bytes, data: dict[str, Any], text: str, *, now: datetime) -> dict[str, Any]:
        is_remembered = bool(data.get("_session_expiry"))
        life = Lifetime.of(is_remembered=is_remembered)
        return {
            "user_id": data.get("_auth_user_id"),
            "sealed_data": vault.seal_text(text, field="session", row_id=_row_id(key_hash)),
            "last_seen_at": now,
            "expires_at": now + life.idle,
            "is_remembered": is_remembered,
        }

    def _insert(self, key_hash: bytes, fields: dict[str, Any]) -> None:
        about = {"created_at": fields["last_seen_at"], "ip": self.ip, "user_agent": self.user_agent[:200]}
        try:
            with transaction.atomic():
                Session.objects.create(key_hash=key_hash, **fields, **about)
        except IntegrityError as exists:
            raise CreateError from exists

    def _is_over(self, row: Session) -> bool:
        now = timezone.now()
        life = Lifetime.of(is_remembered=row.is_remembered)
        return now >= row.last_seen_at + life.idle or now >= row.created_at + life.absolute

    def _touch(self, row: Session) -> None:
        now = timezone.now()
        if abs(now - row.last_seen_at) < TOUCH_EVERY:  # a time ahead of now is of a clock that was put back
            return
        life = Lifetime.of(is_remembered=row.is_remembered)
        Session.objects.filter(pk=row.pk).update(last_seen_at=now, expires_at=now + life.idle)

    def _cached(self, key_hash: bytes) -> str | None:
        found = self._seen.get(key_hash)
        if found is None:
            return None
        seen_generation, text, read_at = found
        is_fresh = 0 <= (timezone.now() - read_at).total_seconds() < CACHE_S
        if not is_fresh or seen_generation != generation.current():
            self._seen.pop(key_hash, None)
            return None
        return text

    def _remember(self, key_hash: bytes, text: str) -> None:
        if len(self._seen) > 500:
            self._seen.clear()
        self._seen[key_hash] = (generation.current(), text, timezone.now())


def row_key(session_key: str | None) -> bytes:
    """Return the key of a session's row: an HMAC, from which the cookie cannot be had."""
    return vault.keyed_hash("session", (session_key or "").encode())


def _row_id(key_hash: bytes) -> UUID:
    return UUID(bytes=bytes(key_hash)[:16])


def _rows(key_hash: bytes) -> QuerySet[Session]:
    return Session.objects.filter(key_hash=key_hash)


def _locked(key_hash: bytes) -> Session | None:
    """Return the row, which nobody else changes until the transaction ends."""
    return _rows(key_hash).select_for_update().first()


def _text_in(row: Session) -> str:
    """Return the sealed data as JSON. What does not open counts as signed out, never as signed in."""
    try:
        sealed = vault.open_text(bytes(row.sealed_data), field="session", row_id=_row_id(bytes(row.key_hash)))
    except VaultError:
        return "{}"
    return sealed.expose()


def _parsed(text: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(text)
    return data


def _merged(read: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Return what is in the row now, with what this request changed of what it had read."""
    changed = {name: value for name, value in mine.items() if name not in read or read[name] != value}
    kept = {name: value for name, value in theirs.items() if name in mine or name not in read}
    return kept | changed


def end_others(user_id: UUID, *, keep: str | None) -> int:
    """Sign a person out everywhere but in the browser whose key is `keep`; return how many ended."""
    rows = Session.objects.filter(user_id=user_id)
    if keep:
        rows = rows.exclude(key_hash=row_key(keep))
    ended, _ = rows.delete()
    generation.bump()
    return ended


def end_one(user_id: UUID, name: str) -> int:
    """End one session of this person by the name that its row shows; return how many ended."""
    ended = 0
    for row in Session.objects.filter(user_id=user_id):
        if row.name == name:
            ended += row.delete()[0]
    generation.bump()
    return ended
