"""What follows from the names of headers alone, worked out once: who calls, and who answers, sends the same ones again.

Values are never kept: one of them may be a credential.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate

Names = tuple[bytes, ...]

KEPT = 1024
LONGEST_BYTES = 4096  # a stranger who sends ever new heads of names must not fill the memory with them


def by_names[**P, R](work: Callable[Concatenate[Names, P], R]) -> Callable[Concatenate[Names, P], R]:
    """Return `work` with its results kept by its arguments, which are all hashable and none of which is a value."""
    kept = lru_cache(maxsize=KEPT)(work)

    @wraps(work)
    def found(names: Names, *args: P.args, **kwargs: P.kwargs) -> R:
        if sum(map(len, names)) > LONGEST_BYTES:
            return work(names, *args, **kwargs)
        return kept(names, *args, **kwargs)  # type: ignore[arg-type]

    return found
