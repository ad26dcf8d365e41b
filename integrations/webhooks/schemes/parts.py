"""The parts of a scheme's facts: how it proves itself, when, under which id, and what it wants to hear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.providers.parts import NOTHING, compiled, one_of
from integrations.webhooks.decoding import ENCODINGS
from integrations.webhooks.freshness import DEFAULT_TOLERANCE_S, UNITS
from integrations.webhooks.key_material import KEY_FORMS, PUBLIC_KEY_FORMS
from integrations.webhooks.places import ANY, place
from integrations.webhooks.signed_content import URL_FORMS, tokens

KINDS = ("hmac", "digest", "equality", "ed25519", "ecdsa_p256", "rsa", "function")
PUBLIC_KEY_KINDS = ("ed25519", "ecdsa_p256", "rsa")
HASHES = ("sha1", "sha256", "sha384", "sha512")
COVERED = ("body", "timestamp", "id")
REPLIES = ("text", "json", "header", "empty")
WIDEST_WINDOW_S = 3600


def check_place(name: str, text: str) -> None:
    """Raise ValueError naming the field unless `text` is a place."""
    try:
        place(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class HashNamed:
    """The hash is named by the request, among a few: a place, and what its values mean. Absent: the proof's own."""

    place: str
    means: Mapping[str, str]

    def __post_init__(self) -> None:
        check_place("place", self.place)
        for value in self.means.values():
            one_of("means", value, HASHES)


@dataclass(frozen=True, slots=True, eq=False)  # told apart by identity: a table of facts has no hash
class Proof:
    """One way in which a request proves that its sender knows the secret.

    `signature` is a place, `signed` a template. `prefix` stands before each signature, `separator` between
    several in one value. With `is_every` each value found must be equal, else one suffices. A `function`
    proves by code; `covers` says which parts its signature covers.
    """

    kind: str
    signature: str = ""
    signed: str = ""
    hash: str = "sha256"
    encoding: str = "hex"
    key_form: str = "text"
    prefix: str = ""
    separator: str = ""
    url_form: str = "registered"
    is_every: bool = False
    hash_named: HashNamed | None = None
    function: str = ""
    covers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of("kind", self.kind, KINDS)
        one_of("hash", self.hash, HASHES)
        one_of("encoding", self.encoding, ENCODINGS)
        one_of("key_form", self.key_form, KEY_FORMS)
        one_of("url_form", self.url_form, URL_FORMS)
        for part in self.covers:
            one_of("covers", part, COVERED)
        if self.kind == "function":
            if not self.function or self.signature or self.signed:
                raise ValueError("function: must be named, and then signature and signed are its own affair")
            return
        if self.function or self.covers:
            raise ValueError("function: belongs to the kind function, and so does covers")
        check_place("signature", self.signature)
        self._check_signed()

    def _check_signed(self) -> None:
        try:
            names = tokens(self.signed)
        except ValueError as error:
            raise ValueError(f"signed: {error}") from None
        if self.kind == "equality":
            if self.signed:
                raise ValueError("signed: nothing is signed where a shared secret is compared")
            return
        if self.encoding in ("text", "basic"):
            raise ValueError("encoding: must be hex, base64 or base64url for a signature")
        if not names:
            raise ValueError("signed: must name at least one token")
        if ("secret" in names) != (self.kind == "digest"):
            raise ValueError("signed: {secret} belongs into a plain digest, and nowhere else")
        if (self.kind in PUBLIC_KEY_KINDS) != (self.key_form in PUBLIC_KEY_FORMS):
            raise ValueError("key_form: public_key and whpk belong to ed25519, ecdsa_p256 and rsa")

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the names of the tokens that are signed."""
        return tokens(self.signed)

    @property
    def covers_body(self) -> bool:
        """Return whether its signature covers the body itself."""
        return bool({"body", "form"} & set(self.tokens)) or "body" in self.covers

    def covers_place(self, text: str, *, part: str) -> bool:
        """Return whether its signature covers what stands at a place; `part` is `timestamp` or `id`."""
        if self.kind == "function":
            return part in self.covers
        if {"timestamp": "ts", "id": "id"}[part] in self.tokens or text in self.tokens:
            return True
        where = place(text)
        return {"json": "body", "form": "form", "query": "url", "header": ""}[where.kind] in self.tokens or (
            where.kind == "form" and "body" in self.tokens
        )


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Where the signed time stands, in which unit, and how far from now it may be, both ways."""

    place: str
    unit: str = "s"
    tolerance_s: int = DEFAULT_TOLERANCE_S

    def __post_init__(self) -> None:
        check_place("place", self.place)
        one_of("unit", self.unit, UNITS)
        if not 0 < self.tolerance_s <= WIDEST_WINDOW_S:
            raise ValueError(f"tolerance_s: must be 1 to {WIDEST_WINDOW_S}")


