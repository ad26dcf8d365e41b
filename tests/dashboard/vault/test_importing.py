"""A file of another program: looked over row by row, then stored whole or not at all; no value on any page."""

from __future__ import annotations

import io
import json
import time

import pytest
from django.urls import reverse

from dashboard.pages.vault.importing.drafts import DRAFT_KEY
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, SecretField, Session, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client, make_membership
from tests.integrations.importing import files

pytestmark = pytest.mark.django_db
PASTE, PREVIEW = "/vault/import/", "/vault/import/preview/"
STORE = {"go": "store", "set_label": ".env", "is_age_unknown": "on"}
VALUES = (files.STRIPE, files.SLACK, "made-up", "hunter2pass")


@pytest.fixture
def browser(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def place(acme):
    return str(acme.environments.get(slug="production").pk)


@pytest.fixture
def read(browser, place):
    def post(data: bytes | str, **more: str):
        raw = data.encode() if isinstance(data, str) else data
        sent = {"place": place, "how": "each", "file": io.BytesIO(raw)} | more
        return browser.post(PASTE, sent, follow=True)

    return post


def keep(client, kind: str, label: str, env: str = "production", **fields: str) -> StoredSecret:
    values = {name: Secret(value) for name, value in fields.items()}
    environment = client.environments.get(slug=env)
    return vault.store(actor=COMMAND, client=client, environment=environment, kind=kind, label=label, fields=values)


def kinds() -> dict[str, str]:
    return dict(StoredSecret.objects.values_list("label", "kind"))


def plain(label: str) -> dict[str, str]:
    stored = StoredSecret.objects.get(label=label)
    return {name: value.expose() for name, value in vault.use(stored, actor=COMMAND, purpose="test").items()}


def test_a_pasted_env_becomes_a_secret_for_each_credential_and_a_set_of_the_rest(browser, place):
    page = browser.post(PASTE, {"place": place, "how": "each", "text": files.ENV}, follow=True)
    text = page.content.decode()
    assert "Stripe" in text
    assert "line 10" in text
    assert not [value for value in VALUES if value in text]
    assert not StoredSecret.objects.exists()
    assert browser.post(PREVIEW, STORE).status_code == 302
    assert kinds() == {"STRIPE_KEY": "api_key", ".env": "key_value_set"}
    assert plain(".env") == {"DATABASE_URL": "postgres://app:made-up@db/app?x=1#y", "EMPTY": "", "KEY": files.PEM}


def test_a_file_can_stay_one_set(browser, read):
    read(files.ENV, how="set")
    browser.post(PREVIEW, STORE)
    assert list(plain(".env")) == ["STRIPE_KEY", "DATABASE_URL", "EMPTY", "KEY"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (json.dumps(files.N8N), {"Stripe account": "api_key", "HubSpot Acme": "oauth_app",
                                 "HubSpot tokens": "oauth_tokens", "SFTP": "basic", "Header": "api_key"}),
        (json.dumps(files.BITWARDEN), {"Stripe": "key_value_set", "A note": "note", "Deploy": "private_key"}),
        (files.onepux(), {"HubSpot": "basic", "GitHub deploy": "bearer", "Old shape": "note"}),
        (files.ONEPASSWORD_CSV, {"Stripe, live": "basic"}),
    ],
)  # fmt: skip
def test_each_programs_entries_are_stored_as_proposed(browser, read, data, expected):
    text = read(data).content.decode()
    assert not [value for value in VALUES if value in text]
    assert browser.post(PREVIEW, STORE).status_code == 302
    assert kinds() == expected
    assert AuditEvent.objects.filter(action="secret.stored").count() == len(expected)


