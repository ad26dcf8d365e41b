"""A secret of Acme, Ada who hands it out, and the phone of somebody without an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from integrations import handover
from integrations.handover import Terms
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret
from tests.canaries import canary
from tests.factories import make_client, make_membership, make_user

OURS = "http://localhost:8000"


@pytest.fixture
def acme(db):
    return make_client("acme", name="Acme")


@pytest.fixture
def ada(acme):
    user = make_user("Ada")
    make_membership(user, acme)
    return user


@pytest.fixture
def value():
    return canary("sk_live_")


@pytest.fixture
def stored(acme, value):
    about = {"actor": SYSTEM, "client": acme, "environment": acme.environments.first()}
    return vault.store(kind="api_key", label="Stripe live key", fields={"api_key": Secret(value)}, **about)


@pytest.fixture
def phone():
    """A browser that nobody is signed in with; it checks CSRF as a real one would be."""
    return Browser(SERVER_NAME="localhost", enforce_csrf_checks=True)


@pytest.fixture
def link_of(stored, ada):
    """Return a function that makes a link and returns (handover, path)."""

    def made(*, now=None, **terms):
        chosen = replace(Terms(label="Stripe live key"), **terms)
        now = now or timezone.now()
        row, url = handover.hand_out_secret(stored, ["api_key"], chosen, actor=Actor.of(ada), now=now)
        return row, url.removeprefix(OURS)

    return made


@pytest.fixture
def long_ago():
    return timezone.now() - timedelta(days=2)


@pytest.fixture
def mailed(settings):
    """Let mail be sent into `django.core.mail.outbox`."""
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


def press(browser, path, origin=OURS, headers=None, **typed):
    return browser.post(path, typed, headers=({"origin": origin} if origin else {}) | (headers or {}))
