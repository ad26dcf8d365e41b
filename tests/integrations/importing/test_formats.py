"""What each program's file is read as: twelve real shapes, their encodings, and what is refused."""

from __future__ import annotations

import json

import pytest

from integrations import importing
from integrations.importing import ImportRefused, reading
from integrations.importing.guessing import kinds_of
from tests.integrations.importing import files

pytestmark = pytest.mark.matrix  # no database: one engine is enough


def read(data: bytes | str) -> importing.Found:
    return importing.read_import(data.encode() if isinstance(data, str) else data)


def told(found: importing.Found) -> list[tuple[str, dict[str, str], str, str]]:
    """Return name, plain values, proposed provider and proposed kind of each item."""
    rows = []
    for item in found.items:
        guess = importing.suggest(item)
        rows.append((item.name, {k: v.expose() for k, v in item.fields.items()}, guess.provider_key, guess.kind))
    return rows


SHAPES = {
    ".env": (
        files.ENV,
        [
            ("STRIPE_KEY", {"value": files.STRIPE}, "stripe", "api_key"),
            ("DATABASE_URL", {"value": "postgres://app:made-up@db/app?x=1#y"}, "", ""),
            ("EMPTY", {"value": ""}, "", ""),
            ("KEY", {"value": files.PEM}, "", ""),
        ],
    ),
    "Bitwarden CSV": (
        files.BITWARDEN_CSV,
        [
            (
                "GitHub",
                {"username": "ada", "password": "made-up pass,word", "totp": "JBSW",
                 "token": files.GITHUB, "owner": "acme"},
                "github",
                "key_value_set",
            ),
            ("Door", {"note": "the code\nis written here"}, "", ""),
        ],
    ),
    "1Password CSV": (
        files.ONEPASSWORD_CSV,
        [("Stripe, live", {"username": "ada@acme.example", "password": 'a "made-up" one'}, "stripe", "basic")],
    ),
    "CSV": (files.CHROME_CSV, [("api.hubapi.com", {"username": "ada", "password": "made-up-1"}, "hubspot", "basic")]),
    "JSON": (
        files.FLAT_JSON,
        [
            ("STRIPE_KEY", {"value": files.STRIPE}, "stripe", "api_key"),
            ("PORT", {"value": "8080"}, "", ""),
            ("DEBUG", {"value": "false"}, "", ""),
            ("SLACK_TOKEN", {"value": files.SLACK}, "slack", "bearer"),
        ],
    ),
    "n8n": (
        json.dumps(files.N8N),
        [
            ("Stripe account", {"value": files.STRIPE}, "stripe", "api_key"),
            (
                "HubSpot Acme",
                {"clientId": "made-up-id", "clientSecret": "made-up-secret",
                 "oauthTokenData.access_token": "made-up-access", "oauthTokenData.refresh_token": "made-up-refresh",
                 "oauthTokenData.expires_in": "1"},
                "hubspot",
                "connection_tokens",
            ),
            ("SFTP", {"username": "ada", "password": "made-up-pw"}, "", "basic"),
            ("Header", {"value": "made-up-header"}, "", "api_key"),
        ],
    ),
    "Bitwarden JSON": (
        json.dumps(files.BITWARDEN),
        [
            ("Stripe", {"username": "ada", "password": "made-up-pw", "secret key": files.STRIPE}, "stripe",
             "key_value_set"),
            ("A note", {"note": "made-up note"}, "", "note"),
            ("Deploy", {"private_key": files.PEM}, "", "private_key"),
        ],
    ),
    "1Password 1PUX": (
        files.onepux(),
        [
            ("HubSpot", {"username": "ada", "password": "made-up-pw"}, "hubspot", "basic"),
            ("GitHub deploy", {"credential": files.GITHUB}, "github", "bearer"),
            ("Old shape", {"note": "made-up note"}, "", "note"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_file_is_read_as_its_program_meant_it(name):
    data, expected = SHAPES[name]
    found = read(data)
    assert found.format == name
    assert told(found) == expected


def test_excels_table_with_semicolons_is_read_in_the_encoding_of_windows():
    found = read(files.EXCEL_CSV.encode("cp1252"))
    assert told(found) == [("Slack Größe", {"value": files.SLACK}, "slack", "bearer")]
    assert [(problem.where, problem.reason) for problem in found.problems] == [
        ("line 3", "there is no value in this row")
    ]


def test_postmans_environment_and_a_service_account_are_read():
    assert told(read(files.POSTMAN)) == [("github_token", {"value": files.GITHUB}, "github", "bearer")]
    [item] = read(files.SERVICE_ACCOUNT).items
    assert (item.name, kinds_of(item)[0], item.fields["private_key"].expose()) == (
        "bot@acme.example",
        "key_value_set",
        files.PEM,
    )


def test_bitwardens_archive_is_read_and_its_attachments_stay_in_it():
    found = read(files.zipped(data__json=json.dumps(files.BITWARDEN), secret__pdf=b"x"))
    assert len(found.items) == 3
    assert found.ignored == ["Stripe: recovery.txt", "Visa", "In the bin", "secret.pdf"]


def test_what_stays_in_a_1pux_is_named():
    assert read(files.onepux()).ignored == ["GitHub deploy: plan.pdf", "Visa", "plan.pdf"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_the_encoding_and_the_line_breaks_do_not_matter(encoding, line_break):
    text = line_break.join(["A_KEY=größe", "", "B_KEY=2", ""])
    found = read(text.encode(encoding))
    assert [(item.name, item.fields["value"].expose()) for item in found.items] == [("A_KEY", "größe"), ("B_KEY", "2")]


LOCKED_N8N = json.dumps([{"id": "1", "name": "x", "type": "stripeApi", "data": "U2FsdGVkX1" + "9abc"}])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LOCKED_N8N, "--decrypted"),
        (json.dumps({"encrypted": True, "passwordProtected": True, "data": "2.x|y"}), "Encrypted"),
        (json.dumps({"encrypted": True, "items": []}), "Encrypted"),
        ("-----BEGIN PGP MESSAGE-----\n\nx", "PGP"),
        ("-----BEGIN AGE ENCRYPTED FILE-----", "age"),
        ("$ANSIBLE_VAULT;1.1;AES256\n61", "ansible-vault view"),
        (json.dumps({"A": "ENC[AES256_GCM,data:x]", "sops": {"mac": "x"}}), "sops decrypt"),
        (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5rest", "KeePass"),
        (b"SQLite format 3\x00rest", "database"),
        (b"%PDF-1.7", "PDF"),
        (b"\x00\x01\x02\x00\x00\x05\x00\xff\x00", "no text file"),
        (files.zipped(**{"[Content_Types]__xml": "x", "xl": "y"}), "Save it as CSV"),
        (files.zipped(other="x"), "neither"),
        (files.onepux()[:400], "damaged"),
        ('{"a": "\\ud800", "b": "c"}', "damaged"),
        ('[{"name": "n", "type": "t", "data": {"apiKey": "\\udfff"}}]', "damaged"),
        ('{"a": ', "breaks off at line 1"),
        ("[" * 200_000, "damaged"),
        (json.dumps({"a": 1})[:-1] + ', "b": ' + "[" * 40 + '"x"' + "]" * 40 + "}", "too deeply"),
        ("[]", "no names"),
        ('name,value\nx,"open', "line"),
        ("A=1\n" * 1_100_000, "4 MB"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(data, words):
    with pytest.raises(ImportRefused, match=words):
        read(data)


def test_an_archive_with_a_password_is_told_from_a_damaged_one():
    data = bytearray(files.onepux())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    with pytest.raises(ImportRefused, match="password"):
        read(bytes(data))


def test_a_zip_bomb_is_not_unpacked():
    bomb = files.zipped(export__data=b" " * (40 * 1024 * 1024))
    assert len(bomb) < 100_000
    with pytest.raises(ImportRefused, match="32 MB"):
        read(bomb)
    lying = bytearray(bomb)
    central = lying.index(b"PK\x01\x02") + 24
    lying[central : central + 4] = (100).to_bytes(4, "little")
    with pytest.raises(ImportRefused):
        read(bytes(lying))


def test_ten_thousand_entries_are_read_and_not_one_more():
    rows = "name,value\n" + "".join(f"KEY_{n},made-up-value-{n}\n" for n in range(10_000))
    assert len(read(rows).items) == 10_000
    with pytest.raises(ImportRefused, match="10,000"):
        read(rows + "ONE_MORE,x\n")


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_that_describes_the_file_repeats_a_value(name):
    found = read(SHAPES[name][0])
    secrets = {value.expose() for item in found.items for value in item.fields.values() if len(value.expose()) > 7}
    said = repr(found) + repr([importing.suggest(item) for item in found.items])
    assert not [secret for secret in secrets if secret in said]
    assert "never-kept" not in said
    assert "stays in the file" not in str(importing.pack(found)["items"])


@pytest.mark.parametrize("name", SHAPES)
def test_a_draft_comes_back_as_it_was(name):
    found = read(SHAPES[name][0])
    assert told(importing.unpack(json.loads(json.dumps(importing.pack(found))))) == told(found)


def test_no_text_however_odd_breaks_the_reader():
    for text in ('{"items": 1, "encrypted": false}', '{"accounts": [{"vaults": [1, {"items": [2, {"details": 3}]}]}]}',
                 '[{"type": 1, "data": {"a": {"b": [1]}}}]', '{"encrypted": false, "items": [1, {"login": 2}]}',
                 "name,value\n\x01,\x02\n", "\n\n", "=,=", '"'):  # fmt: skip
        try:
            reading.read_import(text.encode())
        except ImportRefused:
            continue
