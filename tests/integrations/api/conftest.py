"""A client with a token that reports errors, and how a tool posts one."""

from __future__ import annotations

import json

import pytest
from django.test import Client as Browser
from django.utils import timezone

from integrations.api import tokens
from secrets_vault.actor import SYSTEM
from tests.factories import make_client


@pytest.fixture
def acme(db):
    return make_client()


@pytest.fixture
def made(acme):
    """Return a token of Acme's and its text."""
    token, text = tokens.make(acme, "n8n errors", actor=SYSTEM, now=timezone.now(), per_minute=600)
    return token, text.expose()


@pytest.fixture
def post(made):
    """Return what posts a body as a tool does; keyword arguments become headers."""

    def posting(body, *, text=made[1], media="application/json", **headers):
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        said = {"authorization": f"Bearer {text}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return Browser(SERVER_NAME="localhost").post("/api/v1/errors", data, content_type=media, headers=said)

    return posting
