"""Links that a client opens without an account: made, shown, followed, ended."""

from integrations.links.link import find_open, letter, link_state, make_link, revoke_link
from integrations.links.requests import Ask, make_request

__all__ = ["Ask", "find_open", "letter", "link_state", "make_link", "make_request", "revoke_link"]