def test_each_row_is_what_was_chosen_for_it(browser, read, acme):
    read("A_KEY=made-up-value-1\nB_KEY=made-up-value-2\nC_KEY=made-up-value-3\n")
    rows = {
        "act-0": "webhook_secret", "label-0": "Stripe hook", "provider-0": "Stripe ", "place-0": "acme/staging",
        "act-1": "skip", "label-1": "B_KEY", "provider-1": "", "place-1": "acme/production",
        "act-2": "set", "label-2": "RENAMED", "provider-2": "", "place-2": "acme/production",
    }  # fmt: skip
    assert browser.post(PREVIEW, STORE | rows | {"set_label": "shop.env"}).status_code == 302
    hook = StoredSecret.objects.get(label="Stripe hook")
    assert (hook.kind, hook.provider_key, hook.environment.slug) == ("webhook_secret", "stripe", "staging")
    assert plain("shop.env") == {"RENAMED": "made-up-value-3"}
    assert StoredSecret.objects.count() == 2


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"place-0": "globex/production"}, "no such client"),
        ({"provider-0": "nobody-knows"}, "no such provider"),
        ({"label-0": " "}, "a name"),
        ({"act-0": "system"}, "becomes of it"),
        ({"act-0": "basic"}, "becomes of it"),
        ({"act-0": "version:x:y"}, "becomes of it"),
        ({"is_age_unknown": ""}, "tick"),
    ],
)
def test_a_wrong_choice_is_told_and_nothing_is_stored(browser, read, sent, words):
    make_client("globex")
    read("A_KEY=made-up-value-1")
    row = {"act-0": "api_key", "label-0": "A", "provider-0": "", "place-0": "acme/production"}
    answer = browser.post(PREVIEW, STORE | row | sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not StoredSecret.objects.exists()


def test_a_value_that_is_stored_already_is_named_where_and_left_out(browser, read, acme, ada):
    globex, secret_client = make_client("globex", name="Globex"), make_client("umbrella", name="Umbrella")
    make_membership(ada, globex, "viewer")
    keep(acme, "api_key", "Here already", api_key=files.STRIPE)
    keep(globex, "api_key", "At Globex", api_key=files.SLACK)
    keep(secret_client, "api_key", "Nobody of us may see", api_key=files.SLACK)
    text = read(f"A_KEY={files.STRIPE}\nB_KEY={files.SLACK}\n").content.decode()
    assert "Here already" in text
    assert "Globex" in text
    assert "Umbrella" not in text
    assert "Nobody of us" not in text
    browser.post(PREVIEW, STORE)
    assert set(kinds()) == {"Here already", "At Globex", "Nobody of us may see", "B_KEY"}


def test_another_value_of_the_same_name_is_kept_unless_a_new_version_is_chosen(browser, read, acme):
    key = keep(acme, "api_key", "A_KEY", api_key="an-older-value-1")
    held = keep(acme, "key_value_set", ".env", B="an-older-value-2", KEPT="stays")
    text = "A_KEY=made-up-value-1\nB=made-up-value-2\n"
    page = read(text).content.decode()
    assert page.count("another value:") == 2
    browser.post(PREVIEW, STORE)
    assert plain("A_KEY") == {"api_key": "an-older-value-1"}
    read(text)
    rows = {
        f"{name}-{n}": value
        for n, stored in enumerate((key, held))
        for name, value in {"act": f"version:{stored.pk}:{stored.current_id}", "label": "x", "provider": "",
                            "place": "acme/production"}.items()
    }  # fmt: skip
    assert browser.post(PREVIEW, STORE | rows).status_code == 302
    assert plain("A_KEY") == {"api_key": "made-up-value-1"}
    assert plain(".env") == {"B": "made-up-value-2", "KEPT": "stays"}


def test_a_version_stored_meanwhile_stops_all_of_it(browser, read, acme):
    key = keep(acme, "api_key", "A_KEY", api_key="an-older-value-1")
    seen = key.current_id
    read("A_KEY=made-up-value-1\nB_KEY=made-up-value-2\n")
    vault.replace(key, {"api_key": Secret("somebody-elses-value")}, actor=COMMAND)
    row = {"act-0": f"version:{key.pk}:{seen}", "label-0": "x", "provider-0": "", "place-0": "acme/production"}
    answer = browser.post(PREVIEW, STORE | row)
    assert answer.status_code == 422
    assert "newer version meanwhile" in answer.content.decode()
    assert set(kinds()) == {"A_KEY"}


def test_a_version_of_another_clients_secret_cannot_be_stored(browser, read):
    other = keep(make_client("globex"), "api_key", "A_KEY", api_key="an-older-value-1")
    read("A_KEY=made-up-value-1\n")
    row = {"act-0": f"version:{other.pk}:{other.current_id}", "label-0": "x", "provider-0": ""}
    assert browser.post(PREVIEW, STORE | row | {"place-0": "acme/production"}).status_code == 422
    assert plain("A_KEY") == {"api_key": "an-older-value-1"}


def test_a_set_of_that_name_gets_a_next_version_or_a_sibling(browser, read, acme):
    keep(acme, "key_value_set", ".env", OLD="stays here", A="an-older-value-1")
    read("NEW=made-up-value-9\n", how="set")
    browser.post(PREVIEW, STORE | {"set_how": "merge"})
    assert plain(".env") == {"OLD": "stays here", "A": "an-older-value-1", "NEW": "made-up-value-9"}
    read("NEWER=made-up-value-8\n", how="set")
    browser.post(PREVIEW, STORE | {"set_how": "new"})
    assert StoredSecret.objects.filter(label=".env").count() == 2


def test_one_that_cannot_be_stored_stops_all_of_it(browser, read):
    read(json.dumps([{"name": "GOOD_KEY", "value": "made-up-value-1"}, {"name": "LONG_KEY", "value": "x" * 300_000}]))
    rows = {f"{n}-{i}": v for i in (0, 1) for n, v in
            {"act": "api_key", "label": f"K{i}", "provider": "", "place": "acme/production"}.items()}  # fmt: skip
    answer = browser.post(PREVIEW, STORE | rows)
    assert answer.status_code == 422
    assert "256 KiB" in answer.content.decode()
    assert not StoredSecret.objects.exists()


def test_between_reading_and_storing_nothing_lies_open(browser, read, log):
    read(files.ENV)
    assert files.STRIPE in json.dumps(browser.session[DRAFT_KEY])
    stored = b"".join(bytes(row.sealed_data) for row in Session.objects.all())
    assert not [value for value in VALUES if value.encode() in stored]
    assert not [value for value in VALUES if value in log.getvalue()]


def test_after_an_hour_or_thrown_away_it_is_gone(browser, read):
    read(files.ENV)
    session = browser.session
    session[DRAFT_KEY] = session[DRAFT_KEY] | {"read_at": time.time() - 3601}
    session.save()
    assert browser.get(PREVIEW).url == PASTE
    assert DRAFT_KEY not in browser.session
    read(files.ENV)
    browser.post(reverse("dashboard:secret_import_drop"))
    assert DRAFT_KEY not in browser.session
    assert browser.get(PREVIEW).url == PASTE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("just hunter2pass", "No value was found"),
        (json.dumps([{"name": "x", "type": "stripeApi", "data": "U2FsdGVkX1"}]), "--decrypted"),
        (b"x" * (8 * 1024 * 1024 + 10), "larger than 8 MB"),
    ],
)
def test_a_file_that_is_no_import_is_told_so_and_not_written_back(read, data, words):
    answer = read(data)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert b"hunter2pass" not in answer.content


