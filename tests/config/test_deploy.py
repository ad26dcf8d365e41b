"""What we hand out for a server is read as data here: Docker itself cannot run in these tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from config.env import SCHEME

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
IMAGES = [service["image"] for service in COMPOSE["services"].values() if "image" in service]


@pytest.mark.parametrize(
    "image", [*IMAGES, re.findall(r"^FROM (\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.M)[0]]
)
def test_every_image_is_pinned_to_a_release(image):
    assert re.search(r":\d+\.\d+", image), f"{image} moves under us: name its release."


def test_only_the_proxy_is_reachable_from_outside():
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["caddy"]


def test_every_variable_it_sets_exists():
    named = {name.removesuffix("_FILE") for name in COMPOSE["services"]["keylodge"]["environment"]}
    assert named <= set(SCHEME)


def test_no_secret_stands_in_the_file():
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert name.endswith("_FILE") or not re.search("KEY$|PASSWORD|SECRET", name), (name, value)


def test_every_secret_and_volume_that_is_used_is_declared():
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        named = {volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] not in "./"}
        assert named <= set(COMPOSE["volumes"])


def test_the_grace_period_is_longer_than_our_own_stop():
    from config.run import STOP_WITHIN_S

    assert int(COMPOSE["services"]["keylodge"]["stop_grace_period"].removesuffix("s")) > STOP_WITHIN_S


def test_every_locked_package_has_a_hash_and_comes_from_the_public_index():
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    for package in lock["package"]:
        if package["source"].get("virtual"):
            continue
        assert package["source"] == {"registry": "https://pypi.org/simple"}, package["name"]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]


def test_the_tool_that_installs_the_rest_is_pinned_by_hash():
    lines = (ROOT / "tools" / "uv.txt").read_text().splitlines()
    assert re.fullmatch(r"uv==\d+\.\d+\.\d+ \\", lines[0])
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])


def test_the_licence_is_the_one_named():
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
