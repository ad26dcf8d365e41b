"""The masker's promises in one line each; the wide tables stand in test_leaks and test_kept."""

import random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from urllib.parse import quote

import pytest

from secrets_vault.masking import WITHHELD, MaskedText, Masker, mask_head, mask_path, mask_text, mask_url
from secrets_vault.masking.spans import Kind, Span


def test_a_password_never_shows_a_tail():
    assert mask_text('{"password": "correct-horse-battery-9"}') == '{"password": "****"}'


def test_a_long_token_shows_its_last_four():
    assert mask_text("api_key=abcdefghijkl9876") == "api_key=****9876"


def test_what_needs_no_masking_comes_back_unchanged():
    text = "GET /v1/orders 200 in 12.5 ms, 3 tokens left\r\n\ttotal: 1,234.50 €\n"
    assert mask_text(text) == text


def test_only_the_masker_makes_masked_text():
    assert isinstance(mask_text("x"), MaskedText)


def test_a_broken_masker_shows_nothing(monkeypatch):
    masker = Masker()
    monkeypatch.setattr(masker, "finders", (lambda text: 1 / 0,))
    assert masker.mask("password=hunter2") == WITHHELD


def test_a_masker_out_of_time_shows_nothing():
    assert Masker(cpu_limit_s=0.0).mask("hello " * 1000) == WITHHELD


@pytest.mark.parametrize(
    "text", ["A" * 3_000, "A" * 20_000 + "1", "/?" + "&#x41;" * 3_000, "ASIA" * 8_000 + "1", "x.webhook." * 7_000]
)
def test_a_long_run_of_what_begins_a_token_is_read_within_the_masker_s_time(text):
    assert mask_text(text) != WITHHELD


def test_a_finder_that_finds_without_end_is_left_when_time_is_up():
    found = iter(range(1_000))
    masker = Masker(cpu_limit_s=0)
    masker.finders = (lambda page: (Span(at, at + 1, Kind.TOKEN) for at in found),)
    assert masker.mask("x" * 1_000) == WITHHELD
    assert next(found) < 10


def test_a_head_is_masked_by_name_scheme_and_known_value():
    head = [(b"Authorization", b"Basic dXNlcjpwYXNz"), (b"X-Api-Key", b"k1"), (b"X-Note", b"see zebra-42-lion")]
    assert mask_head(head, ["zebra-42-lion"]) == "Authorization: Basic ****\nX-Api-Key: ****\nX-Note: see ****"


@pytest.mark.parametrize("url", ["https://u:p@example.com/", "https://example.com/?api_key=p"])
def test_a_url_keeps_its_host_and_loses_its_secret(url):
    masked = mask_url(url)
    assert "example.com" in masked
    assert "****" in masked


def test_a_body_is_cut_after_masking_and_loses_the_run_at_the_cut():
    body = b"word " * 13_106 + b"api_key=" + b"a1B2" * 40
    masked = mask_text(body)
    assert len(masked.encode()) <= 65_536 + 5
    assert "a1B2" not in masked


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/databases/0192f3aa-7c4e-7b11-9c55-1234567890ab/query", None),
        ("/organizations/243216c5-369e-4056-ac67-05388f86dc81/oauth2/243216c5-369e-4056-ac67-05388f86dc82", None),
        ("/drive/v3/files/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/copy", "/drive/v3/files/****upms/copy"),
        # HubSpot's own address: its refresh tokens are UUIDs.
        ("/oauth/v1/refresh-tokens/6f18f21e-a743-4509-b7fd-1a5e632fffa1", "/oauth/v1/refresh-tokens/****ffa1"),
        ("/v1/api_key/0123456789abcdef0123456789abcdef/usage", "/v1/api_key/****cdef/usage"),
        ("/repos/x/y/commits/9c4a1c4e8f7d3b2a9c4a1c4e8f7d3b2a9c4a1c4e", None),
    ],
)
def test_of_a_path_of_words_only_what_is_generated_is_covered(path, shown):
    assert mask_path(path) == (shown or path)


@pytest.mark.parametrize(
    ("host", "path", "shown"),
    [
        ("hooks.slack.com", "/services/T024BE7LD/B0AAAAAAA/abcdefghijklmnopqrstuvwx", "/services/****"),
        ("discord.com", "/api/v10/webhooks/1234567/AbcdefghijklmnopqrstuvwxyzAbcdef?wait=true",
         "/api/v10/webhooks/1234567/****?wait=true"),
        ("discord.com", "/api/v10/channels/1234567/messages", "/api/v10/channels/1234567/messages"),
        ("hook.eu2.make.com", "/abcdefghijklmnopqrstuvwxyzabcdef", "/****"),
        ("hooks.zapier.com", "/hooks/catch/123456/abcdefg/", "/hooks/catch/123456/****"),
        ("hc-ping.com", "/3f2504e0-4f89-41d3-9a0c-0305e82c3301/fail", "/****"),
        ("api.example.com", "/services/T024BE7LD/B0AAAAAAA/report", "/services/T024BE7LD/B0AAAAAAA/report"),
    ],
)  # fmt: skip
def test_at_some_hosts_a_path_is_itself_the_secret(host, path, shown):
    assert mask_path(path, host=host) == shown


def test_a_broken_masker_shows_nothing_of_a_path_that_is_a_secret(monkeypatch):
    monkeypatch.setattr("secrets_vault.masking.masker.find_capabilities", lambda text: 1 / 0)
    assert mask_path("/services/T0/B0/abc", host="hooks.slack.com") == WITHHELD


LOWER, UPPER, BASE64 = ascii_lowercase + digits, ascii_uppercase + digits, ascii_letters + digits + "+/"


@pytest.mark.parametrize("letters", [LOWER, UPPER, BASE64])
@pytest.mark.parametrize("length", [32, 40, 64])
@pytest.mark.parametrize("place", ["/users/password/reset/{}", "/api/v1/links/{}/download", "/share/document-{}/view"])
def test_a_generated_code_among_words_is_covered_whatever_its_letters(letters, length, place):
    chance, covered = random.Random(7), 0
    for _ in range(100):
        code = quote("".join(chance.choices(letters, k=length)), safe="")
        covered += code[:-4] not in mask_path(place.format(code))
    assert covered >= 90


@pytest.mark.parametrize(
    "path",
    [
        "/token/0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed/transfers",
        "/tx/0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe6a713944b",
        "/storage/mystorageaccount001westeurope2production/keys",
        "/projects/acme-group%2FBackend2%2Fservice-name-v2/repository/files/src%2Fmain%2FjavaIndex2/raw",
        "/o/reports%2F2024%2FinvoicesAcme%2FinvoiceNr12.pdf?alt=media",
        "/packages/@acme%2FDesignSystem2-components-react19/versions",
        "/list?cursor=" + "aB3%2FdE9xQ2Lm%2FpZ7wK4rT8vYcU1nHs6GfJ%3D%3D",
        "/list?page_token=q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8",
        "/api/2026quarterlyreportsofallsubsidiaries/v2",
    ],
)
def test_what_people_write_and_everybody_may_see_stays_in_a_path(path):
    assert mask_path(path) == path
