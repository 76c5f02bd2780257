"""The images of bottles without docker: what the cache holds, what prune leaves, and layers that need a program to be read."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tars import END, configuration, docker_archive, file, folder, oci_archive, sha256

from bot_bottle.backends.images.archive import read_archive
from bot_bottle.backends.images.store import make_root, roots, store_dir
from bot_bottle.backends.images.tar import BadArchive
from bot_bottle.backends.images.unpack import unpack
from bot_bottle.bottles.images import JUST_NOW_S, UNUSED_AFTER_S, list_images, prune_images, remove_image
from bot_bottle.errors import BadUsage
from bot_bottle.host.paths import bottle_dir
from bot_bottle.host.run import Command, CouldNotRun, follow, plain_env

NO_DOCKER = {"PATH": "/nonexistent"}
LAYER = folder("etc/") + file("etc/name", b"content") + END


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(tmp_path / variable.lower()))


def root_of(tmp_path: Path, content: bytes) -> str:
    """An image in the cache; its digest."""
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive(file("f", content) + END))
    return make_root(path, read_archive(path), origin="tools.tar", say=quiet).digest


def needed(slug: str, digest: str) -> None:
    """A bottle whose plan names this image."""
    bottle_dir(slug).mkdir(parents=True)
    (bottle_dir(slug) / "status.json").write_text("{}")
    (bottle_dir(slug) / "plan.json").write_text(json.dumps({"slug": slug, "image": {"digest": digest}}))


def test_prune_leaves_what_a_bottle_needs_or_a_start_asked_for_lately(tmp_path: Path) -> None:
    kept, old = root_of(tmp_path, b"1"), root_of(tmp_path, b"2")
    needed("one", kept)
    now = time.time()
    assert prune_images(NO_DOCKER, every=False, now=now, say=quiet) == ()
    assert prune_images(NO_DOCKER, every=True, now=now, say=quiet) == ()
    assert [row.identity for row in prune_images(NO_DOCKER, every=True, now=now + JUST_NOW_S + 1, say=quiet)] == [old]
    assert [row.needed_by for row in list_images(NO_DOCKER, say=quiet)] == [("one",)]
    assert prune_images(NO_DOCKER, every=False, now=now + UNUSED_AFTER_S + 1, say=quiet) == ()


def test_prune_takes_what_killed_starts_left(tmp_path: Path) -> None:
    root_of(tmp_path, b"1")
    (store_dir() / "roots" / ".new.dead" / "root").mkdir(parents=True)
    (store_dir() / "scratch").mkdir()
    (store_dir() / "scratch" / "left.tar").write_bytes(b"x")
    prune_images(NO_DOCKER, every=False, now=time.time() + 86400, say=quiet)
    assert not (store_dir() / "roots" / ".new.dead").exists()
    assert not (store_dir() / "scratch" / "left.tar").exists()


def test_an_image_that_a_bottle_needs_is_removed_only_by_force(tmp_path: Path) -> None:
    digest = root_of(tmp_path, b"1")
    needed("one", digest)
    with pytest.raises(BadUsage, match="needed"):
        remove_image(digest[7:19], NO_DOCKER, force=False, say=quiet)
    assert remove_image(digest[7:19], NO_DOCKER, force=True, say=quiet).identity == digest
    assert roots() == ()


@pytest.mark.parametrize("name", ["", "sha256:", "../x", "zz", "1"])
def test_a_name_that_means_no_image_removes_none(name: str, tmp_path: Path) -> None:
    root_of(tmp_path, b"1")
    with pytest.raises(BadUsage, match="none of our images"):
        remove_image(name, NO_DOCKER, force=True, say=quiet)
    assert len(roots()) == 1


def test_the_command_line_lists_them_as_json(tmp_path: Path) -> None:
    digest = root_of(tmp_path, b"1")
    words = [sys.executable, "-m", "bot_bottle", "images", "ls", "--json"]
    done = subprocess.run(words, capture_output=True, check=True, timeout=60, env=dict(os.environ) | NO_DOCKER)
    (row,) = json.loads(done.stdout)
    assert (row["id"], row["place"], row["needed_by"]) == (digest, "cache", [])


def compressed(content: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_layers_in_zstd_are_read_whatever_follows_them_in_the_archive(tmp_path: Path) -> None:
    path, root = tmp_path / "image.tar", tmp_path / "root"
    upper = file("etc/name", b"upper") + END
    path.write_bytes(oci_archive(LAYER, upper, stored=[compressed(LAYER), compressed(upper)]))
    root.mkdir()
    unpack(path, read_archive(path), root)
    assert (root / "etc" / "name").read_text() == "upper"


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_a_layer_in_zstd_that_is_broken_is_refused(tmp_path: Path) -> None:
    path, root = tmp_path / "image.tar", tmp_path / "root"
    broken = compressed(LAYER)[:-9]
    path.write_bytes(docker_archive(LAYER, stored=[broken], config=configuration(LAYER)))
    root.mkdir()
    with pytest.raises(BadArchive):
        unpack(path, read_archive(path), root)
    assert sha256(broken)


def command(script: str, *, timeout_s: float = 20.0) -> Command:
    return Command(argv=("sh", "-c", script), env=plain_env(), timeout_s=timeout_s, output_limit=4096)


def test_a_program_is_followed_line_by_line_while_it_runs() -> None:
    seen: list[tuple[str, float]] = []
    done = follow(command("echo one; sleep 0.3; echo two >&2; exit 3"), lambda line: seen.append((line, time.monotonic())))
    assert [line for line, _ in seen] == ["one", "two"]
    assert seen[1][1] - seen[0][1] > 0.1
    assert (done.code, done.stdout) == (3, b"one\ntwo\n")


def test_only_the_end_of_much_output_is_kept() -> None:
    done = follow(command("head -c 1000000 /dev/zero | tr '\\0' x; echo end"), lambda line: None)
    assert len(done.stdout) == 4096
    assert done.stdout.endswith(b"end\n")


def test_a_program_that_runs_over_its_time_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(CouldNotRun, match="longer than"):
        follow(command("while :; do echo x; sleep 0.05; done", timeout_s=0.5), lambda line: None)
    assert time.monotonic() - started < 10


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(CouldNotRun, match="nowhere-to-be-found"):
        follow(Command(argv=("nowhere-to-be-found",), env=plain_env(), timeout_s=5), lambda line: None)
