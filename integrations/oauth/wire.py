"""What Authlib calls a session: it signs a request as the OAuth app, spells it as the provider does, and sends it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from integrations.oauth.answers import Answer
from integrations.providers.oauth_facts import OAuthFacts

TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 256 * 1024

Send = Callable[..., Any]
Pairs = list[tuple[str, str]]


class OutboundSession:
    """Sends what Authlib has built through our one door, under the provider's own names.

    `is_bare`: the address and a header say it all, and a form would be refused.
    """

    def __init__(self, facts: OAuthFacts, *, send: Send, is_bare: bool = False) -> None:
        self._facts = facts
        self._send = send
        self._is_bare = is_bare
        self.answer: Answer | None = None

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> Answer:
        """Send one form to an OAuth endpoint and keep the answer. Raises OutboundError; follows no redirect."""
        headers = {**headers, **self._facts.token_headers}
        url, signed, body = auth.prepare("POST", url, headers, "" if self._is_bare else urlencode(data))
        if not self._is_bare:
            pairs = named(parse_qsl(body, keep_blank_values=True), self._facts.spelling.token)
            body = urlencode(pairs)
            if self._facts.token_body == "json":  # noqa: S105 - an encoding's name
                signed["Content-Type"] = "application/json"
                body = json.dumps(dict(pairs))
        else:
            signed.pop("Content-Type", None)  # there is nothing that it could be of, and Dropbox takes no form
        return self._sent("POST", url, signed, body.encode())

    def request(self, method: str, url: str, headers: Mapping[str, str], auth: Any) -> Answer:
        """Send a request whose parameters stand in the address, where a provider takes no other."""
        address, _, query = url.partition("?")
        address, signed, query = auth.prepare(method, address, dict(headers), query)
        signed.pop("Content-Type", None)
        pairs = named(parse_qsl(query, keep_blank_values=True), self._facts.spelling.token)
        return self._sent(method, f"{address}?{urlencode(pairs)}", signed, None)

    def _sent(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        got = self._send(method, url, headers=headers, body=body, deadline_s=TIMEOUT_S, max_bytes=MAX_ANSWER_BYTES)
        self.answer = Answer(got.status, got.headers, got.body, self._facts.spelling)
        return self.answer


def named(pairs: Pairs, names: Mapping[str, str]) -> Pairs:
    """Return parameters under the names that the provider has for them, without those that it does not want."""
    return [(own, value) for name, value in pairs if (own := names.get(name, name))]


def consent_url(url: str, facts: OAuthFacts, *, verifier: str, page: str) -> str:
    """Return the address that Authlib has built as this provider reads it; `page` is where it begins.

    Where the page is a place in another (Apollo: `#/oauth/authorize`), the parameters belong to that place.
    """
    pairs = named(parse_qsl(urlsplit(url).query, keep_blank_values=True), facts.spelling.consent)
    if facts.spelling.challenge == "hex":
        own = hashlib.sha256(verifier.encode()).hexdigest()
        pairs = [(name, own if name == "code_challenge" else value) for name, value in pairs]
    return f"{page}?{urlencode(pairs)}"
