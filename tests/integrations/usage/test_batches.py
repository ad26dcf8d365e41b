"""Which path takes many records is a fact, and strictly checked."""

from __future__ import annotations

import pytest

from integrations.providers.registry import all_providers, get_provider
from integrations.providers.usage_facts import Batch, Metering, UsageEndpoint

pytestmark = pytest.mark.matrix
PAGE = "https://example.com/docs"
BATCH = {"method": "GET", "single": "/things/*", "many": "/things/batch", "most": 10, "docs_url": PAGE}
ENDPOINT = {"path": "/usage", "bucket": "day", "window_s": 60, "used": "a", "limit": "b", "source": PAGE}
METERING = {"at": ("usage",), "input": ("a",), "source": PAGE}


@pytest.mark.parametrize(
    ("provider", "method", "path", "many"),
    [
        ("hubspot", "GET", "/crm/v3/objects/contacts/{id}", "/crm/v3/objects/contacts/batch/read"),
        ("hubspot", "PATCH", "/crm/v3/objects/deals/{id}", "/crm/v3/objects/deals/batch/update"),
        ("hubspot", "GET", "/crm/objects/2026-03/contacts/{id}", "/crm/objects/2026-03/contacts/batch/read"),
        ("airtable", "PATCH", "/v0/{id}/Leads/{id}", "/v0/{id}/Leads"),
        ("salesforce", "PATCH", "/services/data/v64.0/sobjects/Lead/{id}", "/services/data/v64.0/composite/sobjects"),
        ("gmail", "POST", "/gmail/v1/users/me/messages/{id}/modify", "/gmail/v1/users/me/messages/batchModify"),
        ("jira", "POST", "/ex/jira/{id}/rest/api/3/issue", "/ex/jira/{id}/rest/api/3/issue/bulk"),
        ("postmark", "POST", "/email", "/email/batch"),
        ("resend", "POST", "/emails", "/emails/batch"),
        ("zendesk", "POST", "/api/v2/tickets.json", "/api/v2/tickets/create_many.json"),
        ("zendesk", "PUT", "/api/v2/tickets/{id}", "/api/v2/tickets/update_many"),
        ("zendesk", "PUT", "/api/v2/tickets/update_many", ""),
        ("hubspot", "DELETE", "/crm/v3/objects/contacts/{id}", ""),
        ("hubspot", "GET", "/crm/v3/objects/contacts", ""),
        ("hubspot", "GET", "/x/crm/v3/objects/contacts/{id}", ""),
        ("hubspot", "POST", "/crm/v3/objects/contacts/batch/read", ""),
    ],
)
def test_a_single_record_has_a_path_for_many(provider, method, path, many):
    found = [fact.many_for(method, path) for fact in get_provider(provider).batch]
    assert "".join(found) == many


@pytest.mark.parametrize(
    "wrong",
    [{"method": "get"}, {"single": "things/*"}, {"single": "/a/**"}, {"many": "/things/{2}"}, {"many": "/a/*"},
     {"most": 1}, {"docs_url": "http://example.com"}, {"docs_url": ""}],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("_", ".")):
        Batch(**BATCH | wrong)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"at": ()}, "at"), ({"input": ()}, "at"), ({"at": ("a..b",)}, "at"), ({"input": ("a b",)}, "input"),
     ({"source": ""}, "source")],
)  # fmt: skip
def test_a_form_of_use_that_makes_no_sense_is_refused(wrong, field):
    with pytest.raises(ValueError, match=f"^{field}: "):
        Metering(**METERING | wrong)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"path": "//evil.example"}, "path"), ({"window_s": 0}, "window_s"), ({"where": ("a",)}, "where"),
     ({"kinds": ("magic",)}, "kinds"), ({"used": "a[0]"}, "used"), ({"source": "x"}, "source")],
)  # fmt: skip
def test_a_usage_endpoint_that_makes_no_sense_is_refused(wrong, field):
    with pytest.raises(ValueError, match=f"^{field}: "):
        UsageEndpoint(**ENDPOINT | wrong)


def test_every_fact_names_its_page():
    facts = [fact for provider in all_providers() for fact in (*provider.metering, *provider.batch)]
    assert len(facts) > 20
    assert all((getattr(fact, "source", "") or fact.docs_url).startswith("https://") for fact in facts)
