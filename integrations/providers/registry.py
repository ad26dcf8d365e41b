"""Providers by key, by text, by a pasted value, by an environment variable's name: what other rooms call."""

from integrations.providers.finding import search
from integrations.providers.loading import (
    ProviderNotFound,
    all_providers,
    catalogue,
    described,
    get_provider,
    read_file,
)
from integrations.providers.recognising import Guess, Warned, guess_by_name, guess_by_value, warnings_for

__all__ = [
    "Guess",
    "ProviderNotFound",
    "Warned",
    "all_providers",
    "catalogue",
    "described",
    "get_provider",
    "guess_by_name",
    "guess_by_value",
    "read_file",
    "search",
    "warnings_for",
]
