"""Start the certified server, fetched by npm, and go through its pages as a person would."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

from tests import npm

HERE = Path(__file__).parent


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Person:
    """A browser without JavaScript, at the server's pages."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()), _NoRedirect())

    def go(self, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Follow redirects as long as they stay at the server; return where it ended, and the page."""
        body = None if form is None else urlencode(form).encode()
        for _ in range(10):
            try:
                with self._opener.open(Request(url, body), timeout=20) as answer:
                    return url, answer.read().decode()
            except HTTPError as error:
                if error.code not in (302, 303, 307):
                    return url, error.read().decode()
                url, body = urljoin(url, error.headers["Location"]), None
            if urlsplit(url).path == "/oauth/callback":
                return url, ""
        raise AssertionError("too many redirects")


@dataclass
class CertifiedServer:
    """The running server."""

    process: subprocess.Popen[str]
    url: str

    @property
    def host(self) -> str:
        """Return host and port."""
        return urlsplit(self.url).netloc

    def consent(self, authorize_url: str, *, login: str = "jo", is_willing: bool = True) -> dict[str, str]:
        """Sign in and agree, or turn back; return what the browser brings to the callback."""
        person = Person()
        at, page = person.go(authorize_url)
        for prompt in ("login", "consent"):
            if urlsplit(at).path == "/oauth/callback":
                break
            if not is_willing:
                at, page = person.go(urljoin(at, re.search(r'href="([^"]*/abort)"', page)[1]))
                break
            action = re.search(r'action="([^"]+)"', page)
            assert action, page
            form = {"prompt": prompt} | ({"login": login, "password": "any"} if prompt == "login" else {})
            at, page = person.go(urljoin(at, action[1]), form)
        assert urlsplit(at).path == "/oauth/callback", page
        return {name: values[0] for name, values in parse_qs(urlsplit(at).query).items()}

    def granted(self) -> dict[str, int]:
        """Return how many tokens it gave, by grant."""
        with build_opener().open(self.url + "/granted", timeout=10) as answer:
            return json.loads(answer.read())

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def start(clients: list[dict[str, Any]], *, rotate: bool = True, access_token_ttl_s: int = 600) -> CertifiedServer:
    """Start a server of one's own with these apps registered."""
    asked = {"clients": clients, "rotate": rotate, "access_token_ttl_s": access_token_ttl_s}
    home = npm.fetched(HERE, "server.mjs")
    command = [npm.node(), "server.mjs", json.dumps(asked)]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    assert line.startswith("{"), "the certified server did not start"
    return CertifiedServer(process, json.loads(line)["url"])
