"""Who has the whole database has nothing that opens a door: every value of every row, tried at every door."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db import connections
from django.test import Client as AnyBrowser
from django.utils import timezone

from integrations import tokens
from integrations.calendar.feeds import make_feed
from integrations.links import Ask, make_request
from integrations.links.link import make_link
from integrations.models import Connection
from secrets_vault.actor import SYSTEM
from secrets_vault.models import User
from secrets_vault.people import setup_link
from tests.house.world import make_world
from tests.integrations.gateway.conftest import World as Gateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.matrix]
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD = "tavoki-lumare-pidosu"


@pytest.fixture
def filled(db, mailoutbox) -> dict[str, Any]:
    """Return two clients with one of everything, and the real tokens of each kind, which do open something."""
    world = make_world()
    cora = world.people["stranger"]  # the others have a second factor
    cora.set_password(PASSWORD)
    cora.save()
    browser = Browser()
    browser.post("/accounts/login/", {"login": cora.email, "password": PASSWORD})
    cookie = browser.cookies["keylodge_session"].value
    browser.post("/accounts/password/reset/", {"email": cora.email})
    uid, _, key = mailoutbox[-1].body.partition("/reset/key/")[2].split("/")[0].partition("-")
    totp.TOTP.activate(world.people["viewer"], totp.generate_totp_secret())
    RecoveryCodes.activate(world.people["viewer"])
    setup_link.make_setup_url()
    app = Connection.objects.get(slug="acme-hubspot")
    _link, url = make_link(app, actor=SYSTEM, now=timezone.now())
    connection = Connection.objects.get(slug="acme-api")
    token, text = tokens.make(world.acme.client, "real", [connection], actor=SYSTEM)
    gateway = Gateway(world.acme.client, connection, None, token, text.expose())  # type: ignore[arg-type]
    link = url.rpartition("/")[2]
    _asked, url = make_request(
        world.acme.client, [Ask(connection)], actor=SYSTEM, now=timezone.now(), sent_to="office@acme.example"
    )
    feed = make_feed(actor=SYSTEM, client=world.acme.client)
    asked = url.rpartition("/")[2]
    about = {"world": world, "gateway": gateway, "uid": uid, "asked": asked}
    about["feed"] = feed.rpartition("/")[2].removesuffix(".ics")
    return about | {"cookie": cookie, "link": link, "token": text.expose(), "reset": key}


def stored() -> set[str]:
    """Return every value of every column of every row, and in how else somebody may write it."""
    found: set[str] = set()
    for alias in connections:
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                cursor.execute(f'SELECT * FROM "{table}"')
                for row in cursor.fetchall():
                    for value in row:
                        found.update(written(value))
    return {text for text in found if len(text) >= 8}


def written(value: object) -> Iterator[str]:
    """Yield a value as text; bytes as hex, as base64 and as Latin-1; JSON also each of its leaves."""
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        yield from (raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("="))
        yield raw.decode("latin-1")
    elif isinstance(value, dict | list):
        for leaf in value.values() if isinstance(value, dict) else value:
            yield from written(leaf)
    elif isinstance(value, str):
        yield value
        with suppress(ValueError):
            yield from written(json.loads(value)) if value[:1] in ("{", "[") else ()


def is_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set(';, "\\')


def test_no_stored_value_is_a_session_cookie(filled):
    def opens(cookie: str) -> bool:
        browser = Browser()
        browser.cookies["keylodge_session"] = cookie
        return browser.get("/messages/").status_code == 200

    assert opens(filled["cookie"])
    assert [text for text in stored() if is_header(text) and opens(text)] == []


def test_no_stored_value_is_a_gateway_token(filled):
    gateway, refused = filled["gateway"], []
    values = sorted(text for text in stored() if is_header(text))

    async def try_all(running) -> int:
        for text in values:
            basic = base64.b64encode(f"x:{text}".encode()).decode()
            for said in (f"Bearer {text}", f"Basic {basic}", f"Bearer klg_{text}"):
                answer = await gateway.ask(running, headers=[(b"authorization", said.encode())])
                refused.append((answer.status, text))
        real = await gateway.ask(running, headers=[(b"authorization", b"Bearer " + filled["token"].encode())])
        return real.status

    assert gateway.run(try_all) != 401  # nobody answers at its upstream, but the token was taken
    assert len(refused) > 500
    assert [found for found in refused if found[0] != 401] == []


def test_no_stored_value_is_a_link_or_a_way_to_a_new_password(filled):
    browser = Browser()

    def opens(path: str, *, ask: str = "") -> bool:
        answer = browser.get(path, {"state": ask, "code": "x"} if ask else {}, follow=not ask)
        if path.startswith("/calendar/"):  # what it tells of may itself say "no longer"
            return answer.content.startswith(b"BEGIN:VCALENDAR")
        return answer.status_code < 300 and b"expired" not in answer.content and b"no longer" not in answer.content

    def resets(key: str) -> bool:
        return (
            b'name="password1"'
            in browser.get(f"/accounts/password/reset/key/{filled['uid']}-{key}/", follow=True).content
        )

    assert opens(f"/connect/{filled['link']}")
    assert opens(f"/request/{filled['asked']}")
    assert opens(f"/calendar/{filled['feed']}.ics")
    assert resets(filled["reset"])
    browser = Browser()
    values = [text for text in stored() if is_header(text) and not set(text) & set("/?#%")]
    assert len(values) > 300
    assert [text for text in values if opens(f"/connect/{text}") or opens(f"/setup/{text}") or resets(text)] == []
    assert [text for text in values if opens(f"/request/{text}") or opens(f"/calendar/{text}.ics")] == []
    assert [text for text in values if opens("/oauth/callback", ask=text)] == []


def test_no_stored_value_is_anybodys_password_or_code(filled):
    people = list(User.objects.all())
    viewer: User = filled["world"].people["viewer"]
    app, codes = (factor.wrap() for factor in viewer.authenticator_set.order_by("-type").exclude(type="webauthn"))
    for text in stored():
        assert not [person for person in people if person.check_password(text)]
        assert not app.validate_code(text)
        assert not codes.validate_code(text)


def test_the_world_has_something_to_steal(filled):
    found = stored()
    assert len(found) > 400
    assert {"acme key", "cora@example.com"} <= found
