"""Vendors' own SDKs, told our address and a gateway token: which there are for a provider, from `sdks.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dashboard.quoting import literal
from integrations.providers.shape import Provider

FACTS = Path(__file__).parent / "sdks.toml"
OPENAI_SHAPED = "openai-shaped"
LANGUAGES = {"python": "Python", "node": "Node.js"}


@dataclass(frozen=True)
class Sdk:
    """One SDK: whose, in which language, how its package is called, and a program that makes one call."""

    provider: str
    language: str
    package: str
    code: str

    @property
    def title(self) -> str:
        """Return what the recipe is called."""
        return f"{LANGUAGES[self.language]}, {self.package}"

    def program(self, base: str, token: str) -> str:
        """Return the program with both values as literals of its language."""
        values = {"base": literal(base), "token": literal(token), "base_slash": literal(f"{base}/")}
        return re.sub(r"\{(base|token|base_slash)\}", lambda slot: values[slot[1]], self.code.lstrip("\n"))


def sdks_for(provider: Provider) -> list[Sdk]:
    """Return the SDKs that speak to a provider."""
    wanted = {provider.key}
    # A described API whose errors are OpenAI's is one of its shape, too: the sandbox's is.
    if provider.is_openai_shaped or (provider.is_custom and provider.errors_like == "openai"):
        wanted.add(OPENAI_SHAPED)
    return [sdk for sdk in _all() if sdk.provider in wanted]


@cache
def _all() -> tuple[Sdk, ...]:
    return tuple(Sdk(**row) for row in tomllib.loads(FACTS.read_text(encoding="utf-8"))["sdk"])
