"""The masker's word lists, read once from `lexicon.toml` beside this file."""

import tomllib
from pathlib import Path

_LISTS: dict[str, str] = tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text("utf-8"))


def words(heading: str) -> frozenset[str]:
    """Return the words under a heading. Raises KeyError for a heading that is not there."""
    return frozenset(_LISTS[heading].split())
