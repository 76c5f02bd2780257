"""Three calls of the kernel that Python does not offer, without the 4 ms of importing `ctypes`: only its C core is loaded."""

from __future__ import annotations

import _ctypes  # type: ignore[import-not-found,unused-ignore]  # typeshed has it for some versions only

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
INSTRUCTION_SIZE = 8


class _Long(_ctypes._SimpleCData):  # type: ignore[misc,type-arg,unused-ignore]  # as ctypes itself makes c_long
    _type_ = "l"


class _Call(_ctypes.CFuncPtr):  # type: ignore[misc,unused-ignore]  # as ctypes itself makes a prototype
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


class _Bytes(_ctypes._SimpleCData):  # type: ignore[misc,type-arg,unused-ignore]  # as ctypes itself makes c_char_p
    _type_ = "z"


_program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type,unused-ignore]  # None is this program itself (dlopen(3))
_syscall = _Call(_ctypes.dlsym(_program, "syscall"))
PRCTL = {"x86_64": 157, "aarch64": 167}


def syscall(number: int, *arguments: int | bytes) -> int:
    """syscall(2); bytes go as the address of their content. OSError with the kernel's errno."""
    _ctypes.set_errno(0)
    result = int(_syscall(*(_Long(one) if isinstance(one, int) else one for one in (number, *arguments))))
    if result < 0:
        number = _ctypes.get_errno()
        raise OSError(number, f"errno {number}")
    return result


def prctl(option: int, value: int, more: int | bytes = 0) -> None:
    """prctl(2) with one argument, or two."""
    import posix

    syscall(PRCTL[posix.uname().machine], option, value, more, 0, 0)


def set_filter(program: bytes) -> None:
    """From here on the kernel asks this filter, besides those that hold already, for each call of this process and its children.

    `program` are the instructions of seccomp(2); they are handed over in a struct sock_fprog: a count and an address.
    """
    held = _Bytes(program)
    address = bytes(memoryview(held))
    count = (len(program) // INSTRUCTION_SIZE).to_bytes(2, "little")
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, count.ljust(8, b"\0") + address)
