"""What a connect link has in common with a request link: reminders, the agency's name and logo, tries, the mail."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from django.core import mail
from django.utils import timezone
from PIL import Image

from integrations.agency import agency, introduce
from integrations.links import nudging
from integrations.models import Connection, CustomProvider, Message
from secrets_vault.actor import SYSTEM
from tests.integrations.links.test_packs import come_back
from tests.integrations.links.test_requests import OURS
from tests.integrations.oauth.world import consent_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def can_mail(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


def png():
    drawn = BytesIO()
    Image.new("RGB", (40, 20)).save(drawn, "PNG")
    return drawn.getvalue()


def test_a_connect_link_reminds_as_a_request_does_and_ends_with_the_consent(reachable, link_of, phone, can_mail):
    made_at = timezone.now()
    link, path = link_of(sent_to="office@acme.example", reminds=True, language="es", now=made_at)
    Connection.objects.update(is_sandbox=False)
    assert nudging.remind_due(now=made_at + timedelta(days=2, hours=1)) == 1
    assert OURS + path in mail.outbox[0].body
    assert link.sealed_token is not None
    assert path.rpartition("/")[2].encode() not in bytes(link.sealed_token)
    answer = phone.post(path, headers={"origin": OURS})
    assert come_back(phone, consent_at(reachable, answer.context["url"])).status_code == 303
    link.refresh_from_db()
    assert (link.sealed_token, link.remind_at) == (None, None)
    assert nudging.remind_due(now=made_at + timedelta(days=5)) == 0
    assert Message.objects.filter(kind="link_done").count() == 1


def test_a_connect_page_names_the_agency_and_shows_its_logo(connection, link_of, phone):
    introduce("Fjord & Co", actor=SYSTEM, upload=png())
    _, path = link_of()
    page = phone.get(path).content.decode()
    assert "Ada (Fjord &amp; Co) asks you" in page
    assert f'src="/connect/logo/{agency().logo}.png" alt="Fjord &amp; Co"' in page


def test_a_connect_link_is_busy_after_twenty_tries(link_of, phone):
    _, path = link_of()
    statuses = {phone.post(path, headers={"origin": OURS}).status_code for _ in range(20)}
    assert statuses == {200}
    assert phone.post(path, headers={"origin": OURS}).status_code == 429


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Sign in there"), ("de", "Melden Sie sich dort"), ("fr", "Connectez-vous avec"),
     ("es", "Inicie sesión allí"), ("nl", "Log daar in")],
)  # fmt: skip
def test_a_consent_is_told_in_numbered_steps(connection, link_of, request_of, phone, language, said):
    for _, path in (link_of(language=language), request_of(connection, language=language)):
        steps = phone.get(path).content.decode().partition('<ol class="numbered">')[2].partition("</ol>")[0]
        assert (steps.count("<li>"), said in steps, "HubSpot" in steps) == (3, True, True)


def test_a_key_without_a_page_of_its_own_has_the_documentation(gadgets, request_of, phone, acme):
    facts = CustomProvider.objects.get().facts
    CustomProvider.objects.update(facts=facts | {"docs_url": "https://docs.gadgets.example/api"})
    _, path = request_of(gadgets)
    assert 'href="https://docs.gadgets.example/api"' in phone.get(path).content.decode()
