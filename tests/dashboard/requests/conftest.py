"""Acme's connection that waits for a key, and a link that asks for it."""

import pytest
from django.utils import timezone

from integrations.links import Ask, make_request
from integrations.models import Connection
from secrets_vault.actor import SYSTEM


@pytest.fixture
def production(acme):
    return acme.environments.get(slug="production")


@pytest.fixture
def openai(acme, production):
    return Connection.objects.create(
        slug="acme-openai", client=acme, environment=production, provider_key="openai", kind="api_key"
    )


@pytest.fixture
def made(openai):
    """Return a function that makes a link and returns (link, address)."""

    def make(**options):
        options = {"actor": SYSTEM, "now": timezone.now(), "sent_to": "office@acme.example"} | options
        return make_request(openai.client, [Ask(openai, options.pop("lands_as", "current"))], **options)

    return make


@pytest.fixture
def can_mail(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
