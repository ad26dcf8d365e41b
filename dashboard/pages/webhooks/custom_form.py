"""A signature scheme of one's own, as a form: the same parameters that a file of the catalogue has."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from integrations.providers.reading import BadFacts
from integrations.webhooks.freshness import DEFAULT_TOLERANCE_S, UNITS
from integrations.webhooks.key_material import KEY_FORMS
from integrations.webhooks.schemes.parts import HASHES, WIDEST_WINDOW_S
from integrations.webhooks.schemes.registry import custom_scheme

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from integrations.webhooks.schemes.shape import Scheme

KINDS: list[tuple[str, StrOrPromise]] = [
    ("hmac", "HMAC"),
    ("digest", gettext_lazy("Plain digest that holds the secret")),
    ("equality", gettext_lazy("Shared secret, sent along")),
    ("ed25519", "Ed25519"),
    ("ecdsa_p256", "ECDSA P-256"),
    ("rsa", "RSA"),
]
NEEDED = ("kind", "hash", "signature", "encoding", "key_form", "ts_unit")
ENCODINGS = ("hex", "base64", "base64url", "text", "basic")
UNIT_WORDS = {"s": gettext_lazy("seconds since 1970"), "ms": gettext_lazy("milliseconds since 1970"), "iso": "ISO 8601"}
MONO = {"class": "mono", "autocomplete": "off", "spellcheck": "false"}
# Where a wrong fact is told: by the beginning of its dotted name.
FIELD_OF = {
    "proofs[0].kind": "kind", "proofs[0].hash": "hash", "proofs[0].signature": "signature",
    "proofs[0].signed": "signed", "proofs[0].prefix": "sig_prefix", "proofs[0].separator": "separator",
    "proofs[0].encoding": "encoding", "proofs[0].key_form": "key_form", "proofs": "signed",
    "timestamp.place": "ts_place", "timestamp.unit": "ts_unit", "timestamp.tolerance_s": "ts_tolerance_s",
    "timestamp": "ts_place", "id": "id_place", "event_type": "event_type",
}  # fmt: skip


def _place(
    label: StrOrPromise, example: str, *, required: bool = False, help_text: StrOrPromise = ""
) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=200,
        help_text=help_text,
        widget=forms.TextInput(attrs=MONO | {"placeholder": example}),
    )


class CustomForm(PageForm):
    """One proof, its time and its id. Whatever else a scheme may have is written as TOML, as in the catalogue."""

    kind = forms.ChoiceField(label=gettext_lazy("How it is signed"), choices=KINDS, required=False)
    hash = forms.ChoiceField(
        label=gettext_lazy("Hash"), choices=[(name, name.upper()) for name in HASHES], initial="sha256", required=False
    )
    signature = _place(
        gettext_lazy("Where the signature stands"),
        "header:X-Signature",
        help_text=gettext_lazy("header:Name, header:Name#item, query:name, form:name or json:path."),
    )
    sig_prefix = _place(gettext_lazy("What stands before it"), "sha256=")
    separator = forms.CharField(label=gettext_lazy("Between several"), required=False, max_length=5, strip=False)
    encoding = forms.ChoiceField(
        label=gettext_lazy("Written in"), choices=[(name, name) for name in ENCODINGS], required=False
    )
    signed = _place(
        gettext_lazy("What is signed"),
        "{ts}.{body}",
        help_text=gettext_lazy("Text and tokens: {body} {ts} {id} {url} {method} {form} {secret} {json:path}."),
    )
    key_form = forms.ChoiceField(
        label=gettext_lazy("The secret is"), choices=[(name, name) for name in KEY_FORMS], required=False
    )
    ts_place = _place(gettext_lazy("Where the signed time stands"), "header:X-Timestamp")
    ts_unit = forms.ChoiceField(
        label=gettext_lazy("Time written in"), choices=[(unit, UNIT_WORDS[unit]) for unit in UNITS], required=False
    )
    ts_tolerance_s = forms.IntegerField(
        label=gettext_lazy("Seconds it may be off"),
        initial=DEFAULT_TOLERANCE_S,
        min_value=1,
        max_value=WIDEST_WINDOW_S,
        required=False,
    )
    id_place = _place(gettext_lazy("Where the event's id stands"), "json:id")
    event_type = _place(gettext_lazy("Where its type stands"), "json:type")
    as_toml = forms.CharField(
        label=gettext_lazy("Or all of it as TOML"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs=MONO | {"rows": 4}),
        help_text=gettext_lazy("As a file of the catalogue has it, for several proofs, handshakes and replies."),
    )

    scheme: Scheme | None = None
    use_required_attribute = False  # with TOML none of the others is

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_toml = bool(str(self.data.get("as_toml", "")).strip())
        for name in NEEDED:
            self.fields[name].required = not has_toml

    def clean(self) -> dict[str, Any]:
        """Build the scheme; put what is wrong with it at its field."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            self.parameters = _from_toml(data["as_toml"]) if data["as_toml"].strip() else _table(data)
            self.scheme = custom_scheme(self.parameters)
        except BadFacts as bad:
            self._refuse(bad, is_toml=bool(data["as_toml"].strip()))
        return data

    def _refuse(self, bad: BadFacts, *, is_toml: bool) -> None:
        said = f"{bad.field}: {bad.reason}"
        names = [name for start, name in FIELD_OF.items() if bad.field == start or bad.field.startswith(f"{start}.")]
        inner = FIELD_OF.get(f"proofs[0].{bad.reason.partition(':')[0]}")
        self.add_error("as_toml" if is_toml else (inner or (names or ["signature"])[0]), said)


def _from_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadFacts("custom", "(file)", str(error)) from None


def _table(data: Mapping[str, Any]) -> dict[str, Any]:
    names = ("kind", "hash", "signature", "separator", "encoding", "signed", "key_form")
    proof = {name: data[name] for name in names if data[name]}
    if data["sig_prefix"]:
        proof["prefix"] = data["sig_prefix"]
    table: dict[str, Any] = {"proofs": [proof]}
    if data["ts_place"]:
        tolerance_s = data["ts_tolerance_s"] or DEFAULT_TOLERANCE_S
        table["timestamp"] = {"place": data["ts_place"], "unit": data["ts_unit"] or "s", "tolerance_s": tolerance_s}
    if data["id_place"]:
        table["id"] = {"places": [data["id_place"]]}
    if data["event_type"]:
        table["event_type"] = data["event_type"]
    return table


def initial_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored parameters as the form has them; those it has no fields for as TOML."""
    proofs, moment, named = parameters.get("proofs", []), parameters.get("timestamp", {}), parameters.get("id", {})
    places = named.get("places", [])
    found = {
        **{"sig_prefix" if name == "prefix" else name: value for name, value in (proofs[0] if proofs else {}).items()},
        **{f"ts_{name}": value for name, value in moment.items()},
        "id_place": places[0] if places else "",
        "event_type": parameters.get("event_type", ""),
    }
    is_plain = len(proofs) == 1 and len(places) < 2 and found.keys() <= CustomForm.base_fields.keys()
    if is_plain and parameters.keys() <= {"proofs", "timestamp", "id", "event_type"}:
        return found
    return {"as_toml": toml_of(parameters)}


def toml_of(parameters: Mapping[str, Any]) -> str:
    """Return parameters as TOML, each table in one line: it is read again, not admired."""
    return "\n".join(f"{name} = {_toml(value)}" for name, value in parameters.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _quoted(str(value))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in escaped) + '"'
