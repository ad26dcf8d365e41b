"""The keyrings: one per client, one for the agency. Each has terms; the active one seals.

Terms are opened once per process and dropped when the generation changes. A term that this
transaction made is not kept: if it rolls back, no later message may be sealed under a key that no row holds.
"""

from __future__ import annotations

import os
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from secrets_vault import generation, keys
from secrets_vault.envelope import KEY_BYTES, NOBODY, Place, open_blob, seal
from secrets_vault.errors import Unreadable
from secrets_vault.ids import uuid7
from secrets_vault.models import KeyTerm

# Messages are counted in batches, since one UPDATE a message would make every store wait for the
# next. A batch lost to a rollback or a stop only makes the count wrong by a few thousand out of 2^32.
BATCH = 1024
MOST_MESSAGES = 2**32 - 2**24


class _Ring:
    """What this process has opened.

    No lock is held around it: a thread that waited for the database with such a lock in hand could
    stop the thread that has the database. Each entry is set in one step, and losing a race costs a query.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.generation = -1
        self.opened: dict[UUID, bytes] = {}
        self.active: dict[UUID | None, UUID] = {}
        self.allowance: dict[UUID, int] = {}
        self.uncommitted: set[UUID] = set()


_ring = _Ring()
keys.on_forget(_ring.clear)


def sealing_key(client_id: UUID | None) -> tuple[UUID, bytes]:
    """Return the active term of a client's keyring, or the agency's for None, and its key. Counts one message."""
    seen = _drop_what_is_stale()
    term_id = _ring.active.get(client_id) or _active_term(client_id, seen)
    if _ring.allowance.get(term_id, 0) <= 0:
        term_id = _take_a_batch(client_id, term_id)
    _ring.allowance[term_id] = _ring.allowance.get(term_id, BATCH) - 1
    return term_id, opening_key(term_id)


def opening_key(term_id: UUID) -> bytes:
    """Return the key of a term. Raises Unreadable for one that is unknown or was destroyed."""
    seen = _drop_what_is_stale()
    found = _ring.opened.get(term_id)
    if found is not None:
        return found
    key = _unwrap(term_id)
    if _may_keep(term_id, seen):
        _ring.opened[term_id] = key
    return key


def learn(term: KeyTerm, *, seen: int) -> None:
    """Open a term whose row the caller has read, having seen generation `seen` before: no query is needed for it.

    Raises Unreadable for one that was destroyed or does not open.
    """
    _drop_what_is_stale()
    if term.pk in _ring.opened:
        return
    key = _opened(term)
    if _may_keep(term.pk, seen):
        _ring.opened[term.pk] = key


def open_new_term(client_id: UUID | None) -> UUID:
    """Begin a new term: new messages are sealed under it, older ones still open under theirs."""
    with transaction.atomic():
        _active_rows(client_id).update(state=KeyTerm.State.DECRYPT_ONLY)
        term_id = _make_term(client_id)
        generation.bump()
    _ring.active.pop(client_id, None)
    return term_id


def _drop_what_is_stale() -> int:
    """Empty what another process may have changed, and return the generation now seen."""
    now = generation.current()
    if now != _ring.generation:
        _ring.opened.clear()
        _ring.active.clear()
        _ring.generation = now
    return now


def _may_keep(term_id: UUID, seen: int) -> bool:
    """Tell whether what was read at generation `seen` is still good, and committed."""
    return term_id not in _ring.uncommitted and seen == _ring.generation == generation.current()


def _active_term(client_id: UUID | None, seen: int) -> UUID:
    term_id = _find_active(client_id)
    if term_id is None:
        try:
            with transaction.atomic():
                term_id = _make_term(client_id)
        except IntegrityError:  # another process opened this keyring at the same moment
            term_id = _find_active(client_id)
            if term_id is None:
                raise
    if _may_keep(term_id, seen):
        _ring.active[client_id] = term_id
    return term_id


def _find_active(client_id: UUID | None) -> UUID | None:
    return _active_rows(client_id).values_list("pk", flat=True).first()


def _active_rows(client_id: UUID | None) -> QuerySet[KeyTerm]:
    owner = Q(client__isnull=True) if client_id is None else Q(client=client_id)
    return KeyTerm.objects.filter(owner, state=KeyTerm.State.ACTIVE)


def _make_term(client_id: UUID | None) -> UUID:
    """Begin a term. Raises Unreadable for a client whose keyring was destroyed: nothing is stored for it any more."""
    vault = keys.unlock()
    if client_id is not None and _is_destroyed(client_id):
        raise Unreadable("This client's keys were destroyed. Nothing can be stored for it any more.")
    term_id = uuid7()
    wrapped = seal(os.urandom(KEY_BYTES), key=vault.subkey("keyring"), term=NOBODY, place=_place(term_id, client_id))
    _ring.uncommitted.add(term_id)
    KeyTerm.objects.create(id=term_id, client_id=client_id, wrapped_key=wrapped)
    transaction.on_commit(lambda: _ring.uncommitted.discard(term_id))
    return term_id


def _is_destroyed(client_id: UUID) -> bool:
    states = set(KeyTerm.objects.filter(client=client_id).values_list("state", flat=True).distinct())
    return states == {KeyTerm.State.DESTROYED}


def _place(term_id: UUID, client_id: UUID | None) -> Place:
    vault = keys.unlock()
    return Place(installation=vault.installation_id, client=client_id, row=term_id, field="keyring", content_type="key")


def _unwrap(term_id: UUID) -> bytes:
    term = KeyTerm.objects.filter(pk=term_id).first()
    if term is None:
        raise Unreadable("This value was sealed under a key that this database does not have.")
    return _opened(term)


def _opened(term: KeyTerm) -> bytes:
    if term.wrapped_key is None or term.state == KeyTerm.State.DESTROYED:
        raise Unreadable("The key of this value was destroyed, and the value with it.")
    ring_key = keys.unlock().subkey("keyring")
    place = _place(term.pk, term.client_id)
    return bytes(open_blob(bytes(term.wrapped_key), key_of=lambda _: ring_key, place=place))


def _take_a_batch(client_id: UUID | None, term_id: UUID) -> UUID:
    """Count the next messages of a term, or begin a new one when it has sealed its share.

    The row is skipped when another transaction holds it: waiting for it could deadlock with the
    lock on the book's end. The batch is then counted the next time.
    """
    with transaction.atomic():
        row = KeyTerm.objects.select_for_update(skip_locked=_can_skip()).filter(pk=term_id).first()
        if row is not None and row.messages >= MOST_MESSAGES and row.state == KeyTerm.State.ACTIVE:
            term_id = open_new_term(client_id)
        elif row is not None:
            KeyTerm.objects.filter(pk=term_id).update(messages=F("messages") + BATCH)
    _ring.allowance[term_id] = BATCH
    return term_id


def _can_skip() -> bool:
    from django.db import connection

    return connection.features.has_select_for_update_skip_locked
