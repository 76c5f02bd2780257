"""The call numbers against the kernel's own headers, where those are installed."""

import re
from pathlib import Path

import pytest

from bot_bottle.host.syscalls import AARCH64, X86_64

HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), X86_64),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), AARCH64),
}


@pytest.mark.parametrize("machine", sorted(HEADERS))
def test_numbers_are_those_of_the_kernel(machine: str) -> None:
    header, numbers = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not installed (linux-libc-dev)")
    text = header.read_text()
    theirs = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    known = {name: number for name, number in numbers.items() if name in theirs}
    assert len(known) > 50
    assert known == {name: theirs[name] for name in known}
    unknown_to_header = {name: number for name, number in numbers.items() if name not in theirs}
    assert all(number >= 449 or name.startswith("kexec_file") for name, number in unknown_to_header.items()), unknown_to_header
