"""Nothing passes that another reader would read differently: random and mutated messages, against h11."""

import h11
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from messages import lines, nearly, soup

from bot_bottle.gates.egress import compose
from bot_bottle.gates.egress.answer import Refusal
from bot_bottle.gates.egress.asking import Authority, put
from bot_bottle.gates.egress.framing import ChunkedBody, Malformed, parse_request, parse_response

TUNNEL = Authority(scheme="https", host="api.example.com", port=443)


def read_by_h11(raw: bytes) -> tuple[h11.Request | None, bool]:
    """The request that h11 reads in these bytes, and whether it says that a body follows."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(raw)
    try:
        event = connection.next_event()
        if not isinstance(event, h11.Request):
            return None, False
        following = connection.next_event()
    except h11.RemoteProtocolError:
        return None, False
    return event, not isinstance(following, h11.EndOfMessage)


@settings(max_examples=400)
@given(st.one_of(soup, nearly))
def test_an_accepted_head_means_the_same_to_h11(raw: bytes) -> None:
    end = raw.find(b"\r\n\r\n")
    assume(end >= 0)
    head = raw[: end + 4]
    try:
        ours = parse_request(head)
    except Malformed:
        return
    theirs, has_body = read_by_h11(head)
    if theirs is None:  # refused by it, so nothing is read differently
        return
    assert theirs.method == ours.method.encode()
    assert theirs.target == ours.target.encode()
    assert [value for name, value in theirs.headers if name == b"host"] == [ours.host.encode("latin-1")]
    assert has_body == ours.has_body
    assert [(name, value) for name, value in theirs.headers if name != b"transfer-encoding"] == [
        (name.lower().encode(), value.encode("latin-1")) for name, value in ours.fields if name.lower() != "transfer-encoding"
    ]


@settings(max_examples=400)
@given(st.one_of(soup, nearly))
def test_what_is_sent_upstream_is_one_request_to_h11(raw: bytes) -> None:
    end = raw.find(b"\r\n\r\n")
    assume(end >= 0)
    try:
        head = parse_request(raw[: end + 4])
    except Malformed:
        return
    asked = put(head, TUNNEL)
    if isinstance(asked, Refusal):
        return
    sent = compose.request_bytes(head, asked.target.wire, asked.authority, asked.fields, websocket=asked.request.websocket)
    theirs, has_body = read_by_h11(sent)
    assert theirs is not None
    assert theirs.target.decode() == asked.target.wire
    names = [name for name, _ in theirs.headers]
    assert names.count(b"host") == 1
    assert dict(theirs.headers)[b"host"] == b"api.example.com"
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert has_body == head.has_body


@settings(max_examples=400)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([b"5\r\n", b"hello", b"\r\n", b"0\r\n", b"\n", b"A\r\n", b";x", b" ", b"0\r\n\r\n", b"X: y\r\n"]),
            st.binary(max_size=2),
        ),
        max_size=14,
    ).map(b"".join)
)
def test_accepted_chunks_hold_the_same_content_for_h11(raw: bytes) -> None:
    body = ChunkedBody(loose=False)
    try:
        content = body.feed(raw)
    except Malformed:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
    theirs = b""
    done = False
    connection.next_event()
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            theirs += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            done = True
            break
        else:
            break
    assert content == theirs
    assert body.done is done
    if done:
        assert body.rest == connection.trailing_data[0]


@settings(max_examples=300)
@given(
    st.tuples(st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 204 x", b"HTTP/1.0 200 OK", b"HTTP/1.1 302 "]), lines).map(
        lambda parts: parts[0] + b"\r\n" + parts[1] + b"\r\n"
    )
)
def test_an_accepted_answer_means_the_same_to_h11(raw: bytes) -> None:
    end = raw.find(b"\r\n\r\n")
    head = raw[: end + 4]
    try:
        ours = parse_response(head)
    except Malformed:
        return
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, h11.Response)
    assert event.status_code == ours.status
    lengths = [value for name, value in event.headers if name == b"content-length"]
    assert lengths == ([] if ours.length is None else [str(ours.length).encode()]) or int(lengths[0]) == ours.length
