"""What a signature scheme is: one frozen, strictly checked record of facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from integrations.providers.parts import one_of
from integrations.providers.reading import read
from integrations.webhooks.schemes.functions import functions
from integrations.webhooks.schemes.parts import (
    NO_REPLY,
    NO_SENDER,
    BodyHash,
    EventID,
    Greeting,
    HeaderRule,
    Proof,
    Reply,
    Sender,
    Timestamp,
    check_place,
)
from integrations.webhooks.schemes.proven import Function

KEY = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
CUSTOM = "custom"


@dataclass(frozen=True)
class Scheme:
    """Facts of one scheme. Of several proofs one suffices.

    `confidence` is A (the vendor's own SDK or page), B (others' code or notes) or C (memory);
    `unconfirmed` names the facts that no source of the vendor's own confirms. Where
    `repeats_identically` is set, two equal requests are two events: the digest says nothing.
    """

    key: str
    name: str
    checked_on: date
    confidence: str
    proofs: tuple[Proof, ...]
    sources: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    secret_words: str = ""
    item_separator: str = ","
    timestamp: Timestamp | None = None
    id: EventID | None = None
    event_type: str = ""
    body_hash: BodyHash | None = None
    header_rules: tuple[HeaderRule, ...] = ()
    handshakes: tuple[Greeting, ...] = ()
    repeats_identically: bool = False
    reply: Reply = NO_REPLY
    sender: Sender = NO_SENDER
    notes: str = ""

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise ValueError("key: must be lower case words joined by _")
        one_of("confidence", self.confidence, ("A", "B", "C"))
        if not self.proofs:
            raise ValueError("proofs: must hold at least one")
        if self.event_type:
            check_place("event_type", self.event_type)
        known = {field.name for field in fields(self)}
        for name in self.unconfirmed:
            if re.split(r"[.\[]", name)[0] not in known:
                raise ValueError(f"unconfirmed: {name} is no fact of a scheme")
        for proof in self.proofs:
            self._check_proof(proof)

    def _check_proof(self, proof: Proof) -> None:
        if proof.function and proof.function not in functions():
            raise ValueError(f"proofs: there is no function {proof.function}")
        if "ts" in proof.tokens and self.timestamp is None:
            raise ValueError("timestamp: is signed as {ts}, but no place is named")
        if "id" in proof.tokens and self.id is None:
            raise ValueError("id: is signed as {id}, but no place is named")
        if self.timestamp and not proof.covers_place(self.timestamp.place, part="timestamp"):
            raise ValueError("timestamp: is not covered by the signature, and so proves nothing")
        if self.body_hash and not proof.covers_place(self.body_hash.place, part="timestamp"):
            raise ValueError("body_hash: is not covered by the signature, and so proves nothing")

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], *, where: str) -> Scheme:
        """Return the scheme that a file or a table of parameters describes. Raises BadFacts with file and field."""
        return read(cls, facts, where=where)

    @property
    def is_id_signed(self) -> bool:
        """Return whether the signature covers the id, so that nobody can change it."""
        return self.id is not None and all(
            proof.covers_place(text, part="id") for proof in self.proofs for text in self.id.places
        )

    @property
    def is_body_signed(self) -> bool:
        """Return whether the signature covers the body."""
        return self.body_hash is not None or all(proof.covers_body for proof in self.proofs)

    @property
    def signs_url(self) -> bool:
        """Return whether the registered address is signed: it must be given to the vendor exactly so."""
        return any("url" in proof.tokens for proof in self.proofs)

    @property
    def own_functions(self) -> tuple[Function, ...]:
        """Return the code of its own that it proves by; none where its facts suffice."""
        return tuple(functions()[proof.function] for proof in self.proofs if proof.function)

    @property
    def needs_published_keys(self) -> bool:
        """Return whether the vendor's public keys must be fetched before a request can be verified."""
        return any(function.needs_published_keys for function in self.own_functions)

    @property
    def may_begin_without_secret(self) -> bool:
        """Return whether the secret comes by a handshake, or what verifies is published by the vendor."""
        return self.needs_published_keys or any(greeting.keeps_secret for greeting in self.handshakes)

    def is_confirmed(self, fact: str) -> bool:
        """Return whether a source of the vendor's own confirms the dotted fact."""
        return self.confidence != "C" and not any(
            fact == name or fact.startswith(f"{name}.") for name in self.unconfirmed
        )
