"""What an issuer says of itself is taken only from itself, only whole, and only where calls may go."""

from __future__ import annotations

import json
import time

import pytest

from integrations.oauth import discovery
from integrations.oauth.discovery import DiscoveryFailed, discover, jwks_address
from integrations.outbound import HostRefused, Unreachable, vet
from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.test_behaviour import answered

pytestmark = pytest.mark.django_db
METADATA = "http://169.254.169.254/latest/meta-data"


@pytest.fixture
def server(settings):
    with FakeUpstream() as fake:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [fake.host]
        yield fake


def said(server, **changes):
    table = {
        "issuer": server.url,
        "authorization_endpoint": f"{server.url}/authorize",
        "token_endpoint": f"{server.url}/token",
        "revocation_endpoint": f"{server.url}/revoke",
        "jwks_uri": f"{server.url}/keys",
        "id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post", "client_secret_basic"],
        "authorization_response_iss_parameter_supported": True,
    }
    return {name: value for name, value in (table | changes).items() if value is not ...}


def answers(server, *tables):
    server.answers = [
        table if isinstance(table, bytes) else answered(200, body=json.dumps(table).encode()) for table in tables
    ]


def paths(server):
    return [request.split(b" ")[1].decode() for request in server.requests]


def refused(server, issuer=None, **options):
    with pytest.raises(DiscoveryFailed) as caught:
        discover(issuer or server.url, **options)
    return caught.value.reason


def test_the_endpoints_are_taken_and_nothing_that_we_do_not_speak(server):
    answers(server, said(server))
    found = discover(server.url)
    assert found.urls == {
        "authorize_url": f"{server.url}/authorize",
        "token_url": f"{server.url}/token",
        "revoke_url": f"{server.url}/revoke",
        "jwks_url": f"{server.url}/keys",
    }
    assert found.id_token_algs == ("RS256", "ES256")
    assert (found.token_auth_method, found.requires_iss, found.elsewhere) == ("client_secret_basic", True, ())
    assert paths(server) == ["/.well-known/openid-configuration"]


def test_both_places_are_asked_also_with_a_path(server):
    issuer = f"{server.url}/tenant-1"
    answers(server, answered(404), said(server, issuer=issuer))
    assert discover(issuer).issuer == issuer
    assert paths(server) == [
        "/tenant-1/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/tenant-1",
    ]


def test_who_says_nothing_of_it_does_not_name_itself_in_callbacks(server):
    answers(server, said(server, authorization_response_iss_parameter_supported=..., jwks_uri=...))
    found = discover(server.url)
    assert (found.requires_iss, found.urls["jwks_url"]) == (False, "")


@pytest.mark.parametrize("issuer", ["https://evil.example", "URL/", "URL#", "", None, ["URL"], ...])
def test_metadata_of_another_issuer_is_not_taken(server, issuer):
    name = issuer.replace("URL", server.url) if isinstance(issuer, str) else issuer
    answers(server, said(server, issuer=name))
    assert "another issuer" in refused(server)


@pytest.mark.parametrize("field", ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "url",
    [
        METADATA,
        "https://169.254.169.254/token",
        "https://10.0.0.5/token",
        "https://[::1]/token",
        "https://[::ffff:10.0.0.1]/token",
        "https://2130706433/token",
        "https://localhost/token",
        "http://id.example.com/token",
        "ftp://id.example.com/token",
        "https://user:word@id.example.com/token",
        "https://id.example.com/token#x",
        "https://{tenant}.example.com/token",
        "javascript:alert(1)",
        7,
        ["https://id.example.com/token"],
        "https://id.example.com/" + "x" * 500,
    ],
)
def test_an_endpoint_that_leads_inside_or_nowhere_is_not_taken(server, field, url):
    answers(server, said(server, **{field: url}))
    assert field in refused(server)


def test_an_endpoint_whose_name_leads_inside_is_not_taken(server):
    def only_here(url):
        if not url.startswith(server.url):
            raise HostRefused("the host has an address that is not public")

    answers(server, said(server, token_endpoint="https://inside.example.com/token"))
    assert "leads into a private network" in refused(server, vet=only_here)


@pytest.mark.parametrize("field", ["authorization_endpoint", "token_endpoint"])
def test_without_both_endpoints_nothing_is_taken(server, field):
    answers(server, said(server, **{field: ...}))
    assert f"names no {field}" in refused(server)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, status):
    answers(server, answered(status, b"Location: " + METADATA.encode()))
    assert "redirect" in refused(server)
    assert len(server.requests) == 1


def test_a_large_page_is_not_read(server):
    answers(server, said(server, padding="x" * 2_000_000))
    assert "too large" in refused(server)


def test_a_slow_page_is_not_waited_for(server):
    def slowly(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            sock.sendall(b"{")
            time.sleep(0.1)

    answers(server)
    server.answers = [slowly]
    started = time.monotonic()
    assert "in time" in refused(server, deadline_s=0.5)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_object_is_not_taken(server, body):
    answers(server, answered(200, body=body))
    assert "not a JSON object" in refused(server)


def test_an_issuer_without_a_page_says_so(server):
    answers(server, answered(404))
    assert "no page" in refused(server)


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "id.example.com",
        "http://id.example.com",
        "https://id.example.com?x=1",
        "https://10.0.0.5",
        "https://u@x.example",
        METADATA,
    ],
)
def test_an_issuer_that_may_not_be_called_is_not_asked(server, issuer):
    def never(*args, **more):
        raise AssertionError

    with pytest.raises(DiscoveryFailed, match="issuer"):
        discover(issuer, send=never, vet=vet if issuer != "https://id.example.com?x=1" else never)


def test_plain_http_is_only_for_private_hosts_that_are_allowed(server, settings):
    answers(server, said(server))
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = []
    assert "private network" in refused(server)
    assert server.requests == []


def test_a_name_that_is_looked_up_to_nothing_is_refused():
    with pytest.raises(Unreachable):
        vet("https://nothing.invalid")
    assert discovery.ENDPOINTS


def test_of_an_issuer_that_only_signs_the_address_of_its_keys_is_enough(server):
    answers(server, {"issuer": server.url, "jwks_uri": f"{server.url}/keys"})
    assert jwks_address(server.url) == f"{server.url}/keys"
    assert paths(server) == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"jwks_uri": ...}, "names no jwks_uri"),
        ({"jwks_uri": METADATA}, "private network"),
        ({"jwks_uri": "file:///etc/passwd"}, "not taken"),
        ({"issuer": "https://other.example"}, "names another issuer"),
    ],
)
def test_an_address_of_keys_is_taken_only_from_the_issuer_itself_and_only_where_calls_may_go(server, changes, reason):
    answers(server, said(server, **changes))
    with pytest.raises(DiscoveryFailed, match=reason):
        jwks_address(server.url)
