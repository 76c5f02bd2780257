"""Tokens that the gate gets for itself: a real token server and a real API behind a real gate."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from wire import HOST, Answer, Scene, allow, header, read_answer, read_exactly, read_head
from wire import credential as plain_credential

from bot_bottle.gates.egress.plan import CLIENT_OF
from bot_bottle.manifest.spec import Credential, FromEnv, OAuth2, Target

LOGIN = "login.example.com"
GET = f"GET /v1/x HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer bot-bottle-placeholder\r\n\r\n".encode()

BEARER = {"format": "Bearer {value}"}


@dataclass(kw_only=True)
class Login:
    """A token server that rotates refresh tokens, as many do: an old one is not taken twice."""

    life_s: float = 3600
    status: int = 200
    delay_s: float = 0.0
    raw: bytes = b""
    refresh: str = "refresh-0"
    given: list[str] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    def __call__(self, connection: socket.socket) -> None:
        buffer = bytearray()
        head = read_head(connection, buffer)
        form = read_exactly(connection, buffer, int(header(head, "content-length") or 0))
        self.asked.append(head + form)
        threading.Event().wait(self.delay_s)
        if self.raw:
            connection.sendall(self.raw)
            return
        said = parse_qs(form.decode())
        known = said["grant_type"] == ["client_credentials"] or said.get("refresh_token") == [self.refresh]
        if self.status != 200 or not known:
            self._answer(connection, max(self.status, 400), {"error": "invalid_grant"})
            return
        self.given.append(f"access-{len(self.given) + 1}")
        self.refresh = f"refresh-{len(self.given)}"
        answer = {"access_token": self.given[-1], "token_type": "Bearer", "expires_in": self.life_s}
        self._answer(connection, 200, answer | ({"refresh_token": self.refresh} if "refresh_token" in said else {}))

    def _answer(self, connection: socket.socket, status: int, answer: dict[str, object]) -> None:
        content = json.dumps(answer).encode()
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)


@dataclass(kw_only=True)
class Api:
    """Takes the tokens that are in `good`; says in its answer which one came, as a careless server does."""

    good: list[str]
    seen: list[str] = field(default_factory=list)

    def __call__(self, connection: socket.socket) -> None:
        buffer = bytearray()
        while head := read_head(connection, buffer):
            token = (header(head, "authorization") or "").removeprefix("Bearer ")
            self.seen.append(token)
            status, content = (200 if token in self.good else 401), f"you sent {token}".encode()
            connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)


def credential(*, grant: str = "refresh_token", paths: tuple[str, ...] = ()) -> Credential:
    return Credential(
        name="service",
        source=FromEnv(env="TOKEN"),
        to=(Target(host=HOST, format="Bearer {value}", paths=paths),),
        where="test",
        oauth2=OAuth2(host=LOGIN, path="/oauth/token", client_id="me", grant=grant),  # type: ignore[arg-type]  # one of two
    )


def begin(stage: Scene, login: Login, *, good: list[str] | None = None, more: dict[str, str] | None = None) -> Api:
    api = Api(good=login.given if good is None else good)
    stage.serve(api)
    stage.serve(login, host=LOGIN)
    secrets = {"service": "refresh-0"} | (more or {})
    stage.start(stage.plan(allow(), credentials=(credential(),)), values=secrets)
    return api


def test_first_request_waits_for_a_token_and_the_next_ones_use_it(stage: Scene) -> None:
    login = Login()
    api = begin(stage, login)
    assert [stage.ask(GET).status for _ in range(3)] == [200, 200, 200]
    assert api.seen == ["access-1"] * 3
    assert len(login.asked) == 1


def test_bottle_sees_neither_the_token_nor_the_exchange(stage: Scene) -> None:
    login = Login()
    begin(stage, login)
    answer = stage.ask(GET)
    assert b"access-1" not in answer.head + answer.body
    assert stage.ask(GET.replace(HOST.encode(), LOGIN.encode()), authority=f"{LOGIN}:443").status == 403
    assert "access-1" not in json.dumps(stage.events)
    assert "refresh-0" not in json.dumps(stage.events)


def test_many_requests_at_once_ask_for_one_token(stage: Scene) -> None:
    login = Login(delay_s=0.3)
    api = begin(stage, login)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: stage.ask(GET).status, range(12)))
    assert answers == [200] * 12
    assert len(login.asked) == 1
    assert set(api.seen) == {"access-1"}


def test_rejected_token_is_replaced_with_the_refresh_token_that_came_with_it(stage: Scene) -> None:
    login = Login()
    begin(stage, login, good=["access-2"])
    assert stage.ask(GET).status == 401
    assert stage.ask(GET).status == 200
    assert [parse_qs(one.partition(b"\r\n\r\n")[2].decode())["refresh_token"] for one in login.asked] == [
        ["refresh-0"],
        ["refresh-1"],
    ]


def test_token_is_renewed_when_its_life_is_over(stage: Scene) -> None:
    login = Login(life_s=0.2)
    api = begin(stage, login)
    assert stage.ask(GET).status == 200
    deadline = time.monotonic() + 10
    while "access-2" not in api.seen and time.monotonic() < deadline:
        assert stage.ask(GET).status == 200
    assert "access-2" in api.seen


def test_secret_of_a_confidential_client_goes_to_the_token_server_only(stage: Scene) -> None:
    login = Login()
    api = begin(stage, login, more={f"{CLIENT_OF}service": "client-secret"})
    assert stage.ask(GET).status == 200
    assert header(login.asked[0], "authorization") == "Basic bWU6Y2xpZW50LXNlY3JldA=="
    assert api.seen == ["access-1"]


def test_client_credentials_get_a_token_too(stage: Scene) -> None:
    login = Login()
    api = Api(good=login.given)
    stage.serve(api)
    stage.serve(login, host=LOGIN)
    plan = stage.plan(allow(), credentials=(credential(grant="client_credentials"),))
    stage.start(plan, values={"service": "client-secret"})
    assert stage.ask(GET).status == 200
    assert api.seen == ["access-1"]


def test_request_outside_the_binding_causes_no_token(stage: Scene) -> None:
    login = Login()
    api = Api(good=[""])
    stage.serve(api)
    stage.serve(login, host=LOGIN)
    stage.start(stage.plan(allow(), credentials=(credential(paths=("/v2/**",)),)), values={"service": "refresh-0"})
    assert stage.ask(GET.replace(b"Authorization: Bearer bot-bottle-placeholder\r\n", b"")).status == 200
    assert not login.asked


@pytest.mark.parametrize(
    ("login", "why"),
    [
        (Login(status=400), "invalid_grant"),
        (Login(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno!"), "not with a JSON object"),
        (Login(raw=b"HTTP/1.1 302 F\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n"), "302"),
        (Login(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), "before its answer was complete"),
        (Login(raw=b"SSH-2.0-x\r\n\r\n"), "not HTTP/1.1"),
        (Login(raw=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000), "more than 65536 bytes"),
    ],
    ids=["refused", "no json", "redirect", "cut", "no http", "too much"],
)
def test_refusing_or_broken_token_server_is_a_readable_502_and_left_alone(stage: Scene, login: Login, why: str) -> None:
    api = begin(stage, login)
    answers: list[Answer] = [stage.ask(GET) for _ in range(3)]
    assert [one.status for one in answers] == [502] * 3
    assert why in answers[0].body.decode()
    assert "refresh-0" not in answers[0].body.decode()
    assert len(login.asked) == 1
    assert not api.seen


def test_token_server_at_a_private_address_is_not_asked(stage: Scene) -> None:
    async def private(_: str) -> list[str]:
        return ["10.0.0.1"]

    stage.start(stage.plan(allow(), credentials=(credential(),), pins=False), values={"service": "refresh-0"}, lookup=private)
    answer = stage.ask(GET)
    assert answer.status == 502
    assert "10.0.0.1" in answer.body.decode()


def test_bottle_that_leaves_while_it_waits_harms_nobody(stage: Scene) -> None:
    login = Login(delay_s=0.4)
    begin(stage, login)
    with stage.open() as connection:
        connection.sendall(GET)
    assert stage.ask(GET).status == 200
    assert len(login.asked) == 1


def test_rule_that_goes_while_the_token_comes_is_heeded(stage: Scene) -> None:
    login = Login(delay_s=0.5)
    api = begin(stage, login)
    with stage.open() as connection:
        connection.sendall(GET)
        deadline = time.monotonic() + 10
        while not login.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        stage.control({"op": "reload", "config": stage.plan(credentials=(credential(),)).config()})
        assert read_answer(connection).status == 403
    assert not api.seen


# Secrets whose sources say something new: when the gate wants them read again, and what it does with what it is given.


def wanting(stage: Scene) -> list[int]:
    """Counts how often the gate wants its secrets read again."""
    calls: list[int] = []
    assert stage.gate is not None
    stage.gate.wants_secrets = lambda: calls.append(1)
    return calls


def test_a_credential_that_a_server_refuses_is_read_again_once(stage: Scene) -> None:
    stage.serve(Api(good=["value-two"]))
    stage.start(stage.plan(allow(), credentials=(plain_credential(**BEARER),)), values={"key": "value-one"})
    calls = wanting(stage)
    for _ in range(3):
        assert stage.ask(GET).status == 401
    assert calls == [1], "a server that says 401 all the time is no reason to ask a password manager all the time"


def test_a_value_that_is_given_later_is_set_and_scrubbed_from_then_on(stage: Scene) -> None:
    stage.serve(Api(good=["value-two"]))
    stage.start(stage.plan(allow(), credentials=(plain_credential(**BEARER),)), values={"key": "value-one"})
    assert stage.ask(GET).status == 401
    assert stage.control({"op": "secrets", "secrets": {"key": "value-two"}}) == {"ok": True}
    answer = stage.ask(GET)
    assert answer.status == 200
    assert answer.body == b"you sent *********"


def test_a_server_that_takes_the_credential_wants_nothing(stage: Scene) -> None:
    stage.serve(Api(good=["value-one"]))
    stage.start(stage.plan(allow(), credentials=(plain_credential(**BEARER),)), values={"key": "value-one"})
    calls = wanting(stage)
    assert stage.ask(GET).status == 200
    assert calls == []


def test_a_401_without_a_credential_wants_nothing(stage: Scene) -> None:
    stage.serve(Api(good=[]))
    stage.start(stage.plan(allow()))
    calls = wanting(stage)
    assert stage.ask(GET.replace(b"bot-bottle-placeholder", b"x")).status == 401
    assert calls == []


def test_a_refresh_token_that_was_used_elsewhere_is_read_again(stage: Scene) -> None:
    login = Login(refresh="refresh-new")
    stage.serve(login, host=LOGIN)
    stage.serve(Api(good=["access-1"]))
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"service": "refresh-old"})
    calls = wanting(stage)
    assert stage.ask(GET).status == 502
    assert calls == [1]
    stage.control({"op": "secrets", "secrets": {"service": "refresh-new"}})
    assert stage.ask(GET).status == 200
