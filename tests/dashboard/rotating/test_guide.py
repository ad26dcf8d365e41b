"""The pages of a rotation: the whole story through the browser's doors, and who may open them."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations.models import Call, SecretRotation
from integrations.rotating import guided
from secrets_vault import certificates
from secrets_vault.actor import COMMAND
from tests.integrations.rotating.conftest import NEW, OLD, connection, provider  # noqa: F401
from tests.proving import prove

pytestmark = pytest.mark.django_db
Step = SecretRotation.Step


@pytest.fixture
def ada(db):
    """Ada owns everything here: the connection's fixture asks for her as an actor."""
    return COMMAND


@pytest.fixture
def olive(db):
    from tests.factories import make_user

    return make_user("Olive", is_owner=True)


@pytest.fixture
def rotation(connection):  # noqa: F811
    return guided.start(connection.secret, actor=COMMAND, now=timezone.now())


def url(name, rotation):
    return reverse(f"dashboard:{name}", args=[rotation.pk])


def act(browser, rotation, do):
    return browser.post(url("rotation_act", rotation), {"do": do}, follow=True)


def text_of(page):
    return page.content.decode()


def test_a_rotation_from_the_secrets_page_to_its_evidence(browser_of, olive, connection, provider):  # noqa: F811
    browser = browser_of(olive)
    prove(browser)
    begun = browser.post(reverse("dashboard:secret_rotate", args=[connection.secret_id]), follow=True)
    rotation = SecretRotation.objects.get()
    assert "Make a new one at the provider" in text_of(begun)
    provider.alive.add(NEW)
    stored = browser.post(url("rotation_store", rotation), {"api_key": NEW}, follow=True)
    assert "The provider accepted it." in text_of(stored)
    switched = act(browser, rotation, "switch")
    assert "No call has come yet since the switch." in text_of(switched)
    provider.alive.discard(OLD)
    ended = act(browser, rotation, "revoked")
    assert "A call with the old one was refused" in text_of(ended)
    evidence = browser.get(url("rotation_evidence", rotation))
    assert "Ended a rotation: the old one is dead" in text_of(evidence)
    found = json.loads(browser.get(url("rotation_evidence", rotation) + "?format=json").content)
    assert certificates.is_ours(found["evidence"], found["signature"])
    assert (found["evidence"]["step"], found["evidence"]["proof"]["status"]) == ("done", 401)
    lines = b"".join(browser.get(url("rotation_evidence", rotation) + "?format=csv")).decode()
    assert lines.count("rotation.") == 7
    everything = text_of(begun) + text_of(stored) + text_of(ended) + text_of(evidence) + str(found) + lines
    assert "CANARY" not in everything


def test_a_refused_new_one_is_said_and_offers_no_switch(browser_of, olive, rotation):
    browser = browser_of(olive)
    prove(browser)
    page = text_of(browser.post(url("rotation_store", rotation), {"api_key": NEW}, follow=True))
    assert "The provider does not accept it." in page
    assert 'value="switch"' not in page


def test_what_was_typed_is_never_sent_back(browser_of, olive, rotation):
    browser = browser_of(olive)
    prove(browser)
    answer = browser.post(url("rotation_store", rotation), {"api_key": NEW, "made_on": "2999-01-01"})
    assert answer.status_code == 422
    assert "CANARY" not in text_of(answer)


def test_while_calls_are_watched_the_page_asks_for_that_part_alone(browser_of, olive, rotation, provider):  # noqa: F811
    browser = browser_of(olive)
    prove(browser)
    provider.alive.add(NEW)
    browser.post(url("rotation_store", rotation), {"api_key": NEW})
    act(browser, rotation, "switch")
    number = SecretRotation.objects.get().new_version.number
    for outcome, version in (("ok", number), ("auth", number), ("ok", number - 1)):
        Call.objects.create(
            at=timezone.now(),
            client_id=rotation.client_id,
            connection_id=rotation.connection_id,
            method="GET",
            path="/x",
            outcome=outcome,
            secret_version=version,
        )
    part = text_of(browser.get(url("rotation", rotation), headers={"hx-request": "true"}))
    assert "2 calls with the new one" in part
    assert "1 of them failed, 1 because the credential was refused" in part
    assert "1 call still went with the old one" in part
    assert "<html" not in part


def test_a_step_that_is_over_is_refused_in_plain_words(browser_of, olive, rotation):
    assert "at another step by now" in text_of(act(browser_of(olive), rotation, "switch"))
    assert "there is no such step" in text_of(act(browser_of(olive), rotation, "dance"))


def test_many_rotations_cost_no_more_queries_than_one(browser_of, olive, rotation, django_assert_max_num_queries):
    browser = browser_of(olive)
    for _ in range(60):
        guided.give_up(
            guided.start(rotation.secret, actor=COMMAND, now=timezone.now()), actor=COMMAND, now=timezone.now()
        )
    with django_assert_max_num_queries(12):
        page = text_of(browser.get(reverse("dashboard:rotation_list")))
    assert page.count("data-row>") == 50
    assert "Next page" in page


def test_without_any_rotation_the_list_says_what_to_do(browser_of, olive):
    assert "Nothing was rotated step by step yet" in text_of(browser_of(olive).get(reverse("dashboard:rotation_list")))
