"""Everything a person has seen, rotated in one go, by whoever manages it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import SecretRotation
from secrets_vault import audit, vault
from secrets_vault.actor import COMMAND, Actor
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db
URL = "dashboard:rotations_seen"


def make_key(client, label, kind="api_key", name="api_key"):
    about = {"actor": COMMAND, "client": client, "environment": client.environments.first(), "kind": kind}
    return vault.store(**about, label=label, fields={name: Secret(f"CANARY-{label}-0123456789")})


def look(stored, person, action="secret.revealed"):
    audit.record(action, actor=Actor.of(person), client=stored.client_id, subject=stored)


@pytest.fixture
def seen(acme, ben):
    first, second, note = make_key(acme, "One"), make_key(acme, "Two"), make_key(acme, "Memo", "note", "note")
    other = make_key(acme, "Unseen")
    for stored in (first, second, note):
        look(stored, ben, {first: "secret.taken_out", second: "secret.copied", note: "secret.revealed"}[stored])
    vault.replace(second, {"api_key": Secret("CANARY-newer-0123456789")}, actor=COMMAND)
    return {"first": first, "second": second, "note": note, "other": other}


def test_what_was_seen_and_not_rotated_since_is_listed_and_rotated(browser_of, ada, ben, seen):
    browser = browser_of(ada)
    page = browser.get(reverse(URL), {"person": str(ben.pk)}).content.decode()
    assert [label in page for label in ("One", "Memo", "Two", "Unseen")] == [True, True, False, False]
    assert "CANARY" not in page
    chosen = [str(seen["first"].pk), str(seen["note"].pk)]
    done = browser.post(reverse(URL), {"person": str(ben.pk), "chosen": chosen}, follow=True).content.decode()
    assert "1 rotation is begun. 1 secret has no steps and is due today." in done
    rotation = SecretRotation.objects.get()
    assert (rotation.secret, rotation.reason) == (seen["first"], "seen by Ben")


def test_a_stranger_sees_no_name_and_rotates_nothing(browser_of, cora, ben, seen):
    browser = browser_of(cora)
    assert "Ben" not in browser.get(reverse(URL), {"person": str(ben.pk)}).content.decode()
    browser.post(reverse(URL), {"person": str(ben.pk), "chosen": [str(seen["first"].pk)]})
    assert not SecretRotation.objects.exists()


def test_who_may_only_look_rotates_nothing(browser_of, ben, seen):
    page = browser_of(ben).get(reverse(URL), {"person": str(ben.pk)}).content.decode()
    assert "One" not in page
    browser_of(ben).post(reverse(URL), {"person": str(ben.pk), "chosen": [str(seen["first"].pk)]})
    assert not SecretRotation.objects.exists()


def test_what_was_seen_at_another_client_is_not_shown(browser_of, ada, ben, seen):
    beta = make_client("beta")
    look(make_key(beta, "Theirs"), ben)
    assert "Theirs" not in browser_of(ada).get(reverse(URL), {"person": str(ben.pk)}).content.decode()


def test_without_any_look_the_page_says_so(browser_of, cora):
    assert "Nobody has revealed a secret yet" in browser_of(cora).get(reverse(URL)).content.decode()
