"""monday.com's app hooks: a JWT in Authorization, which says nothing of the body.

The page wants `exp` and `aud` looked at. A token of the same app for another address is refused. One that names no
address is not: the page shows one in each, but what an app's own subscriptions carry is not shown there.
"""

from __future__ import annotations

from integrations.webhooks import documents
from integrations.webhooks.places import place, required
from integrations.webhooks.schemes.functions import jwt
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused


def prove(case: Case) -> Proven:
    """Return what the token proves. Raises Refused."""
    written = required(case.request, place("header:Authorization"), ", which should hold a token")
    token = jwt.parse(written.removeprefix("Bearer "), algorithm="HS256")
    number = jwt.hs256_secret_number(case, token)
    made_at = jwt.check_times(token, now=case.now)
    _check_audience(token, case.request.url)
    # Two events of one second may come with the same token: the body, though unsigned, tells them apart.
    return Proven(token.signature, token.signed + b"." + case.request.body, number, made_at)


def _check_audience(token: jwt.Token, url: str) -> None:
    named = [*documents.texts_at(token.claims, "aud"), *documents.texts_at(token.claims, f"aud.{documents.ANY}")]
    if named and _plain(url) not in map(_plain, named):
        raise Refused("wrong_url", "The token was made for another address.")


def _plain(url: str) -> str:
    return url.partition("?")[0].removesuffix("/")
