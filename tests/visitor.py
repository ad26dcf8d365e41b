"""A browser without scripts: cookies, forms with their token, and redirects that are not followed."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    text: str

    @property
    def leads_to(self) -> str:
        """Return where it redirects to, or nothing."""
        return self.headers.get("Location", "")


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Visitor:
    """One browser at an address, as if at `ip` behind a proxy that is trusted."""

    def __init__(self, url: str, *, ip: str = "") -> None:
        self.url = url
        self.jar = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.jar), _Stay)
        self.opener.addheaders = [("X-Forwarded-For", ip)] if ip else []

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._ask(Request(urljoin(self.url, path)))

    def post(self, path: str, **form: str) -> Answer:
        """Send a form with the token of the last page."""
        address = urljoin(self.url, path)
        body = urlencode({"csrfmiddlewaretoken": self.cookie("csrf"), **form}).encode()
        return self._ask(Request(address, body, {"Origin": self.url, "Referer": address}))

    def cookie(self, name: str) -> str:
        """Return the value of one of our cookies, or nothing."""
        return next((str(cookie.value) for cookie in self.jar if cookie.name.endswith(name)), "")

    def sign_in(self, email: str, password: str) -> Answer:
        """Give a password at the sign-in page."""
        if not self.cookie("csrf"):
            self.get("/accounts/login/")
        return self.post("/accounts/login/", login=email, password=password)

    def _ask(self, request: Request) -> Answer:
        try:
            answer = self.opener.open(request, timeout=60)
        except HTTPError as refused:
            answer = refused
        with answer:
            return Answer(answer.status or 0, answer.headers, answer.read().decode("utf-8", "replace"))
