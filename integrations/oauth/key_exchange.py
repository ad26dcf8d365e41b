"""Two-step API keys: the stored key is posted to its one address, and the answer holds a token for a while."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from integrations import outbound
from integrations.oauth.answers import (
    Answer,
    Grant,
    UnreadableAnswer,
    code_of,
    dig,
    read_grant,
    read_seconds,
    refusal,
    says_no,
    seconds_until,
)
from integrations.oauth.errors import BadMinute, GrantDead
from integrations.oauth.wire import OutboundSession, Send
from integrations.providers.exchange_facts import ExchangeFacts
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.templates import SLOT
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.oauth.errors import GrantRefused


class _Key:
    """What signs the request: the key in the places that the facts name."""

    def __init__(self, facts: ExchangeFacts, fields: Mapping[str, Secret]) -> None:
        self._facts = facts
        self._plain = {name: value.expose() for name, value in fields.items()}

    def prepare(self, method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
        """Return the request with the key in it."""
        headers |= {name: self._filled(text) for name, text in self._facts.headers.items()}
        if self._facts.basic:
            pair = f"{self._plain['username']}:{self._plain['password']}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        return url, headers, urlencode({name: self._filled(text) for name, text in self._facts.body.items()})

    def _filled(self, text: str) -> str:
        """Return a template with the values in its slots; a value is never looked through for slots itself."""
        return SLOT.sub(lambda slot: self._plain.get(slot[1], ""), text)


def token_for(facts: OAuthFacts, fields: Mapping[str, Secret], *, now: datetime, send: Send) -> Grant:
    """Return the token that the key brings. Raises GrantRefused, which never holds what was sent or answered."""
    own = facts.exchange
    session = OutboundSession(replace(facts, token_body=own.encoding), send=send, is_bare=not own.body)
    try:
        answer = _asked(session, facts.token_url, own, _Key(own, fields))
        table = answer.json()
    except outbound.OutboundError as error:
        raise BadMinute(error.code) from None
    except UnreadableAnswer:
        raise _refused(facts, session.answer, "unreadable_answer", now=now) from None
    if says_no(answer) or "error" in table:
        raise _refused(facts, answer, code_of(answer), now=now)
    told = dig(table, own.expires_at)
    ends_in = read_seconds(told) or seconds_until(told, now)
    return replace(
        read_grant(table | ({"expires_in": ends_in} if ends_in else {}), facts, now=now, token_at=own.token_at),
        refresh_token=None,
        id_token=None,
        scopes=None,
        extras={},
    )


def _asked(session: OutboundSession, url: str, own: ExchangeFacts, key: _Key) -> Answer:
    headers = {"Accept": "application/json"}
    if own.method == "GET":
        return session.request("GET", url, headers, key)
    if own.encoding == "form" and own.body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return session.post(url, {}, headers, key)


def _refused(facts: OAuthFacts, answer: Answer | None, code: str, *, now: datetime) -> GrantRefused:
    if answer is None:
        return BadMinute(code)
    if answer.status_code in facts.exchange.dead_statuses:
        return GrantDead("key_refused", status=answer.status_code)
    return refusal(facts, code=code, answer=answer, now=now)
