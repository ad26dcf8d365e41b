"""Which scopes may be asked for and which are given, as HubSpot decides it."""

from __future__ import annotations

from integrations.sandbox.world import World


def scope_mismatch(world: World, scope: str, optional: str = "") -> str:
    """Return what is wrong with the scopes of an authorize URL, or an empty string."""
    asked, ways = set(scope.split()), world.ways
    missing = [s for s in ways.required_scopes if s not in asked]
    unknown = [s for s in sorted(asked | set(optional.split())) if s not in known_scopes(world)]
    said = []
    if missing:
        said.append(f"The app requires scopes that the address left out: {', '.join(missing)}.")
    if unknown:
        said.append(f"The address asks for scopes that the app does not have: {', '.join(unknown)}.")
    return " ".join(said)


def known_scopes(world: World) -> set[str]:
    """Return the scopes that are ticked in the app's settings; `oauth` always is."""
    return {"oauth", *world.ways.required_scopes, *world.ways.optional_scopes}


def granted_scopes(world: World, data: dict[str, str]) -> list[str]:
    """Return what a consent gives: all that was asked for, but for the scope that is to be missing."""
    asked = [*data.get("scope", "").split(), *data.get("optional_scope", "").split()]
    return [s for s in dict.fromkeys(asked) if s != world.ways.missing_scope]
