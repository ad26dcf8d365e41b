"""Canaries in every field, the whole story over HTTP with its troubles, then a look everywhere: nothing may swim.

What is shown on purpose is left out by name: the owner's link on the terminal, a new token to who made it, the
seed of an authenticator app on the page that sets it up, and a value that was asked to be revealed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from base64 import b32decode, b64encode
from collections import Counter
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from secrets_vault.backup.archive import Lock, unpack
from secrets_vault.secret import Secret
from tests.canaries import Net, canary, contents_below, dresses
from tests.fake_upstream import FakeUpstream
from tests.flows.issuing import FILE as ISSUED
from tests.flows.issuing import FolderWatch, Issuer
from tests.flows.test_provision_connect_call import consent
from tests.integrations.oauth.machine_world import pem
from tests.integrations.sandbox.conftest import Sandbox

FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-hubspot"
provider = "custom"
kind = "oauth2"
[client.connection.oauth_app]
client_id = "{client_id}"
client_secret = {{ value = "{client_secret}" }}
scopes = ["crm.objects.contacts.read"]
[client.connection.custom]
base_url = "{url}/hubspot"
authorize_url = "{authorize_url}"
token_url = "{token_url}"
revoke_url = "{revoke_url}"

[[client.connection]]
slug = "acme-key"
provider = "custom"
kind = "api_key"
secret = {{ value = "{key}" }}
[client.connection.custom]
base_url = "{upstream}/api"

[[client.connection]]
slug = "acme-basic"
provider = "custom"
kind = "basic"
username = "ada"
secret = {{ value = "{basic}" }}
[client.connection.custom]
base_url = "{upstream}/basic"
{issued}
[[client.gateway_token]]
name = "n8n"
connections = ["acme-hubspot", "acme-key", "acme-basic", "acme-issued", "acme-signed"]
"""
OTHERS = """
from allauth.account.models import EmailAddress
from secrets_vault.models import Client, Membership, User
for name, role in (("manager", "manager"), ("viewer", "viewer")):
    user = User.objects.create_user(name + "@example.com", {password!r}, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Membership.objects.create(user=user, client=Client.objects.get(slug="acme"), role=role, state="active")
"""
NEVER_FOLLOWED = ("/accounts/logout", "/accounts/2fa/recovery-codes", "/accounts/2fa/totp", "/static/")

SHOWN_ON_PURPOSE = {
    "the processes' output": ("setup link",),
    # The console keeps what was typed in its fields; what was sent and what came back is masked beside it.
    "POST /connections/acme-key/call/ as owner": ("test call query", "test call body"),
    "POST /settings/backup/kit/ as owner": ("wrapping key",),
}


