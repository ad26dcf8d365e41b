"""The one-time link that makes the owner."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client as AnyBrowser
from django.utils import timezone

from secrets_vault.models import AuditEvent, InstallationSetting, User
from secrets_vault.people import setup_link

pytestmark = pytest.mark.django_db
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
OWNER = {"name": "Ada", "email": "ada@example.com", "password": "tavoki-lumare-pidosu", "time_zone": "Europe/Berlin"}


def path_of(url: str) -> str:
    return url.partition("//")[2].partition("/")[2].join(["/", ""])


def test_the_link_makes_the_owner_once_and_signs_in():
    path = path_of(setup_link.make_setup_url())
    browser = Browser()
    assert browser.get(path).status_code == 200
    assert browser.post(path, OWNER).url == "/setup/secure/"
    owner = User.objects.get()
    assert (owner.is_owner, owner.time_zone, owner.emailaddress_set.get().verified) == (True, "Europe/Berlin", True)
    assert browser.get("/setup/secure/").status_code == 200
    assert Browser().post(path, OWNER | {"email": "eve@example.com"}).status_code == 404
    assert AuditEvent.objects.filter(action="user.owner_made").exists()


def test_looking_at_the_link_uses_nothing_up():
    path = path_of(setup_link.make_setup_url())
    for _ in range(3):
        assert Browser().get(path).status_code == 200
        assert Browser().head(path).status_code == 200


def test_a_newer_link_replaces_an_older_one():
    old = path_of(setup_link.make_setup_url())
    setup_link.make_setup_url()
    assert Browser().get(old).status_code == 404


def test_the_link_ends_after_an_hour():
    now = timezone.now()
    path = path_of(setup_link.make_setup_url(now=now - timedelta(hours=1)))
    assert Browser().get(path).status_code == 404


def test_the_link_is_not_in_the_database():
    token = setup_link.make_setup_url().rpartition("/")[2]
    assert token not in str(InstallationSetting.objects.get().value)


def test_a_weak_password_is_told_and_nothing_typed_is_lost_but_the_password():
    path = path_of(setup_link.make_setup_url())
    answer = Browser().post(path, OWNER | {"password": "hunter2hunter2"})
    assert answer.status_code == 422
    assert b"at least 15" in answer.content
    assert b'value="ada@example.com"' in answer.content
    assert b"hunter2hunter2" not in answer.content


def test_before_there_is_an_owner_the_first_page_says_where_the_link_is():
    answer = Browser().get("/")
    assert answer.status_code == 200
    assert b"make run" in answer.content


def test_an_unknown_time_zone_becomes_utc():
    path = path_of(setup_link.make_setup_url())
    Browser().post(path, OWNER | {"time_zone": "Mars/Olympus"})
    assert User.objects.get().time_zone == "UTC"
