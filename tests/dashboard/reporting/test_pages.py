"""Tokens that report errors, on pages: made and shown once, tested, rolled, revoked; and what is pasted into tools."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape

import pytest
from django.test import Client as Browser
from django.utils import timezone

from dashboard.pages.reporting.recipes import PLACEHOLDER, n8n_workflow, recipes_for
from dashboard.pages.reporting.tokens import send_test
from integrations.api import tokens
from integrations.api.report import ErrorReport
from integrations.models import ApiToken, Call, ErrorGroup
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent
from tests.proving import prove

pytestmark = pytest.mark.django_db
MADE = re.compile(r'id="api-token" value="(kla_\w+)"')


@pytest.fixture
def browser(ada, browser_of):
    browser = browser_of(ada)
    prove(browser)
    return browser


@pytest.fixture
def token(acme):
    return tokens.make(acme, "n8n errors", actor=SYSTEM, now=timezone.now(), tool="n8n")[0]


def made_by(browser, **fields):
    form = {"name": "Make errors", "tool": "make", "connection": "", "per_minute": "60", "ends_on": ""} | fields
    return browser.post("/clients/acme/reported-errors/new/", form)


def test_a_token_is_made_shown_once_and_reports(browser, ada):
    page = made_by(browser).content.decode()
    text = MADE.search(page)[1]
    assert page.count(text) >= 5  # in the field, and in each thing to paste
    token = ApiToken.objects.get()
    for address in (f"/api-tokens/{token.pk}/", "/clients/acme/reported-errors/"):
        assert text[10:] not in browser.get(address).content.decode()
    event = AuditEvent.objects.get(action="api_token.made")
    assert (event.actor_id, text[10:] in str(event.details)) == (str(ada.pk), False)
    form = {"authorization": f"Bearer {text}"}
    answer = Browser(SERVER_NAME="localhost").post("/api/v1/errors", {"message": "x"}, "application/json", headers=form)
    assert (answer.status_code, Call.objects.get().source) == (201, "make")


@pytest.mark.parametrize("fields", [{"name": ""}, {"tool": "gateway"}, {"per_minute": "0"}, {"ends_on": "2020-01-01"}])
def test_a_form_that_cannot_be_makes_nothing_and_says_why(browser, fields):
    answer = made_by(browser, **fields)
    assert answer.status_code == 422
    assert "error" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_a_taken_name_is_said(browser, token):
    answer = made_by(browser, name=token.name)
    assert (answer.status_code, "has a token of this name" in unescape(answer.content.decode())) == (422, True)


def test_a_connection_of_another_client_cannot_be_chosen(browser):
    from tests.dashboard.errors.conftest import connect
    from tests.factories import make_client

    other = connect(make_client("beta"), "beta-hubspot")
    assert made_by(browser, connection=str(other.pk)).status_code == 422


def test_a_rolled_token_shows_its_new_text_and_a_revoked_one_none(browser, token):
    page = browser.post(f"/api-tokens/{token.pk}/roll/", {"hours": "24"}).content.decode()
    assert tokens.find(MADE.search(page)[1], now=timezone.now()) == token
    browser.post(f"/api-tokens/{token.pk}/revoke/")
    page = browser.get(f"/api-tokens/{token.pk}/").content.decode()
    assert "Revoked" in page
    assert "Send a test error" not in page
    assert browser.post(f"/api-tokens/{token.pk}/roll/", {"hours": "24"}).status_code == 302


def test_who_may_only_look_sees_how_to_report_and_no_button(ben, browser_of, token):
    page = browser_of(ben).get(f"/api-tokens/{token.pk}/").content.decode()
    assert PLACEHOLDER in page
    for words in ("Send a test error", "Revoke", "api_token_roll"):
        assert words not in page


def test_a_test_goes_the_way_of_a_tool(token, ada):
    def post(text, body):
        headers = {"authorization": f"Bearer {text.expose()}"}
        answer = Browser(SERVER_NAME="localhost").post("/api/v1/errors", body, "application/json", headers=headers)
        return answer.status_code, answer.content

    sent = send_test(token, actor=Actor.of(ada), now=timezone.now(), post=post)
    group = ErrorGroup.objects.get()
    assert (sent.is_kept, group.code, group.who, group.source) == (True, "keylodge_test", "nobody", "n8n")
    assert AuditEvent.objects.filter(action="api_token.tested", actor_id=str(ada.pk)).exists()


def test_a_server_that_does_not_answer_is_said(browser, token, settings):
    settings.KEYLODGE_PORT = 9  # nobody listens there
    page = browser.post(f"/api-tokens/{token.pk}/test/").content.decode()
    assert "Nothing of ours answered" in page
    assert not Call.objects.exists()


def test_an_empty_list_says_what_will_fill_it_and_a_long_one_has_pages(browser, acme, at_most_queries):
    assert "No tool reports errors yet" in browser.get("/clients/acme/reported-errors/").content.decode()
    hashes = [number.to_bytes(32, "big") for number in range(1, 61)]
    ApiToken.objects.bulk_create(
        ApiToken(client=acme, name=f"token {n}", prefix="kla_x", token_hash=hashed) for n, hashed in enumerate(hashes)
    )
    with at_most_queries(14, calls=4):
        page = browser.get("/clients/acme/reported-errors/").content.decode()
    assert page.count("data-row>") == 50
    assert "Next page" in page


EVIL = 'it\'s "$(touch /tmp/x)" `id` \\ {{ }} ü'


@pytest.fixture
def odd(acme):
    """Return a token whose text could break out of every quote, if anything put it there unquoted."""
    return tokens.make(acme, "odd", actor=SYSTEM, now=timezone.now())[0]


def recipe(token, key, **about):
    return next(found for found in recipes_for(token, **about) if found.key == key)


def test_the_tools_own_recipe_comes_first(token, odd):
    assert [recipes_for(one)[0].key for one in (token, odd)] == ["n8n", "curl"]


def test_the_shells_words_stay_words(odd):
    code = recipe(odd, "curl", text=EVIL).code
    subprocess.run(["bash", "-n", "-c", code], check=True)
    said = subprocess.run(
        ["bash", "-c", f'curl() {{ printf "%s\\n" "$@"; }}\n{code}'], capture_output=True, text=True, check=True
    )
    assert f"Authorization: Bearer {EVIL}" in said.stdout.splitlines()
    assert ErrorReport.model_validate_json(said.stdout.splitlines()[-1]).workflow == "Nightly import"


def test_python_reads_its_strings_as_they_were_meant(odd):
    code = recipe(odd, "python", text=EVIL).code
    sent = []

    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self):
            return b'{"url": "http://localhost/calls/1/"}'

    def request(url, body, headers):
        sent.append((url, ErrorReport.model_validate_json(body), headers))

    lines = code.replace("from urllib.request import Request, urlopen\n", "")
    exec(compile(lines, "recipe", "exec"), {"Request": request, "urlopen": lambda *_, **__: Answer(), "print": id})  # noqa: S102
    assert sent[0][0] == "http://localhost:8000/api/v1/errors"
    assert (sent[0][1].message, sent[0][2]["Authorization"]) == ("What went wrong", f"Bearer {EVIL}")


def test_the_n8n_workflow_is_whole_and_holds_no_token(browser, token):
    answer = browser.get(f"/api-tokens/{token.pk}/n8n.json")
    workflow = json.loads(answer.content)
    trigger, sender = workflow["nodes"]
    assert (trigger["type"], sender["type"]) == ("n8n-nodes-base.errorTrigger", "n8n-nodes-base.httpRequest")
    assert workflow["connections"][trigger["name"]]["main"][0][0]["node"] == sender["name"]
    assert sender["parameters"]["url"] == "http://localhost:8000/api/v1/errors"
    assert "kla_" not in answer.content.decode()


def test_a_tokens_connection_stands_in_what_is_pasted(acme):
    from tests.dashboard.errors.conftest import connect

    about = {"connection": connect(acme, "acme-hubspot"), "actor": SYSTEM, "now": timezone.now()}
    token = tokens.make(acme, "bound", **about)[0]
    assert all("acme-hubspot" in str(recipe(token, key)) for key in ("make", "zapier", "curl", "python"))
    assert 'connection: "acme-hubspot"' in json.loads(n8n_workflow(token))["nodes"][1]["parameters"]["jsonBody"]


def test_what_make_and_zapier_send_is_taken(token):
    fields = {label.removeprefix("Field: "): value for label, value in recipe(token, "make").fields if "Field" in label}
    assert ErrorReport.model_validate({**fields, "workflow_url": "https://eu1.make.com/1"}).tool == "make"
    data = {label.removeprefix("Data: "): value for label, value in recipe(token, "zapier").fields if "Data" in label}
    assert ErrorReport.model_validate({**data, "message": "x"}).tool == "zapier"
