"""A secret whose name stands beside it, not before it: pairs, lists, manifests and key objects."""

from __future__ import annotations

import json

import pytest

from secrets_vault.masking import mask_text

pytestmark = pytest.mark.matrix  # no database: one engine is enough

VALUE = "hunter-Zw0-lines-77"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"name": "DB_PASSWORD", "value": VALUE}),
        json.dumps({"value": VALUE, "name": "DB_PASSWORD"}),
        json.dumps({"name": "API key", "value": VALUE}),
        json.dumps({"name": "api_key", "meta": {"value": "kept", "list": [1]}, "on": True, "value": VALUE}),
        json.dumps({"name": "password", "value": [VALUE, "second"]}),
        json.dumps({"name": "password", "value": {"inner": VALUE}}),
        json.dumps([["password", VALUE]]),
        json.dumps(["login", "--password", VALUE]),
        json.dumps({"headers": [{"name": "Authorization", "value": f"Bearer {VALUE}"}]}),
        json.dumps({"headers": [{"name": "Cookie", "value": f"sid={VALUE}"}]}),
        f"env:\n  - name: DB_PASSWORD\n    value: {VALUE}\n",
        json.dumps({"kty": "oct", "k": VALUE}),
        json.dumps({"kty": "EC", "crv": "P-256", "d": VALUE, "x": "f83OJ3D2"}),
        str([("password", VALUE)]),
    ],
)
def test_a_value_beside_its_name_is_masked(text):
    assert VALUE in text
    assert VALUE not in str(mask_text(text))


def test_a_number_beside_a_sensitive_name_is_masked():
    assert "482913" not in str(mask_text(json.dumps({"name": "password", "value": 482913})))
    assert "482913" not in str(mask_text(json.dumps([["password", 482913]])))


def test_the_list_of_other_primes_in_a_key_is_masked():
    jwk = {"kty": "RSA", "n": "0vx7agoebGcQ", "e": "AQAB", "oth": [{"r": "secretprime1", "d": "secretexp1"}]}
    masked = str(mask_text(json.dumps(jwk)))
    assert "secretprime1" not in masked
    assert "secretexp1" not in masked
    assert "0vx7agoebGcQ" in masked


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"name": "colour", "value": "green"}),
        json.dumps({"name": "password", "value": ""}),
        json.dumps(["password", "username"]),
        json.dumps(["The password", "was changed yesterday by its owner"]),
        json.dumps(["login", "--password", "--verbose"]),
        json.dumps({"error": {"code": "invalid_grant_9", "message": "The grant has expired"}}),
        "env:\n  - name: REGION\n    value: eu-west-1\n",
    ],
)
def test_what_is_no_secret_stays_readable(text):
    assert str(mask_text(text)) == text
