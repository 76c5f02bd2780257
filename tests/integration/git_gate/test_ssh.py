"""An upstream over ssh: a real sshd on loopback, and the key in an agent that only the host has."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forge import SLUG, commit, gated, git, head, operator_repository

from bot_bottle.manifest.spec import GitUpstream

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
WAIT_S = 20.0

pytestmark = pytest.mark.skipif(SSHD is None, reason="sshd is not installed (openssh-server)")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running sshd and what an operator needs to use it."""

    port: int
    command: str
    agent: str
    user: str


def keygen(path: Path) -> Path:
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)), check=True)
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """sshd for the user who runs the tests, and an agent with the only key that it takes."""
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    host_key, key, port = keygen(folder / "host"), keygen(folder / "key"), free_port()
    (folder / "authorized").write_text((folder / "key.pub").read_text())
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    rows = (
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {host_key}",
        f"AuthorizedKeysFile {folder / 'authorized'}",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UsePAM no",
        "StrictModes no",
        "PermitRootLogin prohibit-password",
        "PidFile none",
    )
    (folder / "config").write_text("\n".join(rows) + "\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd puts its unprivileged half (sshd(8))
    agent_socket = folder / "agent.sock"
    daemon = subprocess.Popen((str(SSHD), "-D", "-e", "-f", str(folder / "config")), stderr=subprocess.DEVNULL)
    agent = subprocess.Popen(("ssh-agent", "-D", "-a", str(agent_socket)), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_S
        while not agent_socket.exists() or not answers(port):
            assert time.monotonic() < deadline
            assert daemon.poll() is None
            time.sleep(0.02)
        env = {"SSH_AUTH_SOCK": str(agent_socket), "PATH": os.environ["PATH"]}
        subprocess.run(("ssh-add", "-q", str(key)), env=env, check=True, capture_output=True)
        key.unlink()
        known = f"ssh -F none -o UserKnownHostsFile={folder / 'known'} -o IdentityFile=none"
        yield Server(port=port, command=known, agent=str(agent_socket), user=pwd.getpwuid(os.getuid()).pw_name)
    finally:
        for process in (daemon, agent):
            process.terminate()
            process.wait(WAIT_S)


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as channel:
            return channel.recv(4) == b"SSH-"
    except OSError:
        return False


def test_a_push_over_ssh_uses_the_operators_agent(tmp_path: Path, server: Server) -> None:
    bare = tmp_path / "srv/repo.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git("push", "--quiet", str(bare), "main", at=operator_repository(tmp_path / "seed"))
    url = f"ssh://{server.user}@127.0.0.1:{server.port}{bare}"
    host = {"SSH_AUTH_SOCK": server.agent, "GIT_SSH_COMMAND": server.command}
    with gated(tmp_path / "gate", (GitUpstream(where="test", url=url),), host=host) as gate:
        work = gate.clone(url)
        made = commit(work, {"new.txt": "over ssh\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
        assert head(bare, f"refs/heads/bottle/{SLUG}/main") == made


def test_a_server_whose_key_is_unknown_is_not_spoken_to(tmp_path: Path, server: Server) -> None:
    (tmp_path / "sshd/known").write_text("")
    url = f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path}/repo.git"
    host = {"SSH_AUTH_SOCK": server.agent, "GIT_SSH_COMMAND": server.command}
    with gated(tmp_path / "gate", (GitUpstream(where="test", url=url),), host=host) as gate:
        refused = gate.git("ls-remote", url, check=False)
        assert "Host key verification failed" in refused.stderr


def test_without_the_agent_there_is_no_way_in(tmp_path: Path, server: Server) -> None:
    url = f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path}/repo.git"
    with gated(tmp_path / "gate", (GitUpstream(where="test", url=url),), host={"GIT_SSH_COMMAND": server.command}) as gate:
        refused = gate.git("ls-remote", url, check=False)
        assert "Permission denied" in refused.stderr
