"""What a provider's facts say of its limits: documented quotas, and answers that mean a limit."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.providers.parts import one_of

QUOTA_SCOPES = ("connection", "app", "account", "app_account")
QUOTA_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Limit:
    """A documented quota. `per` says in words whose quota it is, `scope` which of our calls share it.

    "connection": one credential's calls. "app": those of all connections by one OAuth app. "account": those of all
    connections to one account of the provider's, whoever connected it. "app_account": by one app to one account.
    `paths` and `methods` narrow it to a class of calls (a search that has a limit of its own): patterns of the path
    below the base URL, in which * stands for anything. `unit` says what is counted; only "calls" can be shared out.
    """

    bucket: str
    limit: int
    window_s: int
    per: str
    kinds: tuple[str, ...] = ()
    environment: str = ""
    note: str = ""
    scope: str = "connection"
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    unit: str = "calls"

    def __post_init__(self) -> None:
        if self.limit < 1 or self.window_s < 1:
            raise ValueError("limit: limit and window_s must be above 0")
        one_of("environment", self.environment, ("", "live", "test"))
        one_of("scope", self.scope, QUOTA_SCOPES)
        for path in self.paths:
            if not path.startswith(("/", "*")) or not path.isascii():
                raise ValueError(f"paths: {path} must begin with / or *, in ASCII")
        for method in self.methods:
            one_of("methods", method, QUOTA_METHODS)


@dataclass(frozen=True, slots=True)
class LimitSignal:
    """A limit said with another status than 429: the status, and what else of the answer says it, any one of these.

    `any_of`: codes, one of which is in the body. They are looked for under the names that vendors give to codes, or
    only at `code_at`: a path in the whole JSON such as errors.*.extensions.code, * for each of a list. `says`: texts,
    one of which is in the body. `asks_to_wait`: the head names a wait, or says that nothing remains. `false_at` names
    a field that must be false beside the codes. A status of success needs `false_at` or `code_at`: it may hold the
    same words.
    """

    status: int
    any_of: tuple[str, ...] = ()
    false_at: str = ""
    code_at: str = ""
    says: tuple[str, ...] = ()
    asks_to_wait: bool = False

    def __post_init__(self) -> None:
        if not (self.any_of or self.says or self.asks_to_wait):
            raise ValueError("limit_signals: one of any_of, says and asks_to_wait must be given")
        if self.status < 400 and not (self.any_of and (self.false_at or self.code_at)):
            raise ValueError("false_at, code_at: both missing; an answer that succeeded may hold the same words")
        if self.status < 400 and (self.says or self.asks_to_wait):
            raise ValueError("says, asks_to_wait: an answer that succeeded says a limit by a code alone")
