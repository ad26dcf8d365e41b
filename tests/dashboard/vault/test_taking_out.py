"""A client's environment leaves as an .env file: only for who manages it, only after a proof, and in the book."""

from __future__ import annotations

import time

import pytest
from django.urls import reverse

from integrations.dotenv import parse_env
from integrations.environment_values import shell_name
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, SecretField
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.proving import prove

pytestmark = pytest.mark.django_db
CANARY = "canary-9f8e7d6c5b4a3210"


def keep(client, kind: str, label: str, env: str = "production", **fields: str):
    place = client.environments.get(slug=env)
    values = {name: Secret(value) for name, value in fields.items()}
    return vault.store(actor=COMMAND, client=client, environment=place, kind=kind, label=label, fields=values)


@pytest.fixture
def download(browser_of, acme):
    def post(user, env: str = "production", client=acme, at: float | None = None):
        browser = browser_of(user)
        prove(browser, at=at)
        url = reverse("dashboard:client_env_file", args=[acme.slug])
        return browser.post(url, {"environment": str(client.environments.get(slug=env).pk)})

    return post


def read(answer) -> list[tuple[str, str]]:
    parsed = parse_env(b"".join(answer.streaming_content).decode())
    assert parsed.problems == []
    return [(entry.name, entry.value.expose()) for entry in parsed.entries]


def test_every_value_of_one_environment_is_in_the_file_under_a_name_a_shell_takes(acme, ada, download):
    keep(acme, "key_value_set", ".env", PLAIN="x", MULTI="it's `one`\n$two", DB_PASS=CANARY)
    keep(acme, "api_key", "STRIPE_KEY", api_key="a")
    keep(acme, "api_key", "Acme's Odd API\n; id", api_key="b")
    keep(acme, "api_key", "stripe-key", api_key="second of one name")
    keep(acme, "basic", "SFTP 2", username="u", password="p w")
    keep(acme, "oauth_tokens", "HubSpot", access_token="renewed", refresh_token="never leaves")
    keep(acme, "api_key", "Elsewhere", env="staging", api_key="of staging")
    answer = download(ada)
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="acme.production.env"'
    assert sorted(read(answer)) == [
        ("ACME_S_ODD_API_ID", "b"),
        ("DB_PASS", CANARY),
        ("MULTI", "it's `one`\n$two"),
        ("PLAIN", "x"),
        ("SFTP_2_PASSWORD", "p w"),
        ("SFTP_2_USERNAME", "u"),
        ("STRIPE_KEY", "a"),
        ("STRIPE_KEY_2", "second of one name"),
    ]


def test_what_is_not_in_the_file_is_named_in_it(acme, ada, download):
    keep(acme, "oauth_tokens", "HubSpot", access_token="renewed", refresh_token="never leaves")
    keep(acme, "note", "n", note="x")
    text = b"".join(download(ada).streaming_content).decode()
    assert "# not in this file: HubSpot\n" in text
    assert "never leaves" not in text


def test_each_secret_is_in_the_book_and_no_value_is(acme, ada, download):
    stored = keep(acme, "api_key", "K", api_key=CANARY)
    download(ada)
    event = AuditEvent.objects.get(action="secret.taken_out")
    assert (event.object_id, event.client_id, event.actor_label) == (str(stored.pk), acme.pk, ada.name)
    assert CANARY not in str(AuditEvent.objects.values_list())


def test_a_stale_proof_opens_nothing(acme, ada, download):
    keep(acme, "api_key", "K", api_key=CANARY)
    answer = download(ada, at=time.time() - 16 * 60)
    assert "/reauthenticate" in answer.url
    assert not AuditEvent.objects.filter(action="secret.taken_out").exists()


def test_who_may_only_look_or_knows_nothing_of_the_client_gets_404(acme, ben, cora, download):
    keep(acme, "api_key", "K", api_key=CANARY)
    assert (download(ben).status_code, download(cora).status_code) == (404, 404)


def test_another_clients_environment_is_not_taken(acme, ada, download):
    other = make_client("globex")
    keep(other, "api_key", "K", api_key=CANARY)
    assert download(ada, client=other).status_code == 302
    assert not AuditEvent.objects.filter(action="secret.taken_out").exists()


def test_one_unreadable_value_stops_the_whole_file(acme, ada, download, browser_of):
    keep(acme, "api_key", "Good", api_key="x")
    keep(acme, "api_key", "Bad", api_key="y")
    SecretField.objects.filter(version__secret__label="Bad").update(blob=b"broken")
    answer = download(ada)
    assert answer.status_code == 302
    assert not answer.streaming


def test_after_ten_files_in_a_quarter_of_an_hour_one_waits(acme, ada, download):
    keep(acme, "api_key", "K", api_key="x")
    assert [download(ada).status_code for _ in range(11)] == [200] * 10 + [302]


def test_the_page_offers_it_to_who_manages_the_client(acme, ada, ben, browser_of):
    keep(acme, "api_key", "K", api_key="x")
    page, url = reverse("dashboard:client_secrets", args=["acme"]), reverse("dashboard:client_env_file", args=["acme"])
    assert url in browser_of(ada).get(page).content.decode()
    assert url not in browser_of(ben).get(page).content.decode()


@pytest.mark.parametrize(
    ("text", "name"),
    [("a.b", "a_b"), ("1x", "_1x"), ("x; id", "x__id"), ("größe", "gr__e"), ("", "_"), ("ok_1", "ok_1")],
)
def test_a_name_can_be_nothing_but_a_name(text, name):
    assert shell_name(text) == name
