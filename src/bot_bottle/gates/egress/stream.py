"""One TCP connection, plain or inside TLS, on the event loop's readers and writers: calls its owner, never blocks.

TLS runs over memory buffers (`ssl.MemoryBIO`): bytes are decrypted and encrypted here, in the same turn of the loop in which
they arrive, which costs half of what asyncio's own TLS transports cost for small messages.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

READ_SIZE = 256 * 1024
"""Bytes taken from the kernel at once: sixteen TLS records."""

RECORD_SIZE = 16 * 1024
"""The most that one read of TLS gives (RFC 8446, 5.1). Asking for more makes the allocator map and unmap memory each time."""

HIGH_WATER = 512 * 1024
"""Bytes waiting to be written above which the source should pause."""

POOL_LIMIT = 32 * 1024 * 1024
"""Bytes waiting on all streams together. Above it every source pauses for its own last byte and little is read at once: a
thousand connections that nobody reads from would else hold most of a gigabyte of the host's memory."""

SMALL_READ = 16 * 1024
"""Bytes taken at once where they cannot be passed on yet: heads, and everything while the pool is used up."""

LINGER_S = 2.0
LINGER_LIMIT = 4 * 1024 * 1024
"""How long, and for how many bytes, a finished connection still reads: closing with unread bytes makes the kernel send a reset,
which can destroy the answer on its way (RFC 9112, 9.6)."""

PLAIN_SIZE = READ_SIZE + RECORD_SIZE

_scratch = bytearray(READ_SIZE)
_window = memoryview(_scratch)
_plain = bytearray(PLAIN_SIZE)
_plain_window = memoryview(_plain)
# Buffers for every read of the process: the loop is one thread and nothing keeps a view of them. Reading TLS into one takes half
# the time of having an object made for each record.


class Owner(Protocol):
    """Who gets what a stream reads."""

    def received(self, content: bytes) -> None:
        """Plain bytes arrived."""

    def ended(self, *, clean: bool) -> None:
        """The other end is finished; not `clean` after an error, or TLS without its closing alert. Called once."""

    def drained(self) -> None:
        """What waited to be written is written."""


