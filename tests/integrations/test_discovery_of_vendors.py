"""What each vendor answers when it is asked what a credential reaches, and the address that follows from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations import outbound
from integrations.outside import reached, told, told_by_credential
from integrations.providers.registry import get_provider
from secrets_vault.secret import Secret

SITE = "11223344-a1b2-3b33-c444-def123456789"
TENANT = "70784a63-d24b-46a9-a4db-0e70a274b056"
ACCOUNT = "fe0b61a3-3b9b-cafe-b7be-4592af32aa9b"
# Answers in the shape that the vendors' pages describe, written from knowledge of them and not copied:
# developer.atlassian.com (OAuth 2.0 3LO apps), developer.xero.com (Tenants), developers.docusign.com (Userinfo),
# mailchimp.com (Access user data with OAuth 2), help.getharvest.com (Accounts), github.com/basecamp/api.
VENDORS: list[tuple[str, str, str, Any, str]] = [
    (
        *("jira", "https://api.atlassian.com/oauth/token/accessible-resources", "Bearer TOKEN"),
        [{"id": SITE, "name": "Acme", "url": "https://acme.atlassian.net", "scopes": ["read:jira-work"]}],
        f"https://api.atlassian.com/ex/jira/{SITE}",
    ),
    (
        *("confluence", "https://api.atlassian.com/oauth/token/accessible-resources", "Bearer TOKEN"),
        [{"id": SITE, "name": "Acme", "url": "https://acme.atlassian.net", "scopes": []}],
        f"https://api.atlassian.com/ex/confluence/{SITE}",
    ),
    (
        *("xero", "https://api.xero.com/connections", "Bearer TOKEN"),
        [{"id": "e1eede29", "tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Maple Florists Ltd"}],
        "https://api.xero.com",
    ),
    (
        *("docusign", "https://account.docusign.com/oauth/userinfo", "Bearer TOKEN"),
        {
            "sub": "50d89ab1",
            "accounts": [
                {
                    "account_id": ACCOUNT,
                    "is_default": True,
                    "account_name": "World Wide Co",
                    "base_uri": "https://na3.docusign.net",
                }
            ],
        },
        "https://na3.docusign.net/restapi/v2.1",
    ),
    (
        *("mailchimp", "https://login.mailchimp.com/oauth2/metadata", "OAuth TOKEN"),
        {"dc": "us21", "accountname": "Freddie's", "api_endpoint": "https://us21.api.mailchimp.com"},
        "https://us21.api.mailchimp.com/3.0",
    ),
]


def asked(key: str, answer: Any) -> tuple[list[Any] | None, dict[str, Any]]:
    """Return what is reached by the vendor's answer, and the call that asked."""
    call: dict[str, Any] = {}

    def send(method: str, url: str, *, headers: Any, allowed_hosts: Any, **_: Any) -> outbound.Answer:
        call.update(method=method, url=url, headers=dict(headers), allowed=allowed_hosts)
        return outbound.Answer(200, (), json.dumps(answer).encode())

    provider = get_provider(key).of_kind("oauth2").render({})
    return reached(provider, "oauth2", {"access_token": Secret("TOKEN")}, send=send), call


@pytest.mark.parametrize(("key", "url", "authorization", "answer", "base_url"), VENDORS)
def test_a_vendors_answer_leads_to_the_address(key, url, authorization, answer, base_url):
    found, call = asked(key, answer)
    assert (call["method"], call["url"]) == ("GET", url)
    assert call["headers"][b"Authorization"].decode() == authorization
    assert url.split("/")[2] in call["allowed"]
    assert found is not None
    (one,) = found
    assert get_provider(key).of_kind("oauth2").render(one.variables).base_url == base_url
    assert one.name in json.dumps(answer)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("docusign", {"accounts": [{"account_id": ACCOUNT, "base_uri": "https://docusign.net.evil.example"}]}),
        ("docusign", {"accounts": [{"account_id": "../x", "base_uri": "https://na3.docusign.net"}]}),
        ("mailchimp", {"dc": "us21.evil.example/"}),
        ("jira", [{"id": f"{SITE}/../../x", "name": "x"}]),
        ("xero", [{"tenantId": "x\r\nHost: evil.example"}]),
    ],
)
def test_an_answer_that_leads_elsewhere_is_left_out(key, answer):
    found, _ = asked(key, answer)
    variables = [dict(one.variables) for one in found or []]
    assert "evil" not in json.dumps(variables)
    assert all("/" not in value for each in variables for value in each.values())


def test_a_mailchimp_key_says_its_data_centre_itself():
    provider = get_provider("mailchimp").of_kind("api_key")
    said = told_by_credential(provider, "0123456789abcdef0123456789abcdef-us6")
    assert said == {"dc": "us6"}
    assert provider.render(said).base_url == "https://us6.api.mailchimp.com/3.0"


@pytest.mark.parametrize(
    ("key", "source", "answer", "host"),
    [
        ("salesforce", "token", {"instance_url": "https://acme.my.salesforce.com"}, "acme.my.salesforce.com"),
        ("pipedrive", "token", {"api_domain": "https://acme.pipedrive.com"}, "acme.pipedrive.com"),
        ("zoho", "token", {"api_domain": "https://www.zohoapis.eu"}, "www.zohoapis.eu"),
        ("wrike", "token", {"host": "app-eu.wrike.com"}, "app-eu.wrike.com"),
        ("quickbooks", "callback", {"realmId": "4620816365"}, "quickbooks.api.intuit.com"),
    ],
)
def test_a_vendors_token_or_callback_names_the_host(key, source, answer, host):
    provider = get_provider(key).of_kind("oauth2")
    assert provider.render(told(provider, source, answer)).allowed_hosts[0] == host
