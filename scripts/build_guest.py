"""Builds the programs that run inside bottles, for this machine, with the C compiler that is here. Says so when there is none.

    python scripts/build_guest.py

They go where the package looks for them (src/bot_bottle/guest/bin); a wheel brings its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

GUEST = Path(__file__).resolve().parents[1] / "src" / "bot_bottle" / "guest"
FLAGS = ("-std=c11", "-Os", "-static", "-s", "-fstack-protector-strong")


def main() -> int:
    """Build what is missing or old; exit 0 also when nothing can be built: the package does without."""
    machine = os.uname().machine
    sources = sorted((GUEST / "portal_c").glob("*.c"))
    program = GUEST / "bin" / f"portal-{machine}"
    newest = max(one.stat().st_mtime for one in (GUEST / "portal_c").iterdir())
    if program.exists() and program.stat().st_mtime >= newest:
        return 0
    compiler = next((words for words in compilers(machine) if works(words)), None)
    if compiler is None:
        print("No C compiler here, so a bottle's first process is run by Python; each start takes 20 ms longer.", file=sys.stderr)
        return 0
    program.parent.mkdir(exist_ok=True)
    building = program.with_suffix(f".{os.getpid()}")
    subprocess.run([*compiler, *FLAGS, "-o", str(building), *map(str, sources)], check=True)
    building.replace(program)
    return 0


def compilers(machine: str) -> list[list[str]]:
    """In the order of preference; zig (PyPI's ziglang) brings a C library for static programs along."""
    return [[sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-musl"], ["musl-gcc"], ["cc"]]


def works(compiler: list[str]) -> bool:
    """Whether it makes a static program: many systems have a compiler and no static C library."""
    if shutil.which(compiler[0]) is None:
        return False
    words = [*compiler, "-static", "-x", "c", "-", "-o", "/dev/null"]
    return subprocess.run(words, input=b"int main(void) { return 0; }", capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
