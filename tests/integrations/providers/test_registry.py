"""Providers are found by key, in the catalogue and among those a consultant described."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from integrations.models import CustomProvider
from integrations.providers import loading
from integrations.providers.custom import custom_from
from integrations.providers.loading import CATALOGUE, Catalogue
from integrations.providers.reading import BadFacts
from integrations.providers.registry import ProviderNotFound, all_providers, get_provider, read_file


def test_the_catalogue_is_sorted_by_name() -> None:
    names = [provider.name.lower() for provider in all_providers()]
    assert names == sorted(names)
    assert get_provider("hubspot").name == "HubSpot"


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["nobody", "custom-nobody", "../hubspot", ""])
def test_an_unknown_key_is_not_found(key: str) -> None:
    with pytest.raises(ProviderNotFound):
        get_provider(key)


@pytest.mark.django_db
def test_a_described_provider_is_served_like_a_file_and_a_change_holds_at_once() -> None:
    facts = custom_from({"base_url": "https://one.test"}, key="custom-one", name="One", today=date(2026, 1, 1))
    row = CustomProvider.objects.create(key="custom-one", name="One", facts=facts)
    assert get_provider("custom-one").base_url == "https://one.test"
    row.facts = facts | {"base_url": "https://two.test", "allowed_hosts": ["two.test"]}
    row.save(update_fields=["facts"])
    assert get_provider("custom-one").base_url == "https://two.test"


def test_a_file_is_named_for_its_key(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text((CATALOGUE / "openai.toml").read_text())
    with pytest.raises(BadFacts, match="must be the file's name, other"):
        read_file(path)


@pytest.mark.parametrize(("text", "reason"), [("key = ", "(file)"), ('key = "acme"', "is missing")])
def test_a_broken_file_stops_with_its_name(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(text)
    with pytest.raises(BadFacts, match=r"acme\.toml") as refused:
        read_file(path)
    assert reason in str(refused.value)


def test_a_file_is_read_when_it_is_asked_for_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(loading, "read_file", lambda path: read.append(path.stem) or read_file(path))
    catalogue = Catalogue(CATALOGUE)
    assert "stripe" in catalogue
    assert "nobody" not in catalogue
    assert len(catalogue) > 100
    assert read == []
    assert catalogue["stripe"] is catalogue["stripe"]
    assert read == ["stripe"]
