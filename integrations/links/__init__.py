"""Links that a client opens without an account: made, shown, followed, ended."""

from integrations.links.link import find_open, letter, link_state, make_link, revoke_link

__all__ = ["find_open", "letter", "link_state", "make_link", "revoke_link"]
