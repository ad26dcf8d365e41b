"""From an address to the plugin that writes to it, with everything shut that it does not need."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, NoReturn

from integrations.alerts.routes.apprise import transport
from integrations.alerts.routes.apprise.table import BY_SCHEME
from integrations.errors import IntegrationError

if TYPE_CHECKING:
    from apprise.asset import AppriseAsset
    from apprise.plugins.base import NotifyBase

READ_AT = "2.2."
"""The versions whose plugins were read. Another one might open a connection of its own."""
INSTALL = "tools/bootstrap --extra apprise"
TALKATIVE = ("apprise", "MARKDOWN", "oauthlib", "requests_oauthlib")
"""Loggers that would write addresses, signatures and answers."""


class BadAddress(IntegrationError):
    """No plugin writes to this address. `code` says why: missing, unknown_service, not_understood, many."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@cache
def is_installed() -> bool:
    """Tell whether Apprise is here, in a version whose plugins were read."""
    try:
        return metadata.version("apprise").startswith(READ_AT)
    except metadata.PackageNotFoundError:
        return False


def plugin_of(address: str) -> NotifyBase:
    """Return a plugin that is ready to write to one recipient; raises BadAddress."""
    if not is_installed():
        raise BadAddress("missing")
    scheme = scheme_of(address)
    if scheme not in BY_SCHEME:
        raise BadAddress("unknown_service")
    kind = _class_of(BY_SCHEME[scheme].module, scheme)
    try:
        parsed = kind.parse_url(address)
        made = kind(asset=_asset(), **parsed) if parsed else None
    except Exception:  # noqa: BLE001  # whatever a plugin trips over; its message may hold the address
        raise BadAddress("not_understood") from None
    if made is None:
        raise BadAddress("not_understood")
    if len(made) > 1:  # one refusal among several would send to the others again
        raise BadAddress("many")
    return _without_waits(made)


def scheme_of(address: str) -> str:
    """Return the scheme of an address in lower case, empty without one."""
    scheme, mark, _rest = address.partition("://")
    return scheme.lower() if mark else ""


def _without_waits(plugin: NotifyBase) -> NotifyBase:
    """Take away the sleeping between two requests: a message is one, and a place that asks for time gets it later."""
    plugin.throttle = lambda *_args, **_kwargs: None  # type: ignore[method-assign]
    return plugin


@cache
def _class_of(module: str, scheme: str) -> type[NotifyBase]:
    importlib.import_module("apprise")
    _silence()
    found = importlib.import_module(f"apprise.plugins.{module}")
    base = importlib.import_module("apprise.plugins.base").NotifyBase
    for kind in vars(found).values():
        if isinstance(kind, type) and issubclass(kind, base) and scheme in _schemes(kind):
            _shut(kind)
            return kind
    raise BadAddress("unknown_service")


def _schemes(kind: Any) -> set[str]:
    either = (kind.protocol or (), kind.secure_protocol or ())
    return {scheme for each in either for scheme in ((each,) if isinstance(each, str) else each)}


def _shut(kind: type) -> None:
    """Give the plugin's module our way out instead of its own, and no files."""
    for each in kind.__mro__:
        if each.__module__.startswith("apprise.plugins.") and each.__module__ != "apprise.plugins.base":
            module: Any = sys.modules[each.__module__]
            module.requests = transport.StandIn()
            module.open = _no_files
            module.AppriseAttachment = NoFiles


class NoFiles:
    """What a plugin sees instead of a list of files: an empty one that takes none."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        pass

    def __len__(self) -> int:
        return 0

    def add(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse."""
        _no_files()


def _no_files(*_args: object, **_kwargs: object) -> NoReturn:
    raise OSError("an alert reads no file")


def _silence() -> None:
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.addFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


@cache
def _asset() -> AppriseAsset:
    """Return what plugins know of us: a name, and neither pictures of third parties nor a place on the disk."""
    made: AppriseAsset = importlib.import_module("apprise.asset").AppriseAsset(
        app_id="Keylodge",
        app_desc="Keylodge",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        image_path_mask="",
        storage_mode="memory",
        timezone="UTC",
        language="en",
        http_redirects=False,
    )
    return made
