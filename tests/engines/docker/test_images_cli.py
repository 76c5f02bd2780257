"""`bot-bottle images` with a daemon: built before the first start, needed by the bottle that ran, gone when told."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_shop import IMAGE, DockerShop

BASE = "bot-bottle-test/cli-base:1"
"""The base by a name: BuildKit takes no identity as a base."""


@pytest.fixture(scope="module", autouse=True)
def base_image() -> Iterator[None]:
    subprocess.run(["docker", "tag", IMAGE, BASE], check=True)
    yield
    subprocess.run(["docker", "image", "rm", BASE], check=True, stdout=subprocess.DEVNULL)


def listed(shop: DockerShop) -> list[dict[str, Any]]:
    """Our images of this test: those built from its folder."""
    rows = json.loads(shop.bot_bottle("images", "ls", "--json").stdout)
    return [row for row in rows if str(shop.project) in row["origin"]]


def dockerfile(shop: DockerShop, *lines: str) -> Path:
    path = shop.project / "Dockerfile"
    path.write_text("\n".join((f"FROM {BASE}", *lines)) + "\n")
    return path


def test_an_image_is_built_ahead_used_kept_for_its_bottle_and_removed(shop: DockerShop) -> None:
    dockerfile(shop, "RUN echo built > /built")
    wanted = ("--backend", "docker", "--image", "./Dockerfile")
    built = shop.bot_bottle("images", "build", *wanted, "--json", "shell")
    assert built.returncode == 0, built.stderr
    identity = json.loads(built.stdout)["reference"]
    assert b"RUN echo built" in built.stderr

    done = shop.bot_bottle("run", *wanted, "--name", "one", "shell", "--", "sh", "-c", "cat /built; touch changed")
    assert done.stdout == b"built\n"
    assert b"building" not in done.stderr
    assert identity[7:19].encode() in done.stderr, "the preflight names the very image"

    (row,) = listed(shop)
    assert (row["id"], row["kind"], row["needed_by"]) == (identity, "dockerfile", ["one"])
    assert shop.bot_bottle("images", "rm", identity[7:19]).returncode == 2
    assert shop.bot_bottle("images", "prune", "--all").returncode == 0
    assert len(listed(shop)) == 1

    assert shop.bot_bottle("rm", "-f", "one").returncode == 0
    assert shop.bot_bottle("images", "rm", identity[7:19]).returncode == 0
    assert listed(shop) == []


def test_a_failing_build_stops_the_start_and_leaves_nothing(shop: DockerShop) -> None:
    before = shop.docker("ps", "-aq")
    dockerfile(shop, "RUN echo it is broken >&2; exit 7")
    done = shop.bot_bottle("run", "--backend", "docker", "--image", "./Dockerfile", "shell", "--", "true")
    assert done.returncode == 125
    assert b"it is broken" in done.stderr
    assert done.stdout == b""
    assert shop.docker("ps", "-aq") == before
    assert json.loads(shop.bot_bottle("ls", "-a", "--json").stdout) == []
    assert listed(shop) == []


def test_build_progress_comes_before_the_preflight_in_whole_lines(shop: DockerShop) -> None:
    dockerfile(shop, "RUN printf 'a\\rb\\033[2Jc\\n'; sleep 0.1", "RUN true")
    done = shop.bot_bottle("run", "--backend", "docker", "--image", "./Dockerfile", "--name", "two", "shell", "--", "true")
    lines = done.stderr.decode().splitlines()
    steps = [index for index, line in enumerate(lines) if " RUN " in line]
    assert max(steps) < next(index for index, line in enumerate(lines) if line.startswith("bottle "))
    assert "\x1b" not in done.stderr.decode()
    for row in listed(shop):
        shop.bot_bottle("images", "rm", "-f", row["id"])


def test_a_dry_run_says_what_would_be_built(shop: DockerShop) -> None:
    dockerfile(shop, "RUN true", "ENV DRY=1")
    done = shop.bot_bottle("run", "--backend", "docker", "--image", "./Dockerfile", "--dry-run", "shell")
    assert b"to be built first" in done.stdout
    assert listed(shop) == []
