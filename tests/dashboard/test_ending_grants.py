"""Consents that end stand on Rotations beside the keys, for those who may see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection
from tests.dashboard.test_rotations import browser_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def linkedin(acme):
    now = timezone.now()
    return Connection.objects.create(
        slug="acme-linkedin", label="Acme's page", client=acme, environment=acme.environments.first(),
        provider_key="linkedin", kind="oauth2", status="connected", connected_at=now,
        refresh_expires_at=now + timedelta(days=40), refresh_ends_by="no_refresh",
    )  # fmt: skip


def page(user):
    return browser_for(user).get(reverse("dashboard:rotations")).content.decode()


def test_it_says_when_and_why(ada, linkedin):
    text = page(ada)
    assert "Consents that end" in text
    assert "Acme&#x27;s page" in text
    assert "there is no refresh token" in text


def test_what_is_far_away_or_renewed_by_itself_is_not_shown(ada, linkedin):
    Connection.objects.update(refresh_expires_at=timezone.now() + timedelta(days=120))
    assert "Consents that end" not in page(ada)
    soon = timezone.now() + timedelta(days=40)
    Connection.objects.update(refresh_expires_at=soon, refresh_ends_by="idle", refresh_due_at=timezone.now())
    assert "Consents that end" not in page(ada)


def test_a_stranger_sees_none(cora, linkedin):
    assert "Acme" not in page(cora)
