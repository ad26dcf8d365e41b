"""Every address × every kind of person × own, foreign and absent object. What is foreign is as absent: 404."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connections, transaction

from tests.house.route_table import LOOK, MANAGE, MANAGER, MEMBER, MINE, OWNER, PUBLIC, ROWS, Route, routes
from tests.house.world import ABSENT_VALUES, changed, everything_stored, make_world

pytestmark = pytest.mark.django_db
NOT_THERE = 404
REFUSALS = (403, 404)
PEOPLE = ("owner", "manager", "viewer", "stranger", "invited", "suspended")
OUTSIDERS = ("stranger", "invited", "suspended")
ALL = routes()
INSIDE = [route for route in ALL if ROWS.get(route.name) and ROWS[route.name].who != PUBLIC]
OF_A_CLIENT = [route for route in INSIDE if ROWS[route.name].who in (LOOK, MANAGE)]
OF_ONE = [route for route in INSIDE if ROWS[route.name].who == MINE]
# Their POST is checked by Origin: a mail scanner must get no cookie.
# Held by Origin instead, and a token that is unknown is the same 404 before that.
WITHOUT_A_TOKEN = (
    *("integrations:connect", "integrations:request", "integrations:handover"),
    *("api:report_error", "api:api-root", "api:nothing"),  # no cookie opens these: a Bearer token does, or nothing
)
TEACHING = """
{name} ({pattern}) has no line in tests/house/route_table.py. Say there who may open it (PUBLIC, MEMBER, MANAGER,
OWNER, LOOK, MANAGE or MINE), of which kind of object ("client", "secret", "connection", "call", ...; make it in
tests/house/world.py if it is new) and by which methods. The matrix then asks it as owner, manager, viewer,
stranger, invited, suspended and nobody, with an object of one's own, of another client, and with none."""


@pytest.fixture
def world(db):
    return make_world()


def test_every_address_has_a_line_that_says_who_may_open_it():
    without = [TEACHING.format(name=r.name, pattern=r.pattern) for r in ALL if r.name not in ROWS]
    assert not without, "".join(without)


def test_the_table_names_no_address_that_is_gone():
    assert sorted(ROWS.keys() - {route.name for route in ALL}) == []


def test_only_these_addresses_open_without_signing_in():
    open_ones = {route.name for route in ALL if route.is_public}
    listed = {name for name, row in ROWS.items() if row.who == PUBLIC}
    assert open_ones == listed, (
        "A view became public, or stopped being so. Public views say @login_not_required and are PUBLIC in the "
        f"table, each a decision made in review: {sorted(open_ones ^ listed)}"
    )


def ask(browser, method: str, address: str) -> int:
    return getattr(browser, method)(address).status_code


def mine_of(world, route: Route) -> str:
    row = ROWS[route.name]
    return route.address(world.acme.values(row.of) if row.of and row.who != PUBLIC else ABSENT_VALUES)


@pytest.mark.matrix
def test_who_is_not_signed_in_is_sent_to_the_sign_in(world):
    browser, before, strays = world.browser_of("anonymous"), everything_stored(), []
    for route in INSIDE:
        for method in ("get", "post", "head", "options", "put", "delete"):
            answer = getattr(browser, method)(mine_of(world, route))
            if answer.status_code != 302 or not answer.headers["Location"].startswith("/accounts/login/"):
                strays.append((route.name, method, answer.status_code))
    assert strays == []
    assert changed(before) == []


def test_what_is_foreign_is_as_absent(world):
    browsers = {who: world.browser_of(who) for who in PEOPLE}
    before, strays = everything_stored(), []
    for route in OF_A_CLIENT:
        row = ROWS[route.name]
        own, foreign = route.address(world.acme.values(row.of)), route.address(world.beta.values(row.of))
        doors = [(who, "absent", route.address(ABSENT_VALUES)) for who in PEOPLE]
        doors += [(who, "foreign", foreign) for who in ("manager", "viewer", *OUTSIDERS)]
        doors += [(who, "not theirs", own) for who in OUTSIDERS]
        for method in row.methods:
            answered = [(who, what, ask(browsers[who], method, address)) for who, what, address in doors]
            strays += [(route.name, method, *answer) for answer in answered if answer[2] != NOT_THERE]
    assert strays == []
    assert changed(before) == []


