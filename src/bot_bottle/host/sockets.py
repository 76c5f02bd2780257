"""Unix sockets by name, also where the name is longer than a socket's address may be."""

import contextlib
import os
import socket


def bind_at(listener: socket.socket, path: str, *, mode: int) -> None:
    """Bind a Unix socket, replacing what is there. A long path goes through a descriptor of its folder (unix(7): 107 bytes)."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)
    os.chmod(path, mode)
