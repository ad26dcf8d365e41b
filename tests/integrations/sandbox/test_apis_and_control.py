"""The sandbox's three APIs, the trouble they can be put in, and the process itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
import pytest

from integrations.sandbox.world import World
from tests.integrations.sandbox.conftest import ROOT, Sandbox

pytestmark = [pytest.mark.processes, pytest.mark.matrix]  # no database: one engine is enough


@pytest.fixture
def access_token(sandbox):
    return sandbox.exchange(optional_scope="crm.objects.contacts.write").json["access_token"]


def stripe(sandbox, method, path, form=None, **headers):
    return sandbox.call(
        method, f"/stripe/v1{path}", form, Authorization=f"Bearer {sandbox.line['stripe_api_key']}", **headers
    )


def sdk(sandbox):
    return openai.OpenAI(
        base_url=f"{sandbox.line['url']}/openai/v1", api_key=sandbox.line["openai_api_key"], max_retries=0
    )


def test_contacts_are_listed_added_and_found(sandbox, access_token):
    email = f"{time.time_ns()}@sandbox.example"
    body = json.dumps({"properties": {"email": email, "firstname": "Zoe"}})
    added = sandbox.hubspot(access_token, "/crm/v3/objects/contacts", "POST", body)
    assert added.status == 201
    assert (
        sandbox.hubspot(access_token, f"/crm/v3/objects/contacts/{added.json['id']}").json["properties"]["email"]
        == email
    )
    found = sandbox.hubspot(access_token, "/crm/v3/objects/contacts/search", "POST", json.dumps({"query": email}))
    assert found.json["total"] == 1
    assert sandbox.hubspot(access_token, "/crm/v3/objects/contacts", "POST", body).json["category"] == "CONFLICT"


def test_every_hubspot_answer_says_how_much_is_left(sandbox, access_token):
    headers = sandbox.hubspot(access_token, "/crm/v3/objects/contacts?limit=2").headers
    before = int(headers["x-hubspot-ratelimit-daily-remaining"])
    assert headers["x-hubspot-ratelimit-interval-milliseconds"] == "10000"
    headers = sandbox.hubspot(access_token, "/crm/v3/objects/contacts").headers
    assert int(headers["x-hubspot-ratelimit-daily-remaining"]) == before - 1


def test_any_ten_seconds_hold_so_many_calls_and_no_more():
    world, now = World(), 1_000.0
    left = [world.take_rolling("portal", limit=3, window_s=10, now=now + n) for n in (0, 4, 8, 9, 10, 11, 14)]
    assert left == [2, 1, 0, None, 0, None, 0]


def test_an_unknown_token_is_refused_in_hubspots_words(sandbox):
    answer = sandbox.hubspot("nonsense")
    assert answer.status == 401
    assert answer.json["category"] == "INVALID_AUTHENTICATION"


def test_the_official_openai_sdk_works(sandbox):
    client = sdk(sandbox)
    ask = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello there"}]}
    assert "hello there" in client.chat.completions.create(**ask).choices[0].message.content
    streamed = "".join(
        chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**ask, stream=True)
    )
    assert "hello there" in streamed
    assert next(model.id for model in client.models.list()) == "gpt-5-mini"
    raw = client.models.with_raw_response.list()
    assert raw.headers["x-ratelimit-reset-requests"].endswith("s")


def test_openai_refuses_another_key_and_says_when_the_quota_is_spent(sandbox):
    with pytest.raises(openai.AuthenticationError):
        sdk(sandbox).with_options(api_key="sk-other").models.list()
    sandbox.control(status=429, code="insufficient_quota", provider="openai", times=1)
    with pytest.raises(openai.RateLimitError, match="exceeded your current quota"):
        sdk(sandbox).models.list()
    assert sdk(sandbox).models.list()


def test_a_stripe_payment_with_the_same_key_is_made_once(sandbox):
    form = {"amount": "500", "currency": "eur", "source": "tok_visa"}
    key = f"k{time.time_ns()}"
    first = stripe(sandbox, "POST", "/charges", form, Idempotency_Key=key)
    again = stripe(sandbox, "POST", "/charges", form, Idempotency_Key=key)
    assert first.json["id"] == again.json["id"]
    assert again.headers["idempotent-replayed"] == "true"
    other = stripe(sandbox, "POST", "/charges", form | {"amount": "600"}, Idempotency_Key=key)
    assert other.json["error"]["type"] == "idempotency_error"
    assert [row["id"] for row in stripe(sandbox, "GET", "/charges").json["data"]].count(first.json["id"]) == 1


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"currency": "eur"}, 400, "parameter_missing"),
        ({"amount": "x", "currency": "eur"}, 400, "parameter_invalid_integer"),
        ({"amount": "5", "currency": "eur", "source": "tok_chargeDeclined"}, 402, "card_declined"),
    ],
)
def test_stripe_errors_have_stripes_shape(sandbox, form, status, code):
    answer = stripe(sandbox, "POST", "/charges", form)
    assert answer.status == status
    assert answer.json["error"]["code"] == code
    assert answer.headers["request-id"].startswith("req_")


def test_stripe_takes_basic_and_refuses_another_key(sandbox):
    pair = base64.b64encode(f"{sandbox.line['stripe_api_key']}:".encode()).decode()
    assert sandbox.call("GET", "/stripe/v1/balance", Authorization=f"Basic {pair}").json["object"] == "balance"
    assert sandbox.call("GET", "/stripe/v1/balance", Authorization="Bearer sk_test_no").status == 401


def test_too_busy_lasts_as_many_calls_as_asked_for(sandbox, access_token):
    sandbox.control(status=429, retry_after_s=2, times=2)
    answers = [sandbox.hubspot(access_token) for _ in range(3)]
    assert [a.status for a in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "2"
    assert answers[0].json["errorType"] == "RATE_LIMIT"
    assert stripe(sandbox, "GET", "/balance").json["error"]["type"] == "rate_limit_error"


def test_down_lasts_until_all_is_well(sandbox, access_token):
    sandbox.control(status=500, provider="hubspot")
    assert {sandbox.hubspot(access_token).status for _ in range(3)} == {500}
    assert stripe(sandbox, "GET", "/balance").status == 200
    sandbox.control(clear=True)
    assert sandbox.hubspot(access_token).status == 200


def test_the_token_endpoint_can_be_in_trouble_on_its_own(sandbox):
    token = sandbox.exchange().json
    sandbox.control(status=503, provider="oauth", times=1)
    assert sandbox.token("refresh_token", refresh_token=token["refresh_token"]).status == 503
    assert sandbox.token("refresh_token", refresh_token=token["refresh_token"]).status == 200


def test_an_answer_can_be_cut_off(sandbox, access_token):
    sandbox.control(reset_mid_body=True, times=1)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        sandbox.hubspot(access_token)
    assert sandbox.hubspot(access_token).status == 200


def test_an_answer_can_be_slow(sandbox, access_token):
    sandbox.control(delay_s=0.2, times=1)
    sandbox.hubspot(access_token)
    entry = next(e for e in sandbox.arrived() if e["target"].startswith("/hubspot/"))
    assert entry["answered_at"] - entry["at"] >= 0.2


def test_what_arrived_is_listed_byte_for_byte(sandbox):
    with socket.create_connection(("127.0.0.1", sandbox.port)) as raw:
        raw.sendall(b"PUT //a%2e/%2F?x='y HTTP/1.1\r\nHost: h\r\nX-Odd:  two\r\nContent-Length: 2\r\n\r\n\xff\x00")
        raw.recv(1000)
    entry = sandbox.arrived()[-1]
    assert entry["target"] == "//a%2e/%2F?x='y"
    assert ["X-Odd", "two"] in entry["headers"]
    assert base64.b64decode(entry["body_base64"]) == b"\xff\x00"


def test_a_chunked_body_arrives_whole(sandbox):
    form = iter([b"amount=5&", b"currency=eur"])
    headers = {"Authorization": f"Bearer {sandbox.line['stripe_api_key']}"}
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port)
    connection.request("POST", "/stripe/v1/charges", form, headers, encode_chunked=True)
    assert json.load(connection.getresponse())["amount"] == 5
    connection.close()


@pytest.mark.parametrize(
    "asked",
    [{"statos": 429}, {"status": 200}, {"status": "429"}, {"provider": "xero"}, {"rotate": 1}, {"account": "abc"}],
)
def test_a_control_that_would_do_nothing_is_refused_by_name(sandbox, asked):
    answer = sandbox.control(**asked)
    assert answer.status == 400
    assert any(name in answer.json["error"] for name in [*asked, "provider"])


def test_the_control_url_cannot_be_guessed(sandbox):
    assert sandbox.call("GET", "/control/").status == 404
    assert sandbox.call("GET", sandbox.line["control_url"][:-1] + "!").status == 404
    assert len(sandbox.line["control_url"].rsplit("/", 1)[1]) >= 32


def test_an_account_can_be_preset(sandbox):
    sandbox.control(account="555")
    assert sandbox.exchange(account="555").json["hub_id"] == 555
    sandbox.control(clear=True)
    answer = sandbox.call("POST", sandbox.authorize_target(), {"account": "555"})
    assert answer.status == 400


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got = (self.headers, self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_a_signed_webhook_can_be_sent_to_this_machine_only(sandbox):
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.handle_request, daemon=True).start()
    asked = {"url": f"http://127.0.0.1:{server.server_port}/hook", "scheme": "stripe"}
    sent = sandbox.control(send_webhook=asked).json["sent"]
    headers, body = server.got
    server.server_close()
    at, signature = (part.split("=")[1] for part in headers["Stripe-Signature"].split(","))
    assert sent["status"] == 204
    assert hmac.new(sent["secret"].encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest() == signature
    assert sandbox.control(send_webhook={"url": "http://example.com/x", "scheme": "stripe"}).status == 400


def test_it_imports_nothing_of_the_product_and_no_django():
    code = (
        "import sys; sys.argv=['x']; import integrations.sandbox.__main__;"
        "bad=[m for m in sys.modules if m.split('.')[0] in ('django','secrets_vault','dashboard','config')"
        " or (m.startswith('integrations.') and not m.startswith('integrations.sandbox'))]; print(bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_frees_the_port(sign):
    sandbox = Sandbox()
    sandbox.process.send_signal(sign)
    assert sandbox.process.wait(10) == 0
    again = Sandbox("--port", str(sandbox.port))
    assert again.port == sandbox.port
    assert again.line["client_secret"] != sandbox.line["client_secret"]
    assert again.stop() == 0


def test_a_port_in_use_is_said_in_one_line(sandbox):
    command = [sys.executable, "-m", "integrations.sandbox", "--port", str(sandbox.port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"port {sandbox.port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_lifeline_ends_it():
    sandbox = Sandbox("--lifeline", stdin=subprocess.PIPE)
    sandbox.process.stdin.close()
    assert sandbox.process.wait(10) == 0


def test_with_a_state_file_grants_outlive_a_restart_and_the_file_holds_no_token(tmp_path):
    state = tmp_path / "sandbox.json"
    first = Sandbox("--state", str(state))
    token = first.exchange().json
    first.stop()
    text = state.read_text()
    assert state.stat().st_mode & 0o777 == 0o600
    assert not [v for v in (*token.values(), *first.line.values()) if isinstance(v, str) and len(v) > 20 and v in text]
    again = Sandbox("--state", str(state), "--port", str(first.port))
    assert again.line == first.line
    assert again.hubspot(token["access_token"]).status == 200
    assert again.token("refresh_token", refresh_token=token["refresh_token"]).status == 200
    again.stop()


def test_the_command_becomes_the_sandbox():
    command = [sys.executable, "manage.py", "sandbox"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert set(json.loads(process.stdout.readline())) >= {"url", "client_id", "client_secret", "control_url"}
    process.terminate()
    assert process.wait(10) == 0
