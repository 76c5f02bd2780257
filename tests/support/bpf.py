"""A classic BPF machine, to run filters of system calls as the kernel does."""

import struct


def verdict(content: bytes, *, arch: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What a classic BPF machine (Linux Documentation/networking/filter.rst) returns for this struct seccomp_data."""
    padded = [value & 0xFFFFFFFFFFFFFFFF for value in (*arguments, *[0] * 6)][:6]
    seen = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", content))
    at, accumulator = 0, 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x20:
            assert value % 4 == 0
            (accumulator,) = struct.unpack_from("<I", seen, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: accumulator & value != 0}[code]
            at += yes if holds else no
