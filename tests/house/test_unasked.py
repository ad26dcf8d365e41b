"""What a stranger gets who knocks everywhere: nothing of ours, and nothing made."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from django.test import Client as Browser

from config import asgi
from secrets_vault.models import User
from tests.house.route_table import routes
from tests.house.test_overposting import every_name
from tests.house.world import ABSENT_VALUES, changed, everything_stored, make_world

pytestmark = pytest.mark.django_db
WHERE_OTHERS_KEEP_THINGS = re.findall(
    r"\S+",
    """/metrics /metrics/ /docs /docs/ /api/ /api/v1/ /api/v1/docs /openapi.json /schema/ /swagger/ /redoc/
/admin/ /.env /.git/config /.git/HEAD /static/ /static/css/ /static/../config/settings.py /static/%2e%2e/manage.py
/static/..%2f..%2fetc/passwd /debug/ /__debug__/ /server-status /status /info /version /actuator/env /secret_key
/wrapping_key /db.sqlite3 /backup.age /uv.lock /pyproject.toml /console /graphql /silk/ /accounts/signup/extra/""",
)
OURS = ("Traceback", "SECRET_KEY", "KEYLODGE_HOME", "uv.lock", "sqlite", "django", "granian", "Python/")


# A refused sign-in is an event of the book, with its address; and a visitor may have a sealed, empty session.
WRITTEN_ABOUT_A_REFUSAL = {f"secrets_vault_{name}" for name in ("auditevent", "audithead", "auditperson", "keyterm")}


def healthz() -> tuple[dict[str, Any], bytes]:
    """Ask the front door, as a watchman outside does."""
    sent: list[dict[str, Any]] = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    about = {"type": "http", "method": "GET", "path": "/healthz", "raw_path": b"/healthz", "query_string": b""}
    asyncio.run(asgi.application({**about, "headers": [(b"host", b"localhost")], "client": ("::1", 1)}, receive, send))
    return sent[0], sent[1]["body"]


def test_the_watchman_hears_ok_and_nothing_else():
    start, body = healthz()
    assert (start["status"], body) == (200, b"ok")
    assert not {b"etag", b"x-version", b"x-powered-by"} & {name for name, _ in start["headers"]}


def test_whether_it_is_ready_is_said_in_codes():
    answer = Browser(SERVER_NAME="localhost").get("/readyz")
    assert answer.json() == {"ready": True, "missing": []}


def test_nothing_stands_where_others_keep_things():
    make_world()
    browser, strays = Browser(SERVER_NAME="localhost"), []
    for path in WHERE_OTHERS_KEEP_THINGS:
        answer = browser.get(path)
        is_closed = answer.status_code in (400, 404) or answer.headers.get("Location", "").startswith(
            "/accounts/login/"
        )
        said = answer.content.decode() + str(answer.headers)
        strays += [] if is_closed else [(path, answer.status_code)]
        strays += [(path, word) for word in OURS if word in said]
    assert strays == []


def test_a_fresh_installation_takes_nothing_without_its_one_time_link():
    browser = Browser(SERVER_NAME="localhost", raise_request_exception=False)
    form = dict.fromkeys(every_name(), "1") | {"password1": "tavoki-lumare-pidosu", "password": "tavoki-lumare-pidosu"}
    form |= {"email": "evil@example.com", "login": "evil@example.com", "name": "Eve", "is_owner": "1"}
    before, strays = everything_stored(), []
    for route in routes():
        for method in ("get", "post", "put", "delete"):
            answer = getattr(browser, method)(route.address(ABSENT_VALUES), form if method == "post" else None)
            strays += [(route.name, method, answer.status_code)] if answer.status_code >= 500 else []
            signed_in = "_auth_user_id" in browser.session
            strays += [(route.name, method, "signed in")] if signed_in else []
    assert strays == []
    assert {table.partition(".")[2] for table in changed(before)} <= WRITTEN_ABOUT_A_REFUSAL
    assert not User.objects.exists()
