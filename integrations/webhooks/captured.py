"""A captured request as a person pastes it: the raw head and body, or a curl command. Nothing of it is kept."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.webhooks.request import WebhookRequest

MOST_CHARACTERS = 300_000
START = re.compile(r"([A-Z]{1,16}) (\S+)(?: HTTP/[0-9.]+)?")
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
WITH_VALUE = {
    *("-X", "--request", "-H", "--header", "-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--url"),
    *("-A", "--user-agent", "-m", "--max-time", "-o", "--output", "-b", "--cookie", "-e", "--referer"),
}
DATA = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii")


class BadCapture(IntegrationError):
    """What was pasted is no request. The message is a sentence that holds nothing of it."""

    code = "bad_capture"


def read_captured(text: str, *, url: str) -> WebhookRequest:
    """Return the request, under the registered address `url` with the query it came with. Raises BadCapture.

    A browser sends every line break of a text field as CR LF; vendors write LF, so the body gets LF again.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadCapture(_("This is longer than {n} characters.").format(n=MOST_CHARACTERS))
    plain = text.replace("\r\n", "\n").lstrip("\n ")
    if plain.startswith("curl"):
        return _from_curl(plain, url=url)
    return _from_raw(plain, url=url)


def _from_raw(text: str, *, url: str) -> WebhookRequest:
    head, _gap, body = text.partition("\n\n")
    lines = head.split("\n")
    start = START.fullmatch(lines[0].strip())
    method, target = (start[1], start[2]) if start else ("POST", "")
    headers = tuple(_header(line) for line in (lines[1:] if start else lines) if line.strip())
    if not headers:
        raise BadCapture(_("Paste the headers, one to a line, then an empty line, then the body."))
    return WebhookRequest(method, _with_query(url, target), headers, body.encode())


def _header(line: str) -> tuple[str, bytes]:
    found = HEADER.fullmatch(line.strip())
    if not found:
        raise BadCapture(_("A line of the head is no header: write Name: value, and an empty line before the body."))
    return found[1].lower(), found[2].encode()


def _from_curl(text: str, *, url: str) -> WebhookRequest:
    if "$'" in text:
        raise BadCapture(_("Copy the command with plain quotes: $'…' is not read here."))
    try:
        words = shlex.split(text.replace("\\\n", " "))
    except ValueError:
        raise BadCapture(_("A quote of the command is not closed.")) from None
    options = list(_options(words[1:]))
    headers = tuple(_header(value) for name, value in options if name in ("-H", "--header"))
    data = [value for name, value in options if name in DATA]
    methods = [value for name, value in options if name in ("-X", "--request")]
    targets = [value for name, value in options if name in ("--url", "")]
    if not headers:
        raise BadCapture(_("The command names no header, so no signature."))
    method = methods[-1].upper() if methods else "POST" if data else "GET"
    return WebhookRequest(method, _with_query(url, targets[-1] if targets else ""), headers, "&".join(data).encode())


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Give each option with its value; what stands alone has no name. Switches are passed over."""
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in WITH_VALUE:
            yield word, next(rest, "")
        elif equals and name in WITH_VALUE and name.startswith("--"):
            yield name, value
        elif word[:2] in WITH_VALUE and len(word) > 2 and not word.startswith("--"):
            yield word[:2], word[2:]
        elif not word.startswith("-"):
            yield "", word


def _with_query(url: str, target: str) -> str:
    query = target.partition("#")[0].partition("?")[2]
    return f"{url}?{query}" if query else url
