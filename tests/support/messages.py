"""Messages that are nearly HTTP: the pieces that parsers disagree about, in any order."""

from hypothesis import strategies as st

PIECES = [
    b"GET",
    b"POST",
    b"CONNECT",
    b"G:T",
    b" ",
    b"  ",
    b"\t",
    b"/",
    b"/a/../b",
    b"*",
    b"//x/",
    b"/%2e%2e/",
    b"http://evil.example.com/",
    b"/a?b=c;d#e",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b" HTTP/0.9",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\t",
    b"\0",
    b"\x0b",
    b"\x85",
    b"\xa0",
    b"Host: api.example.com",
    b"Host: evil.example.com",
    b"Host : x",
    b"host:",
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Content-Length:",
    b"content-length: +5",
    b"Content-Length: 5,5",
    b"Content-Length: 00005",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"transfer-encoding:\tchunked",
    b"Transfer-Encoding: identity",
    b"Transfer_Encoding: chunked",
    b"Connection: close, content-length",
    b"Connection: Transfer-Encoding",
    b"Upgrade: h2c",
    b"HTTP2-Settings: x",
    b"Expect: 100-continue",
    b"X: y",
    b": y",
    b"X",
    b"\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\n\r\n",
    b"hello",
]
WELL_FORMED = b"%b %b HTTP/1.1\r\nHost: api.example.com\r\n%b\r\n"

soup = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=24).map(b"".join)
lines = st.lists(
    st.one_of(st.sampled_from([piece for piece in PIECES if b":" in piece]), st.binary(max_size=12)), max_size=6
).map(lambda items: b"".join(item + b"\r\n" for item in items))
nearly = st.tuples(
    st.sampled_from([b"GET", b"POST", b"PUT", b"OPTIONS"]), st.sampled_from([b"/", b"/a?b", b"*", b"/a%20b"]), lines
).map(lambda parts: WELL_FORMED % parts)