@dataclass(frozen=True, slots=True)
class BodyHash:
    """A hash of the body that stands in a signed place, because the body itself is not signed."""

    place: str
    hash: str = "sha256"
    encoding: str = "hex"

    def __post_init__(self) -> None:
        check_place("place", self.place)
        one_of("hash", self.hash, HASHES)
        one_of("encoding", self.encoding, ("hex", "base64", "base64url"))


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A header that, where it is sent, must have this value: another version of the scheme is another scheme."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """A handshake: when a request is one, whether it is signed, and the answer.

    `when` is a list of `place`, `place=value` and `!place`. `value` is the place of what is answered. `json` is
    the answer as JSON, where `{value}` and `{hmac}` (of the value, by the secret) are filled in. `visit` is the
    place of an address to be called, of a host that `visit_hosts` matches whole. `is_repeated` says that the vendor
    goes on asking, unsigned, and gives the webhook up where it is not answered.
    """

    name: str
    when: tuple[str, ...]
    method: str = "POST"
    is_signed: bool = False
    value: str = ""
    reply: str = "empty"
    status: int = 200
    json: Mapping[str, str] = NOTHING
    header: str = ""
    hmac_encoding: str = "hex"
    keeps_secret: bool = False
    is_repeated: bool = False
    visit: str = ""
    visit_hosts: str = ""

    def __post_init__(self) -> None:
        compiled("visit_hosts", self.visit_hosts)
        if self.visit:
            check_place("visit", self.visit)
        if bool(self.visit) != bool(self.visit_hosts):
            raise ValueError("visit_hosts: is needed to visit an address, and only then")
        one_of("method", self.method, ("GET", "POST", "HEAD"))
        one_of("reply", self.reply, REPLIES)
        if self.is_repeated and (self.keeps_secret or self.visit or self.reply != "json"):
            raise ValueError("is_repeated: is for an answer in JSON that keeps nothing and visits nothing")
        one_of("hmac_encoding", self.hmac_encoding, ("hex", "base64"))
        for condition in self.when:
            check_place("when", condition.removeprefix("!").partition("=")[0])
        if self.value:
            check_place("value", self.value)
        if not self.value and (self.reply in ("text", "header") or self.keeps_secret):
            raise ValueError("value: is needed to answer with it or to keep it")
        if bool(self.json) != (self.reply == "json") or bool(self.header) != (self.reply == "header"):
            raise ValueError("reply: json goes with a json table, header with a header's name")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender wants to hear when its request was stored, and when it was refused."""

    status: int = 200
    content_type: str = ""
    body: str = ""
    refused_status: int = 401


@dataclass(frozen=True, slots=True)
class Sender:
    """How the vendor behaves: how long it waits, how often it comes again, where its addresses are listed.

    `repeats_for_s` is how long it goes on trying one event, 0 where it never does by itself.

    A list that is part of a larger JSON is named by its path: `https://api.github.com/meta#hooks`.
    """

    gives_up_after_s: float | None = None
    retries: str = ""
    repeats_for_s: float | None = None
    handshake: str = ""
    response: str = ""
    ip_list_url: str = ""
    ip_list: str = ""


@dataclass(frozen=True, slots=True)
class EventID:
    """Where the event's id stands; several places are joined. `*` in a JSON path joins every item's."""

    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.places:
            raise ValueError("places: must name at least one place")
        for text in self.places:
            check_place("places", text)
            if place(text).name == ANY:
                raise ValueError("places: an id stands in a named place")


NO_SENDER = Sender()
NO_REPLY = Reply()
