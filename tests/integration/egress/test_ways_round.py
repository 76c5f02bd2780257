"""Ways round the git gate, tried over real sockets: what is denied never reaches the server, what passes arrives whole."""

import json

import pytest
from wire import HOST, Echo, Scene, allow

MERGE = 'mutation { mergePullRequest(input: {pullRequestId: "1"}) { clientMutationId } }'
ISSUE = 'mutation { createIssue(input: {title: "It breaks"}) { issue { id } } }'


def post(path: str, body: bytes, *more: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def graphql(query: str) -> bytes:
    return json.dumps({"query": query, "padding": "x" * 100_000}).encode()


@pytest.fixture
def echo(stage: Scene) -> Echo:
    made = Echo()
    stage.serve(made)
    stage.start(stage.plan(allow()))
    return made


def test_a_mutation_that_merges_never_reaches_the_forge(stage: Scene, echo: Echo) -> None:
    answer = stage.ask(post("/api/graphql", graphql(MERGE)))
    assert answer.status == 403
    assert "mergePullRequest" in answer.json["reason"]
    assert "git remote" in answer.json["advice"]
    assert echo.heads == []


def test_a_query_and_a_safe_mutation_arrive_whole(stage: Scene, echo: Echo) -> None:
    for query in ("{ viewer { login } }", ISSUE):
        assert stage.ask(post("/api/graphql", graphql(query))).status == 200
    assert echo.bodies == [graphql("{ viewer { login } }"), graphql(ISSUE)]


@pytest.mark.parametrize("target", ["/api%2Fgraphql", "//api//graphql", "/api/graphql/", "/API/GraphQL", "/x/../api/graphql"])
def test_another_spelling_of_the_path_is_no_way_round(stage: Scene, echo: Echo, target: str) -> None:
    assert stage.ask(post(target, graphql(MERGE))).status in {400, 403}
    assert echo.heads == []


def test_a_compressed_mutation_is_not_let_through(stage: Scene, echo: Echo) -> None:
    import gzip

    assert stage.ask(post("/api/graphql", gzip.compress(graphql(MERGE)), "Content-Encoding: gzip")).status == 403
    assert echo.heads == []


def test_a_push_over_https_is_denied_with_the_way_to_go(stage: Scene, echo: Echo) -> None:
    answer = stage.ask(f"GET /team/repo.git/info/refs?service=git-receive-pack HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert answer.status == 403
    assert "git remote" in answer.json["reason"]
    assert stage.ask(post("/team/repo.git/git-receive-pack", b"0000")).status == 403
    assert stage.ask(post("/team/repo.git/info/lfs/objects/batch", b"{}")).status == 403
    assert echo.heads == []


def test_a_rule_that_names_git_lets_all_of_it_through(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(git=True)))
    assert stage.ask(post("/team/repo.git/git-receive-pack", b"0000")).status == 200
    assert stage.ask(post("/api/graphql", graphql(MERGE))).status == 200
    assert echo.bodies == [b"0000", graphql(MERGE)]
