"""What can go wrong with a daemon, for real: each ends in a clear error, and nothing is left."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker_shop import IMAGE, DockerShop
from dockerd import Dockerd, daemon

from bot_bottle.errors import ExitCode

SOCKET = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")


@pytest.fixture
def own() -> Iterator[Dockerd]:
    """A daemon to be broken, with a small image."""
    with daemon(image=False) as made:
        made.make_small_image("small")
        yield made


@pytest.fixture
def fragile(shop: DockerShop, own: Dockerd) -> DockerShop:
    """The operator, whose daemon is the one to be broken."""
    return replace(shop, address=own.address, image="small")


def wait_until(claim: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def state(shop: DockerShop, slug: str) -> str:
    return str(json.loads((shop.bottles() / slug / "status.json").read_text())["state"])


def test_no_daemon_is_said_in_one_line_and_what_to_do(shop: DockerShop, tmp_path: Path) -> None:
    done = shop.run("shell", "--", "true", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == ExitCode.CANNOT_RUN_HERE
    assert b"The Docker daemon does not answer." in done.stderr
    assert b"DOCKER_HOST" in done.stderr
    assert not list(shop.bottles().glob("*"))


def test_no_docker_command_is_said(shop: DockerShop, tmp_path: Path) -> None:
    done = shop.run("shell", "--", "true", PATH=str(tmp_path))
    assert done.returncode == ExitCode.CANNOT_RUN_HERE
    assert b"docker is not installed." in done.stderr


def test_old_daemon_is_refused_by_its_version(shop: DockerShop, tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text('#!/bin/sh\necho \'{"ServerVersion": "19.03.15", "KernelVersion": "5.4.0"}\'\n')
    fake.chmod(0o755)
    done = shop.run("shell", "--", "true", PATH=f"{tmp_path}:{os.environ['PATH']}", DOCKER_HOST="unix:///no/such")
    assert done.returncode == ExitCode.CANNOT_RUN_HERE
    assert b"Docker 19.03.15 is too old." in done.stderr


def test_silent_daemon_does_not_hold_the_command_for_ever(shop: DockerShop, tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\nexec sleep 600\n")
    fake.chmod(0o755)
    started = time.monotonic()
    done = shop.run("shell", "--", "true", PATH=f"{tmp_path}:{os.environ['PATH']}", DOCKER_HOST="unix:///no/such")
    assert done.returncode == ExitCode.CANNOT_RUN_HERE
    assert b"took longer than" in done.stderr
    assert time.monotonic() - started < 40


def test_missing_image_is_said_and_nothing_is_downloaded(shop: DockerShop) -> None:
    done = shop.bot_bottle("run", "--backend", "docker", "--image", "sha256:" + "0" * 64, "shell", "--", "true")
    assert done.returncode != 0
    assert b"image" in done.stderr
    assert not list(shop.bottles().glob("*"))


@pytest.mark.parametrize(("runtime", "instead"), [("runsc", b"--backend gvisor"), ("kata", b"--backend smolmachines")])
def test_runtime_with_a_kernel_of_its_own_is_refused_with_a_way_out(shop: DockerShop, runtime: str, instead: bytes) -> None:
    manifest = shop.project / "bottle.yaml"
    manifest.write_text(f"backend: docker\nimage: {{ref: '{IMAGE}', runtime: {runtime}}}\n")
    done = shop.bot_bottle("run", "-f", str(manifest), "shell", "--", "true")
    assert done.returncode == ExitCode.CANNOT_RUN_HERE
    assert instead in done.stderr
    assert shop.containers() == []


def test_foreign_container_of_the_same_name_is_left_alone(shop: DockerShop) -> None:
    done = shop.bot_bottle("run", "--backend", "docker", "--image", IMAGE, "--name", "one", "--dry-run", "--json", "shell")
    name = json.loads(done.stdout)["container"]
    env = os.environ | shop.env()
    subprocess.run(["docker", "create", "--name", name, IMAGE, "true"], env=env, check=True, capture_output=True)
    try:
        done = shop.run("--name", "one", "shell", "--", "true")
        assert done.returncode == ExitCode.FAILED
        assert b"There is a container of this name." in done.stderr
        shop.bot_bottle("ls", "-a")
        assert subprocess.run(["docker", "inspect", name], env=env, capture_output=True, check=False).returncode == 0
    finally:
        subprocess.run(["docker", "rm", "-f", name], env=env, check=False, capture_output=True)


def test_bottle_lives_on_without_its_daemon_and_leaves_nothing_once_that_is_back(fragile: DockerShop, own: Dockerd) -> None:
    assert fragile.run("-d", "--name", "long", "shell", "--", "sleep", "600").returncode == 0
    own.kill()
    done = fragile.bot_bottle("exec", "long", "--", "sh", "-c", "echo still here")
    assert done.stdout == b"still here\n"
    own.start()
    fragile.bot_bottle("stop", "long")  # a daemon that starts ends what it finds running, or has lost sight of it
    wait_until(lambda: own.docker("ps", "-aq").stdout.strip() == b"", "the container is left")
    wait_until(lambda: state(fragile, "long") != "running", "the end was not noticed")
    fragile.bot_bottle("rm", "-f", "long")
    assert not (fragile.bottles() / "long").exists()


def test_what_a_stop_without_a_daemon_leaves_goes_when_it_is_back(fragile: DockerShop, own: Dockerd) -> None:
    fragile.run("-d", "--name", "long", "shell", "--", "sh", "-c", "echo work > result; sleep 600")
    wait_until((fragile.bottles() / "long/workspace/result").exists, "it did not start")
    own.kill()
    fragile.bot_bottle("stop", "long")
    status = json.loads((fragile.bottles() / "long/status.json").read_text())
    assert "may be left" in status["why"]
    assert (fragile.bottles() / "long/workspace/result").read_text() == "work\n"
    failed = fragile.bot_bottle("clean")
    assert failed.returncode == ExitCode.FAILED
    assert b"may be left" in failed.stderr
    assert b"The Docker daemon does not answer." in failed.stderr
    own.start()
    assert fragile.bot_bottle("clean").returncode == 0
    assert own.docker("ps", "-aq").stdout.strip() == b""
    assert (fragile.bottles() / "long/workspace/result").read_text() == "work\n"
    fragile.bot_bottle("rm", "-f", "long")


def test_full_disk_is_said_and_nothing_is_left(fragile: DockerShop, own: Dockerd) -> None:
    """The daemon's own folder is full: it can make no container."""
    used = os.statvfs(own.folder)
    assert used.f_bavail > 0
    own.stop()
    data = own.folder / "data"
    small = own.folder / "small"
    small.mkdir()
    size = 64 * 1024**2 + int(subprocess.run(["du", "-sb", str(data)], capture_output=True, check=True).stdout.split()[0]) * 2
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(small)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{data}/.", str(small)], check=True)
        subprocess.run(["mount", "--move", str(small), str(data)], check=True)
        own.start()
        with open(data / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(bytes(1 << 20))
                    filler.flush()
            except OSError:
                pass
        done = fragile.run("--name", "one", "shell", "--", "true")
        assert done.returncode == ExitCode.FAILED
        assert b"The disk is full." in done.stderr, done.stderr
        (data / "filler").unlink()
        assert own.docker("ps", "-aq").stdout.strip() == b""
    finally:
        own.stop()
        for place in (data, small):
            subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


@pytest.mark.parametrize(
    "manifest", ["mounts: [{path: /run, to: /host/run}]", f"mounts: [{{path: '{SOCKET}', to: /opt/d.sock}}]"]
)
def test_docker_in_a_bottle_is_refused_with_a_way_out(shop: DockerShop, manifest: str) -> None:
    path = shop.project / "bottle.yaml"
    path.write_text(f"{manifest}\nbackend: docker\nimage: {{ref: '{IMAGE}'}}\n")
    done = shop.bot_bottle("run", "-f", str(path), "shell", "--", "true")
    assert done.returncode == ExitCode.CANNOT_RUN_HERE, done.stderr
    assert b"smolmachines" in done.stderr
