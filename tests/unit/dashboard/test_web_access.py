"""Who may use the page: a table of heads and verdicts, the nasty ones included."""

import pytest

from bot_bottle.dashboard.web.access import Head, Refusal, Session, Site, cookies, decide, origins

PORT = 8377
SITE = Site(origins=origins(PORT))
SESSION = Session(cookie="c" * 32, key="k" * 32)
OWN = {"host": "127.0.0.1:8377"}
WITH_SESSION = OWN | {"cookie": f"other=1; bot-bottle-8377={SESSION.cookie}", "x-bot-bottle-key": SESSION.key}
POST = {"content-type": "application/json", "content-length": "2", "origin": "http://127.0.0.1:8377"}


def verdict(method: str, path: str, headers: dict[str, str], *, site: Site = SITE) -> object:
    found = decide(Head(method=method, path=path, headers=headers), site, (SESSION,), cookie_name="bot-bottle-8377")
    return found.status if isinstance(found, Refusal) else found


@pytest.mark.parametrize(
    ("method", "path", "headers", "wanted"),
    [
        ("GET", "/", OWN, "open"),
        ("GET", "/", {"host": "localhost:8377"}, "open"),
        ("GET", "/page.js", OWN, "open"),
        ("POST", "/login", OWN | POST, "login"),
        ("GET", "/events", WITH_SESSION, "session"),
        ("GET", "/events", WITH_SESSION | {"sec-fetch-site": "same-origin"}, "session"),
        ("POST", "/approve", WITH_SESSION | POST, "session"),
        ("POST", "/approve", WITH_SESSION | POST | {"origin": "http://localhost:8377", "host": "localhost:8377"}, "session"),
        # Names that are not ours: rebinding, another port, no name at all.
        ("GET", "/", {"host": "evil.example:8377"}, 421),
        ("GET", "/", {"host": "127.0.0.1"}, 421),
        ("GET", "/", {"host": "127.0.0.1:9999"}, 421),
        ("GET", "/", {"host": "127.0.0.1:8377, evil.example"}, 421),
        ("GET", "/", {"host": "127.0.0.1.evil.example:8377"}, 421),
        ("GET", "/", {}, 421),
        ("GET", "/events", WITH_SESSION | {"host": "evil.example:8377"}, 421),
        # Other sites, and other ports of this machine, which share its cookies.
        ("POST", "/approve", WITH_SESSION | POST | {"origin": "https://evil.example"}, 403),
        ("POST", "/approve", WITH_SESSION | POST | {"origin": "http://127.0.0.1:9999"}, 403),
        ("POST", "/approve", WITH_SESSION | POST | {"origin": "null"}, 403),
        ("POST", "/approve", WITH_SESSION | POST | {"sec-fetch-site": "same-site"}, 403),
        ("POST", "/approve", WITH_SESSION | POST | {"sec-fetch-site": "cross-site"}, 403),
        ("GET", "/events", WITH_SESSION | {"origin": "https://evil.example"}, 403),
        ("POST", "/approve", {**WITH_SESSION, "content-type": "application/json", "content-length": "2"}, 403),
        # Forms of other sites cannot send JSON.
        ("POST", "/approve", WITH_SESSION | POST | {"content-type": "text/plain"}, 415),
        ("POST", "/approve", WITH_SESSION | POST | {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/login", OWN | POST | {"content-type": "text/plain"}, 415),
        # Half of what is needed.
        ("GET", "/events", OWN, 401),
        ("GET", "/events", OWN | {"cookie": f"bot-bottle-8377={SESSION.cookie}"}, 401),
        ("GET", "/events", OWN | {"x-bot-bottle-key": SESSION.key}, 401),
        ("GET", "/events", WITH_SESSION | {"cookie": f"bot-bottle-9999={SESSION.cookie}"}, 401),
        ("GET", "/events", WITH_SESSION | {"x-bot-bottle-key": SESSION.key[:-1]}, 401),
        ("GET", "/events", WITH_SESSION | {"x-bot-bottle-key": ""}, 401),
        ("GET", "/nothing", OWN, 401),
        # Methods and bodies.
        ("OPTIONS", "/approve", WITH_SESSION, 405),
        ("PUT", "/approve", WITH_SESSION | POST, 405),
        ("POST", "/approve", WITH_SESSION | POST | {"content-length": "70000"}, 413),
        ("POST", "/approve", WITH_SESSION | POST | {"content-length": "-1"}, 413),
        ("POST", "/approve", WITH_SESSION | POST | {"content-length": "2, 2"}, 413),
        ("POST", "/approve", WITH_SESSION | POST | {"content-length": "\u0662"}, 413),
        ("POST", "/approve", WITH_SESSION | POST | {"transfer-encoding": "chunked"}, 400),
        ("GET", "/", OWN | {"content-length": "5"}, 400),
    ],
)
def test_only_the_operators_own_page_is_let_through(method: str, path: str, headers: dict[str, str], wanted: object) -> None:
    assert verdict(method, path, headers) == wanted


def test_a_tunnels_own_address_is_let_through_when_the_operator_named_it() -> None:
    site = Site(origins=origins(PORT, "https://box.example.com"))
    headers = WITH_SESSION | POST | {"host": "box.example.com", "origin": "https://box.example.com"}
    assert verdict("POST", "/approve", headers, site=site) == "session"
    assert verdict("POST", "/approve", headers) == 421


def test_of_two_cookies_with_one_name_the_first_counts() -> None:
    assert cookies("a=1; a=2; b; c=x=y") == {"a": "1", "c": "x=y"}
