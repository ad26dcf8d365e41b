"""Every environment variable that Keylodge reads: name, type, default.

A variable may also be given as NAME_FILE, a path to read it from (Docker and
systemd secrets). Values come from the environment first, then from `.env` in
KEYLODGE_HOME. `.env.example` explains each one and is tested to match.
"""

import contextlib
import ipaddress
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

SCHEME: dict[str, tuple[type, object]] = {
    "KEYLODGE_HOME": (str, ""),
    "KEYLODGE_BIND": (str, "127.0.0.1"),
    "KEYLODGE_PORT": (int, 8000),
    "KEYLODGE_PUBLIC_URL": (str, ""),
    "KEYLODGE_WRAPPING_KEY": (str, ""),
    "KEYLODGE_ALLOWED_HOSTS": (list, []),
    "KEYLODGE_BACKUP_PASSPHRASE": (str, ""),
    "KEYLODGE_TRUSTED_PROXIES": (int, 0),
    "KEYLODGE_ALLOWED_PRIVATE_HOSTS": (list, []),
    "KEYLODGE_WEB_PROCESSES": (int, 1),
    "KEYLODGE_REQUIRE_MFA": (bool, False),
    "KEYLODGE_STRICT_SESSIONS": (bool, False),
    "KEYLODGE_LOG_LEVEL": (str, "INFO"),
    "KEYLODGE_KEEP_CALLS_DAYS": (int, 90),
    "KEYLODGE_KEEP_BODIES_DAYS": (int, 7),
    "KEYLODGE_KEEP_WEBHOOKS_DAYS": (int, 30),
    "SECRET_KEY": (str, ""),
    "DEBUG": (bool, False),
    "DATABASE_URL": (str, ""),
    "BROKER_URL": (str, ""),
    "CACHE_URL": (str, ""),
    "EMAIL_URL": (str, ""),
    "DEFAULT_FROM_EMAIL": (str, "Keylodge <keylodge@localhost>"),
}


# What a value must be beyond its type, and the words for it.
_TYPES: dict[type, str] = {int: "a whole number", bool: "True or False"}
_FIT: dict[str, tuple[Callable[[int], bool], str]] = {
    "KEYLODGE_PORT": (lambda n: 1 <= n <= 65_535, "a port, 1 to 65535"),
    "KEYLODGE_TRUSTED_PROXIES": (lambda n: 0 <= n <= 100, "how many proxies, 0 to 100"),
    "KEYLODGE_WEB_PROCESSES": (lambda n: 1 <= n <= 64, "how many processes, 1 to 64"),
    "KEYLODGE_KEEP_CALLS_DAYS": (lambda n: 1 <= n <= 36_500, "a number of days, 1 or more"),
    "KEYLODGE_KEEP_BODIES_DAYS": (lambda n: 0 <= n <= 36_500, "a number of days, 0 or more"),
    "KEYLODGE_KEEP_WEBHOOKS_DAYS": (lambda n: 1 <= n <= 36_500, "a number of days, 1 or more"),
}
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_BOOLEANS = frozenset(("true", "on", "ok", "y", "yes", "1", "false", "off", "n", "no", "0", ""))

# These commands touch no vault: they must run where no home exists and none can be made.
HOMELESS_COMMANDS = frozenset(("mask", "sandbox", "webhook_check"))


def needs_home() -> bool:
    """Tell whether this process may make and read files in KEYLODGE_HOME."""
    return sys.argv[1:2] == [] or sys.argv[1] not in HOMELESS_COMMANDS


def default_home() -> Path:
    """Return the folder that holds everything of an installation: `$XDG_DATA_HOME/keylodge`."""
    data_home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data_home) / "keylodge"


@dataclass(frozen=True)
class Environment:
    """What the environment says, read once at start."""

    read: environ.FileAwareEnv
    home: Path


