"""Sessions: a dump of them signs nobody in, and each ends when it should."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client as AnyBrowser
from django.test import override_settings
from django.utils import timezone

from secrets_vault.models import Session
from secrets_vault.people import sessions
from secrets_vault.people.sessions import SessionStore
from tests.factories import make_user

pytestmark = pytest.mark.django_db
Browser = partial(AnyBrowser, SERVER_NAME="localhost")


def stored(**data: object) -> SessionStore:
    session = SessionStore()
    session.update(data)
    session.create()
    session.update(data)
    session.save()
    return session


def test_what_was_stored_is_read_back():
    session = stored(colour="blue")
    assert SessionStore(session.session_key)["colour"] == "blue"


def test_no_column_of_a_session_row_authenticates():
    ada = make_user("Ada")
    browser = Browser()
    browser.force_login(ada)
    row = Session.objects.get()
    name = next(iter(browser.cookies))
    columns = [
        bytes(row.key_hash).hex(),
        str(row.user_id),
        row.ip,
        row.user_agent,
        bytes(row.key_hash).decode("latin-1"),
    ]
    for value in columns:
        assert dict(SessionStore(value).load()) == {}, f"{name}={value!r} opened a session"


def test_the_data_in_the_row_cannot_be_read():
    stored(seed="JBSWY3DPEHPK3PXP")
    assert b"JBSWY3DPEHPK3PXP" not in bytes(Session.objects.get().sealed_data)


def test_a_row_whose_data_was_moved_from_another_session_is_signed_out():
    mine, other = stored(_auth_user_id=None, who="mine"), stored(_auth_user_id=None, who="other")
    rows = {bytes(r.key_hash): r for r in Session.objects.all()}
    mine_row, other_row = rows[sessions.row_key(mine.session_key)], rows[sessions.row_key(other.session_key)]
    Session.objects.filter(pk=mine_row.pk).update(sealed_data=other_row.sealed_data)
    SessionStore._seen.clear()
    assert SessionStore(mine.session_key).load() == {}


@pytest.mark.parametrize(
    ("remembered", "strict", "idle", "lives"),
    [
        (False, False, timedelta(hours=7, minutes=59), True),
        (False, False, timedelta(hours=8), False),
        (True, False, timedelta(days=13), True),
        (True, False, timedelta(days=14), False),
        (True, True, timedelta(minutes=14), True),
        (True, True, timedelta(minutes=15), False),
    ],
)
def test_an_unused_session_ends(remembered, strict, idle, lives):
    with override_settings(KEYLODGE_STRICT_SESSIONS=strict):
        session = stored(who="ada", **({"_session_expiry": 1_209_600} if remembered else {}))
        Session.objects.update(last_seen_at=timezone.now() - idle)
        SessionStore._seen.clear()
        assert bool(SessionStore(session.session_key).load()) is lives


def test_a_session_used_at_a_clock_two_days_ahead_is_not_longer_for_it():
    session = stored(who="ada")
    Session.objects.update(last_seen_at=timezone.now() + timedelta(days=2))
    SessionStore._seen.clear()
    assert SessionStore(session.session_key).load()
    assert Session.objects.get().last_seen_at < timezone.now() + timedelta(seconds=1)


def test_a_strict_session_ends_after_twelve_hours_even_when_used():
    with override_settings(KEYLODGE_STRICT_SESSIONS=True):
        session = stored(who="ada")
        Session.objects.update(created_at=timezone.now() - timedelta(hours=12))
        SessionStore._seen.clear()
        assert SessionStore(session.session_key).load() == {}


def test_ending_the_others_keeps_this_browser():
    ada = make_user("Ada")
    here, there = Browser(), Browser()
    here.force_login(ada)
    there.force_login(ada)
    assert sessions.end_others(ada.pk, keep=here.session.session_key) == 1
    assert Session.objects.count() == 1
    assert SessionStore(here.session.session_key).load()


def test_signing_in_changes_the_key():
    browser = Browser()
    browser.get("/accounts/login/")
    before = browser.session.session_key
    browser.force_login(make_user("Ada"))
    assert browser.session.session_key != before


def test_a_cached_session_ends_with_its_row(django_capture_on_commit_callbacks):
    session = stored(who="ada")
    assert SessionStore(session.session_key).load()
    with django_capture_on_commit_callbacks(execute=True):
        SessionStore(session.session_key).delete()
    assert SessionStore(session.session_key).load() == {}


def test_one_session_is_ended_by_its_name_and_only_ones_own():
    ada, eve = make_user("Ada"), make_user("Eve")
    here = Browser()
    here.force_login(ada)
    name = Session.objects.get().name
    assert sessions.end_one(eve.pk, name) == 0
    assert sessions.end_one(ada.pk, name) == 1
    assert not Session.objects.exists()


def test_two_requests_at_once_each_write_what_they_changed_and_nothing_else():
    first = stored(_auth_user_id=None, progress=10, colour="blue", gone="soon")
    second = SessionStore(first.session_key)
    assert second["progress"] == 10
    second["proof"] = {"at": 1}
    first["progress"] = 20
    del first["gone"]
    first.save()
    second.save()
    SessionStore._seen.clear()
    told = {"progress": 20, "colour": "blue", "proof": {"at": 1}}
    assert {name: SessionStore(first.session_key).get(name) for name in told} == told
    assert "gone" not in SessionStore(first.session_key)
    assert second["progress"] == 20


def test_what_one_request_changed_inside_a_value_is_written_too():
    first = stored(_auth_user_id=None, proofs=[{"at": 1}])
    second = SessionStore(first.session_key)
    second["proofs"][0]["at"] = 2
    second.save()
    assert SessionStore(first.session_key)["proofs"] == [{"at": 2}]


def test_a_new_key_keeps_the_data_and_what_is_written_after_it():
    first = stored(_auth_user_id=None, colour="blue")
    again = SessionStore(first.session_key)
    assert again["colour"] == "blue"
    again.cycle_key()
    again["shape"] = "round"
    again.save()
    assert dict(SessionStore(again.session_key).items()) == {"_auth_user_id": None, "colour": "blue", "shape": "round"}
