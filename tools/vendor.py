"""Fetch and check the files in static/vendor: `python tools/vendor.py [--fetch]`.

`static/vendor/vendor.toml` names each file, the published package it was taken from, and its hash.
Without `--fetch` nothing is downloaded: the hashes of the committed files are compared. With it, the
packages are fetched from the npm registry and the files made again from their parts.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"


def entries() -> list[dict[str, Any]]:
    """Return what vendor.toml says, one table per file."""
    return list(tomllib.loads((VENDOR / "vendor.toml").read_text())["file"])


def sha256(content: bytes) -> str:
    """Return the hash as vendor.toml writes it."""
    return hashlib.sha256(content).hexdigest()


def wrong(entry: dict[str, Any], content: bytes) -> str:
    """Return what is wrong with the content of a vendored file, or nothing."""
    found = sha256(content)
    return "" if found == entry["sha256"] else f"{entry['path']}: sha256 is {found}, expected {entry['sha256']}"


def package(name: str, version: str) -> tarfile.TarFile:
    """Download a published npm package."""
    url = f"https://registry.npmjs.org/{name}/-/{name.split('/')[-1]}-{version}.tgz"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return tarfile.open(fileobj=io.BytesIO(answer.read()), mode="r:gz")


def made(entry: dict[str, Any]) -> bytes:
    """Return the file, joined from its parts in the package in the order given.

    htmx and its extension are one file on purpose: as two deferred scripts, htmx sometimes starts
    between them and handles elements before the nonce gate is there.
    """
    archive = package(entry["package"], entry["version"])
    parts = [archive.extractfile(f"package/{part}") for part in entry["parts"]]
    texts = [part.read() for part in parts if part is not None]
    if len(texts) != len(entry["parts"]):
        raise SystemExit(f"{entry['path']}: a part is missing in {entry['package']} {entry['version']}")
    return b"\n".join(texts)


def main(arguments: list[str] | None = None) -> int:
    """Check, or fetch and check; 1 when a hash differs."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--fetch", action="store_true", help="download the packages and write the files again")
    wants_fetch = options.parse_args(arguments).fetch
    problems = []
    for entry in entries():
        path = VENDOR / entry["path"]
        content = made(entry) if wants_fetch else path.read_bytes()
        problem = wrong(entry, content)
        if problem:
            problems.append(problem)
        elif wants_fetch:
            path.write_bytes(content)
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
