"""Command lines: `--password x`, `-u user:pass`, `mysql -psecret`, netrc and pgpass lines, said passwords."""

import re
from collections.abc import Iterator

from secrets_vault.masking.names import classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.scan import line_end, line_start
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.values import is_nothing, passes

_VALUE = r"(?:\"(?P<d>(?:[^\"\\]|\\.)*)\"?|'(?P<s>[^']*)'?|(?P<p>[^\s\"'`;|&<>\\]+))"
_FLAG = re.compile(r"(?<![\w\-/])--?(?P<name>[A-Za-z][\w\-.]{1,60})[ \t]+(?!-)" + _VALUE)
_USER = re.compile(
    r"(?<!\S)(?:-u|--user|--proxy-user|-U|--basic|--userpwd|--auth"
    r"|-a)[ =]?(?P<q>[\"']?)(?P<user>[^\s:\"']*):(?P<v>[^\s\"']+)"
)
_SHORT = re.compile(
    r"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mycli)\b[^\n|;]*?\s-p(?P<a>[^\s\"'|;]+)"
    r"|\bsshpass\s+-p\s*(?P<q>[\"']?)(?P<b>[^\"'\s]+)"
    r"|\b(?:redis-cli|valkey-cli)\b[^\n|;]*?\s-a\s+[\"']?(?P<c>[^\s\"']+)"
    r"|\b(?:docker|podman|helm registry|az acr|heroku|mongo|mongodump|mongorestore|mongosh|ldapsearch"
    r"|ldapmodify|sqlcmd|ftp|lftp|smbclient|7z|unzip|zip|rabbitmqctl|htpasswd|keytool)\b"
    r"[^\n|;]*?\s(?:-p|-w|-P)\s+[\"']?(?P<e>[^\s\"'\-:/][^\s\"':/]*)(?=[\s\"']|$)"
)
_COMMAND = re.compile(
    r"\b(?:mysql|mariadb|mycli|sshpass|redis-cli|valkey-cli|docker|podman|helm|az |heroku|mongo|ldap|sqlcmd|"
    r"ftp|lftp|smbclient|7z|unzip|zip|rabbitmqctl|htpasswd|keytool)"
)
_NETRC = re.compile(r"\b(?:machine\s+\S+|default)\s+(?:login\s+\S+\s+)?(?:account\s+\S+\s+)?password\s+(?P<v>\S+)")
_PGPASS = re.compile(r"(?m)^[\w.*\-]+:(?:\d{2,5}|\*):[\w.*\-]+:[\w.*\-]+:(?P<v>\S+)$")
_ENV_SPACE = re.compile(r"(?m)^\s*(?:ENV|ARG)\s+(?P<name>[A-Za-z_]\w*)\s+(?P<v>[^\s=].*)$")
_SET = re.compile(
    r"(?:\b(?:configure|config|secrets?|env|variable|vault)[: ]set|\bsetenv|\bconfig(?: --\w+)?|\bset)[ \t]+[\w.\-]*"
    r"(?:pass|secret|token|key|pwd)\w*[ \t]+[\"']?(?P<v>[^\s\"'=]+)"
    r"|^[ \t]*(?:requirepass|masterauth|masterpass)[ \t]+[\"']?(?P<w>[^\s\"']+)",
    re.M | re.I,
)
_SAID = re.compile(
    r"\b(?P<name>(?:(?:api|access|secret|private|security|verification|one[- ]time|recovery|backup|login"
    r"|auth|authentication|temporary|new|bearer|refresh)[ \-_])*"
    r"(?:password|passwort|passphrase|passcode|pin|otp|token|key|secret|code|pwd))"
    r"(?:[ ](?:number|code|value))?[ ](?:is|was|are|to|lautet|ist|changed to|set to"
    r"|of)[ :]+[\"'`]?(?P<v>[^\s\"'`<>]{4,})",
    re.I,
)
_SAID_WITH = re.compile(
    r"\b(?:using|with|for|invalid|bad|wrong|unknown|unrecognized|incorrect|failed|expired"
    r"|revoked)\s+(?P<name>password|api[ _-]?key|token|secret|passphrase|access token"
    r"|pin)[ ]+[\"'`]?(?P<v>[^\s\"'`<>]{6,})",
    re.I,
)
_SQL = re.compile(
    r"\b(?:IDENTIFIED\s+(?:BY|WITH\s+\w+\s+BY)"
    r"|(?:ENCRYPTED\s+)?PASSWORD(?:\s+FOR\s+[^=\n]+=)?)\s+(?P<q>['\"])(?P<v>(?:(?!(?P=q)).|(?P=q){2})*)(?P=q)",
    re.I,
)