def test_nothing_at_all_is_asked_for_a_file_or_a_text(browser, place):
    answer = browser.post(PASTE, {"place": place, "how": "each"})
    assert "Choose a file, or paste" in answer.content.decode()


def test_who_manages_no_client_imports_nothing(browser_of, ben, place):
    answer = browser_of(ben).post(PASTE, {"place": place, "how": "each", "text": "A_KEY=made-up-value-1"})
    assert answer.status_code == 422


@pytest.mark.parametrize("many", [600, pytest.param(10_000, marks=pytest.mark.soak)])
def test_many_entries_are_shown_by_pages_and_stored_within_bounds(browser, read, django_assert_max_num_queries, many):
    final = many - 1
    rows = "name,value\n" + "".join(f"N{n}_KEY,made-up-value-{n}\n" for n in range(many))
    page = read(rows)
    assert page.content.decode().count('name="act-') == 50
    with django_assert_max_num_queries(20):
        last = browser.get(f"{PREVIEW}?page=9999").content.decode()
    assert f"N{final}_KEY" in last
    row = {f"act-{final}": "skip", f"label-{final}": "x", f"place-{final}": "acme/production"}
    kept = browser.post(f"{PREVIEW}?page=9999", {"go": "2", **row})
    assert kept.url.endswith("page=2")
    assert browser.session[DRAFT_KEY]["choices"][str(final)]["act"] == "skip"
    refused = browser.post(PREVIEW, STORE)
    assert refused.status_code == 422
    assert "500 values" in refused.content.decode()
    assert not SecretField.objects.exists()


def test_a_folder_that_is_called_like_a_client_proposes_that_client(browser, read, ada):
    make_membership(ada, make_client("globex", name="Globex"), "manager")
    read("name,value,folder\nA_KEY,made-up-value-1,globex\n")
    browser.post(PREVIEW, STORE)
    assert StoredSecret.objects.get().client.slug == "globex"
