"""The table of the policy: rules and a request in, a verdict out."""

import time
import timeit
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.paths import canonical_target
from bot_bottle.gates.egress.rules import Allowed, Denied, Request, admits_host, compile_rules, decide, host_matches
from bot_bottle.manifest.globs import compile_glob
from bot_bottle.manifest.spec import Rule

RULES = (
    Rule(host="api.example.com", where="bottle.yaml:3", methods=("GET", "POST"), paths=("/v1/**", "/health")),
    Rule(host="api.example.com", where="bottle.yaml:7", deny=True, ports=(), paths=("/v1/admin/**",)),
    Rule(host="api.example.com", where="bottle.yaml:9", deny=True, ports=(), methods=("DELETE",)),
    Rule(host="code.example.com", where="bottle.yaml:12", paths=("/repos/acme/*", "/repos/acme/*/**")),
    Rule(host="*.one.example.com", where="bottle.yaml:14"),
    Rule(host="**.any.example.com", where="bottle.yaml:15"),
    Rule(host="secret.any.example.com", where="bottle.yaml:16", deny=True, ports=()),
    Rule(host="plain.example.com", where="bottle.yaml:18", scheme="http", ports=(80,)),
    Rule(host="odd.example.com", where="bottle.yaml:20", ports=(8443, 9443)),
    Rule(host="keys.example.com", where="bottle.yaml:22", query=("page", "per_page")),
    Rule(host="nokey.example.com", where="bottle.yaml:24"),
    Rule(host="nokey.example.com", where="bottle.yaml:25", deny=True, ports=(), query=("delete",)),
    Rule(host="small.example.com", where="bottle.yaml:27", max_body=1000),
    Rule(host="quiet.example.com", where="bottle.yaml:29", websocket=False),
    Rule(host="2001:db8::1", where="bottle.yaml:31"),
    Rule(host="192.0.2.7", where="bottle.yaml:33"),
)
POLICY = compile_rules(RULES)


def ask(what: str, host: str = "api.example.com", **more: object) -> Request:
    """A request as the gate makes it: the target becomes canonical."""
    method, target = what.split(" ", 1)
    path, query, _ = canonical_target(target.encode())
    base = Request(scheme="https", host=host, port=443, method=method, path=path, query=query)
    return replace(base, **more)  # type: ignore[arg-type]  # fields of Request


ALLOWED = [
    ask("GET /v1/models"),
    ask("POST /v1/a/b/c?x=1"),
    ask("GET /v1/"),
    ask("GET /health"),
    ask("GET /%76%31/models"),
    ask("GET /v1/a%2Fb"),
    ask("GET /v1/administration"),
    ask("GET /repos/acme/tool", "code.example.com"),
    ask("PUT /repos/acme/tool/contents/a", "code.example.com"),
    ask("GET /", "a.one.example.com"),
    ask("GET /", "a.any.example.com"),
    ask("GET /", "a.b.c.any.example.com"),
    ask("GET /", "plain.example.com", scheme="http", port=80),
    ask("GET /", "odd.example.com", port=9443),
    ask("GET /", "keys.example.com"),
    ask("GET /?page=2&per_page=5", "keys.example.com"),
    ask("GET /?page=1&page=2", "keys.example.com"),
    ask("GET /?remove=1", "nokey.example.com"),
    ask("POST /", "small.example.com", content_length=1000),
    ask("POST /", "small.example.com", content_length=None),
    ask("GET /v1/ws", websocket=True),
    ask("GET /", "quiet.example.com"),
    ask("GET /", "2001:db8::1"),
    ask("GET /", "192.0.2.7"),
]

