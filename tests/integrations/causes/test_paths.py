"""Ids fold into one place; versions and names stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.causes import path_template

pytestmark = pytest.mark.matrix  # no database: one engine is enough


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/crm/v3/objects/contacts/151", "/crm/v3/objects/contacts/{id}"),
        ("/crm/v3/objects/0-1/151/associations", "/crm/v3/objects/{id}/{id}/associations"),
        ("/account-info/2026-03/details", "/account-info/2026-03/details"),
        ("/v1/customers/cus_9s6XKzkNRiz8i3", "/v1/customers/{id}"),
        ("/v1/checkout/sessions/cs_test_a1b2C3d4E5", "/v1/checkout/sessions/{id}"),
        ("/v1/payment_intents", "/v1/payment_intents"),
        ("/v1/responses/resp_68af4030592c81938ec0a5fbab4a3e9f", "/v1/responses/{id}"),
        ("/v0/appAbcDefGhiJklMn/Table%201/recAbcDefGhiJklMn", "/v0/{id}/Table%201/{id}"),
        ("/v1/pages/59833787-2cf9-4fdf-8782-e53db20768a5", "/v1/pages/{id}"),
        ("/v1/pages/598337872cf94fdf8782e53db20768a5", "/v1/pages/{id}"),
        (
            "/v4/spreadsheets/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/values/Sheet1!A1:D10:append",
            "/v4/spreadsheets/{id}/values/{range}:append",
        ),
        ("/v4/spreadsheets/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74Ogv:batchUpdate", "/v4/spreadsheets/{id}:batchUpdate"),
        ("/services/data/v65.0/query?q=SELECT+Id", "/services/data/v65.0/query"),
        ("/services/data/v65.0/sobjects/Account/0015g00000XyZabAAB", "/services/data/v65.0/sobjects/Account/{id}"),
        ("/chat.postMessage", "/chat.postMessage"),
        ("/models/gpt-4o-mini", "/models/gpt-4o-mini"),
        ("/contacts/ada%40acme.test/profile", "/contacts/{id}/profile"),
        ("/keys/****abcd", "/keys/{id}"),
        ("/reports/2026-11-22", "/reports/{date}"),
        ("/forms/responses/", "/forms/responses/"),
        ("", ""),
        ("/", "/"),
    ],
)  # fmt: skip
def test_ids_fold_and_names_stay(path: str, template: str) -> None:
    assert path_template(path) == template


@given(st.text(max_size=200))
def test_no_path_breaks_it_and_folding_twice_changes_nothing(path: str) -> None:
    once = path_template(path)
    assert len(once) <= 300
    assert once.count("/") <= path.count("/")
    assert "?" not in once
