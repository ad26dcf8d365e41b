"""The ciphertext format: what was sealed opens at its place under its key, and nothing else ever does."""

from __future__ import annotations

import hmac
from dataclasses import replace
from hashlib import sha512
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from secrets_vault import envelope
from secrets_vault.envelope import HEADER_BYTES, OVERHEAD_BYTES, Place, fingerprint_of, open_blob, seal, subkey, term_of
from secrets_vault.errors import Unreadable

pytestmark = pytest.mark.matrix  # no database: one engine is enough

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
TERM = UUID("018f0000-0000-7000-8000-000000000001")
PLACE = Place(
    installation=UUID("018f0000-0000-7000-8000-0000000000a1"),
    client=UUID("018f0000-0000-7000-8000-0000000000a2"),
    environment=UUID("018f0000-0000-7000-8000-0000000000a3"),
    row=UUID("018f0000-0000-7000-8000-0000000000a4"),
    number=7,
    field="api_key",
)
OTHER = UUID("018f0000-0000-7000-8000-0000000000ff")


def open_at(blob, place=PLACE, key=KEY):
    """Open a blob with a keyring that has one key."""
    return bytes(open_blob(blob, key_of=lambda term: key, place=place))


def expand(key, salt, info, size):
    """HKDF-SHA512 written out from RFC 5869, to check the library's parameters and ours."""
    extracted = hmac.digest(salt, key, sha512)
    out, block = b"", b""
    for counter in range(1, size // 64 + 2):
        block = hmac.digest(extracted, block + info + bytes([counter]), sha512)
        out += block
    return out[:size]


@given(plaintext=st.binary(max_size=4096), number=st.integers(0, 2**32), field=st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_what_was_sealed_opens(plaintext, number, field):
    place = replace(PLACE, number=number, field=field)
    blob = seal(plaintext, key=KEY, term=TERM, place=place)
    assert open_at(blob, place) == plaintext
    assert len(blob) == len(plaintext) + OVERHEAD_BYTES == len(plaintext) + 98
    assert term_of(blob) == TERM


@given(junk=st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_junk_is_unreadable_and_nothing_worse(junk):
    for blob in (junk, b"\x01\x01" + junk):
        with pytest.raises(Unreadable):
            open_at(blob)


def test_the_format_is_the_one_written_down():
    """Open a blob by hand, from the description in the module, without the module."""
    blob = seal(b"plaintext", key=KEY, term=TERM, place=PLACE)
    salt, commitment = blob[18:50], blob[50:82]
    derived = expand(KEY, salt, b"keylodge/seal/1\x01" + TERM.bytes, 76)
    message_key, nonce, expected = derived[:32], derived[32:44], derived[44:]
    parts = [
        PLACE.installation.bytes, PLACE.client.bytes, PLACE.environment.bytes, PLACE.row.bytes,
        (7).to_bytes(8), b"api_key", b"secret",
    ]  # fmt: skip
    data = blob[:82] + b"".join(len(part).to_bytes(4) + part for part in parts)
    assert blob[:18] == b"\x01\x01" + TERM.bytes
    assert commitment == expected
    assert AESGCM(message_key).decrypt(nonce, blob[82:], data) == b"plaintext"


def test_a_blob_sealed_by_the_first_version_still_opens():
    """A golden blob: if this fails, every stored secret has become unreadable."""
    blob = bytes.fromhex(GOLDEN)
    assert open_at(blob) == b"golden plaintext"


@pytest.mark.parametrize(
    "moved",
    [
        {"installation": OTHER},
        {"client": OTHER},
        {"client": None},
        {"environment": OTHER},
        {"environment": None},
        {"row": OTHER},
        {"number": 8},
        {"field": "password"},
        {"content_type": "column"},
        {"client": PLACE.environment, "environment": PLACE.client},
        {"field": "api_ke", "content_type": "ysecret"},
    ],
    ids=str,
)
def test_a_blob_moved_anywhere_else_does_not_open(moved):
    blob = seal(b"plaintext", key=KEY, term=TERM, place=PLACE)
    with pytest.raises(Unreadable):
        open_at(blob, replace(PLACE, **moved))


def test_each_flipped_bit_is_noticed():
    blob = seal(b"plaintext", key=KEY, term=TERM, place=PLACE)
    for position in range(len(blob) * 8):
        flipped = bytearray(blob)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(Unreadable):
            open_at(bytes(flipped))


def test_each_shortened_or_lengthened_blob_is_noticed():
    blob = seal(b"plaintext", key=KEY, term=TERM, place=PLACE)
    for changed in [blob[:size] for size in range(len(blob))] + [blob + b"\0", b"\0" + blob]:
        with pytest.raises(Unreadable):
            open_at(changed)


def test_the_wrong_key_is_told_by_the_commitment_before_anything_is_decrypted(monkeypatch):
    blob = seal(b"plaintext", key=KEY, term=TERM, place=PLACE)
    monkeypatch.setattr(envelope, "_cipher", None)
    with pytest.raises(Unreadable, match="not sealed under the key"):
        open_at(blob, key=OTHER_KEY)


def test_a_changed_commitment_alone_is_refused():
    blob = bytearray(seal(b"plaintext", key=KEY, term=TERM, place=PLACE))
    blob[HEADER_BYTES - 1] ^= 1
    with pytest.raises(Unreadable, match="not sealed under the key"):
        open_at(bytes(blob))


def test_only_the_term_that_the_blob_names_is_asked_for():
    blob = seal(b"plaintext", key=KEY, term=TERM, place=PLACE)
    asked = []
    open_blob(blob, key_of=lambda term: asked.append(term) or KEY, place=PLACE)
    assert asked == [TERM]


@pytest.mark.parametrize(("at", "value"), [(0, 0), (0, 2), (1, 0), (1, 2)])
def test_an_unknown_version_or_suite_is_an_error(at, value):
    blob = bytearray(seal(b"plaintext", key=KEY, term=TERM, place=PLACE))
    blob[at] = value
    with pytest.raises(Unreadable, match="does not know"):
        open_at(bytes(blob))


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(24), bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(key):
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"x", key=key, term=TERM, place=PLACE)
    with pytest.raises(ValueError, match="32 bytes"):
        subkey(key, "label")


@pytest.mark.parametrize("size", [8, 11, 13, 16])
def test_a_nonce_of_another_length_is_refused(size):
    with pytest.raises(ValueError, match="12 bytes"):
        envelope._cipher(KEY, bytes(size))


def test_no_salt_and_no_ciphertext_repeats():
    blobs = {seal(b"same", key=KEY, term=TERM, place=PLACE) for _ in range(2000)}
    assert len({blob[18:50] for blob in blobs}) == 2000
    assert len({blob[HEADER_BYTES:] for blob in blobs}) == 2000


def test_terms_and_labels_give_keys_of_their_own():
    salt = bytes(32)
    assert envelope._derive(KEY, salt, suite=1, term=TERM) != envelope._derive(KEY, salt, suite=1, term=OTHER)
    assert envelope._derive(KEY, salt, suite=1, term=TERM) != envelope._derive(KEY, salt, suite=2, term=TERM)
    assert len({subkey(KEY, label) for label in ("audit", "policy", "fingerprint")}) == 3
    assert subkey(KEY, "audit") == expand(KEY, bytes(64), b"keylodge/subkey/1/audit", 32)


def test_a_fingerprint_names_a_key_and_gives_nothing_away():
    assert fingerprint_of(KEY) == fingerprint_of(bytes(KEY)) != fingerprint_of(OTHER_KEY)
    assert [len(part) for part in fingerprint_of(KEY).split("-")] == [4, 4, 4, 4]
    assert KEY.hex()[:4] not in fingerprint_of(KEY)


GOLDEN = (
    "0101018f0000000070008000000000000001804a4e0090eb2f8721ded5c485a31778767bf47fc33e620a40ceba8a87df"
    "4545bc87fde9f716515147b244bf8c7a6cdafae9e853d054f9e937ee0fc1c4a82c838ba71bc32fc6efec4cbb2546ca7e"
    "a0a12d61859687ae215b6f89fd2cff357d9c"
)
