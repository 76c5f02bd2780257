"""Whether bottles can be made with the operator's docker: one question to the daemon, for every start asks."""

import importlib
import os
import shutil
import sys
from collections.abc import Mapping

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.docker.client import (
    INFO,
    OLDEST,
    Daemon,
    docker,
    explain,
    is_too_old,
    read_info,
    refusal,
    shown,
)
from bot_bottle.backends.docker.endpoint import Endpoint
from bot_bottle.backends.first_process import BUILD_IT, NOT_BUILT, built_portal
from bot_bottle.backends.seccomp import filter_for
from bot_bottle.host.local_http import ask, body_of
from bot_bottle.host.run import CouldNotRun, Run

QUICK_S = 5.0
"""For the direct question; a daemon that is slower is asked with its own command, which waits longer."""


def find_daemon(endpoint: Endpoint, *, run: Run, host: Mapping[str, str]) -> Daemon | Unusable:
    """The daemon at this endpoint, or why no bottle can be made with it."""
    if built_portal() is None:
        return Unusable(why=NOT_BUILT, next=BUILD_IT)
    if shutil.which("docker", path=host.get("PATH")) is None:
        return Unusable(why="docker is not installed.", next="Install Docker's command line, or put it on PATH.")
    daemon = None if endpoint.socket is None else asked_directly(endpoint.socket)
    if daemon is not None:
        return unfit(daemon, endpoint, machine=os.uname().machine, kernel=os.uname().release) or daemon
    try:
        ended = docker(endpoint.words, *INFO, run=run, host=host)
    except CouldNotRun as error:
        return Unusable(why=error.what, facts=error.facts, next=error.next)
    daemon = read_info(ended.stdout)
    if daemon is None:
        words = "\n".join((*refusal(ended.stdout), ended.stderr.decode(errors="replace")))
        why = explain(words)
        return Unusable(why=why.what, facts=(*why.facts, described(endpoint)), next=why.next)
    return unfit(daemon, endpoint, machine=os.uname().machine, kernel=os.uname().release) or daemon


def asked_directly(path: str) -> Daemon | None:
    """What `docker info` would say, without starting it: a tenth of the time. None where that does not work.

    The daemon thinks for 15 ms, in which we import what every start needs later.
    """
    question = ask(path, "/info", timeout_s=QUICK_S)
    if question is None:
        return None
    importlib.import_module("bot_bottle.backends.images.ready")
    printed = body_of(question.answer(timeout_s=QUICK_S))
    return None if printed is None else read_info(printed)


def unfit(daemon: Daemon, endpoint: Endpoint, *, machine: str, kernel: str) -> Unusable | None:
    """Why this daemon cannot make bottles that this machine can hold; None when it can. Pure."""
    if is_too_old(daemon.version):
        oldest = ".".join(str(number) for number in OLDEST)
        return Unusable(why=f"Docker {shown(daemon.version)} is too old.", next=f"Install Docker {oldest} or newer.")
    if endpoint.socket is None or daemon.kernel != kernel or sys.platform != "linux":
        return Unusable(
            why="The daemon is on another machine, or in a virtual one.",
            facts=(described(endpoint), f"its kernel is {shown(daemon.kernel)}, this one's {kernel}"),
            next="Choose a daemon of this machine with DOCKER_HOST or a docker context, or run bot-bottle there.",
        )
    if filter_for(machine) is None:
        return Unusable(why=f"There is no system call filter for {machine} yet.", next="Use another backend.")
    return None


def described(endpoint: Endpoint) -> str:
    """Where the daemon is, and who said so."""
    return f"daemon {shown(endpoint.address) or 'unknown'} ({endpoint.chosen_by})"


def facts_of(daemon: Daemon, endpoint: Endpoint) -> tuple[str, ...]:
    """For doctor. Pure."""
    kind = "rootless" if daemon.is_rootless else "run by root"
    lacks = (f"it cannot limit {', '.join(daemon.lacks)}",) if daemon.lacks else ()
    return (
        described(endpoint),
        f"Docker {shown(daemon.version)}, {kind}, control groups version {shown(daemon.cgroups)}",
        f"runtimes {', '.join(shown(name) for name in daemon.runtimes)}",
        *lacks,
    )
