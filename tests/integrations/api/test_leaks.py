"""No secret that a report carries reaches a table, an answer or the log: in no field and in no dress."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from integrations import tokens as gateway_tokens
from integrations.models import ApiReceipt, Call, ErrorGroup
from secrets_vault import vault
from secrets_vault.actor import COMMAND, SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.canaries import Net, canary, dresses
from tests.integrations.test_tokens import connect

pytestmark = pytest.mark.django_db
TEXTS = ("message", "workflow", "step", "code", "request_excerpt", "response_excerpt")
ADDRESSES = ("url", "workflow_url", "execution_url")


@pytest.fixture
def planted(acme, made):
    """Return values that must not be kept: one that the vault holds, and some that only their shape tells."""
    held = canary()
    environment = acme.environments.first()
    about = {"actor": COMMAND, "client": acme, "environment": environment, "kind": "api_key", "label": "x"}
    vault.store(**about, fields={"api_key": Secret(held)})
    _token, klg = gateway_tokens.make(acme, "n8n", [connect(acme)], actor=SYSTEM)
    return {"held": held, "klg": klg.expose(), "kla": made[1], "stripe": canary("sk_live_")}


def kept(answers, log) -> str:
    rows = [list(kind.objects.values()) for kind in (Call, ErrorGroup, ApiReceipt, AuditEvent)]
    return "\n".join([repr(rows), *(answer.content.decode() for answer in answers), log.getvalue()])


def reports(dress: str):
    """Yield reports with the value in every field: within a text, as a pair of JSON, and in an address."""
    address = f"https://user:{quote(dress, safe='')}@api.example.com/{dress}/x?q={quote(dress)}#{dress}"
    yield {**dict.fromkeys(TEXTS, f"it said: {dress}."), **dict.fromkeys(ADDRESSES, address)}
    yield {"message": f"{dress}", "workflow": "Lead intake", "response_excerpt": {"deep": [{"echo": dress}]}}
    yield {
        "execution": {"id": "1", "error": {"message": dress, "description": f"x {dress}"}, "lastNodeExecuted": dress},
        "workflow": {"name": dress},
    }


def test_no_field_of_a_report_leaks_a_secret_in_any_dress(post, planted, log):
    net, answers = Net(planted), []
    forms = {form for form in dresses(planted["held"]) if " " not in form} | set(planted.values())
    for form in sorted(forms):
        answers += [
            post(report, x_keylodge_idempotency_key=f"{n} {form}"[:200]) for n, report in enumerate(reports(form))
        ]
    assert {answer.status_code for answer in answers} == {201}
    assert net.found_in("what is kept", kept(answers, log)) == []


def test_a_refused_report_leaks_nothing_either(post, planted, log):
    bad = [{"message": "x", name: {"a": value}} for name in (*TEXTS[:4], "status", "new") for value in planted.values()]
    answers = [post(report) for report in bad] + [post("{" + value) for value in planted.values()]
    assert not Call.objects.exists()
    assert Net(planted).found_in("what is kept", kept(answers, log)) == []


def test_the_address_of_a_webhook_that_failed_is_kept_without_what_makes_it_secret(post):
    post(
        {
            "message": "404 no_service",
            "url": "https://hooks.slack.com/services/T024BE7LD/B0AAAAAAA/abcdefghijklmnopqrst",
        }
    )
    call = Call.objects.get()
    assert (call.host, call.path) == ("hooks.slack.com", "/services/****")