DENIED = [
    ask("GET /"),
    ask("GET /v1"),
    ask("GET /v2/models"),
    ask("PUT /v1/models"),
    ask("get /v1/models"),
    ask("GET /V1/models"),
    ask("GET /health/x"),
    ask("GET /v1/admin"),
    ask("GET /v1/admin/"),
    ask("GET /v1/admin/users"),
    ask("GET /v1/ADMIN/users"),
    ask("GET /v1/%61dmin/users"),
    ask("GET /v1/admin%2Fusers"),
    ask("GET /v1//admin/users"),
    ask("GET /v1/./admin/users"),
    ask("GET /v1%2Fadmin/users"),
    ask("GET /v1%2Fmodels"),
    ask("DELETE /v1/models"),
    ask("delete /v1/models"),
    ask("GET /v1/models", scheme="http"),
    ask("GET /v1/models", port=8443),
    ask("GET /v1/models", "example.com"),
    ask("GET /v1/models", "evil-api.example.com"),
    ask("GET /v1/models", "api.example.com.evil.example"),
    ask("GET /v1/models", "xapi.example.com"),
    ask("GET /repos/other/tool", "code.example.com"),
    ask("GET /repos/acme", "code.example.com"),
    ask("GET /repos/acmeother/tool", "code.example.com"),
    ask("GET /repos%2Facme/tool", "code.example.com"),
    ask("GET /user", "code.example.com"),
    ask("GET /", "one.example.com"),
    ask("GET /", "a.b.one.example.com"),
    ask("GET /", "none.example.com"),
    ask("GET /", "xone.example.com"),
    ask("GET /", "any.example.com"),
    ask("GET /", "xany.example.com"),
    ask("GET /", "secret.any.example.com"),
    ask("GET /", "plain.example.com"),
    ask("GET /", "plain.example.com", scheme="http", port=8080),
    ask("GET /", "odd.example.com"),
    ask("GET /?page=1&token=x", "keys.example.com"),
    ask("GET /?Page=1", "keys.example.com"),
    ask("GET /?page%01=1", "keys.example.com"),
    ask("POST /?delete=1", "nokey.example.com"),
    ask("POST /?DELETE", "nokey.example.com"),
    ask("POST /?d%65lete=1", "nokey.example.com"),
    ask("POST /?delete+=1", "nokey.example.com"),
    ask("POST /", "small.example.com", content_length=1001),
    ask("GET /", "quiet.example.com", websocket=True),
    ask("GET /", "2001:db8::2"),
    ask("GET /", "192.0.2.70"),
]


@pytest.mark.parametrize("request_", ALLOWED, ids=str)
def test_a_rule_allows(request_: Request) -> None:
    verdict = decide(request_, POLICY)
    assert isinstance(verdict, Allowed), verdict


@pytest.mark.parametrize("request_", DENIED, ids=str)
def test_no_rule_allows_or_one_denies(request_: Request) -> None:
    verdict = decide(request_, POLICY)
    assert isinstance(verdict, Denied), verdict
    assert verdict.why.endswith(".")
    assert verdict.hint["host"] == request_.host


def test_without_rules_nothing_leaves() -> None:
    verdict = decide(ask("GET /v1/x"), compile_rules(()))
    assert isinstance(verdict, Denied)
    assert verdict.why == "No rule allows GET https://api.example.com/v1/x; no rule allows this host at all."


def test_a_denial_says_what_is_allowed_on_the_host() -> None:
    verdict = decide(ask("GET /v2"), POLICY)
    assert isinstance(verdict, Denied)
    assert verdict.why == "No rule allows GET https://api.example.com/v2. Allowed on this host: GET, POST /v1/**, /health."


def test_a_denial_names_the_rule_that_denies() -> None:
    verdict = decide(ask("GET /v1/admin/x"), POLICY)
    assert isinstance(verdict, Denied)
    assert (verdict.rule, verdict.why) == (RULES[1], "bottle.yaml:7 denies GET /v1/admin/x on api.example.com.")


def test_a_denial_shows_no_control_characters_of_a_path() -> None:
    verdict = decide(replace(ask("GET /v2"), path="/\x1b[2J\n\u202e"), POLICY)
    assert isinstance(verdict, Denied)
    assert verdict.why.isprintable()


