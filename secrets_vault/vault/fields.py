"""The sealed fields of one version: which names a kind has, what a list may show, sealing and opening."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from django.utils.translation import gettext as _

from secrets_vault import keyring, keys
from secrets_vault.envelope import Place, open_blob, seal
from secrets_vault.errors import BadInput, NoValue
from secrets_vault.masking import lately
from secrets_vault.models import SecretField, SecretVersion, StoredSecret
from secrets_vault.secret import Secret, mask
from secrets_vault.vault.finding import fingerprint_to_store

Kind = StoredSecret.Kind

FIELD_NAMES: dict[str, tuple[str, ...]] = {
    Kind.API_KEY: ("api_key",),
    Kind.BEARER: ("token",),
    Kind.BASIC: ("username", "password"),
    Kind.OAUTH_TOKENS: ("access_token", "refresh_token", "id_token"),
    Kind.OAUTH_APP: ("client_secret", "private_key"),
    Kind.PRIVATE_KEY: ("private_key",),
    Kind.WEBHOOK_SECRET: ("secret",),
    Kind.NOTE: ("note",),
}
ONE_OF_THESE = {
    Kind.API_KEY: ("api_key",),
    Kind.BEARER: ("token",),
    Kind.BASIC: ("password",),
    Kind.OAUTH_TOKENS: ("access_token", "refresh_token"),
}
# A provider may want a second value beside its key (an application key, a session token) and names it itself.
MORE_FIELDS = (Kind.API_KEY, Kind.BEARER, Kind.BASIC)
MORE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
FREELY_NAMED = (Kind.KEY_VALUE_SET, Kind.SYSTEM)

MOST_FIELDS = 500
LONGEST_NAME = 200
LONGEST_VALUE_BYTES = 256 * 1024
SHORTEST_OF_AN_ENV = 16

TOKEN_FIELDS = frozenset({"api_key", "token", "access_token", "refresh_token", "client_secret"})
TOKEN_WORDS = ("KEY", "TOKEN", "SECRET")
NEVER_WORDS = ("PASS", "PWD", "PIN", "OTP", "SEED", "COOKIE", "SIGNATURE", "PRIVATE", "RECOVERY", "URL", "URI", "DSN")

keys.on_forget(lately.LATELY.forget)


def check_fields(kind: str, fields: Mapping[str, Secret]) -> None:
    """Raise BadInput unless these are fields that a secret of this kind has."""
    if not fields or len(fields) > MOST_FIELDS:
        raise BadInput(
            _("A secret holds between 1 and {most_fields} values, not {n}.").format(
                most_fields=MOST_FIELDS, n=len(fields)
            )
        )
    for name, value in fields.items():
        _check_field(kind, name, value)
    needed = ONE_OF_THESE.get(Kind(kind))
    if needed and not any(name in fields for name in needed):
        raise BadInput(_("A {label} needs the field {needed}.").format(label=Kind(kind).label, needed=needed[0]))


def _check_field(kind: str, name: str, value: Secret) -> None:
    is_named = name in FIELD_NAMES.get(kind, ()) or (kind in MORE_FIELDS and _is_another(name))
    if kind not in FREELY_NAMED and not is_named:
        raise BadInput(_("A {label} has no field named {name}.").format(label=Kind(kind).label, name=f"{name!r}"))
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(
            _("The name of a value has 1 to {longest_name} printable characters.").format(longest_name=LONGEST_NAME)
        )
    if not isinstance(value, Secret):
        raise TypeError(f"the value of {name} must be a Secret")
    if not value and kind not in FREELY_NAMED:
        raise BadInput(_("The {name} is empty.").format(name=name))
    if len(value.expose_bytes()) > LONGEST_VALUE_BYTES:
        raise BadInput(_("The value of {name} is longer than 256 KiB.").format(name=name))


def _is_another(name: str) -> bool:
    """Tell whether a name can be that of a second value. The own field of another kind is a slip."""
    own = {field for names in FIELD_NAMES.values() for field in names}
    return MORE_NAME.fullmatch(name) is not None and name not in own


def masked_form(kind: str, name: str, value: Secret) -> str:
    """Return what a list shows of a value: a tail of tokens only, decided when the value is stored."""
    try:
        return mask(value.expose(), is_token=is_token_field(kind, name))
    except UnicodeDecodeError:
        return mask("", is_token=False)


def is_token_field(kind: str, name: str) -> bool:
    """Tell whether a field is of the class whose last four characters may be shown."""
    if kind not in FREELY_NAMED:
        return name in TOKEN_FIELDS
    spelled = name.upper()
    return any(word in spelled for word in TOKEN_WORDS) and not any(word in spelled for word in NEVER_WORDS)


def write_fields(stored: StoredSecret, version: SecretVersion, fields: Mapping[str, Secret]) -> str:
    """Seal the fields of a new version and return the hash of its ciphertext, for the book."""
    rows = [
        SecretField(
            version=version,
            name=name,
            position=position,
            blob=seal_field(stored, version.number, name, value),
            fingerprint=fingerprint_to_store(value, is_secret=name != "username"),
            masked=masked_form(stored.kind, name, value),
        )
        for position, (name, value) in enumerate(fields.items())
    ]
    SecretField.objects.bulk_create(rows)
    return ciphertext_hash(rows)


def seal_field(stored: StoredSecret, number: int, name: str, value: Secret) -> bytes:
    """Return the blob of one field of one version."""
    _tell_the_log(stored.kind, name, value)
    term, key = keyring.sealing_key(stored.client_id)
    return seal(value.expose_bytes(), key=key, term=term, place=place_of(stored, number, name))


def open_field(stored: StoredSecret, version: SecretVersion, row: SecretField) -> Secret:
    """Return the value of one field. Raises Unreadable, and leaves the row as it is."""
    place = place_of(stored, version.number, row.name)
    value = Secret(open_blob(bytes(row.blob), key_of=keyring.opening_key, place=place))
    _tell_the_log(stored.kind, row.name, value)
    return value


def _tell_the_log(kind: str, name: str, value: Secret) -> None:
    """Let this process's log cover a value now in its hands. In an .env, short values are mostly words."""
    plain = value.expose_bytes()
    if name != "username" and (kind not in FREELY_NAMED or len(plain) >= SHORTEST_OF_AN_ENV):
        lately.note(plain)


def open_fields(
    stored: StoredSecret, version: SecretVersion, rows: Iterable[SecretField] | None = None
) -> dict[str, Secret]:
    """Return every field of a version by name, in its order. Raises Unreadable when one does not open."""
    sealed = version.fields.all() if rows is None else rows
    opened = {row.name: open_field(stored, version, row) for row in sealed}
    if not opened:
        raise NoValue(_("There is no value here: it is kept elsewhere, or was destroyed."))
    return opened


def place_of(stored: StoredSecret, number: int, name: str) -> Place:
    """Return where a field lives, by ids that never change."""
    return Place(
        installation=keys.unlock().installation_id,
        client=stored.client_id,
        environment=stored.environment_id,
        row=stored.pk,
        number=number,
        field=name,
    )


def ciphertext_hash(rows: list[SecretField]) -> str:
    """Return SHA-256 over the names and blobs of one version, in hex: an old row put back is seen."""
    digest = sha256()
    for row in sorted(rows, key=lambda row: row.name):
        for part in (row.name.encode(), bytes(row.blob)):
            digest.update(len(part).to_bytes(4) + part)
    return digest.hexdigest()
