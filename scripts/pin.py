"""Writes pins/*.txt: the exact versions that bot-bottle is tested with, each with the hashes of all its files.

Asks pip to resolve, and the package index that pip is set up for (its own setting or default) for the hashes. The lists hold no
address. Run it to move to newer versions: .venv/bin/python scripts/pin.py
"""

import json
import os
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ACCEPT = "application/vnd.pypi.simple.v1+json"
"""The index as JSON (PEP 691)."""


def pip(*words: str) -> str:
    """What pip prints."""
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, check=True, timeout=600)
    return done.stdout


def index_address() -> str:
    """Where pip looks: its setting, or what it has built in."""
    if os.environ.get("PIP_INDEX_URL"):
        return os.environ["PIP_INDEX_URL"]
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0 and done.stdout.strip():
        return done.stdout.strip()
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def resolved(wanted: list[str]) -> dict[str, str]:
    """Name → version of everything that these requirements need, in an empty environment."""
    report = json.loads(pip("install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", *wanted))
    return {item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"] for item in report["install"]}


def files(index: str, name: str, version: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of every file of this version."""
    request = urllib.request.Request(f"{index.rstrip('/')}/{name}/", headers={"Accept": ACCEPT})
    with urllib.request.urlopen(request, timeout=60) as answer:
        page: dict[str, Any] = json.load(answer)  # Any: JSON
    spellings = (f"-{version}-", f"-{version}.tar.gz", f"-{version}.zip")
    named = [(str(file["filename"]), str(file["hashes"]["sha256"])) for file in page["files"]]
    return [(file, digest) for file, digest in named if any(spelling in file for spelling in spellings)]


def hashes(index: str, name: str, version: str) -> list[str]:
    """The SHA-256 of every file of this version."""
    return sorted({digest for _, digest in files(index, name, version)})


def write_list(path: Path, title: str, pins: dict[str, str], index: str) -> None:
    """One list in pip's requirements format with hashes."""
    lines = [f"# {title} Made by scripts/pin.py."]
    for name, version in sorted(pins.items()):
        lines.append(" \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{one}" for one in hashes(index, name, version))]))
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Resolve for running and for developing together, so that the two lists agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    build = project["build-system"]["requires"]
    extras = project["project"]["optional-dependencies"]
    # hatchling asks for editables only when it builds
    run = [*project["project"]["dependencies"], *build, "editables"]
    everything = resolved([*run, *extras["dev"], *extras["keyring"]])
    needed_to_run = {name: everything.get(name, version) for name, version in resolved(run).items()}
    rest = {name: version for name, version in everything.items() if name not in needed_to_run}
    index = index_address()
    (ROOT / "pins").mkdir(exist_ok=True)
    write_list(ROOT / "pins" / "run.txt", "What bot-bottle needs to run.", needed_to_run, index)
    write_list(ROOT / "pins" / "dev.txt", "What its checks and tests need besides.", rest, index)


if __name__ == "__main__":
    main()
