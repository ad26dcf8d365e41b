"""The issuers whose JWTs open a gateway token of the file: `[[client.gateway_token.trusted_issuer]]`."""

from __future__ import annotations

from config.provision.run import Run
from config.provision.table import Table
from integrations import trusted_issuers
from integrations.models import GatewayToken
from integrations.trusted_issuers import BadIssuer, Terms

USUAL_ALGS = ["RS256"]
KEYS = {"keys_text": "keys"}  # ours: theirs


def read_issuer(table: Table) -> tuple[Table, Terms]:
    """Return what a JWT of one issuer must be, and where the file says so. What is missing is refused."""
    claims = table.take_table("claims", is_needed=True)
    wanted = {} if claims is None else claims.values
    found = Terms(
        issuer=table.take_text("issuer", is_needed=True, longest=500) or "",
        audience=table.take_text("audience", is_needed=True, longest=500) or "",
        algs=table.take_texts("algs") or USUAL_ALGS,
        claims={name: text for name in wanted if claims and (text := claims.take_text(name, longest=500)) is not None},
        jwks_url=table.take_text("jwks_url", longest=500) or "",
        keys_text=table.take("keys", str, "a JWK, a JWKS or PEM, as text") or "",
    )
    table.finish()
    return table, found


def apply_issuers(run: Run, token: GatewayToken, wanted: tuple[tuple[Table, Terms], ...]) -> None:
    """Trust what the file names, by issuer and audience; what it does not name stays. The same changes nothing."""
    known = {(row.issuer, row.audience): row for row in token.issuers.all()}
    for table, terms in wanted:
        row = known.get((terms.issuer, terms.audience))
        try:
            if row is None:
                trusted_issuers.trust(token, terms, actor=run.actor)
            elif trusted_issuers.is_as_wanted(row, terms):
                continue
            else:
                trusted_issuers.change(row, terms, actor=run.actor)
        except BadIssuer as error:
            run.document.refuse(table.at(KEYS.get(error.field, error.field)), str(error))
            continue
        run.note(token.client.slug, "gateway_tokens", token.name, "trusted_issuer", terms.issuer)