def load() -> Environment:
    """Read KEYLODGE_HOME, then `.env` inside it; a variable set in the process wins."""
    home = Path(os.environ.get("KEYLODGE_HOME") or default_home()).expanduser().absolute()
    read = environ.FileAwareEnv(**SCHEME)
    read.ENVIRON = _Variables()
    dotenv = home / ".env"
    if needs_home() and _is_file(dotenv):
        read.read_env(str(dotenv))
    for name, (kind, _) in SCHEME.items():
        _check(read, name, kind)
    return Environment(read=read, home=home)


class _Variables(FileAwareMapping):
    """The process's variables; one read from a NAME_FILE ends before its last line break, as editors write one."""

    def __getitem__(self, key: str) -> str:
        try:
            return str(super().__getitem__(key)).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            why = getattr(problem, "strerror", None) or "it is not UTF-8 text"
            raise ImproperlyConfigured(f"{key}_FILE names a file that cannot be read: {why}.") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a home that cannot even be looked into gets its sentence from `secret_key`
        return False


def _check(read: environ.FileAwareEnv, name: str, kind: type) -> None:
    """Raise ImproperlyConfigured for a value that is not of its type or cannot be meant. It is never repeated."""
    if kind is bool and read.str(name, default="").strip().lower() not in _BOOLEANS:
        raise ImproperlyConfigured(f"{name} must be {_TYPES[kind]}.")
    try:
        value = read(name)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be {_TYPES.get(kind, 'a text')}.") from None
    is_fit, words = _FIT.get(name, (None, ""))
    if is_fit is not None and not is_fit(value):
        raise ImproperlyConfigured(f"{name} must be {words}.")
    if name == "KEYLODGE_LOG_LEVEL" and value not in _LOG_LEVELS:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(_LOG_LEVELS)}.")


def public_url(configured: str, port: int) -> str:
    """Return PUBLIC_URL without a trailing slash.

    Raises ImproperlyConfigured for anything that would send credentials in the
    clear: http is accepted on a loopback name or address only.
    """
    url = (configured or f"http://localhost:{port}").rstrip("/")
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or parts.path or parts.query or parts.fragment:
        raise ImproperlyConfigured("KEYLODGE_PUBLIC_URL must look like https://keys.example.com, without a path.")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ImproperlyConfigured(
            "KEYLODGE_PUBLIC_URL is http, which would send passwords and keys in the clear. "
            "Use https, or a loopback address such as http://localhost:8000."
        )
    return url


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address that names a host and nothing secret, or None."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:  # "https://host:port", "https://[::1"
        return None
    return parts if is_whole and url.isprintable() and " " not in url else None


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only mean this machine."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def debug(wanted: bool, *, public_host: str, bind: str) -> bool:
    """Return whether DEBUG is on. Raises ImproperlyConfigured when anyone but this machine could reach it."""
    if wanted and not (is_loopback(public_host) and is_loopback(bind)):
        raise ImproperlyConfigured("DEBUG needs a loopback KEYLODGE_BIND and KEYLODGE_PUBLIC_URL. Turn DEBUG off.")
    return wanted


def is_address(host: str) -> bool:
    """Tell whether a host is a bare IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def secret_key(home: Path) -> str:
    """Return Django's SECRET_KEY, made once in KEYLODGE_HOME with mode 0600.

    It signs cookies and messages only. Nothing in the vault is derived from it.
    """
    if not needs_home():
        return secrets.token_urlsafe(50)
    path = home / "secret_key"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.is_file():
            _write_once(path, secrets.token_urlsafe(50))
        return path.read_text().strip()
    except OSError as problem:
        raise ImproperlyConfigured(
            f"KEYLODGE_HOME is {home}, which cannot be used: {problem.strerror}. "
            "Set KEYLODGE_HOME to a folder that this user may write."
        ) from None


def _write_once(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole or not at all, and leave one that is already there as it is."""
    making = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(text)
    try:
        os.link(making, path)
    except FileExistsError:  # another process of ours was first: its key counts
        pass
    finally:
        making.unlink()


