"""A bottle from a root file system that has no Python, no users and no idea of us: the portal and the probe work all the same."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from shop import Shop

PROGRAMS = ("sh", "uname", "id", "cat", "ls", "touch", "rm", "env")


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few programs with the libraries that they need, and nothing else."""
    root = tmp_path_factory.mktemp("rootfs")
    for program in PROGRAMS:
        source = Path(shutil.which(program) or f"/bin/{program}").resolve()
        listed = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
        libraries = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
        for path, target in ((str(source), f"/bin/{program}"), *((library, library) for library in libraries)):
            copy = root / target.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    (root / "etc").mkdir()
    root.chmod(0o755)
    (root / "etc/marker").write_text("of the image\n")
    return root


def run(shop: Shop, rootfs: Path, script: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    done = shop.bot_bottle("run", "-q", "--image", str(rootfs), *options, "shell", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr.decode()
    return done


def test_image_is_the_root_and_the_kernel_is_gvisors(shop: Shop, rootfs: Path) -> None:
    done = run(shop, rootfs, "cat /etc/marker; uname -r; id -u; ls /usr/bin 2>/dev/null | cat")
    assert done.stdout == b"of the image\n4.4.0\n1000\n"


def test_containment_is_proved_in_an_image_without_python(shop: Shop, rootfs: Path) -> None:
    run(shop, rootfs, "true", "--name", "kept")
    record = json.loads((shop.bottles() / "kept" / "events.jsonl").read_text().splitlines()[1])
    assert (record["event"], record["holes"]) == ("containment", [])
    assert record["asked"] > 50


def test_changes_to_the_image_end_with_the_bottle(shop: Shop, rootfs: Path) -> None:
    before = sorted(path for path in rootfs.rglob("*"))
    run(shop, rootfs, "touch /new /etc/new && rm /etc/marker && ls /new")
    assert sorted(path for path in rootfs.rglob("*")) == before
    assert run(shop, rootfs, "cat /etc/marker; ls /new || echo gone").stdout == b"of the image\ngone\n"


def test_work_comes_back_from_a_bottle_of_an_image(shop: Shop, rootfs: Path) -> None:
    (shop.project / "file").write_text("before\n")
    run(shop, rootfs, "echo after > file", "--name", "kept")
    assert (shop.bottles() / "kept" / "workspace" / "file").read_text() == "after\n"


def test_folder_that_is_no_root_is_refused(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = shop.bot_bottle("run", "-q", "--image", f"{tmp_path}/empty/", "shell", "--", "true")
    assert done.returncode == 121
    assert b"no root file system" in done.stderr


def test_image_that_lacks_the_command_says_so_as_a_shell_does(shop: Shop, rootfs: Path) -> None:
    done = shop.bot_bottle("run", "-q", "--image", str(rootfs), "shell", "--", "python3")
    assert done.returncode == 127


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's gVisor connects to the gates as another user")
def test_root_folder_that_only_root_may_enter_is_refused_with_the_way_out(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "closed" / "usr").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    done = shop.bot_bottle("run", "-q", "--image", f"{tmp_path}/closed", "shell", "--", "true")
    assert done.returncode == 121
    assert b"chmod 755" in done.stderr
