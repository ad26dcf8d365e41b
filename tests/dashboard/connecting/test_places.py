"""A described API takes its credential in every place: in the form, in the facts, and back in the form."""

from __future__ import annotations

import pytest

from integrations.injecting import injected
from integrations.models import CustomProvider
from integrations.providers.loading import get_provider

pytestmark = pytest.mark.django_db
ABOUT = {"name": "Odd", "base_url": "https://api.odd.example", "owner": "-"}

EACH = [
    ({"inject_in": "header", "inject_name": "X-Key", "inject_template": "Key {token}"}, ("header:x-key",), b"Key T"),
    ({"inject_in": "query", "inject_name": "api_key", "inject_template": "Bearer {token}"}, ("query:api_key",), b""),
    ({"inject_in": "path", "inject_name": "", "inject_template": "bot{token}"}, ("path:bot{token}",), b""),
    ({"inject_in": "json", "inject_name": "key", "inject_template": "{token}"}, ("json:key",), b""),
    (
        {"inject_in": "basic", "inject_name": "Authorization", "inject_template": "{token}:x"},
        ("header:authorization",),
        b"Basic VDp4",
    ),
    (
        {
            "inject_in": "header",
            "inject_name": "X-Key",
            "inject_template": "{token}",
            "inject_more": "header X-App: {app_key}\nquery v = {app_key}",
        },
        ("header:x-key", "header:x-app", "query:v"),
        b"T",
    ),
]


@pytest.mark.parametrize(("typed", "slots", "first"), EACH, ids=lambda each: str(each)[:30])
def test_each_place_is_described_kept_and_shown_again(browser_of, olive, typed, slots, first):
    answer = browser_of(olive).post("/providers/new/", ABOUT | typed)
    assert answer.status_code == 302, answer.content.decode()
    row = CustomProvider.objects.get()
    injection = get_provider(row.key).injection_for("api_key")
    assert injection.slots == slots
    ready = injected(injection, "api_key", {"api_key": "T", "app_key": "A"})
    assert (ready.headers[0][1] if ready.headers else b"") == first
    page = browser_of(olive).get(f"/providers/{row.pk}/").content.decode()
    assert f'value="{typed["inject_in"]}" selected' in page
    again = browser_of(olive).post(f"/providers/{row.pk}/", {k: v for k, v in (ABOUT | typed).items() if k != "owner"})
    assert again.status_code == 302
    assert CustomProvider.objects.get().facts["injections"] == row.facts["injections"]


def test_a_second_value_is_asked_for_when_connecting(browser_of, olive, acme):
    browser_of(olive).post("/providers/new/", ABOUT | EACH[-1][0])
    row = CustomProvider.objects.get()
    assert [field.words for field in get_provider(row.key).fields_of("api_key")] == ["API key", "App key"]
    place = acme.environments.first().pk
    page = browser_of(olive).get(f"/connections/new/?place={place}&provider={row.key}&way=api_key").content.decode()
    assert "App key" in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"inject_more": "X-App {app_key}"}, "Write each as in"),
        ({"inject_more": "header Host: {app_key}"}, "steers the call"),
        ({"inject_more": "header Authorization: {app_key}"}, "twice"),
        ({"inject_more": "header X-App: {access_token}", "token_url": "https://id.odd.example/t"}, "another name"),
        ({"inject_in": "path", "inject_template": "a/{token}"}, "one segment"),
        ({"inject_in": "json", "inject_name": "a b"}, "not the name of a JSON field"),
        ({"inject_in": "basic", "inject_template": "no slot"}, "two halves"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(browser_of, olive, typed, said):
    usual = {"inject_in": "header", "inject_name": "Authorization", "inject_template": "Bearer {token}"}
    answer = browser_of(olive).post("/providers/new/", ABOUT | usual | typed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not CustomProvider.objects.exists()
