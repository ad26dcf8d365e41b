"""Whoever asks for it is told how a kept call ended: signed, repeated, and never into a private network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.gateway.held.callbacks import WAITS, signing_text
from integrations.models import HeldCall
from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.held.conftest import back, hold, replay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ear(away, settings):
    """Return somebody who is told, at an address that is allowed."""
    with FakeUpstream() as listening:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [*settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS, listening.host]
        yield listening


def asked(ear) -> list[tuple[bytes, bytes]]:
    return [(b"x-keylodge-callback", f"{ear.url}/done?key=1".encode())]


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
    return {name.lower(): value for name, _, value in lines}, body


def test_the_end_of_a_call_is_told_once_and_signed(away, ear):
    _, row = hold(away, more=asked(ear))
    back(away)
    replay()
    replay()
    (request,) = ear.requests
    headers, body = parts(request)
    assert request.startswith(b"POST /done?key=1 ")
    told = json.loads(body)
    assert (told["type"], told["data"]["id"], told["data"]["status"]) == ("call.sent", str(row.pk), 200)
    key = base64.b64decode(signing_text(row.token_id).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert "authorization" not in headers


def test_one_who_does_not_listen_is_told_again_and_in_the_end_given_up(away, ear):
    _, row = hold(away, more=asked(ear))
    ear.answers = [b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"]
    back(away)
    for _ in range(len(WAITS) + 2):
        replay()
        HeldCall.objects.filter(callback_at__isnull=False).update(callback_at=timezone.now() - timedelta(seconds=1))
    row.refresh_from_db()
    assert (len(ear.requests), row.callback_at, row.callback_status) == (len(WAITS), None, "503")
    assert len({parts(request)[0]["webhook-id"] for request in ear.requests}) == 1


def test_nobody_is_told_in_a_private_network(away, settings):
    with FakeUpstream() as inside:
        _, row = hold(away, more=asked(inside))
        back(away)
        replay()
        row.refresh_from_db()
        assert (row.state, row.callback_status, inside.requests) == ("sent", "host_refused", [])