# A host that vanished is noticed within half a minute; one that is up and silent by `config/postgresql`.
PG_OPTIONS: dict[str, object] = {
    "connect_timeout": 2,
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s",
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def databases(read: environ.FileAwareEnv, home: Path) -> dict[str, dict[str, object]]:
    """Return Django's DATABASES: SQLite files in KEYLODGE_HOME unless DATABASE_URL says otherwise.

    On SQLite the call log is a file of its own, so that its batches never hold
    the main file's write lock. On PostgreSQL one database holds both.
    """
    url = read("DATABASE_URL")
    if url:
        config = read.db_url_config(url) if url.startswith(("postgres://", "postgresql://", "pgsql://")) else {}
        if config.get("ENGINE") != "django.db.backends.postgresql":
            raise ImproperlyConfigured("DATABASE_URL must start with postgres://, or be left out for SQLite.")
        config["ENGINE"] = "config.postgresql"
        config |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "DISABLE_SERVER_SIDE_CURSORS": False}
        config["OPTIONS"] = PG_OPTIONS | config.get("OPTIONS", {})
        return {"default": config}
    return {"default": _sqlite(home / "keylodge.sqlite3", "FULL"), "calls": _sqlite(home / "calls.sqlite3", "NORMAL")}


def _sqlite(path: Path, synchronous: str) -> dict[str, object]:
    pragmas = f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA secure_delete=ON"
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas}
    kept = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    return {"ENGINE": "config.sqlite", "NAME": str(path), **kept, "OPTIONS": options}


def caches(read: environ.FileAwareEnv) -> dict[str, dict[str, object]]:
    """Return Django's CACHES. Nothing secret is ever put there. A Valkey is also where `ledger.py` keeps its states."""
    url = read("CACHE_URL")
    if url:
        return {"default": read.cache_url_config(_redis(url))}
    return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def broker(read: environ.FileAwareEnv, home: Path) -> tuple[str, dict[str, object]]:
    """Return the broker's URL and options: files in KEYLODGE_HOME, or Valkey, Redis or RabbitMQ by BROKER_URL.

    A broker that hangs may cost a caller one second, never more: messages are doorbells.
    """
    url = read("BROKER_URL")
    if not needs_home():
        return "memory://", {}
    if not url:
        folder = str(home / "broker")
        with contextlib.suppress(OSError):  # without doorbells work is late, and nothing fails
            Path(folder).mkdir(mode=0o700, exist_ok=True)
        options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder}
        return "filesystem://", options | {"polling_interval": 0.1, "store_processed": False}
    url = _redis(url)
    if not url.startswith(("redis://", "rediss://", "amqp://", "amqps://")):
        raise ImproperlyConfigured("BROKER_URL must start with redis://, valkey:// or amqp://, or be left out.")
    if url.startswith("amqp"):
        return url, {"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1}
    return url, {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 1}


def _redis(url: str) -> str:
    """Return the URL under the scheme that the libraries know: Valkey speaks Redis's protocol."""
    return url.replace("valkeys://", "rediss://", 1).replace("valkey://", "redis://", 1)


def mailers(read: environ.FileAwareEnv) -> dict[str, dict[str, object]]:
    """Map EMAIL_URL to Django's MAILERS. Without it nothing is sent and Messages says so."""
    url = read("EMAIL_URL")
    if not url:
        return {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
    config = read.email_url_config(url)
    options = {
        "host": config.get("EMAIL_HOST"),
        "port": config.get("EMAIL_PORT"),
        "username": config.get("EMAIL_HOST_USER") or "",
        "password": config.get("EMAIL_HOST_PASSWORD") or "",
        "use_tls": bool(config.get("EMAIL_USE_TLS")),
        "use_ssl": bool(config.get("EMAIL_USE_SSL")),
        "timeout": 10,
    }
    return {"default": {"BACKEND": config["EMAIL_BACKEND"], "OPTIONS": options}}