class Person:
    """A browser without scripts that keeps every page it was shown."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.jar))
        self.pages: list[tuple[str, bytes]] = []

    def go(
        self, path: str, form: dict[str, str] | None = None, *, keep: bool = True, **headers: str
    ) -> tuple[int, str]:
        """Open a page of ours, or send a form, with the token that the page itself holds."""
        address = urljoin(self.url, path)
        if form is not None:
            form = {"csrfmiddlewaretoken": self.csrf(), **form}
            headers = {"Origin": self.url, "Referer": address, **headers}
        body = None if form is None else urlencode(form, doseq=True).encode()
        try:
            answer = self.opener.open(Request(address, body, headers), timeout=30)
        except HTTPError as refused:
            answer = refused
        seen = answer.read()
        if keep:
            said = f"{answer.url}\n{answer.headers}\n".encode()
            cookies = b"\n".join(line for line in said.splitlines() if not line.lower().startswith(b"set-cookie"))
            self.pages.append((f"{'POST' if form else 'GET'} {urlsplit(address).path}", cookies + seen))
        return answer.status, seen.decode("utf-8", "replace")

    def csrf(self) -> str:
        return next(cookie.value for cookie in self.jar if cookie.name.endswith("csrf"))

    def session(self) -> str:
        return next(cookie.value for cookie in self.jar if cookie.name.endswith("session"))

    def sign_in(self, email: str, password: str) -> None:
        self.go("/accounts/login/")
        status, page = self.go("/accounts/login/", {"login": email, "password": password})
        assert "Sign out" in page or status == 200, page[-500:]
        assert self.session()

    def crawl(self) -> int:
        """Follow the links of ours, breadth first, and of each kind of page open three."""
        seen, waiting, kinds = {"/"}, ["/"], Counter()
        while waiting:
            path = waiting.pop(0)
            _, page = self.go(path)
            for found in re.findall(r'href="([^"#]+)', page):
                link = urlsplit(urljoin(self.url + path, unescape(found)))
                target = link.path + (f"?{link.query}" if link.query else "")
                kind = re.sub(r"[0-9a-f-]{36}|acme[a-z0-9-]*", "*", link.path)
                is_ours = f"{link.scheme}://{link.netloc}" == self.url and not target.startswith(NEVER_FOLLOWED)
                if is_ours and target not in seen and kinds[kind] < 3:
                    kinds[kind] += 1
                    seen.add(target)
                    waiting.append(target)
        return len(seen)


def code_now(seed: str) -> str:
    """Return the code of an authenticator app (RFC 6238)."""
    key = b32decode(seed + "=" * (-len(seed) % 8))
    digest = hmac.new(key, (int(time.time()) // 30).to_bytes(8), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


def answer_of(status: str, body: str, *, media: str = "application/json", extra: str = "") -> bytes:
    raw = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(raw)}\r\n{extra}\r\n"
    return head.encode() + raw


class Story:
    """One installation, what was planted in it, and everything that came out of it."""

    def __init__(self, start, sandbox, upstream, folder: Path) -> None:
        self.sandbox, self.upstream, self.folder = sandbox, upstream, folder
        self.planted: dict[str, str] = {}
        self.seen: list[tuple[str, str | bytes]] = []
        self.issuer = Issuer(self.plant)
        hosts = f"{sandbox.line['url'].removeprefix('http://')},{upstream.host},{self.issuer.host}"
        temporary = folder / "tmp"
        temporary.mkdir()
        # DEBUG says the most, on pages and in the log.
        self.live = start(KEYLODGE_ALLOWED_PRIVATE_HOSTS=hosts, DEBUG="1", TMPDIR=str(temporary))
        self.watch = FolderWatch(self.live.home / "broker", temporary)
        self.owner = Person(self.live.url)
        for name in ("wrapping_key", "secret_key"):
            self.planted[name.replace("_", " ")] = (self.live.home / name).read_text().strip()

    def plant(self, name: str, prefix: str = "", **options: int) -> str:
        """Return a new canary and remember what it is."""
        self.planted[name] = canary(prefix, **options)
        return self.planted[name]

    def run(self, *arguments: str, keep: bool = True, stdin: str = "") -> str:
        """Run a command, and keep what it wrote."""
        done = self.live.command(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        self.seen.append((" ".join(arguments[:2]) + " stderr", done.stderr))
        if keep:
            self.seen.append((" ".join(arguments[:2]), done.stdout))
        return done.stdout

    def make_the_owner(self) -> None:
        link = self.live.owner_link
        self.planted["setup link"] = link.rsplit("/", 1)[1]
        form = {
            "name": "Olive",
            "email": "olive@example.com",
            "password": self.plant("owner's password", "correct-horse-"),
        }
        path = urlsplit(link).path
        self.owner.go(path, keep=False)
        status, page = self.owner.go(path, form, keep=False)
        assert status == 200, page[-500:]
        assert "Add a passkey" in page

    def provision(self) -> None:
        file = self.folder / "acme.toml"
        (self.folder / "robot.pem").write_text(pem())
        lines = [line for line in pem().splitlines() if "PRIVATE KEY" not in line]
        self.planted |= {f"line {n} of the private key": line for n, line in enumerate(lines) if len(line) > 40}
        values = self.sandbox.line | {"key": self.plant("API key"), "basic": self.plant("basic password")}
        issued = ISSUED.format(secret=self.plant("the app's client secret"), issuer=self.issuer.url)
        file.write_text(FILE.format(**values, upstream=self.upstream.url, issued=issued))
        made = json.loads(self.run("provision", str(file), keep=False))["clients"]["acme"]
        self.planted["OAuth client secret"] = self.sandbox.line["client_secret"]
        self.token = self.planted["gateway token"] = made["gateway_tokens"]["n8n"]["token"]
        self.link = made["connections"]["acme-hubspot"]["connect_url"]
        self.planted["connect link"] = self.link.rsplit("/", 1)[1]
        self.issued_link = made["connections"]["acme-issued"]["connect_url"]
        self.planted["second connect link"] = self.issued_link.rsplit("/", 1)[1]
        self.run("shell", "-c", OTHERS.format(password=self.plant("their password", "correct-horse-")))

    def fill_the_vault(self) -> None:
        go = self.owner.go
        page = go("/vault/new/")[1]
        self.place = re.search(r'<option value="([0-9a-f-]{36})"[^>]*>Acme Ltd · production', page)[1]
        about = {"place": self.place, "is_age_unknown": "on", "owner_name": "Olive"}
        for kind, typed in (
            ("api_key", {"value_api_key": self.plant("stored API key", "sk_" + "live_")}),
            ("bearer", {"value_token": self.plant("stored bearer")}),
            ("basic", {"value_username": "ada", "value_password": self.plant("stored password")}),
            ("note", {"value_note": f"The door code\nis {self.plant('note')}."}),
        ):
            status, page = go(f"/vault/new/?kind={kind}", about | typed | {"label": f"A {kind}"})
            assert "is stored" in page, (kind, status, re.sub("<[^>]+>", "", page)[-900:])
        go("/vault/new/?kind=api_key", {"value_api_key": self.plant("refused form"), "place": "nonsense"})
        go("/vault/check/?kind=api_key", {"value_api_key": self.plant("checked value", "sk_" + "live_")})
        key, password = self.plant(".env key", "sk-" + "proj-", length=48), self.plant(".env password")
        env = f"OPENAI_API_KEY={key}\nDB_PASSWORD='{password}'\n"
        assert "DB_PASSWORD" in go("/vault/import/", {"place": self.place, "text": env, "how": "each"})[1]
        status, page = go("/vault/import/preview/", {"go": "store", "set_label": ".env", "is_age_unknown": "on"})
        assert "stored" in page, status
        go("/search/", {"q": self.planted["stored bearer"]})

    def connect(self) -> None:
        assert consent(self.link, origin=self.live.url)[0] == 200
        tokens = [dict(entry["headers"]).get("Authorization", "")[7:] for entry in self.sandbox.arrived()]
        self.planted |= {f"access token {n}": t for n, t in enumerate(filter(None, tokens)) if len(t) > 12}

    def sign_for_a_token(self) -> None:
        """Call by a private key: what it signs opens the same door for an hour."""
        assert self.call("acme-signed", "/things") == 200
        (sent,) = (request for request in self.issuer.requests if request.startswith(b"POST /token"))
        self.planted["signed assertion"] = parse_qs(sent.partition(b"\r\n\r\n")[2].decode())["assertion"][0]
        assert len([name for name in self.planted if "private key" in name]) > 10

    def be_issued_tokens(self) -> None:
        """Connect, call with tokens that end at once, be refused a new one, disconnect where nothing is confirmed."""
        assert self.issuer.consent(self.issued_link, origin=self.live.url)[0] == 200
        assert self.call("acme-issued", "/things") == 200
        time.sleep(1.1)
        assert self.call("acme-issued", "/things?again") == 200
        assert self.issuer.times == 3
        self.issuer.is_refusing = True
        time.sleep(1.1)
        assert self.call("acme-issued", "/things") == 409
        status, page = self.owner.go("/connections/acme-issued/disconnect/", {"typed": "acme-issued"})
        assert "did not confirm" in unescape(page), (status, re.sub("<[^>]+>", "", page)[-600:])

    def call(self, slug: str, path: str, *, method: str = "GET", body: str | None = None, **headers: str) -> int:
        request = Request(f"{self.live.url}/gateway/{slug}{path}", body and body.encode(), method=method)
        for name, value in {"Authorization": f"Bearer {self.token}", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            return build_opener().open(request, timeout=30).status
        except HTTPError as refused:
            return refused.code

    def call_in_every_trouble(self) -> None:
        mine = self.plant("caller's body password")
        header, query = self.plant("caller's header"), self.plant("caller's query")
        basic = b64encode(f"ada:{self.planted['basic password']}".encode()).decode()
        echo = json.dumps({"password": self.plant("upstream's password"), "echo": self.planted["API key"], "b": basic})
        cookie = f"Set-Cookie: sid={self.plant('upstream cookie')}\r\n"
        self.upstream.answers[:] = [
            answer_of("200 OK", echo, extra=cookie),
            answer_of("401 Unauthorized", echo),
            answer_of("500 Oops", f"<pre>api_key={self.planted['API key']}</pre>", media="text/html"),
            answer_of("429 Busy", echo, extra="Retry-After: 1\r\n"),
            answer_of("404 Gone", f"no such key: {quote(self.planted['API key'])}", media="text/plain"),
            answer_of("200 OK", "{broken" + echo),
            answer_of("400 Bad", echo),
        ]
        path = f"/things?api_key={query}&page=2"
        body = json.dumps({"password": mine, "n": 1})
        for slug in ("acme-key",) * 6 + ("acme-basic",) * 2:
            self.call(slug, path, method="POST", body=body, X_Api_Key=header, Content_Type="application/json")
        self.call(
            "acme-key", "/plain", method="POST", body=f"card=4111111111111111&pwd={mine}", Cookie=f"session={mine}"
        )
        for trouble in (
            {"status": 429, "retry_after_s": 1, "times": 1},
            {"status": 500, "times": 3},
            {"status": 401, "times": 4},
        ):
            self.sandbox.control(**trouble)
            self.call("acme-hubspot", "/account-info/v3/details")
        self.sandbox.control(clear=True)
        self.call("acme-hubspot", f"/crm/v3/objects/contacts?access_token={query}")
        self.call("nowhere", "/x", X_Api_Key=header)
        for odd in (f"Bearer {mine}", f"Basic {basic}"):
            self.call("acme-key", "/x", Authorization=odd)
        self.sandbox.control(revoke=True)
        self.call("acme-hubspot", "/account-info/v3/details")
        self.refreshed = [dict(entry["headers"]).get("Authorization", "")[7:] for entry in self.sandbox.arrived()]
        self.planted |= {f"late access token {n}": t for n, t in enumerate(filter(None, self.refreshed)) if len(t) > 12}

    def use_the_pages(self) -> None:
        go = self.owner.go
        go("/connections/acme-key/probe/", {})
        form = {"method": "POST", "path": f"/x?token={self.plant('test call query')}", "body": "", "headers": ""}
        form["body"] = json.dumps({"client_secret": self.plant("test call body")})
        go("/connections/acme-key/call/", form)
        assert self.planted["note"] in self.reveal("A note"), "the page that shows on purpose"
        page = go("/accounts/2fa/totp/activate/", keep=False)[1]
        seed = re.search(r"secret=([A-Z2-7]{16,})|>([A-Z2-7]{32})<|value=\"([A-Z2-7]{16,})\"", unescape(page))
        self.planted["TOTP seed"] = next(filter(None, seed.groups()))
        go("/accounts/2fa/totp/activate/", {"code": code_now(self.planted["TOTP seed"])}, keep=False)
        passphrase = self.plant("backup passphrase", "a long ")
        status, file = go("/settings/backup/", {"passphrase": passphrase, "again": passphrase})
        assert status == 200
        assert "age-encryption" in file
        self.look_into_the_backup(self.owner.pages[-1][1], passphrase)
        assert "wrapping key" in go("/settings/backup/kit/", {})[1].lower()
        self.planted["session cookie"] = self.owner.session()

    def look_into_the_backup(self, answer: bytes, passphrase: str) -> None:
        """Keep what a backup holds once its own lock is open: the vault's is still closed."""
        archive = answer[answer.index(b"age-encryption.org") :]
        manifest, parts = unpack(Lock(passphrase=Secret(passphrase)).open(archive))
        assert parts
        self.seen += [("the backup's manifest", json.dumps(manifest))]
        self.seen += [(f"{name} in the backup", part) for name, part in parts.items()]

    def reveal(self, label: str) -> str:
        page = self.owner.go("/vault/")[1]
        path = re.search(rf'href="(/vault/[0-9a-f-]{{36}}/)"[^>]*>\s*(?:<[^>]+>\s*)*{label}', page)[1]
        return unescape(self.owner.go(f"{path}reveal/", {"field": "note"}, keep=False)[1])

    def look_everywhere(self) -> None:
        assert self.owner.crawl() > 30
        for name in ("manager", "viewer"):
            person = Person(self.live.url)
            person.sign_in(f"{name}@example.com", self.planted["their password"])
            assert person.crawl() > 10
            self.seen += [(f"{where} as {name}", page) for where, page in person.pages]
        for what in ("calls", "audit", "secrets"):
            for form in ("jsonl", "csv"):
                assert self.run("export", what, "--format", form)
        for path in ("/rotations/?format=csv", "/audit/export/"):
            self.owner.go(path, {} if "export" in path else None)
        self.run("doctor")
        self.run("audit_verify")
        self.seen += [(f"{where} as owner", page) for where, page in self.owner.pages]

    def stop(self) -> None:
        self.live.stop()
        self.seen.append(("the processes' output", self.live.output))
        for path, content in contents_below(self.live.home).items():
            if path.name not in ("wrapping_key", "secret_key"):
                self.seen.append((f"file {path.relative_to(self.live.home)}", content))


