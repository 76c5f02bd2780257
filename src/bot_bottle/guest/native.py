"""Two calls of the kernel that Python does not offer, without the 4 ms of importing `ctypes`: only its C core is loaded."""

from __future__ import annotations

import _ctypes  # type: ignore[import-not-found,unused-ignore]  # typeshed has it for some versions only

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


class _Long(_ctypes._SimpleCData):  # type: ignore[misc,type-arg,unused-ignore]  # as ctypes itself makes c_long
    _type_ = "l"


class _Call(_ctypes.CFuncPtr):  # type: ignore[misc,unused-ignore]  # as ctypes itself makes a prototype
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


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


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument."""
    import posix

    syscall(PRCTL[posix.uname().machine], option, value, 0, 0, 0)
