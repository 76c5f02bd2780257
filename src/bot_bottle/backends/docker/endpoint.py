"""Which daemon the operator's docker command speaks to, found as that command finds it, so that it can be named explicitly.

Order: DOCKER_HOST, DOCKER_CONTEXT, `currentContext` of config.json, the platform's socket. A context's endpoint is in its
meta.json, in a folder named by the SHA-256 of the context's name. Reads files; starts nothing.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.record import dataclass

DEFAULT_HOST = "unix:///var/run/docker.sock"
FILE_LIMIT = 1024 * 1024

PASSED_ON = ("DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
"""What the docker command needs of the operator's environment to reach the daemon. Never the variables that choose another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A daemon: the words that name it to the docker command, its address, and how the operator's settings chose it."""

    words: tuple[str, ...]
    address: str
    chosen_by: str

    @property
    def socket(self) -> str | None:
        """The path of its Unix socket, when it has one."""
        return self.address.removeprefix("unix://") if self.address.startswith("unix://") else None


def find_endpoint(host: Mapping[str, str], *, home: Path) -> Endpoint:
    """The daemon that `docker` would use with this environment. A context that cannot be read is left for docker to refuse."""
    if address := host.get("DOCKER_HOST"):
        return Endpoint(words=("--host", address), address=address, chosen_by="DOCKER_HOST")
    config = Path(host.get("DOCKER_CONFIG") or home / ".docker")
    if name := host.get("DOCKER_CONTEXT"):
        return _of_context(name, config, chosen_by="DOCKER_CONTEXT")
    name = str(_read(config / "config.json").get("currentContext") or "default")
    return _of_context(name, config, chosen_by=f"context {name}")


def _of_context(name: str, config: Path, *, chosen_by: str) -> Endpoint:
    if name == "default":
        return Endpoint(words=("--host", DEFAULT_HOST), address=DEFAULT_HOST, chosen_by="default")
    from hashlib import sha256

    meta = _read(config / "contexts" / "meta" / sha256(name.encode()).hexdigest() / "meta.json")
    endpoints = meta.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    address = docker.get("Host") if isinstance(docker, dict) else None
    return Endpoint(words=("--context", name), address=str(address or ""), chosen_by=chosen_by)


def _read(path: Path) -> dict[str, Any]:  # Any: JSON
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(FILE_LIMIT))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def docker_env(host: Mapping[str, str]) -> dict[str, str]:
    """The variables for the docker command that `plain_env` does not pass on."""
    return {name: host[name] for name in PASSED_ON if name in host}


def own_home() -> Path:
    """The operator's home, where docker keeps its settings."""
    return Path(os.path.expanduser("~"))
