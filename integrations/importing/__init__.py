"""Files of other programs, read into items that can be looked over and stored. `read_import` is the door."""

from integrations.importing.draft import pack, unpack
from integrations.importing.found import Found, ImportRefused, Item, Problem
from integrations.importing.guessing import (
    CONNECT,
    CONNECT_WITH,
    Suggestion,
    fields_as,
    gives_consents,
    kinds_of,
    suggest,
)
from integrations.importing.reading import MAX_BYTES, read_import

__all__ = [
    "CONNECT",
    "CONNECT_WITH",
    "MAX_BYTES",
    "Found",
    "ImportRefused",
    "Item",
    "Problem",
    "Suggestion",
    "fields_as",
    "gives_consents",
    "kinds_of",
    "pack",
    "read_import",
    "suggest",
    "unpack",
]
