"""Stateful fakes of the vendors: each knows which keys live, and refuses every other one. Paths as in their docs."""

from __future__ import annotations

import base64
import json
import re
import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fake_upstream import FakeUpstream


class Vendor(FakeUpstream):
    """Keys by id: value. `lose` drops the connection after a path was served; `down` answers 503 to it instead."""

    kind = "api_key"
    driver = ""
    inject: dict[str, Any] = {"in": "header", "name": "Authorization", "template": "Bearer {token}"}
    probe: dict[str, Any] | None = None
    calls_that_make = ""
    calls_that_end = ""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.lose, self.down, self.skips = "", "", False
        self.count = 0
        super().__init__(self._answer)

    @property
    def first(self) -> dict[str, str]:
        """Return the fields of the key that lives at the beginning."""
        raise NotImplementedError

    def lives(self, fields: dict[str, str]) -> bool:
        return fields.get("api_key", fields.get("password", "")) in self.keys.values()

    def credential(self, head: str) -> str:
        found = re.search(r"(?i)\r\n(?:authorization: bearer|private-token:) ?([^\r]*)", head)
        return found[1].strip() if found else ""

    def _answer(self, sock: socket.socket, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head.decode("latin-1").split(" ", 2)
        line = f"{method} {target}"
        if self.down and self.down in line:
            return self._send(sock, 503, {})
        status, told = 401, {"error": "unknown key"}
        who = self.credential(head.decode("latin-1"))
        if who in self.keys.values():
            status, told = self.serve(method, target, json.loads(body or b"{}"), who)
        if self.lose and self.lose in line:
            self.lose = ""
            sock.shutdown(socket.SHUT_RDWR)
            return None
        return self._send(sock, status, told)

    def _send(self, sock: socket.socket, status: int, told: Any) -> None:
        body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        sock.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

    def serve(self, method: str, target: str, body: dict[str, Any], who: str) -> tuple[int, Any]:
        raise NotImplementedError

    def made(self, name: str, value: str, key_id: str = "") -> str:
        self.count += 1
        key_id = key_id or f"id{self.count}"
        self.keys[key_id], self.names[key_id] = value, name
        return key_id


class SendGrid(Vendor):
    driver, calls_that_make, calls_that_end = "sendgrid", "POST /v3/api_keys", "DELETE"
    probe = {"method": "GET", "path": "/v3/scopes"}

    @property
    def first(self) -> dict[str, str]:
        self.made("by hand", "SG.old1.CANARY-old-secret", "old1")
        return {"api_key": "SG.old1.CANARY-old-secret"}

    def serve(self, method: str, target: str, body: dict[str, Any], who: str) -> tuple[int, Any]:
        if target == "/v3/scopes":
            return 200, {"scopes": ["mail.send"]}
        if method == "POST":
            value = f"SG.new{self.count}.CANARY-new-secret"
            self.made(body["name"], value, f"new{self.count}")
            assert body["scopes"] == ["mail.send", "api_keys.create"]
            return 201, {"api_key": value, "api_key_id": value.split(".")[1], "name": body["name"]}
        key_id = target.rpartition("/")[2]
        if method == "DELETE":
            return (204, "") if self.keys.pop(key_id, None) else (404, {})
        if key_id == "api_keys":
            return 200, {"result": [{"api_key_id": k, "name": self.names[k]} for k in self.keys]}
        return 200, {"api_key_id": key_id, "scopes": ["mail.send", "api_keys.create"]}


class Cloudflare(Vendor):
    driver, calls_that_make, calls_that_end = "cloudflare", "POST /user/tokens", "DELETE"
    probe = {"method": "GET", "path": "/user/tokens/verify"}

    @property
    def first(self) -> dict[str, str]:
        self.made("by hand", "CANARY-cf-old-token-0123456789", "old1")
        return {"api_key": "CANARY-cf-old-token-0123456789"}

    def serve(self, method: str, target: str, body: dict[str, Any], who: str) -> tuple[int, Any]:
        mine = next(k for k, v in self.keys.items() if v == who)
        last = urlsplit(target).path.rpartition("/")[2]
        if last == "verify":
            return 200, {"result": {"id": mine, "status": "active"}, "success": True}
        if method == "POST":
            value = f"CANARY-cf-new-token-{self.count}-0123456789"
            assert body["policies"] == [{"effect": "allow"}]
            return 200, {"result": {"id": self.made(body["name"], value), "value": value}, "success": True}
        if method == "DELETE":
            return (200, {"result": {"id": last}}) if self.keys.pop(last, None) else (404, {})
        if last == "tokens":
            return 200, {"result": [{"id": k, "name": self.names[k]} for k in self.keys]}
        return 200, {"result": {"id": last, "policies": [{"effect": "allow"}], "expires_on": None}}


class GitLab(Vendor):
    driver, calls_that_make, calls_that_end = "gitlab", "POST /api/v4/personal_access_tokens/self/rotate", "DELETE"
    inject = {"in": "header", "name": "PRIVATE-TOKEN", "template": "{token}"}
    probe = {"method": "GET", "path": "/api/v4/user"}

    @property
    def first(self) -> dict[str, str]:
        self.made("by hand", "glpat-CANARY-old-0123456789", "41")
        return {"api_key": "glpat-CANARY-old-0123456789"}

    def serve(self, method: str, target: str, body: dict[str, Any], who: str) -> tuple[int, Any]:
        mine = next(k for k, v in self.keys.items() if v == who)
        if target.endswith("/rotate"):
            value = f"glpat-CANARY-new-{self.count}-0123456789"
            if not self.skips:
                del self.keys[mine]
            return 200, {"id": int(self.made("rotated", value, "42")), "token": value, "expires_at": "2027-11-22"}
        if method == "DELETE":
            return (204, "") if self.keys.pop(target.rpartition("/")[2], None) else (404, {})
        return 200, {"id": int(mine), "active": True}


class Twilio(Vendor):
    kind, driver = "basic", "twilio"
    inject = {"in": "header", "name": "Authorization", "template": "Basic {basic}"}
    calls_that_make, calls_that_end = "POST /v1/AuthTokens/Secondary", "POST /v1/AuthTokens/Promote"
    probe = {"method": "GET", "path": "/2010-04-01/Accounts.json"}
    account = "AC" + "0" * 32

    @property
    def first(self) -> dict[str, str]:
        self.made("", "CANARYtwilio00000000000000000old", "primary")
        return {"username": self.account, "password": self.keys["primary"]}

    def credential(self, head: str) -> str:
        found = re.search(r"(?i)\r\nauthorization: basic ([^\r]*)", head)
        name, _, password = base64.b64decode(found[1] if found else "").decode().partition(":")
        return password if name == self.account else ""

    def serve(self, method: str, target: str, body: dict[str, Any], who: str) -> tuple[int, Any]:
        if target.endswith("/Promote"):
            if "secondary" not in self.keys:
                return 400, {"message": "there is no secondary auth token"}
            self.keys = {"primary": self.keys["secondary"]}
            return 200, {"auth_token": self.keys["primary"]}
        if target.endswith("/Secondary") and method == "DELETE":
            return (204, "") if self.keys.pop("secondary", None) else (404, {})
        if target.endswith("/Secondary"):
            if "secondary" in self.keys:
                return 409, {"message": "there is one"}
            self.made("", f"CANARYtwilio0000000000000000new{self.count}", "secondary")
            return 201, {"account_sid": self.account, "secondary_auth_token": self.keys["secondary"]}
        return 200, {"accounts": []}


class AWS(Vendor):
    kind, driver, calls_that_make, calls_that_end = "basic", "aws_iam", "CreateAccessKey", "DeleteAccessKey"
    inject = {"in": "sigv4", "service": "s3", "region": "eu-central-1"}

    @property
    def first(self) -> dict[str, str]:
        self.keys["AKIACANARY0000000OLD"] = "CANARY/secret/access/key/of/the/old/1234"
        return {"username": "AKIACANARY0000000OLD", "password": self.keys["AKIACANARY0000000OLD"]}

    def credential(self, head: str) -> str:
        found = re.search(r"Credential=(\w+)/\d{8}/us-east-1/iam/aws4_request", head)
        return self.keys.get(found[1], "") if found else ""

    def serve(self, method: str, target: str, body: dict[str, Any], who: str) -> tuple[int, Any]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        assert asked["Version"] == "2010-05-08"
        if asked["Action"] == "CreateAccessKey":
            if len(self.keys) > 1:
                return 409, "<Code>LimitExceeded</Code>"
            self.count += 1
            key_id, secret = f"AKIACANARY000000NEW{self.count}", f"CANARY/secret/access/key/of/the/new/123{self.count}"
            self.keys[key_id] = secret
            told = f"<AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            return 200, f"<CreateAccessKeyResponse>{told}</CreateAccessKeyResponse>"
        if asked["Action"] == "DeleteAccessKey":
            gone = self.keys.pop(asked["AccessKeyId"], None)
            return (200, "<DeleteAccessKeyResponse/>") if gone else (404, "<Code>NoSuchEntity</Code>")
        return 200, "".join(f"<member><AccessKeyId>{key_id}</AccessKeyId></member>" for key_id in self.keys)


VENDORS = (AWS, Cloudflare, GitLab, SendGrid, Twilio)
