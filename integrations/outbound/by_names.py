"""What follows from the names of headers alone, worked out once: who calls, and who answers, sends the same ones again.

Values are never kept: one of them may be a credential.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

Names = tuple[bytes, ...]

KEPT = 1024
LONGEST_BYTES = 4096  # a stranger who sends ever new heads of names must not fill the memory with them
_NOT_KEPT: Any = object()


def by_names[*Ts, R](work: Callable[[Names, *Ts], R]) -> Callable[[Names, *Ts], R]:
    """Return `work` with its results kept by its arguments, which are all hashable and none of which is a value.

    Any thread may call it, and what one of them keeps another may push out. Only `names` are bounded here: who calls
    sees to it that the other arguments are few and small.
    """
    kept: dict[tuple[Any, ...], R] = {}

    @wraps(work)
    def found(names: Names, *args: *Ts) -> R:
        key = (names, *args)
        result = kept.get(key, _NOT_KEPT)
        if result is not _NOT_KEPT:
            return result
        result = work(names, *args)
        if sum(map(len, names)) <= LONGEST_BYTES:
            if len(kept) >= KEPT:
                kept.clear()
            kept[key] = result
        return result

    return found
