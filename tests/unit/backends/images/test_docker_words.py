"""What docker prints about images, read without docker."""

import json

import pytest

from bot_bottle.backends.images.build import BASES, is_current, say_step
from bot_bottle.backends.images.docker import Found, NoImage, explained, read_found, sort_found, tail
from bot_bottle.errors import BottleError
from bot_bottle.host.run import Finished
from bot_bottle.plans.image import ImageConfig


def printed(identity: str, **config: object) -> bytes:
    return json.dumps({"Id": identity, "RepoTags": [], "Size": 7, "Config": config}).encode()


def test_images_own_words_are_read() -> None:
    said = printed("sha256:1", Env=["PATH=/a:/b", "X=y=z", "=odd"], User="app", WorkingDir="/srv", Cmd=None, Labels={"a": "b"})
    found = read_found(said, "base")
    assert found.config == ImageConfig(env=(("PATH", "/a:/b"), ("X", "y=z")), user="app", folder="/srv")
    assert (found.identity, found.size, dict(found.labels)) == ("sha256:1", 7, {"a": "b"})


@pytest.mark.parametrize(
    "said", [b"[]", b"", b"{}", b'{"Id": "x", "Config": {"Env": [1]}}', b'{"Id": "x", "Config": {"Env": 7}}']
)
def test_nonsense_about_an_image_is_an_error(said: bytes) -> None:
    with pytest.raises(BottleError):
        read_found(said, "base")


NAMES = ("bot-bottle/agent:1", "debian", "tools:2")
ERRORS = {
    "docker 20.10": "Error: No such image: debian\n",
    "docker 28": "Error response from daemon: No such image: debian:latest\n",
    "podman": "Error: debian: No such object: debian\n",
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS.keys())
def test_each_printed_image_is_the_one_that_was_asked_for(error: str) -> None:
    done = Finished(code=1, stdout=printed("sha256:a") + b"\n" + printed("sha256:t") + b"\n", stderr=error.encode())
    found, _ = sort_found(done, NAMES)
    assert found is not None
    assert {name: one.identity for name, one in found.items()} == {"bot-bottle/agent:1": "sha256:a", "tools:2": "sha256:t"}


def test_another_failure_is_not_taken_for_a_missing_image() -> None:
    done = Finished(
        code=1, stdout=b"", stderr=b"Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n"
    )
    assert sort_found(done, NAMES)[0] is None
    told = explained(done.stderr, "debian")
    assert not isinstance(told, NoImage)
    assert "does not answer" in told.what


def test_a_base_that_moved_makes_an_image_old() -> None:
    found = Found(
        identity="i",
        config=ImageConfig(),
        size=0,
        tags=(),
        labels={BASES: json.dumps({"debian": "sha256:1", "tools": "sha256:2"})},
    )
    assert is_current(found, {"debian": "sha256:1"})
    assert is_current(found, {"new": "sha256:9"})
    assert not is_current(found, {"debian": "sha256:1", "tools": "sha256:3"})


def test_only_steps_of_the_builder_are_told() -> None:
    said: list[str] = []
    lines = [
        "Step 1/3 : FROM a",
        " ---> 12ab",
        "#5 [2/4] RUN make",
        "#2 [internal] load .dockerignore",
        "#5 0.3 compiling",
        "Step 3/3 : LABEL bot-bottle.image=agent",
    ]
    for line in lines:
        say_step(line, said.append)
    assert said == ["  Step 1/3 : FROM a", "  #5 [2/4] RUN make"]


def test_a_builders_last_lines_are_shown_as_text() -> None:
    done = Finished(code=1, stdout=b"one\r\x1b[2Ktwo\n\n\x1b]0;owned\x07three\nDEPRECATED: old\n", stderr=b"")
    assert tail(done, 2) == ("two", "\\x1b]0;owned\\x07three")
