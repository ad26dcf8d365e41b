"""Somebody else checks what was signed with the script in docs/, which has nothing of Keylodge in it."""

from __future__ import annotations

import base64
import json
import os
import runpy
import subprocess
import sys

import pytest

from integrations import offboarding
from integrations.rotating import guided
from integrations.rotating.evidence import signed_evidence_of
from secrets_vault import certificates, signatures
from secrets_vault.actor import Actor
from secrets_vault.models import StoredSecret
from tests.integrations.offboarding.conftest import NOW
from tests.live import ROOT

pytestmark = pytest.mark.django_db
SCRIPT = ROOT / "docs" / "verify_certificate.py"


def verdict(path, *key):
    """Return exit status and words, of a Python that sees no package."""
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(path), *key]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd=path.parent)
    return done.returncode, done.stdout


@pytest.fixture
def file(asked, tmp_path):
    """The certificate of an off-boarding as the page hands it out."""
    offboarding.carry_on(now=NOW)
    asked.refresh_from_db()
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps({"certificate": asked.certificate, "signature": asked.signature}, indent=2))
    return path


def test_a_certificate_is_valid_and_its_key_and_hash_are_named(file):
    statement = json.loads(file.read_text())["certificate"]
    for key in ([], [statement["key"]["id"]], [statement["key"]["public"]]):
        status, said = verdict(file, *key)
        assert (status, statement["key"]["id"] in said, certificates.digest(statement) in said) == (0, True, True)
        assert ("Ask the agency" in said) == (key == [])


def changed(table, how):
    said = table["certificate"]
    if how == "word":
        said["client"]["name"] += " "
    elif how == "more":
        said["more"] = None
    elif how == "signature":
        raw = bytearray(base64.b64decode(table["signature"]))
        raw[40] ^= 1
        table["signature"] = base64.b64encode(raw).decode()
    elif how == "another key":
        said["key"]["public"] = base64.b64encode(signatures.ed25519_public(os.urandom(32))).decode()
    elif how == "no point":
        said["key"]["public"] = base64.b64encode(b"\xff" * 32).decode()
    elif how == "signed by another":  # whole in itself: only the key's name gives it away
        seed = os.urandom(32)
        said["key"]["public"] = base64.b64encode(signatures.ed25519_public(seed)).decode()
        signed = signatures.sign_ed25519(seed, certificates.DOMAIN + certificates.canonical(said))
        table["signature"] = base64.b64encode(signed).decode()


@pytest.mark.parametrize("how", ["word", "more", "signature", "another key", "no point", "signed by another"])
def test_a_changed_or_forged_one_is_not(file, how):
    table = json.loads(file.read_text())
    key = table["certificate"]["key"]["id"]
    changed(table, how)
    file.write_text(json.dumps(table))
    status, said = verdict(file, key)
    assert (status, said[:9]) == (1, "NOT VALID")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"certificate": {"type": "x"}, "signature": ""}', '{"evidence": []}']
)
def test_what_is_none_is_told_from_one_that_is_not_valid(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    assert verdict(path)[0] == 2


def test_the_evidence_of_a_rotation_is_checked_alike(acme, ada, tmp_path):
    stored = StoredSecret.objects.get(client=acme, kind="api_key")
    rotation = guided.start(stored, actor=Actor.of(ada), now=NOW)
    table, path = signed_evidence_of(rotation), tmp_path / "evidence.json"
    path.write_text(json.dumps(table))
    assert verdict(path, certificates.key_named()["id"])[0] == 0
    table["evidence"]["started"]["by"] = "Ben"
    path.write_text(json.dumps(table))
    assert verdict(path)[0] == 1


def test_the_script_agrees_with_the_library_on_every_signature():
    is_signed = runpy.run_path(str(SCRIPT))["is_signed"]
    for number in range(40):
        seed, content = os.urandom(32), os.urandom(number)
        public, signature = signatures.ed25519_public(seed), signatures.sign_ed25519(seed, content)
        assert is_signed(public, signature, content)
        at = number % 64
        wrong = signature[:at] + bytes([signature[at] ^ 1 << number % 8]) + signature[at + 1 :]
        assert not is_signed(public, wrong, content)
        assert not is_signed(public, signature, content + b"x")


def made_up(**said):
    public = (1).to_bytes(32, "little")  # the neutral point: s = 0 signs every text with it
    statement = {
        "type": "keylodge/offboarding-certificate/1", "key": {"public": base64.b64encode(public).decode()}, **said,
    }  # fmt: skip
    return {"certificate": statement, "signature": base64.b64encode(public + bytes(32)).decode()}


def test_a_key_that_signs_for_anybody_is_not_valid(tmp_path):
    path = tmp_path / "made_up.json"
    path.write_text(json.dumps(made_up(client="Acme")))
    assert verdict(path)[0] == 1


@pytest.mark.parametrize("twin", ['"certificate": {"client": "Other"}, ', '"signature": "", '])
def test_a_name_that_stands_twice_is_no_certificate(file, twin):
    path = file.with_name("twins.json")
    path.write_text("{" + twin + file.read_text().lstrip()[1:])
    assert (verdict(file)[0], verdict(path)) == (0, (2, ""))


def test_brackets_without_end_are_no_certificate(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    assert verdict(path) == (2, "")