def find_command_lines(page: Page) -> Iterator[Span]:
    """Yield the secrets of command lines and of the small files that feed them."""
    text = page.text
    if " -" in text or text.startswith("-"):
        for found in _USER.finditer(text):
            if not re.match(r"\d+(?::|$)|//", found["v"]) and not is_nothing(found["v"]):
                yield Span(*found.span("v"), Kind.SECRET)
        if _COMMAND.search(text):
            for found in _SHORT.finditer(text):
                group = next(g for g in "abce" if found[g])
                yield Span(*found.span(group), Kind.SECRET)
    yield from (Span(*m.span("v"), Kind.SECRET) for m in _PGPASS.finditer(text) if not is_nothing(m["v"]))
    if "IDENTIFIED" in text or "identified" in text:
        yield from (Span(*m.span("v"), Kind.SECRET) for m in _SQL.finditer(text) if not is_nothing(m["v"]))
    said_to = 0
    for start, _, name, _ in page.names:
        yield from _flag(text, start, name)
        if start >= said_to:
            said_to = start + 200
            yield from _said(text, start)


def _said(text: str, at: int) -> Iterator[Span]:
    """Read what surrounds a name in prose, netrc, SQL and Dockerfiles."""
    first, last = max(line_start(text, at), at - 160), min(line_end(text, at), at + 400)
    if " " not in text[max(0, at - 1) : at + 40]:
        return
    for pattern in (_NETRC, _SQL):
        yield from (
            Span(*m.span("v"), Kind.SECRET) for m in pattern.finditer(text, first, last) if not is_nothing(m["v"])
        )
    for found in _SET.finditer(text, first, last):
        group = "v" if found["v"] else "w"
        value = found[group]
        if not is_nothing(value) and (group == "w" or len(value) >= 20 or any(c.isdigit() for c in value)):
            yield Span(*found.span(group), Kind.SECRET)
    for found in _ENV_SPACE.finditer(text, first, last):
        known = classify(found["name"])
        if known and not is_nothing(found["v"]) and not known.only_if:
            yield Span(found.start("v"), found.start("v") + len(found["v"].rstrip()), known.kind)
    yield from _prose(text, first, last)


def _flag(text: str, start: int, name: str) -> Iterator[Span]:
    found = _FLAG.match(text, start) if name.startswith("-") else None
    known = classify(found["name"]) if found else None
    if found is None or known is None:
        return
    group = next((g for g in "dsp" if found[g]), "")
    if group and not is_nothing(found[group]) and passes(found[group], known.only_if):
        yield Span(*found.span(group), known.kind)


def _prose(text: str, first: int, last: int) -> Iterator[Span]:
    """Yield "your PIN is 4821": only what cannot be a word of the sentence."""
    for pattern in (_SAID, _SAID_WITH):
        for found in pattern.finditer(text, first, last):
            value = found["v"].rstrip(".,;:!?)")
            has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
            known = classify(found["name"])
            if not has_digit or is_nothing(value) or "(" in value or "=" in value[:-2]:
                continue
            if not has_letter and not (
                known and known.kind is Kind.SECRET and 4 <= len(value) <= 8 and value.isdigit()
            ):
                continue
            yield Span(found.start("v"), found.start("v") + len(value), known.kind if known else Kind.SECRET)
