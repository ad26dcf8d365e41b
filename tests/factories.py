"""Makes rows for tests. Plain functions: each returns one saved object with sensible defaults."""

from __future__ import annotations

from typing import Any

from secrets_vault.models import Client, Environment, Membership, User


def make_user(name: str = "Ada", **fields: Any) -> User:
    """Return a user named `name`, an owner unless said otherwise."""
    fields.setdefault("email", f"{name.lower()}@example.com")
    return User.objects.create_user(fields.pop("email"), fields.pop("password", None), name=name, **fields)


def make_client(
    slug: str = "acme", *, environments: tuple[str, ...] = ("production", "staging"), **fields: Any
) -> Client:
    """Return a client with its environments; the first is production."""
    client = Client.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)
    for position, env in enumerate(environments):
        Environment.objects.create(client=client, slug=env, is_production=env == "production", position=position)
    return client


def make_membership(user: User, client: Client, role: str = "manager", state: str = "active") -> Membership:
    """Return what `user` may do for `client`."""
    return Membership.objects.create(user=user, client=client, role=role, state=state)
