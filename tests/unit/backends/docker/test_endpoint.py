"""The daemon is the one that `docker` itself would choose."""

import json
from hashlib import sha256
from pathlib import Path

from bot_bottle.backends.docker.endpoint import docker_env, find_endpoint


def make_context(home: Path, name: str, host: str) -> None:
    folder = home / ".docker/contexts/meta" / sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_nothing_said_is_the_platforms_socket(tmp_path: Path) -> None:
    found = find_endpoint({}, home=tmp_path)
    assert (found.words, found.socket) == (("--host", "unix:///var/run/docker.sock"), "/var/run/docker.sock")


def test_docker_host_beats_every_context(tmp_path: Path) -> None:
    make_context(tmp_path, "work", "ssh://server.example")
    found = find_endpoint({"DOCKER_HOST": "tcp://192.0.2.1:2376", "DOCKER_CONTEXT": "work"}, home=tmp_path)
    assert (found.words, found.socket) == (("--host", "tcp://192.0.2.1:2376"), None)


def test_context_of_the_environment_beats_the_current_one(tmp_path: Path) -> None:
    make_context(tmp_path, "work", "unix:///run/work.sock")
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "other"}')
    found = find_endpoint({"DOCKER_CONTEXT": "work"}, home=tmp_path)
    assert (found.words, found.address) == (("--context", "work"), "unix:///run/work.sock")


def test_current_context_is_named_explicitly(tmp_path: Path) -> None:
    make_context(tmp_path, "rootless", "unix:///run/user/1000/docker.sock")
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "rootless"}')
    found = find_endpoint({}, home=tmp_path)
    assert (found.words, found.socket) == (("--context", "rootless"), "/run/user/1000/docker.sock")


def test_settings_folder_can_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "far"}')
    assert find_endpoint({"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path / "home").words == ("--context", "far")


def test_broken_settings_leave_the_choice_to_docker(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text("{not json")
    assert find_endpoint({}, home=tmp_path).words == ("--host", "unix:///var/run/docker.sock")
    assert find_endpoint({"DOCKER_CONTEXT": "gone"}, home=tmp_path).socket is None


def test_what_chooses_another_daemon_is_not_passed_on() -> None:
    host = {"DOCKER_HOST": "tcp://x", "DOCKER_CONTEXT": "y", "DOCKER_CERT_PATH": "/certs", "AWS_SECRET_ACCESS_KEY": "k"}
    assert docker_env(host) == {"DOCKER_CERT_PATH": "/certs"}
