"""`webhook_check` as a script calls it: lines in, verdicts out, no home, no vault and never a secret."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from integrations.management.commands.webhook_check import BadLine, parsed, verdict_of
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.signer import Made, make

assert signing_by_key
assert signing_by_secret
ROOT = Path(__file__).resolve().parents[3]


def line(scheme: object, made: Made, **changes: object) -> dict[str, object]:
    told = {
        "scheme": scheme,
        "secret": made.secret,
        "method": made.method,
        "url": made.url,
        "headers": [list(pair) for pair in made.headers],
        "body_base64": base64.b64encode(made.body).decode(),
        "now": made.now,
        "public_keys": made.public_keys,
    }
    return {**told, **changes}


@pytest.mark.processes
def test_a_script_gets_a_verdict_a_line_without_a_home(tmp_path):
    stripe = make("stripe")
    handshake = make("slack", b'{"type":"url_verification","challenge":"c"}')
    lines = [
        line("stripe", stripe),
        line("stripe", stripe, secret="whsec_secret-of-ours"),
        line("stripe", stripe, now=stripe.now + 1000),
        line("slack", handshake),
        line("aws_sns", make("aws_sns")),
        line("no_such", stripe),
    ]
    text = "\n".join(json.dumps(one) for one in lines) + "\n\nnot json\n"
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "manage.py", "webhook_check"],
        input=text.encode(),
        capture_output=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "KEYLODGE_HOME": str(home)},
        timeout=60,
        check=False,
    )
    answers = [json.loads(one) for one in done.stdout.splitlines()]
    assert [(one["verdict"], one["reason"]) for one in answers] == [
        ("valid", "ok"),
        ("invalid", "mismatch"),
        ("invalid", "stale"),
        ("handshake", "handshake"),
        ("valid", "ok"),
        ("invalid", "unknown_scheme"),
        ("invalid", "malformed"),
    ]
    assert all(one["why"].endswith(".") for one in answers)
    assert done.returncode == 2
    assert b"Line 8" in done.stderr
    assert b"secret-of-ours" not in done.stdout + done.stderr
    assert not home.exists()


def test_a_scheme_of_ones_own_is_given_beside_the_request():
    made = make("github")
    proof = {"kind": "hmac", "signature": "header:X-Hub-Signature-256", "signed": "{body}", "prefix": "sha256="}
    custom = {"proofs": [proof]}
    assert verdict_of(line("custom", made, custom=custom))["verdict"] == "valid"
    with pytest.raises(BadLine, match=r"proofs\[0\]\.signed"):
        verdict_of(line("custom", made, custom={"proofs": [{**proof, "signed": "{nobody}"}]}))


def test_two_secrets_may_be_given_and_none():
    made = make("github")
    assert verdict_of(line("github", made, secret=["old", made.secret]))["verdict"] == "valid"
    for secret in (None, "", [], [None]):
        assert verdict_of(line("github", made, secret=secret))["reason"] == "no_secret"


def test_a_header_that_is_not_ascii_is_a_refusal():
    made = make("github")
    headers = [["X-Hub-Signature-256", f"sha256={made.written}é"]]
    assert verdict_of(line("github", made, headers=headers))["reason"] == "malformed"
    assert verdict_of(line("github", made, headers=[["X-Hub-Signature-256", "\ud800"]]))["reason"] == "malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": None},
        {"method": 1},
        {"url": None},
        {"headers": None},
        {"headers": {"a": "b"}},
        {"headers": [["a"]]},
        {"headers": [["a", None]]},
        {"body_base64": "%%%"},
        {"body_base64": None},
        {"body_base64": "é"},
        {"now": "soon"},
        {"now": True},
        {"now": None},
        {"now": 1e300},
        {"now": float("nan")},
        {"secret": 5},
        {"secret": {"a": 1}},
        {"public_keys": []},
        {"scheme": "custom", "custom": 5},
    ],
)
def test_a_line_that_is_no_request_is_said(changes):
    with pytest.raises(BadLine):
        verdict_of({**line("github", make("github")), **changes})


@pytest.mark.parametrize("text", [b"", b"[", b"[]", b"5", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_said(text):
    with pytest.raises(BadLine):
        parsed(text)