def test_a_viewer_looks_and_changes_nothing(world):
    browser, before, strays = world.browser_of("viewer"), everything_stored(), []
    for route in OF_A_CLIENT:
        row = ROWS[route.name]
        for method in row.methods:
            status = ask(browser, method, mine_of(world, route))
            is_an_act = row.who == MANAGE or method == "post"
            if (status not in REFUSALS) if is_an_act else (status >= 400):
                strays.append((route.name, method, status))
    assert strays == []
    assert changed(before) == []


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is stored meanwhile: the next address finds the world as it was made."""
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(transaction.atomic(using=alias))
        yield
        for alias in connections:
            transaction.set_rollback(True, using=alias)


@pytest.mark.parametrize("who", ["manager", "owner"])
def test_who_may_is_let_in(world, who):
    strays = []
    for route in OF_A_CLIENT:
        with undone():
            browser = world.browser_of(who)
            answered = [(m, ask(browser, m, mine_of(world, route))) for m in ROWS[route.name].methods]
        strays += [(route.name, *answer) for answer in answered if answer[1] in REFUSALS or answer[1] >= 500]
    assert strays == []


def test_what_is_the_owners_or_managers_is_not_there_for_others(world):
    browsers = {who: world.browser_of(who) for who in PEOPLE[1:]}
    before, strays = everything_stored(), []
    for route in INSIDE:
        row = ROWS[route.name]
        if row.who == MANAGER:
            answered = [(m, who, ask(browsers[who], m, route.address({}))) for m in row.methods for who in PEOPLE[2:]]
            strays += [(route.name, *answer) for answer in answered if answer[2] not in REFUSALS]
        elif row.who == OWNER:
            answered = [(m, who, ask(b, m, mine_of(world, route))) for m in row.methods for who, b in browsers.items()]
            strays += [(route.name, *answer) for answer in answered if answer[2] not in REFUSALS]
    assert strays == []
    assert changed(before) == []


def test_a_page_for_everybody_never_breaks_for_an_outsider(world):
    browsers, strays = {who: world.browser_of(who) for who in OUTSIDERS}, []
    for route in [route for route in INSIDE if ROWS[route.name].who == MEMBER]:
        for method in ROWS[route.name].methods:
            answered = [(route.name, method, who, ask(b, method, route.address({}))) for who, b in browsers.items()]
            strays += [answer for answer in answered if answer[3] >= 500]
    assert strays == []


def test_what_is_one_persons_is_not_there_for_anybody_else(world):
    """Not even for the owner: a message, a factor or a consent is personal."""
    browsers = {who: world.browser_of(who) for who in PEOPLE}
    before, strays = everything_stored(), []
    for route in OF_ONE:
        for method in ROWS[route.name].methods:
            for who, browser in browsers.items():
                address = route.address(ABSENT_VALUES) if who == "manager" else mine_of(world, route)
                status = ask(browser, method, address)
                strays += [(route.name, method, who, status)] if status != NOT_THERE else []
    assert strays == []
    assert changed(before) == []


@pytest.mark.matrix
def test_a_method_that_is_not_listed_does_nothing(world):
    """allauth's PUT is its POST, and asks for the CSRF token as that does."""
    browser, before, strays = world.browser_of("manager"), everything_stored(), []
    for route in [r for r in INSIDE if not r.name.startswith(("account_", "mfa_"))]:
        row, address = ROWS[route.name], mine_of(world, route)
        for method in {"get", "put", "patch", "delete"} - set(row.methods):
            status = ask(browser, method, address)
            if status >= 500 or (method == "get" and status not in (404, 405)):
                strays.append((route.name, method, status))
    assert strays == []
    assert changed(before) == []


@pytest.mark.matrix
def test_no_form_is_taken_without_its_token(world):
    browser = world.browser_of("owner")
    browser.handler.enforce_csrf_checks = True
    before, strays = everything_stored(), []
    for route in ALL:
        row = ROWS[route.name]
        address = mine_of(world, route)
        for method in {"post", "put", "delete", "patch"}:
            status = ask(browser, method, address)
            if status not in (403, 405) and route.name not in WITHOUT_A_TOKEN:
                strays.append((route.name, method, status, row.who))
    assert strays == []
    assert changed(before) == []
