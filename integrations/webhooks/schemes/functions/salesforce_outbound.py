"""Salesforce's outbound messages: SOAP without a signature; the organization's id is all there is to compare."""

from __future__ import annotations

import hmac
from xml.parsers import expat

from integrations.webhooks.schemes.functions.secrets import keys_of
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused

NAMESPACE = "http://soap.sforce.com/2005/09/outbound"
ORGANIZATION = f"{NAMESPACE} OrganizationId"
NOTIFICATION = f"{NAMESPACE} Notification"
NOTIFICATION_ID = f"{NAMESPACE} Id"


def prove(case: Case) -> Proven:
    """Return that the message names the stored organization. Raises Refused."""
    keys = keys_of(case)
    case.request.check_short()
    reader = _Reader()
    reader.read(case.request.body)
    if not reader.organizations:
        raise Refused("missing", "The message lacks OrganizationId.")
    if len(reader.organizations) > 1:
        raise Refused("doubled", "The message names more than one OrganizationId.")
    given = reader.organizations[0].encode()
    for number, key in keys:
        if hmac.compare_digest(given, key):
            return Proven(key, case.request.body, number, event_id=",".join(reader.ids) or None)
    raise Refused("mismatch", "The message is of another organization.")


class _Reader:
    """Reads the few elements that matter; a document type, and with it every entity, is refused."""

    def __init__(self) -> None:
        self.organizations: list[str] = []
        self.ids: list[str] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate("UTF-8", " ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            parser.Parse(body, True)
        except expat.ExpatError:
            raise Refused("malformed", "The body is not XML.") from None

    def _start(self, name: str, _attributes: object) -> None:
        self._path.append(name)
        self._text.clear()

    def _end(self, name: str) -> None:
        self._path.pop()
        words = "".join(self._text).strip()
        if name == ORGANIZATION:
            self.organizations.append(words)
        elif name == NOTIFICATION_ID and self._path and self._path[-1] == NOTIFICATION:
            self.ids.append(words)
        self._text.clear()


def _refuse_doctype(*_declared: object) -> None:
    raise Refused("malformed", "The body declares a document type.")