def every_row(url: str) -> bytes:
    """Return every row of every table as text; binary columns read as hexadecimal, which is searched too."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [connection.execute(SQL("SELECT t::text FROM {} t").format(Identifier(name))) for (name,) in tables]
        return "\n".join(text for found in rows for (text,) in found).encode()


@pytest.mark.processes
def test_no_canary_swims_anywhere(start_keylodge, tmp_path):
    sandbox = Sandbox()
    try:
        with FakeUpstream() as upstream:
            story = Story(start_keylodge, sandbox, upstream, tmp_path)
            story.make_the_owner()
            story.provision()
            story.fill_the_vault()
            story.connect()
            story.sign_for_a_token()
            story.be_issued_tokens()
            story.call_in_every_trouble()
            story.use_the_pages()
            time.sleep(1)  # the call log is written in batches
            story.look_everywhere()
            for path in (*story.live.home.rglob("*.sqlite3*"), *story.live.home.rglob("broker/**/*")):
                if path.is_file():
                    story.seen.append((f"running: {path.name}", path.read_bytes()))
            if url := story.live.environment.get("DATABASE_URL"):
                story.seen.append(("running: PostgreSQL", every_row(url)))
            story.stop()
            story.issuer.close()
            watched = story.watch.stop()
    finally:
        sandbox.stop()
    assert any("/broker/" in where for where, _ in watched) or "DATABASE_URL" in story.live.environment
    story.seen += watched
    net = Net(story.planted)
    assert len(story.planted) >= 40
    assert any(where.startswith("running") for where, _ in story.seen)
    hits = []
    for where, what in story.seen:
        hits += net.found_in(where, what, but=SHOWN_ON_PURPOSE.get(where, ()))
    assert hits == [], f"{len(hits)} hits:\n" + "\n".join(hits[:40])


def test_the_net_holds_what_it_should():
    value = canary("né<w&")
    net = Net({"it": value})
    for form in dresses(value):
        assert net.found_in("here", f"before {form} after"), form
    for lead in range(3):
        assert net.found_in("here", b64encode(b"x" * lead + value.encode() + b"tail").decode())
    assert not net.found_in("here", "nothing of the kind")