@given(st.lists(st.sampled_from(RULES)), st.sampled_from(RULES[:12]), st.sampled_from(ALLOWED + DENIED))
def test_one_more_deny_never_allows_more(rules: list[Rule], extra: Rule, asked: Request) -> None:
    deny = replace(extra, deny=True)
    if isinstance(decide(asked, compile_rules(rules)), Denied):
        assert isinstance(decide(asked, compile_rules([*rules, deny])), Denied)


@given(st.permutations(RULES), st.sampled_from(ALLOWED + DENIED))
def test_the_order_of_the_rules_does_not_matter(rules: list[Rule], asked: Request) -> None:
    assert type(decide(asked, compile_rules(rules))) is type(decide(asked, POLICY))


@given(st.sampled_from(ALLOWED + DENIED))
def test_what_a_request_is_allowed_its_host_is_admitted(asked: Request) -> None:
    if asked.scheme == "https" and isinstance(decide(asked, POLICY), Allowed):
        assert isinstance(admits_host(asked.host, asked.port, POLICY), Allowed)


@pytest.mark.parametrize(
    ("host", "port", "is_admitted"),
    [
        ("api.example.com", 443, True),
        ("api.example.com", 80, False),
        ("secret.any.example.com", 443, False),
        ("plain.example.com", 80, False),
        ("odd.example.com", 8443, True),
        ("odd.example.com", 443, False),
        ("other.example.org", 443, False),
    ],
)
def test_a_tunnel_leads_where_some_request_may_go(host: str, port: int, is_admitted: bool) -> None:
    assert isinstance(admits_host(host, port, POLICY), Allowed) is is_admitted


def test_a_tunnel_is_refused_with_the_ports_that_are_allowed() -> None:
    verdict = admits_host("odd.example.com", 443, POLICY)
    assert isinstance(verdict, Denied)
    assert verdict.why == "No rule allows https to odd.example.com:443. Allowed on this host: https, port 8443 or 9443."


PASS = Rule(host="pin.example.com", where="a", passthrough=True)


def test_a_passthrough_rule_is_told_to_the_wire() -> None:
    verdict = admits_host("pin.example.com", 443, compile_rules([Rule(host="**.example.com", where="b"), PASS]))
    assert isinstance(verdict, Allowed)
    assert verdict.rule is PASS


def test_a_deny_of_a_path_opens_a_passthrough_connection() -> None:
    deny = Rule(host="pin.example.com", where="c", deny=True, ports=(), paths=("/secret/**",))
    other = Rule(host="pin.example.com", where="b")
    verdict = admits_host("pin.example.com", 443, compile_rules([PASS, other, deny]))
    assert isinstance(verdict, Allowed)
    assert verdict.rule is other


def test_a_deny_of_a_path_opens_the_connection_even_when_nothing_else_allows_the_host() -> None:
    deny = Rule(host="**.example.com", where="c", deny=True, ports=(), paths=("/secret/**",))
    policy = compile_rules([PASS, deny])
    verdict = admits_host("pin.example.com", 443, policy)
    assert isinstance(verdict, Allowed)
    assert not verdict.rule.passthrough
    assert isinstance(decide(ask("GET /secret/x", "pin.example.com"), policy), Denied)


@pytest.mark.parametrize(
    ("host", "passes"),
    [("api.example.com", False), ("pin.example.com", True), ("a.b.example.com", True), ("c.example.com", False)],
)
def test_the_closest_pattern_says_whether_a_connection_is_opened(host: str, passes: bool) -> None:
    rules = [
        Rule(host="**.example.com", where="a", passthrough=True),
        Rule(host="*.example.com", where="b"),
        Rule(host="api.example.com", where="c", paths=("/v1/**",)),
        PASS,
    ]
    for order in (rules, rules[::-1]):
        verdict = admits_host(host, 443, compile_rules(order))
        assert isinstance(verdict, Allowed)
        assert verdict.rule.passthrough is passes


