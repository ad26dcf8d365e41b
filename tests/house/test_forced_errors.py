"""Every view is broken from within while it holds secrets: the visitor gets a reference, and the log no value.

A view is stopped where it returns, with everything it has opened and read still in its variables; one that ends
otherwise (with a 404, say) is stopped where it begins. What is raised says the secrets in its text, its cause and
its note, as a careless library does.
"""

from __future__ import annotations

import inspect
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from urllib.parse import quote

import pytest
from django.core import mail
from django.urls import resolve

from integrations import tokens
from integrations.models import Message
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.canaries import Net, canary
from tests.house.route_table import PUBLIC, ROWS, routes
from tests.house.test_access_matrix import mine_of
from tests.house.test_routes import NAMES
from tests.house.world import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
TOOL = 4  # one of sys.monitoring's numbers that no debugger, profiler or coverage tool has
EVENTS = sys.monitoring.events
REFERENCE = re.compile(r"Reference: (?:<code>)?([0-9a-f]{12})")
WAYS = {
    "debug off": (False, {}),
    "debug on": (True, {}),
    "debug on, a fragment": (True, {"HX-Request": "true"}),
}


def planted(world) -> dict[str, str]:
    """Return one canary of each way into a process: kept by the vault, typed, one of our own tokens, and unheard of."""
    stored = canary("correct horse ")
    about = {"client": world.acme.client, "environment": world.acme.of["environment"]}
    vault.store(actor=SYSTEM, kind="note", label="Door", fields={"note": Secret(stored)}, **about)
    token = tokens.make(world.acme.client, "Make", [world.acme.of["connection"]], actor=SYSTEM)[1].expose()
    return {
        "stored": stored,
        "typed": canary("two words "),
        "gateway token": token,
        "vendor's key": canary("sk_" + "live_"),
        "only in a variable": canary("never said "),
    }


def break_with(values: dict[str, str]) -> None:
    """Raise what says every secret but one, with that one in a variable."""
    kept_to_itself = values["only in a variable"]
    said = [value for name, value in values.items() if value != kept_to_itself]
    coded = [form for value in said for form in (value, quote(value), b64encode(value.encode()).decode())]
    problem = RuntimeError(f"while using {', '.join(coded)}", *said)
    problem.add_note(f"It was {said}.")
    try:
        raise KeyError(*said)
    except KeyError as cause:
        raise problem from cause


@contextmanager
def broken(code: CodeType, event: int, values: dict[str, str]) -> Iterator[list[int]]:
    """Break each call of one function at its beginning or at its end; what is yielded has an item for each time."""
    times: list[int] = []

    def now(_code: CodeType, at: int, *_value: object) -> None:
        times.append(at)
        break_with(values)

    sys.monitoring.use_tool_id(TOOL, "forced errors")
    sys.monitoring.register_callback(TOOL, event, now)
    sys.monitoring.set_local_events(TOOL, code, event)
    try:
        yield times
    finally:
        sys.monitoring.set_local_events(TOOL, code, 0)
        sys.monitoring.register_callback(TOOL, event, None)
        sys.monitoring.free_tool_id(TOOL)


def broken_answer(browser, method: str, address: str, *, values: dict[str, str], headers: dict[str, str]):
    """Return what a visitor is answered when the view behind an address breaks."""
    view = resolve(address).func
    inner, outer = inspect.unwrap(view).__code__, view.__code__
    form = dict.fromkeys(NAMES, values["typed"])
    carried = {"X-Api-Key": values["typed"], **headers}
    for code, event in ((inner, EVENTS.PY_RETURN), (inner, EVENTS.PY_START), (outer, EVENTS.PY_START)):
        with broken(code, event, values) as times:
            answer = getattr(browser, method)(address, form, headers=carried)
        if times:
            break
    return answer


@pytest.mark.parametrize("way", WAYS)
def test_a_view_that_breaks_tells_nobody_what_it_held(log, settings, capfd, way):
    settings.KEYLODGE_DEBUG, headers = WAYS[way]
    world = make_world()
    values = planted(world)
    browsers = {PUBLIC: world.browser_of("anonymous"), "": world.browser_of("owner")}
    net, strays = Net(values), []
    for route in routes():
        row = ROWS[route.name]
        browser = browsers[PUBLIC if row.who == PUBLIC else ""]
        for method in row.methods:
            log.seek(0)
            log.truncate()
            answer = broken_answer(browser, method, mine_of(world, route), values=values, headers=headers)
            where, page = f"{method} {route.name}", answer.content.decode()
            reference = REFERENCE.search(page)
            strays += net.found_in(where, f"{answer.headers} {page}") + net.found_in(f"log of {where}", log.getvalue())
            if answer.status_code != 500 or not reference or f"[{reference[1]}]" not in log.getvalue():
                strays.append((where, answer.status_code, reference))
            if "RuntimeError" not in log.getvalue() or any(word in page for word in ("Traceback", "while using")):
                strays.append((where, "the log must name the error, the page must not tell it"))
    said = capfd.readouterr()
    strays += net.found_in("the output", said.out + said.err)
    strays += net.found_in("the mails", repr([vars(sent) for sent in mail.outbox]))
    strays += net.found_in("the messages", repr(list(Message.objects.values())))
    assert strays == []