class Stream:
    """A connection. `write` never blocks; `is_full` says that its source should pause until it has drained. `appetite` is how
    much is read at once. After `abort` or `finish` the owner hears nothing more; `closed` is called when the socket is."""

    __slots__ = ("_closed", "_fd", "_finishing", "_handshake", "_incoming", "_is_reading", "_loop", "_out", "_outgoing", "_owner",
                 "_socket", "_tls", "_writing", "appetite", "closed", "paused")  # fmt: skip

    waiting = 0
    """Bytes waiting to be written on all streams of this process."""

    def __init__(self, connection: socket.socket, owner: Owner, *, closed: Callable[[], None] | None = None) -> None:
        self.appetite = READ_SIZE
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._socket = connection
        self._fd = connection.fileno()
        self._owner = owner
        self._tls: ssl.SSLObject | None = None
        self._incoming = self._outgoing = _NO_BIO
        self._handshake: asyncio.Future[None] | None = None
        self._out = bytearray()
        self._writing = False
        self._is_reading = False
        self._finishing = -1
        self.paused = False
        self.closed = False

    def start(self) -> None:
        """Begin to read."""
        if not self.closed and not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._fd, self._readable)

    @property
    def is_full(self) -> bool:
        """Whether more waits to be written than should."""
        size = len(self._out)
        return size > HIGH_WATER or (size > 0 and Stream.waiting > POOL_LIMIT)

    @property
    def tls_object(self) -> ssl.SSLObject | None:
        """The TLS connection, for its certificate and protocol."""
        return self._tls

    def hand_to(self, owner: Owner) -> None:
        """From now on this owner hears of the stream."""
        self._owner = owner

    def pause(self) -> None:
        """Stop reading until `resume`."""
        if not self.paused:
            self.paused = True
            if self._is_reading:
                self._is_reading = False
                self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Go on reading."""
        if self.paused:
            self.paused = False
            self.start()

    def secure(self, context: ssl.SSLContext, *, hostname: str | None = None, first: bytes = b"") -> "asyncio.Future[None]":
        """Start TLS: as the server unless a hostname to verify is given. `first` was read already. OSError if it fails."""
        assert self._tls is None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=hostname is None, server_hostname=hostname)
        self._handshake = self._loop.create_future()
        done = self._handshake
        if first:
            self._incoming.write(first)
        self._shake()
        return done

    def write(self, content: bytes) -> None:
        """Send plain bytes, encrypted when TLS is on. Silently nothing once closed: the owner was told by `ended`."""
        if self.closed or self._finishing >= 0:
            return
        if self._tls is not None:
            try:
                self._tls.write(content)
            except ssl.SSLError:
                self._broken()
                return
            content = self._outgoing.read()
        self._send(content)

    def finish(self, *, goodbye: bool = True) -> None:
        """Write out what waits, say goodbye, read on for a moment without listening, close. The owner hears nothing more.

        Without `goodbye` the other end can tell that something is missing (RFC 9112, 9.8).
        """
        if self.closed or self._finishing >= 0:
            return
        if goodbye and not self._say_goodbye():
            return
        self._owner = _Nobody()
        self._finishing = 0
        self.paused = False
        self.start()
        if not self._out:
            self._shut()
        self._loop.call_later(LINGER_S, self.abort)

    def close(self) -> None:
        """Say goodbye if the socket takes it at once, and close. The owner hears nothing more."""
        if not self.closed and self._finishing < 0 and not self._out:
            self._say_goodbye()
        self.abort()

    def abort(self) -> None:
        """Close at once. The owner hears nothing more."""
        if self.closed:
            return
        self.closed = True
        if self._is_reading:
            self._loop.remove_reader(self._fd)
        if self._writing:
            self._loop.remove_writer(self._fd)
        Stream.waiting -= len(self._out)
        self._out.clear()
        self._socket.close()
        self._tls = None
        self._incoming = self._outgoing = _NO_BIO
        if self._handshake is not None and not self._handshake.done():
            self._handshake.set_exception(ConnectionAbortedError("closed during the TLS handshake"))
        if self._closed is not None:
            self._closed()

    def _readable(self) -> None:
        try:
            size = self._socket.recv_into(_scratch, self.appetite if Stream.waiting <= POOL_LIMIT else SMALL_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._broken()
            return
        if self._finishing >= 0:
            self._linger(size)
        elif size == 0:
            self._at_end()
        elif self._tls is None:
            self._owner.received(bytes(_window[:size]))
        else:
            self._incoming.write(_window[:size])
            if self._handshake is not None:
                self._shake()
            else:
                self._decrypt()

    def _decrypt(self) -> None:
        """Hand over everything that can be decrypted, in one piece."""
        tls, incoming = self._tls, self._incoming
        assert tls is not None
        size = 0
        is_over = False
        try:
            while size <= PLAIN_SIZE - RECORD_SIZE:
                read = int(tls.read(RECORD_SIZE, _plain_window[size:]))  # a count, whatever the type stubs say
                if not read:
                    is_over = True
                    break
                size += read
                if not incoming.pending and not tls.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_over = True
        except ssl.SSLError:
            self._broken()
            return
        if self._outgoing.pending:
            self._send(self._outgoing.read())
        if size:
            self._owner.received(bytes(_plain_window[:size]))
        if self.closed:
            return
        if is_over:
            self._tell_end(clean=True)
        elif self._tls is not None and (incoming.pending or tls.pending()) and size > PLAIN_SIZE - RECORD_SIZE:
            self._decrypt()

    def _shake(self) -> None:
        tls, done = self._tls, self._handshake
        assert tls is not None
        assert done is not None
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send(self._outgoing.read())
            return
        except ssl.SSLError as error:
            self._send(self._outgoing.read())
            self._handshake = None
            if not done.done():
                done.set_exception(error)
            return
        self._handshake = None
        self._send(self._outgoing.read())
        if not done.done():
            done.set_result(None)
        if self._incoming.pending and not self.closed:
            self._loop.call_soon(self._decrypt_late)

    def _decrypt_late(self) -> None:
        """Bytes that came with the end of the handshake, after whoever awaited it has run."""
        if not self.closed and self._tls is not None:
            self._decrypt()

    def _send(self, content: bytes) -> None:
        if not content or self.closed:
            return
        if not self._out:
            try:
                sent = self._socket.send(content)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._broken()
                return
            if sent == len(content):
                return
            content = content[sent:]
        self._out += content
        Stream.waiting += len(content)
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            sent = self._socket.send(self._out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._broken()
            return
        del self._out[:sent]
        Stream.waiting -= sent
        if not self._out:
            self._writing = False
            self._loop.remove_writer(self._fd)
            if self._finishing >= 0:
                self._shut()
            else:
                self._owner.drained()

    def _at_end(self) -> None:
        if self._handshake is not None:
            self._broken()
            return
        self._tell_end(clean=self._tls is None)

    def _tell_end(self, *, clean: bool) -> None:
        """Tell the owner once, after the loop no longer reads: it decides whether to close."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._fd)
        self.paused = False
        owner, self._owner = self._owner, _Nobody()
        owner.ended(clean=clean)

    def _broken(self) -> None:
        """The connection failed. Told on the next turn, because the owner may be in the middle of a write."""
        owner, self._owner = self._owner, _Nobody()
        self.abort()
        self._loop.call_soon(lambda: owner.ended(clean=False))

    def _say_goodbye(self) -> bool:
        """Send TLS's closing alert; False when the connection turned out to be gone."""
        if self._tls is None or self._handshake is not None:
            return True
        with contextlib.suppress(ssl.SSLError):  # it wants the other end's goodbye, which nobody waits for: ours is in the buffer
            self._tls.unwrap()
        self._send(self._outgoing.read())
        return not self.closed

    def _shut(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()

    def _linger(self, size: int) -> None:
        self._finishing += size
        if size == 0 or self._finishing > LINGER_LIMIT:
            self.abort()


class _Nobody:
    """The owner of a stream that nobody listens to any more."""

    def received(self, content: bytes) -> None:
        """Nothing."""

    def ended(self, *, clean: bool) -> None:
        """Nothing."""

    def drained(self) -> None:
        """Nothing."""


_NO_BIO = ssl.MemoryBIO()
# Stands in for the buffers of a stream without TLS; never written.
