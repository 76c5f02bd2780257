"""The sections `image` and `services`: a bottle's root file system, and what runs beside the agent. Imports pydantic."""

from pydantic import model_validator

from bot_bottle.manifest.fields import (
    Cpus,
    Flag,
    HostFile,
    HostFolder,
    ImageReference,
    Memory,
    Name,
    Network,
    Package,
    Port,
    Runtime,
    Variable,
    Words,
)
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.section import Section, Some

GATE_PORTS = (3128, 3129, 3130)
"""As `plans/gate.py` has them, which lies above this."""

SOURCES = ("dockerfile", "ref", "archive", "rootfs", "base")


class ImageSection(Section):
    """The bottle's root file system, on docker, gvisor and smolmachines; the host's own system folders serve on namespaces. Any
    Linux image will do: nothing of ours has to be in it. At most one of `dockerfile`, `ref`, `archive`, `rootfs` and `base`."""

    dockerfile: HostFile | None = None
    """Your Dockerfile, built with docker. A relative path starts at this file. Building happens outside the bottle, with docker's
    network."""
    context: HostFolder | None = None
    """The folder that the Dockerfile copies from, by default its own folder. Nothing is sent when it copies nothing."""
    target: Name | None = None
    """The stage of the Dockerfile to stop at. Default: the last."""
    ref: ImageReference | None = None
    """An image by its reference, as `debian:bookworm`, `registry.example.com/team/tools@sha256:…`, or what is loaded already."""
    archive: HostFile | None = None
    """A tar file as `docker save` writes it, or in the form of an OCI layout. gvisor and smolmachines need no docker for it."""
    rootfs: HostFolder | None = None
    """A folder that holds a whole root file system. The bottle never changes it."""
    base: ImageReference | None = None
    """The image on which the agent's own Dockerfile builds, for mirrors. Default: what that Dockerfile names."""
    packages: Some[Package] | None = None
    """Packages to install on top with the image's package manager (apt, apk, dnf, microdnf, pacman or zypper). Needs docker."""
    build_args: dict[Variable, Words] | None = None
    """Build arguments, as `http_proxy` or a mirror's address. A secret here is an error: images keep their arguments."""
    build_network: Network | None = None
    """The network that building has: `default` (docker's own), `host` (this machine's, where docker's does not reach) or `none`.
    The bottle itself never has it."""
    runtime: Runtime | None = None
    """The runtime that docker is asked for: `runc`, `runsc` (gVisor) or `kata`. Default: the daemon's own choice."""
    read_only: Flag | None = None
    """True: nothing outside the home, the workspace and the temporary folders can be written. Default: false; what is written
    elsewhere ends with the bottle."""

    @model_validator(mode="after")
    def _goes_together(self) -> "ImageSection":
        said = [key for key in SOURCES if getattr(self, key) is not None]
        if len(said) > 1:
            raise Wrong("an image comes from one place", allowed=f"one of {', '.join(SOURCES)}", at=said[1])
        for key in ("context", "target"):
            if getattr(self, key) is not None and self.dockerfile is None:
                raise Wrong(f"{key} belongs to a Dockerfile", allowed=f"dockerfile and {key}, or neither", at=key)
        if self.build_args and said and said[0] in {"ref", "archive", "rootfs"} and not self.packages:
            raise Wrong(
                f"nothing is built from {said[0]} alone", allowed="build_args with dockerfile, base or packages", at="build_args"
            )
        return self


class ServiceSection(Section):
    """A program that runs beside the agent, in a container of its own on the bottle's loopback: a database, a cache. The agent
    reaches it by its name, and nobody else does; it reaches only what the bottle reaches. Its data ends with the bottle."""

    image: ImageReference
    """The image it runs from, by its reference."""
    env: dict[Variable, Words] | None = None
    """Environment variables, values as written. The agent can learn them: a password here is one made up for this bottle."""
    command: list[Words] | None = None
    """Arguments in place of the image's own command. Default: the image's."""
    port: Port | None = None
    """The TCP port it listens on; the agent starts when it answers there. Default: the port that the image exposes, if it is
    one; else nothing is waited for. Services of one bottle need ports of their own."""
    cpus: Cpus | None = None
    """Processor cores, as 2 or 1.5. Default: no limit."""
    memory: Memory | None = None
    """Main memory, as 2GiB. Default: 1GiB."""

    @model_validator(mode="after")
    def _has_a_free_port(self) -> "ServiceSection":
        if self.port in GATE_PORTS:
            raise Wrong("the bottle's gates have this port", allowed="another than 3128, 3129 and 3130", at="port")
        return self
