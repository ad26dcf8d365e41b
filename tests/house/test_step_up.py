"""What asks again who it is: every address of the table's list, by every method, and no other."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp

from tests.house.route_table import MINE, PUBLIC, ROWS, STEP_UP, routes
from tests.house.test_access_matrix import mine_of
from tests.house.world import changed, everything_stored, make_world
from tests.proving import prove

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
INSIDE = [route for route in routes() if ROWS[route.name].who != PUBLIC]
HTMX = {"hx-request": "true"}
STALE = timedelta(minutes=16).total_seconds()
ENDS_THE_PROOF = ("account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_logout")


@pytest.fixture
def world(db):
    made = make_world()
    for who in ("owner", "manager"):
        person = made.people[who]
        person.set_password("tavoki-lumare-pidosu")
        person.save()
        totp.TOTP.activate(person, totp.generate_totp_secret())
        RecoveryCodes.activate(person)
    return made


def asks(answer) -> bool:
    """Tell whether an answer sends its reader to prove who they are."""
    return "/reauthenticate" in answer.headers.get("Location", "") + answer.headers.get("HX-Redirect", "")


def browsers(world, *, proved_at: float):
    """Return the browser in which each address is opened: one's own factors by the manager, all else by the owner."""
    made = {who: world.browser_of(who) for who in ("owner", "manager")}

    def for_route(route):
        browser = made["manager" if ROWS[route.name].who == MINE else "owner"]
        prove(browser, at=proved_at)
        return browser

    return for_route


def test_with_a_stale_proof_they_ask_and_do_nothing(world):
    browser_for = browsers(world, proved_at=time.time() - STALE)
    before, strays = everything_stored(), []
    for route in [route for route in INSIDE if route.name in STEP_UP]:
        for method in ROWS[route.name].methods:
            browser = browser_for(route)
            answers = [getattr(browser, method)(mine_of(world, route), headers=headers) for headers in ({}, HTMX)]
            strays += [(route.name, method, a.status_code) for a in answers if not asks(a) or len(a.content) > 0]
    assert strays == []
    assert changed(before) == []


def test_a_value_asked_for_by_a_script_is_refused_with_the_address_of_the_question(world):
    browser_for = browsers(world, proved_at=time.time() - STALE)
    for name in ("dashboard:secret_reveal", "dashboard:secret_copy"):
        route = next(route for route in INSIDE if route.name == name)
        answer = browser_for(route).post(
            mine_of(world, route), {"field": "api_key"}, headers={"accept": "application/json"}
        )
        assert (answer.status_code, list(answer.json())) == (401, ["url"]), name


def test_a_new_address_for_ones_mail_asks_too(world):
    Authenticator.objects.all().delete()  # with a second factor allauth takes no further address at all
    route = next(route for route in INSIDE if route.name == "account_email")
    browser, before = browsers(world, proved_at=time.time() - STALE)(route), everything_stored()
    assert asks(browser.post("/accounts/email/", {"action_add": "1", "email": "evil@example.com"}))
    assert changed(before) == []


def test_nothing_else_asks_and_a_fresh_proof_is_enough(world):
    asked = set()
    for is_fresh in (False, True):  # a new set of recovery codes ends the sessions of the other round
        browser_for = browsers(world, proved_at=time.time() - (0 if is_fresh else STALE))
        for route in [route for route in INSIDE if (route.name in STEP_UP) is is_fresh]:
            for method in ROWS[route.name].methods if route.name not in ENDS_THE_PROOF else ():
                if asks(getattr(browser_for(route), method)(mine_of(world, route))):
                    asked.add(route.name)
    assert asked == set(), "Put a new address that asks into STEP_UP, or let it ask no more."
