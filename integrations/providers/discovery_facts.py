"""How a provider lists what a credential reaches: sites, organisations, data centres; one of which a call must name."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from integrations.providers import templates
from integrations.providers.parts import one_of


@dataclass(frozen=True, slots=True)
class Discovery:
    """The call that lists them, and where its answer says what. Paths are dotted, as in "accounts.0.id".

    `items_at` leads to the list, empty where the answer is the list, or is the only one itself. In each item
    `id_at` leads to what counts as the account's id, `name_at` and `note_at` tell a person which it is, `default_at`
    is true of the one that the provider prefers, and `where_at` must be `where_is` (a Harvest account is one of
    product "harvest"). The variables of source "discovery" are read from the item that is chosen. `authorization` is
    what the header says where this one call wants it otherwise ("OAuth {token}").
    """

    url: str
    items_at: str = ""
    id_at: str = ""
    name_at: str = ""
    note_at: str = ""
    default_at: str = ""
    where_at: str = ""
    where_is: str = ""
    words: str = gettext_noop("account")
    authorization: str = ""
    method: str = "GET"

    def __post_init__(self) -> None:
        one_of("method", self.method, ("GET", "POST"))
        if problem := templates.url_problem(self.url):
            raise ValueError(f"url: {problem}")
        if self.authorization and (self.authorization.count("{token}") != 1 or not self.authorization.isprintable()):
            raise ValueError("authorization: must hold {token}, once")
        if bool(self.where_at) != bool(self.where_is):
            raise ValueError("where_is: where_at and where_is belong together")
