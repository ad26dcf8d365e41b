"""Which names announce a secret: `password`, `X-Api-Key`, `contraseña`, `client[secret]`, `AccountKey`.

A name is normalised first (percent-decoded, NFKC, camelCase split, accents and case folded), so that one
lexicon serves JSON, headers, forms, XML, flags and environment variables.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from secrets_vault.masking.spans import Kind


class NameClass(NamedTuple):
    """What a name says about its value. `only_if` asks for a look at the value before it is covered."""

    kind: Kind
    only_if: str = ""  # "", "code", "key", "text" (not a number), "random"


_TOKEN = NameClass(Kind.TOKEN)
_SECRET = NameClass(Kind.SECRET)
_TOKENS_TEXT = NameClass(Kind.TOKEN, "text")

_STARRED = (
    "password passwd passwort kennwort passphrase passcode passwords pwd passwds pwds motdepasse mdp contrasena "
    "contrasenia senha parola wachtwoord haslo losenord heslo salasana sifre adgangskode passord jelszo пароль 密码 "
    "密碼 パスワード 비밀번호 "
    "pin pincode otp totp hotp onetimepassword onetimecode mfacode otpcode totpcode 2facode twofactorcode smscode "
    "verificationcode authcode recoverycode recoverycodes backupcode backupcodes scratchcodes securitycode "
    "cvv cvv2 cvc cvc2 csc cardcode cardverificationvalue cardnumber ccnumber creditcardnumber ccnum cardno "
    "trackdata track1 track2 pinblock "
    "sig signature signatures hmac xhubsignature cookie cookies setcookie sessionid phpsessid jsessionid sessioncookie "
    "sessionkey connectsid aspnetsessionid mnemonic seedphrase recoveryphrase totpsecret otpsecret totpseed "
    "securityanswer secretanswer secretquestion "
    "privatekey privkey privatekeypem sshkey sshprivatekey rsaprivatekey pem keypem privatepem "
    "codeverifier clientassertion assertion samlresponse samlassertion samlart devicecode usercode "
    "sharedaccesssignature ssn socialsecuritynumber geheimnis"
)
_TAILED = (
    "token tokenvalue accesstoken refreshtoken idtoken authtoken bearertoken bearer jwt accesstokensecret "
    "secret secretkey secretaccesskey clientsecret appsecret apisecret consumersecret sharedsecret "
    "webhooksecret signingsecret secretvalue secreto segredo secretid secrettoken "
    "apikey apikeys apitoken apitokens xapikey hapikey appkey applicationkey accesskey accountkey sharedaccesskey "
    "storagekey masterkey encryptionkey decryptionkey signingkey wrappingkey hmackey licensekey licencekey "
    "consumerkey subscriptionkey functionskey functionkey hostkeysecret webhookkey deploykey servicekey serverkey "
    "integrationkey routingkey writekey adminkey rootkey userkey authkey authenticationkey developerkey devkey "
    "accountsharedkey primarykeysecret sastoken sas kek dek authorization proxyauthorization xauthorization "
    "authheader authorizationheader credential credentials creds cred zugangsschlussel schlussel "
    "apischlussel clesecrete cleapi claveapi clavesecreta chaveapi chavesecreta jeton csrf xsrf csrfmiddlewaretoken "
    "csrftoken xsrftoken connectionstring connstr connectionstrings personalaccesstoken pat apikeysecret "
    "xamzsecuritytoken serviceaccountkey serviceaccountjson keyfilejson"
)
_PHRASES: dict[str, NameClass] = {
    **dict.fromkeys(_STARRED.split(), _SECRET),
    **dict.fromkeys(_TAILED.split(), _TOKEN),
    **dict.fromkeys(["tokens", "secrets"], _TOKENS_TEXT),
    "pass": NameClass(Kind.SECRET, "text"),
    "seed": NameClass(Kind.SECRET, "text"),
}
# These mean something else in most names they are part of, so they count as a whole name only.
_WHOLE: dict[str, NameClass] = {
    "code": NameClass(Kind.SECRET, "code"),
    "key": NameClass(Kind.TOKEN, "key"),
    "keys": NameClass(Kind.TOKEN, "key"),
    "xkey": NameClass(Kind.TOKEN, "key"),
    "auth": NameClass(Kind.TOKEN, "text"),
    "xauth": NameClass(Kind.TOKEN, "text"),
    "basicauth": NameClass(Kind.SECRET, "text"),
    "clave": NameClass(Kind.SECRET, "text"),
    "chave": NameClass(Kind.SECRET, "key"),
    "session": NameClass(Kind.SECRET, "random"),
    "sid": NameClass(Kind.SECRET, "random"),
    "sess": NameClass(Kind.SECRET, "random"),
    "pan": NameClass(Kind.SECRET, "number"),
    "dsn": NameClass(Kind.TOKEN, "url"),
    "hash": NameClass(Kind.SECRET, "never"),
}
_WHOLE_PLAIN = frozenset(
    [
        "publickey",
        "publickeytoken",
        "idempotencykey",
        "idempotencytoken",
        "pagetoken",
        "nextpagetoken",
        "prevpagetoken",
        "synctoken",
        "nextsynctoken",
        "continuationtoken",
        "paginationtoken",
        "cursortoken",
        "nexttoken",
        "previoustoken",
        "starttoken",
        "maxtokens",
        "mintokens",
        "tokentype",
        "tokenscount",
        "prompttokens",
        "completiontokens",
        "totaltokens",
        "inputtokens",
        "outputtokens",
        "cachedtokens",
        "reasoningtokens",
        "imagepullsecrets",
        "keyid",
        "author",
        "authors",
        "secwebsocketkey",
        "accesscontrolallowcredentials",
        "stoptoken",
        "eostoken",
        "bostoken",
        "padtoken",
        "unktoken",
        "septoken",
        "clstoken",
        "masktoken",
        "specialtokens",
        "tokenizer",
        "useragent",
        "compass",
        "bypass",
        "tokenbucket",
        "newtokens",
        "contexttokens",
        "tokensused",
        "requesttokens",
        "responsetokens",
        "publishablekey",
        "sshpublickey",
        "devicetokentype",
        "signatureversion",
        "secretmanager",
        "xratelimitlimittokens",
        "maxoutputtokens",
        "maxcompletiontokens",
        "maxinputtokens",
        "budgettokens",
        "thinkingtokens",
        "audiotokens",
        "texttokens",
    ]
)
_PLAIN_TAILS = frozenset(
    [
        "type",
        "types",
        "name",
        "names",
        "count",
        "counts",
        "limit",
        "limits",
        "id",
        "ids",
        "url",
        "urls",
        "uri",
        "uris",
        "endpoint",
        "endpoints",
        "expires",
        "expiry",
        "expiration",
        "expired",
        "expire",
        "expiresin",
        "expiresat",
        "at",
        "in",
        "on",
        "length",
        "len",
        "size",
        "policy",
        "policies",
        "status",
        "version",
        "label",
        "description",
        "title",
        "placeholder",
        "format",
        "algorithm",
        "alg",
        "method",
        "kind",
        "required",
        "enabled",
        "disabled",
        "valid",
        "invalid",
        "created",
        "updated",
        "used",
        "usage",
        "age",
        "ttl",
        "rotation",
        "strength",
        "dir",
        "class",
        "budget",
        "max",
        "min",
        "total",
        "header",
        "headers",
        "param",
        "location",
        "changed",
        "attempts",
        "attempt",
        "retries",
        "ref",
        "reference",
        "references",
        "scope",
        "scopes",
        "issuer",
        "audience",
        "date",
        "days",
        "hours",
        "minutes",
        "seconds",
        "ms",
        "duration",
        "timeout",
        "remaining",
        "reset",
        "resets",
        "percent",
        "cost",
        "costs",
        "price",
        "rate",
        "mode",
        "support",
        "supported",
        "store",
        "manager",
        "service",
        "provider",
        "page",
        "link",
        "links",
        "text",
        "help",
        "message",
        "error",
        "errors",
        "field",
        "fields",
        "column",
        "index",
        "position",
        "input",
        "form",
        "prompt",
        "template",
        "regex",
        "pattern",
        "schema",
        "rule",
        "rules",
        "requirements",
        "per",
        "second",
        "minute",
        "hour",
        "day",
        "latency",
        "speed",
        "throughput",
        "credential_type",
        "verified",
        "set",
        "present",
        "exists",
        "configured",
        "missing",
        "owner",
        "email",
        "last",
        "lastused",
        "prefix",
        "masked",
        "redacted",
        "file",
        "filename",
        "path",
        "folder",
        "format",
        "encoding",
        "checksum",
        "fingerprint",
        "thumbprint",
        "digest",
        "sha256",
        "sha1",
        "md5",
        "arn",
        "region",
        "vault",
        "engine",
        "backend",
        "source",
        "updatedat",
        "createdat",
    ]
)
_SUFFIXES = (
    ("password", _SECRET),
    ("passwd", _SECRET),
    ("passwort", _SECRET),
    ("kennwort", _SECRET),
    ("passphrase", _SECRET),
    ("contrasena", _SECRET),
    ("privatekey", _SECRET),
    ("signature", _SECRET),
    ("sessionid", _SECRET),
    ("pwd", _SECRET),
    ("secret", _TOKEN),
    ("token", _TOKEN),
    ("apikey", _TOKEN),
    ("accesskey", _TOKEN),
    ("secretkey", _TOKEN),
    ("accountkey", _TOKEN),
)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\x00]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BREAK = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"(?<=[^\d])\d+$")


def words_of(name: str) -> list[str]:
    """Return the plain lower-case words of a name: `X-Api%4Bey2` gives x, api, key."""
    if "%" in name:
        name = unquote(unquote(name))
    name = unicodedata.normalize("NFKC", _INVISIBLE.sub("", name))
    if not name.isascii():
        name = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    split = _BREAK.split(_CAMEL.sub("_", name))
    return [_DIGITS.sub("", w.casefold()) for w in split if w]


@lru_cache(maxsize=8192)
def classify(name: str) -> NameClass | None:
    """Return what a name says about its value, or None for a name that announces no secret."""
    if len(name) > 128:
        return None
    words = words_of(name)
    if not words:
        return None
    joined = "".join(words)
    if joined in _WHOLE_PLAIN or any("".join(words[i:]) in _WHOLE_PLAIN for i in range(len(words))):
        return None
    if joined in _WHOLE or (words[-1] in ("code", "key") and "".join(words[:-1]) in ("", "auth", "oauth", "google")):
        return _WHOLE.get(joined) or _WHOLE[words[-1]]
    exact = _PHRASES.get(joined)
    if exact:
        return exact
    return _by_words(words) or _by_suffix(words, joined)


def _by_words(words: list[str]) -> NameClass | None:
    """Find the lexicon's phrase in a name, the last one first; a plain last word ("type", "expires") clears it."""
    if words[-1] in _PLAIN_TAILS or (len(words) > 1 and "".join(words[-2:]) in _PLAIN_TAILS):
        return None
    best: NameClass | None = None
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - 4), end):
            found = _PHRASES.get("".join(words[start:end]))
            if found and (best is None or found.kind > best.kind):
                best = found
        if best:
            return best
    return None


def _by_suffix(words: list[str], joined: str) -> NameClass | None:
    if words[-1] in _PLAIN_TAILS:
        return None
    for suffix, found in _SUFFIXES:
        if joined.endswith(suffix):
            return found
    return None


JWK_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "k", "oth"))
PAIR_NAMES = frozenset(
    [
        "name",
        "key",
        "field",
        "header",
        "param",
        "parameter",
        "variable",
        "attribute",
        "label",
        "id",
        "k",
        "n",
        "property",
        "title",
        "type",
        "env_name",
        "keyname",
        "fieldname",
        "headername",
        "option",
        "setting",
        "item",
        "column",
    ]
)
PAIR_VALUES = frozenset(
    [
        "value",
        "values",
        "val",
        "v",
        "content",
        "data",
        "default",
        "text",
        "current",
        "new",
        "old",
        "newvalue",
        "oldvalue",
        "currentvalue",
        "stringvalue",
        "rawvalue",
        "defaultvalue",
        "secret",
        "plaintext",
    ]
)


def pair_word(name: str) -> str:
    """Return a name as one lower-case word, to look it up in PAIR_NAMES or PAIR_VALUES."""
    return "".join(words_of(name))
