"""monday.com's app hooks: a JWT in Authorization, which says nothing of the body."""

from __future__ import annotations

from integrations.webhooks.places import place, text
from integrations.webhooks.schemes.functions import jwt
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused


def prove(case: Case) -> Proven:
    """Return what the token proves. Raises Refused."""
    written = text(case.request, place("header:Authorization"))
    if not written:
        raise Refused("missing", "The request lacks the header Authorization, which should hold a token.")
    token = jwt.parse(written.removeprefix("Bearer "), algorithm="HS256")
    number = jwt.hs256_secret_number(case, token)
    made_at = jwt.check_times(token, now=case.now)
    # Two events of one second may come with the same token: the body, though unsigned, tells them apart.
    return Proven(token.signature, token.signed + b"." + case.request.body, number, made_at)