@pytest.mark.parametrize(
    "asked", ["GET /admin", "GET /admin/", "HEAD /admin", "GET /ADMIN/", "GET /x//admin", "GET /t/a", "GET /t/a/"]
)
def test_a_deny_covers_what_servers_read_alike(asked: str) -> None:
    allow = Rule(host="h.example", where="a")
    deny = Rule(host="h.example", where="d", deny=True, ports=(), methods=("GET",), paths=("/admin", "/x/admin", "/t/*/"))
    policy = compile_rules([allow, deny])
    assert isinstance(decide(ask(asked, "h.example"), policy), Denied)
    assert isinstance(decide(ask("GET /administration", "h.example"), policy), Allowed)
    assert isinstance(decide(ask("POST /admin", "h.example"), policy), Allowed)


@pytest.mark.parametrize("glob", ["/", "/**", "/*"])
def test_a_deny_of_the_root_covers_the_root(glob: str) -> None:
    assert compile_glob(glob, deny=True).fullmatch("/")


def test_of_two_rules_the_roomier_one_bounds_the_body() -> None:
    small, large = (Rule(host="h.example", where=str(size), max_body=size) for size in (10, 100))
    verdict = decide(ask("POST /", "h.example"), compile_rules([small, large]))
    assert isinstance(verdict, Allowed)
    assert verdict.rule is large


def test_private_addresses_are_permitted_by_the_rules_of_that_host_and_port_only() -> None:
    inner = Rule(host="inner.example", where="a", addresses=("10.1.0.0/16",), paths=("/x",))
    policy = compile_rules([inner, Rule(host="inner.example", where="b"), Rule(host="other.example", where="c")])
    verdicts = [decide(ask("GET /y", host), policy) for host in ("inner.example", "other.example")]
    assert [one.permitted for one in verdicts if isinstance(one, Allowed)] == [(ip_network("10.1.0.0/16"),), ()]


def test_a_rule_for_an_address_permits_that_address() -> None:
    verdict = decide(ask("GET /", "192.0.2.7"), POLICY)
    assert isinstance(verdict, Allowed)
    assert verdict.permitted == (ip_network("192.0.2.7/32"),)


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("a.b", "a.b", True),
        ("a.b", "x.a.b", False),
        ("*.a.b", "x.a.b", True),
        ("*.a.b", "a.b", False),
        ("*.a.b", "x.y.a.b", False),
        ("**.a.b", "x.y.a.b", True),
        ("**.a.b", "a.b", False),
        ("**.a.b", "xa.b", False),
    ],
)
def test_a_wildcard_stands_for_labels(pattern: str, host: str, fits: bool) -> None:
    assert host_matches(pattern, host) is fits
    assert isinstance(decide(ask("GET /", host), compile_rules([Rule(host=pattern, where="x")])), Allowed) is fits


@pytest.mark.parametrize(
    "glob", ["v1/**", "/a?b", "/a#b", "/a;b", "/a\\b", "/***", "/a//b", "/../a", "/a/.", "/%zz", "/" + "*x" * 20]
)
def test_a_glob_that_fits_no_canonical_path_is_refused(glob: str) -> None:
    with pytest.raises(Refused):
        compile_rules([Rule(host="a.example", where="x", paths=(glob,))])


def test_a_hostile_path_is_matched_in_time() -> None:
    glob = compile_glob("/" + "**a" * 8)
    assert timeit.timeit(lambda: glob.fullmatch("/" + "a" * 4000 + "b"), number=1) < 0.5


def test_a_decision_takes_microseconds() -> None:
    asked, rounds = ask("GET /v1/some/path"), 2000
    policy = compile_rules([*RULES, *(Rule(host=f"**.h{n}.example.com", where="x") for n in range(500))])
    timer = time.process_time  # the machine may have other things to do meanwhile
    best = min(timeit.repeat(lambda: decide(asked, policy), number=rounds, repeat=5, timer=timer)) / rounds
    assert best < 50e-6, "ten times the measured time on a slow machine"
