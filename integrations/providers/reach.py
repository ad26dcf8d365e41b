"""Where the scopes of a consent reach: the paths a gateway token is held to when it may do no more than they do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SCOPE_PATH = re.compile(r"/[A-Za-z0-9._~*:-][A-Za-z0-9._~*:/-]*")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where scopes reach: `paths` as patterns (* is anything), and the scopes whose paths nobody wrote down."""

    paths: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def check_scope_paths(scope_paths: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ValueError for a pattern that a gateway token could not hold, or that says nothing. None: it opens none."""
    for scope, paths in scope_paths.items():
        for path in paths:
            if not SCOPE_PATH.fullmatch(path) or not path.strip("/*"):
                raise ValueError(f"scope_paths: {scope}: {path} is not a path from the base URL on, as in /v1/things/*")
