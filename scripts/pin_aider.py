"""Writes src/bot_bottle/agents/aider.txt: all that aider needs, each at one version, with the hashes of its wheels for Linux.

Asks pip to resolve, and the package index that pip is set up for, as scripts/pin.py does. The list holds no address.
Run it to move to a newer version: .venv/bin/python scripts/pin_aider.py VERSION
"""

import re
import sys
from pathlib import Path

from pin import files, index_address, resolved

LIST = Path(__file__).resolve().parent.parent / "src" / "bot_bottle" / "agents" / "aider.txt"
WHEEL = re.compile(
    r"-(?:py3|py2\.py3|cp3[0-9]+)-(?:none-any|none-manylinux\S*|abi3-\S*|cp31[12]-\S*)\.whl$",
)
"""Pure ones, those for any later Python, and those for CPython 3.11 and 3.12, which aider runs on."""
ELSEWHERE = re.compile(r"macosx|win32|win_|i686|armv7|ppc64|s390x|riscv|ios_|android|loongarch|graalpy|pypy|pyodide")


def main() -> None:
    """Resolve, then write the list."""
    index = index_address()
    lines = ["# What aider runs on, wheels for Linux only. Made by scripts/pin_aider.py."]
    for name, version in sorted(resolved([f"aider-chat=={sys.argv[1]}"]).items()):
        found = [
            (file, digest) for file, digest in files(index, name, version) if WHEEL.search(file) and not ELSEWHERE.search(file)
        ]
        if not found:
            sys.exit(f"{name} {version} has no wheel for Linux")
        digests = sorted({digest for _, digest in found})
        lines.append(" \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{digest}" for digest in digests)]))
    LIST.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
