"""A form never gives back a secret that was typed into it, least of all when it refuses the rest of what was typed."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from tests.canaries import Net, canary
from tests.house.route_table import PUBLIC, ROWS, routes
from tests.house.test_access_matrix import mine_of
from tests.house.world import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
KINDS = ("api_key", "bearer", "basic", "note", "key_value_set")
# Every field that takes a secret, by the name it has in some form. One of type password that is missing here fails.
SECRET_FIELDS = (
    *(f"value_{name}" for name in ("api_key", "token", "password", "note", "client_secret")),
    *("api_key", "token", "password", "client_secret", "passphrase", "again", "text", "code", "key", "secret", "value"),
    *("password1", "password2", "oldpassword", "new_password1", "new_password2", "credential", "recovery_code"),
    *("shared_secret", "private_key", "access_token", "refresh_token", "address"),
)
# What stands beside them: nothing, what no field takes, and what most fields take.
BESIDE = ({}, dict.fromkeys(("made_on", "place", "label", "slug", "kind", "name"), "\u2028" * 300), {"label": "A key"})


class Fields(HTMLParser):
    """Collects the names of the fields that hide what is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[str] = set()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "input" and named.get("type") == "password" and named.get("name"):
            self.hidden.add(named["name"])


def doors(world):
    """Yield each address that takes a form, by each kind of secret where it asks for one, with who may send it."""
    browsers = {PUBLIC: world.browser_of("anonymous"), "": world.browser_of("owner")}
    for route in routes():
        row = ROWS[route.name]
        for kind in KINDS if route.name in ("dashboard:secret_new", "dashboard:secret_check") else ("",):
            browser = browsers[PUBLIC if row.who == PUBLIC else ""]
            yield route.name, row, browser, mine_of(world, route) + (f"?kind={kind}" if kind else "")


def test_a_form_that_refuses_never_shows_what_was_typed():
    world, typed = make_world(), canary("two words & more ")
    # The second of two differs: no backup is made and no password is changed.
    secrets = dict.fromkeys(SECRET_FIELDS, typed) | dict.fromkeys(("again", "password2", "new_password2"), f"{typed}.")
    net, strays, shown = Net({"typed": typed}), [], 0
    for name, row, browser, address in doors(world):
        if "post" not in row.methods or name == "account_logout":
            continue
        for beside in BESIDE:
            for headers in ({}, {"HX-Request": "true"}):
                answer = browser.post(address, beside | secrets, headers=headers)
                said = f"{answer.headers} {answer.cookies} " + b"".join(answer).decode(errors="replace")
                strays += net.found_in(f"{name}, {answer.status_code}", said)
                shown += answer.status_code in (200, 422)
                if answer.status_code == 302:
                    following = browser.get(answer.headers["Location"])
                    strays += net.found_in(f"after {name}", following.content)
    assert strays == [], "\n".join(strays)
    assert shown > 40


def test_every_field_that_hides_what_is_typed_is_known_here():
    found = Fields()
    for _name, row, browser, address in doors(make_world()):
        if "get" in row.methods:
            answer = browser.get(address)
            if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
                found.feed(answer.content.decode())
    assert {"value_api_key", "client_secret", "passphrase", "password"} <= found.hidden
    assert found.hidden - set(SECRET_FIELDS) == set()
