"""What is read of Dockerfiles."""

from hashlib import sha256
from pathlib import Path

import pytest

from bot_bottle.backends.images.build import recipe_for
from bot_bottle.backends.images.dockerfile import bases, mounts_secret, needs_buildkit, uses_context
from bot_bottle.errors import BottleError
from bot_bottle.manifest.spec import FromDockerfile

COPIES = [
    ("FROM a\nCOPY . /x", True),
    ("FROM a\ncopy file /x", True),
    ("FROM a\nADD https://example.com/x /x", True),
    ("FROM a\nONBUILD COPY . /x", True),
    ("FROM a\nRUN --mount=type=bind,target=/x true", True),
    ("FROM a\nRUN --mount=target=/x true", True),
    ("FROM a\nCO\\\nPY . /x", True),
    ("FROM a\nCOPY \\\n  # why\n  . /x", True),
    ("# escape=`\nFROM a\nRUN true `\n  && echo\nCOPY . /x", True),
    ("FROM a AS b\nFROM c\nCOPY --from=b /x /x", False),
    ("FROM a\nRUN --mount=type=cache,target=/x true", False),
    ("FROM a\nRUN --mount=type=bind,from=b,target=/x true", False),
    ("FROM a\n# COPY . /x\nRUN echo COPY", False),
    ("FROM a\nRUN true && \\\n    echo hello", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "copies"), COPIES)
def test_whether_it_copies_from_its_folder(text: str, copies: bool) -> None:
    assert uses_context(text) is copies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM debian:bookworm", ("debian:bookworm",)),
        ("ARG BASE=debian:bookworm-slim\nFROM ${BASE}", ("mirror/debian",)),
        ("ARG TAG=12\nFROM debian:${TAG}", ("debian:12",)),
        ("ARG TAG\nFROM debian:${TAG:-11}", ("debian:11",)),
        ("FROM --platform=linux/amd64 a AS first\nFROM first\nFROM b", ("a", "b")),
        ("FROM scratch", ()),
        ("FROM a\nCOPY --from=tools:1 /x /x\nCOPY --from=0 /y /y", ("a", "tools:1")),
        ("FROM a\nRUN --mount=type=bind,from=tools,target=/x true", ("a", "tools")),
    ],
)
def test_what_it_builds_on(text: str, expected: tuple[str, ...]) -> None:
    assert bases(text, {"BASE": "mirror/debian"}) == expected


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("FROM a\nRUN true", False),
        ("# syntax=docker/dockerfile:1\nFROM a", True),
        ("FROM a\nRUN --mount=type=cache,target=/x true", True),
        ("FROM a\nCOPY --chmod=755 a b", True),
        ("FROM a\nRUN <<EOF\ntrue\nEOF", True),
        ("FROM a\nRUN echo '# syntax=x'", False),
        ("FROM a\nRUN cat <file", False),
    ],
)
def test_whether_it_needs_buildkit(text: str, needs: bool) -> None:
    assert needs_buildkit(text) is needs


@pytest.mark.parametrize(
    ("text", "mounts"),
    [
        ("FROM a\nRUN --mount=type=secret,id=roots,target=/x true", True),
        ("FROM a\nRUN --mount=id=roots,type=secret true", True),
        ("FROM a\nRUN --mount=type=secret,id=other true", False),
        ("FROM a\nRUN echo id=roots type=secret", False),
        ("FROM a\nRUN --mount=type=cache,id=roots,target=/x true", False),
    ],
)
def test_whether_it_mounts_the_certificates(text: str, mounts: bool) -> None:
    assert mounts_secret(text, "roots") is mounts
    assert not uses_context(text)


def test_what_was_judged_is_built_or_nothing(tmp_path: Path) -> None:
    """A bottle that shares the folder could write another Dockerfile between the operator's look and the build."""
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch")
    source = FromDockerfile(dockerfile=path, context=tmp_path, sha256=sha256(b"FROM scratch").hexdigest())
    assert recipe_for(source).dockerfile == "FROM scratch"
    path.write_text("FROM evil")
    with pytest.raises(BottleError, match="changed while"):
        recipe_for(source)
