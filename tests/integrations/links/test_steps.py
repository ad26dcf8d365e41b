"""How a key is made, in the provider's own steps: for a first key as for a renewal, in English and German."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from integrations.connections import create_connection
from integrations.links.steps import _own
from integrations.models import CustomProvider
from integrations.providers.registry import get_provider
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret

pytestmark = pytest.mark.django_db
OLD = "made-up-old-key-0123456789abcdef"


@pytest.fixture
def steps_of(acme, phone, request_of):
    """Return a function that gives the numbered steps of a key's page, with the language of each."""

    def read(provider_key, language, *, has_one=False):
        place = acme.environments.get(slug="production")
        about = {"provider_key": provider_key, "kind": "api_key", "actor": SYSTEM, "now": timezone.now()}
        made = create_connection(acme, place, **about)
        if has_one:
            fields = {"api_key": Secret(OLD)}
            kept = {"actor": SYSTEM, "client": acme, "environment": place, "label": "k"}
            made.secret = vault.store(kind="api_key", fields=fields, **kept)
            made.save(update_fields=["secret"])
        page = phone.get(request_of(made, language=language)[1]).content.decode()
        assert OLD not in page
        steps = page.partition('<ol class="numbered">')[2].partition("</ol>")[0]
        return page, re.findall(r'<li(?: lang="(\w\w)")?>(.*?)</li>', steps, re.DOTALL)

    return read


@pytest.mark.parametrize(
    ("language", "said"), [("en", "choose Create new key"), ("de", "wählen Sie"), ("fr", "Créez une nouvelle clé")]
)
def test_a_first_key_is_told_in_the_providers_own_steps_between_its_page_and_the_pasting(steps_of, language, said):
    page, steps = steps_of("mistral", language)
    assert len(steps) == (3 if language == "fr" else 4)
    assert (said in steps[1][1], steps[1][0]) == (True, language)
    assert get_provider("mistral").rotation.how_url in steps[0][1]
    assert "Store it here" not in page


@pytest.mark.parametrize("key", ["openai", "pipedrive", "trello"])
def test_steps_that_need_an_old_key_are_told_to_nobody_without_one(steps_of, key):
    _, steps = steps_of(key, "en")
    assert (len(steps), "Create a new key" in steps[1][1]) == (3, True)


def test_a_renewal_has_all_of_them_up_to_the_storing(steps_of):
    _, steps = steps_of("elevenlabs", "en", has_one=True)
    assert [text.split()[0] for _, text in steps[1:-1]] == ["In", "Give", "Copy"]


def test_what_is_only_like_the_old_one_is_left_out_for_a_first_key(steps_of):
    _, steps = steps_of("elevenlabs", "en")
    assert [text.split()[0] for _, text in steps[1:-1]] == ["In", "Copy"]


def test_a_described_providers_steps_stay_text_and_in_their_own_language(gadgets, request_of, phone):
    row = CustomProvider.objects.get()
    steps = ["Open <script>alert(1)</script> and make a key.", "Store it here as a new version."]
    CustomProvider.objects.update(facts=row.facts | {"rotation": row.facts.get("rotation", {}) | {"steps": steps}})
    page = phone.get(request_of(gadgets, language="de")[1]).content.decode()
    assert '<li lang="en">Open &lt;script&gt;alert(1)' in page
    assert ("<script>alert" in page, "Store it here" in page) == (False, False)


def test_no_first_key_is_told_of_an_old_one():
    from integrations.providers.registry import all_providers

    told = [step for provider in all_providers() for step in _own(provider, is_first=True)]
    assert len(told) > 40
    assert not [step for step in told if re.search(r"\bold\b|\bsame\b|here as a new version", step, re.IGNORECASE)]
