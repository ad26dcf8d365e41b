"""Which account a connection is for, and its API version: on its page, for who may change it."""

from __future__ import annotations

from datetime import date

import pytest
from django.urls import reverse

from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from

pytestmark = pytest.mark.django_db
ACME = {"id": "aaaa", "name": "Acme site", "note": "acme.test", "is_default": False, "variables": {"site": "aaaa"}}
BETA = {"id": "bbbb", "name": "<b>Beta</b>", "note": "", "is_default": False, "variables": {"site": "bbbb"}}


def url(name, slug):
    return reverse(f"dashboard:{name}", args=[slug])


@pytest.fixture
def manager(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def sited(connection, upstream):
    """The connection, of which nobody has chosen the site, with versions in a header."""
    facts = custom_from(
        {"base_url": upstream.url + "/api"},
        key=connection.provider_key,
        name="Fake",
        today=date(2026, 11, 22),
        probe={"method": "GET", "path": "/me"},
        static_headers={"X-Site": "{site}"},
        variables=[{"name": "site", "source": "discovery", "path": "id", "pattern": "[a-z]{4}", "is_optional": True}],
        discovery={"url": upstream.url + "/sites", "id_at": "id", "name_at": "name"},
        versions={"header": "Fake-Version", "pattern": r"20\d\d-\d\d", "known": ["2026-09", "2026-03"]},
    )
    CustomProvider.objects.update_or_create(key=connection.provider_key, defaults={"facts": facts})
    Connection.objects.update(choices=[ACME, BETA], status="failing", status_code="choice_needed")
    connection.refresh_from_db()
    return connection


def test_the_page_asks_which_account_and_marks_the_one_that_is_used(manager, sited, upstream):
    page = manager.get(url("connection", sited.slug)).content.decode()
    assert "Nobody chose which account" in page
    assert "&lt;b&gt;Beta&lt;/b&gt;" in page
    chosen = manager.post(url("connection_choose", sited.slug), {"account": "bbbb"}, follow=True).content.decode()
    assert "Chosen. It works." in chosen
    assert "In use" in chosen
    assert b"\r\nX-Site: bbbb\r\n" in upstream.requests[-1]
    sited.refresh_from_db()
    assert (sited.status, sited.account_id) == ("connected", "bbbb")


def test_an_account_that_was_not_listed_is_not_taken(manager, sited):
    page = manager.post(url("connection_choose", sited.slug), {"account": "cccc"}, follow=True).content.decode()
    assert "choose one of those listed" in page
    assert Connection.objects.get().variables == {}


def test_the_provider_is_asked_again(manager, sited, upstream):
    said = b'[{"id": "dddd", "name": "Delta"}]'
    upstream.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)]
    page = manager.post(url("connection_look", sited.slug), follow=True).content.decode()
    assert "Fake listed it again: 1." in page
    assert Connection.objects.get().variables == {"site": "dddd"}


def test_a_version_is_tried_used_and_taken_back(manager, sited, upstream):
    assert "None is pinned" in manager.get(url("connection", sited.slug)).content.decode()
    done = manager.post(url("connection_version", sited.slug), {"version": "2026-03"}, follow=True).content.decode()
    assert "The version is changed. It works." in done
    assert "Newer: 2026-09." in done
    assert b"\r\nFake-Version: 2026-03\r\n" in upstream.requests[-1]
    upstream.answers = [b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"]
    refused = manager.post(url("connection_version", sited.slug), {"version": "2026-09"}, follow=True).content.decode()
    assert "Nothing was changed. Tried with version 2026-09: Fake answered with status 400." in refused
    upstream.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
    back = manager.post(url("connection_version_back", sited.slug), follow=True).content.decode()
    assert "None is pinned" in back
    assert Connection.objects.get().variables == {}


@pytest.mark.parametrize(
    "name", ["connection_choose", "connection_look", "connection_version", "connection_version_back"]
)
def test_who_may_only_look_changes_nothing(browser_of, ben, sited, upstream, name):
    looker = browser_of(ben)
    page = looker.get(url("connection", sited.slug)).content.decode()
    assert "Acme site" in page
    assert "Try it and use it" not in page
    assert looker.post(url(name, sited.slug), {"account": "aaaa", "version": "2026-03"}).status_code == 404
    assert (Connection.objects.get().variables, upstream.requests) == ({}, [])
