"""A Docker daemon of the tests' own: socket, data, state, control groups and network of its own, ended with the test.

    python tests/support/dockerd.py -- COMMAND…     runs the command with DOCKER_HOST and BOT_BOTTLE_TEST_IMAGE set

It lives in a network namespace of its own, so that its bridge and its packet filter touch nothing of this machine. Needs root.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

BASE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bot-bottle-tests" / "docker-base.tar"
"""A Debian with what agents use, as scripts/engines/docker.sh made it."""

START_TIMEOUT_S = 90.0


class Dockerd:
    """A daemon in this folder; `start` and `kill` may take turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self.group = f"bot-bottle-tests-{os.getpid()}-{folder.name[-8:]}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The daemon's process, and so its network namespace."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        folder = self.folder
        words = ["dockerd", "-H", self.address, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        words += ["--pidfile", f"{folder}/pid", "--cgroup-parent", f"/{self.group}"]
        script = 'ip link set lo up; exec "$@"'
        with open(folder / "log", "ab") as log:
            argv = ["unshare", "--net", "sh", "-c", script, "sh", *words]
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.docker("version", check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"dockerd did not start: {(folder / 'log').read_text(errors='replace')[-1500:]}")
            time.sleep(0.1)

    def docker(self, *words: str, check: bool = True, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run a docker command on it."""
        argv = ["docker", "-H", self.address, *words]
        return subprocess.run(argv, input=stdin, capture_output=True, check=check, timeout=120)

    def make_small_image(self, name: str, programs: Sequence[str] = ("sh", "sleep", "cat", "true")) -> None:
        """An image of a few programs of this machine with the libraries that they need."""
        with tempfile.TemporaryDirectory() as folder:
            for program in programs:
                path = str(Path(shutil.which(program) or program).resolve())
                listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
                libraries = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
                for source, target in ((path, f"/bin/{program}"), *((one, one) for one in libraries)):
                    copy = Path(folder, target.lstrip("/"))
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, copy)
            for place in ("etc", "tmp", "usr", "var/tmp", "usr/bin"):
                Path(folder, place).mkdir(parents=True, exist_ok=True)
            packed = subprocess.run(
                ["tar", "-C", folder, "--owner=0", "--group=0", "-c", "."], capture_output=True, check=True
            ).stdout
        self.docker("import", "-", name, stdin=packed)

    def kill(self) -> None:
        """As when the machine's memory runs out."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        (self.folder / "pid").unlink(missing_ok=True)
        for left in (self.folder / "exec/containerd").glob("containerd*.[ps][io][dc]*"):  # its containerd died with it
            left.unlink()

    def stop(self) -> None:
        """End it, and what it may have left: its containerd when it was killed, its mounts, its control groups."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)
        end_of(self.folder)
        deadline = time.monotonic() + 10
        while (left := self._groups()) and time.monotonic() < deadline:
            for place in left:  # what outlived a daemon that was killed is still in them
                with contextlib.suppress(OSError):
                    for number in (place / "cgroup.procs").read_text().split():
                        os.kill(int(number), signal.SIGKILL)
                    place.rmdir()
            time.sleep(0.05)

    def _groups(self) -> list[Path]:
        """Its control groups that are still there, inner ones first."""
        tops = [top for place in ("", "*/") for top in Path("/sys/fs/cgroup").glob(f"{place}{self.group}")]
        return sorted((group for top in tops for group in top.glob("**/")), key=lambda group: -len(group.parts))


def end_of(folder: Path) -> None:
    """End every process whose command line names the folder, then unmount what is below it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                named = f"{folder}/".encode() in (entry / "cmdline").read_bytes()
                program = os.readlink(entry / "exe")
            except OSError:
                continue
            if named and os.path.basename(program).startswith(("containerd", "dockerd", "runc")):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(entry.name), 9)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((one for one in points if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)


@contextlib.contextmanager
def daemon(*, image: bool = True) -> Iterator[Dockerd]:
    """A running daemon, with the base image if wanted; nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bot-bottle-dockerd-", dir="/var/tmp"))
    made = Dockerd(folder)
    try:
        made.start()
        if image:
            made.docker("import", str(BASE), "bot-bottle-base")
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main(words: Sequence[str]) -> int:
    """Run a command beside a daemon; its exit code."""
    if not words or words[0] != "--" or len(words) < 2:
        sys.stderr.write("usage: dockerd.py -- COMMAND…\n")
        return 2
    with daemon() as running:
        image = running.docker("image", "inspect", "--format", "{{.Id}}", "bot-bottle-base").stdout.decode().strip()
        more = {"DOCKER_HOST": running.address, "BOT_BOTTLE_TEST_IMAGE": image, "BOT_BOTTLE_TEST_DOCKERD": str(running.pid)}
        return subprocess.run(words[1:], env=os.environ | more, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
