"""Where a call goes: scheme, host and port, and the target as raw bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from integrations.outbound.errors import BadRequest

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?(?=[/?]|\Z)", re.IGNORECASE)
_BAD_IN_TARGET = re.compile(rb"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Origin:
    """One scheme, host and port. `host` is lower case, without brackets.

    `host_header` is the Host header, with the port unless it is the scheme's own; `base` is the scheme and that;
    `bound_name` is the name that a policy binds: the host, with its port unless it is 443. They are asked for with
    every call, so they are worked out once.
    """

    scheme: str
    host: str
    port: int
    host_header: bytes = field(init=False, repr=False, compare=False)
    base: str = field(init=False, repr=False, compare=False)
    bound_name: str = field(init=False, repr=False, compare=False)
    _with_port: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        shown = host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"
        with_port = f"{self.host}:{self.port}"
        is_usual = (self.scheme, self.port) == ("https", 443)
        object.__setattr__(self, "host_header", shown.encode("ascii"))
        object.__setattr__(self, "base", f"{self.scheme}://{shown}")
        object.__setattr__(self, "bound_name", self.host if is_usual else with_port)
        object.__setattr__(self, "_with_port", with_port)

    def is_named_by(self, names: frozenset[str]) -> bool:
        """Tell whether one of `host` or `host:port` names this origin."""
        return self.host in names or self._with_port in names


def split_url(url: str) -> tuple[Origin, bytes]:
    """Return the origin and the raw target of an absolute URL; raises BadRequest.

    Nothing is normalised. A userinfo, a backslash, a name that is not ASCII or a fragment is refused:
    two readers of such a URL may see two hosts.
    """
    found = _URL.match(url)
    if found is None:
        raise BadRequest("not an http or https URL with a plain host")
    scheme, host, port = found[1].lower(), found[2].lower().strip("[]"), found[3]
    number = int(port) if port else _PORTS[scheme]
    target = url[found.end() :].encode("utf-8")
    if not 0 < number < 65536 or b"#" in target:
        raise BadRequest("not an http or https URL with a plain host")
    return Origin(scheme, host, number), checked_target(target if target[:1] == b"/" else b"/" + target)


def checked_target(target: bytes) -> bytes:
    """Return the target as it is; raises BadRequest where it would break the request line."""
    if not target.startswith(b"/") or _BAD_IN_TARGET.search(target):
        raise BadRequest("the path holds a character that HTTP does not allow")
    return target
