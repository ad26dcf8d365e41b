"""The gateway's own answers: RFC 9457 problem details, each with a stable code."""

from __future__ import annotations

import json

from integrations.errors import IntegrationError

_PROBLEMS: dict[str, tuple[int, str, str]] = {
    "token_missing": (
        401,
        "No gateway token",
        "Send the gateway token as 'Authorization: Bearer klg_…', or where the provider's own key would go.",
    ),
    "token_invalid": (
        401,
        "Gateway token not valid",
        "The token is unknown, expired or revoked, or a JWT that is not trusted here. Make a new one.",
    ),
    "token_ambiguous": (
        400,
        "Two gateway tokens",
        "The request carries two gateway tokens, or a JWT that several of them trust. Send one.",
    ),
    "connection_not_found": (404, "No such connection", "There is no connection of this name that the token may use."),
    "not_allowed": (403, "Not allowed for this token", "The token's methods and paths do not include this call."),
    "ip_not_allowed": (403, "Address not allowed", "The token may not be used from this address."),
    "token_limited": (429, "Limit of this token reached", "The token's own limit is used up. Wait until it resets."),
    "budget_reached": (
        402,
        "Budget used up",
        "The money budget of this client or connection is used up. It begins anew with the month (UTC), and can be "
        "raised in Keylodge under Limits. Repeating the call does not help.",
    ),
    "upstream_limited": (
        429,
        "The provider's limit is used up",
        "The provider lets no more calls through just now, so none was sent. retry_after is when one can go.",
    ),
    "path_refused": (400, "Path refused", "The path holds dot segments, a backslash, NUL or a leading '//'."),
    "header_invalid": (400, "Header not understood", "A header of Keylodge's own says something it cannot say."),
    "request_refused": (400, "Request refused", "A header or the body cannot be sent on as it came."),
    "body_refused": (
        400,
        "Body refused",
        "The credential goes into this body, or signs it: send a JSON object (application/json) of at most 256 KB, "
        "or for a signed call a body of at most 256 KB or its SHA-256 in X-Amz-Content-Sha256.",
    ),
    "choice_needed": (
        409,
        "Connection waits for a choice",
        "The credential reaches several accounts. Choose the one to use on the connection's page in Keylodge.",
    ),
    "key_reused": (
        409,
        "Idempotency key used before",
        "Another request was kept under this X-Keylodge-Idempotency-Key. Give each call a key of its own.",
    ),
    "queue_full": (
        507,
        "Queue is full",
        "Too many calls of this connection or client wait already. See to them on the page Waiting calls in Keylodge.",
    ),
    "body_too_large_to_keep": (413, "Body too large to be kept", "A call that waits has a body of at most 5 MB."),
    "held_call_not_found": (404, "No such call", "No call of this id was kept for this token, or it is over long ago."),
    "held_call_moved_on": (409, "Too late", "The call is being sent, or its fate is settled."),
    "method_not_allowed": (405, "Method not allowed", "A call that waits is read with GET and taken back with DELETE."),
    "not_kept": (503, "Call not kept", "The call could not be stored just now. Nothing was sent. Try again shortly."),
    "needs_reconnecting": (
        409,
        "Connection needs reconnecting",
        "The provider no longer accepts this connection, or it was never connected. Connect it in Keylodge.",
    ),
    "paused": (409, "Connection is paused", "Somebody paused this connection in Keylodge. Resume it there."),
    "token_paused": (409, "Token is paused", "Somebody paused this gateway token in Keylodge. Let it go on there."),
    "provider_gone": (
        409,
        "Provider is not described any more",
        "The description of this connection's provider is gone from Keylodge. Nothing was sent.",
    ),
    "host_refused": (403, "Host refused", "The credential is not bound to this host, or the host is private."),
    "upstream_unreachable": (502, "Provider not reachable", "No connection to the provider could be made or kept."),
    "upstream_invalid": (502, "Provider's answer not valid", "What came back is not a whole HTTP answer."),
    "upstream_timeout": (504, "Provider too slow", "No answer came within the time of this call."),
    "breaker_open": (
        503,
        "Provider does not answer",
        "Calls to the provider have failed one after the other, so nothing is sent until a trial succeeds.",
    ),
    "credential_unreadable": (
        503,
        "Credential cannot be opened",
        "The stored credential cannot be decrypted. Store it again or restore a backup.",
    ),
    "internal_error": (
        500,
        "Something broke in Keylodge",
        "The call may have reached the provider. The log holds the cause beside this request id.",
    ),
    "unavailable": (503, "Keylodge is busy", "The call could not be looked up just now. Try again shortly."),
}

OWN_HEADERS = (
    (b"content-type", b"application/problem+json"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


class Problem(IntegrationError):
    """An answer of ours, raised to end the call. `retry_after_s` goes into Retry-After.

    `detail` says more than the code's own sentence does; nothing that a caller sent belongs there.
    """

    def __init__(self, code: str, *, retry_after_s: float | None = None, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_s = retry_after_s
        self.detail = detail

    @property
    def status(self) -> int:
        """Return the HTTP status of the code."""
        return _PROBLEMS[self.code][0]

    def body(self, request_id: str) -> bytes:
        """Return the problem as JSON."""
        status, title, detail = _PROBLEMS[self.code]
        fields: dict[str, object] = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": self.detail or detail,
        }
        if self.retry_after_s is not None:
            fields["retry_after"] = self._retry_after
        return json.dumps({**fields, "code": self.code, "request_id": request_id}).encode()

    @property
    def _retry_after(self) -> int:
        return max(1, round((self.retry_after_s or 0.0) + 0.5))

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of the answer, without those that every answer of the gateway has."""
        headers = list(OWN_HEADERS)
        if self.status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="keylodge"'))
        if self.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % self._retry_after))
        return headers
