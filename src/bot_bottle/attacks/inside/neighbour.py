"""The agent of a bottle that others must not reach: `neighbour PORT NAME` listens on its loopback and by an abstract name."""

from __future__ import annotations

import socket
import sys
import time


def main() -> None:
    """Listen and wait."""
    web = socket.socket()
    web.bind(("127.0.0.1", int(sys.argv[1])))
    web.listen(8)
    with socket.socket(socket.AF_UNIX) as named:
        named.bind("\0" + sys.argv[2])
        named.listen(8)
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main()
