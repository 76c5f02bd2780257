"""The namespaces backend: sealed by the kernel's namespaces through bubblewrap. No root, no daemon, no image."""

import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from pathlib import Path

from bot_bottle.backends.base import Backend, BundleLink, RunningBottle, Unusable, Usable
from bot_bottle.backends.namespaces.client import guest_folder
from bot_bottle.backends.namespaces.launch import launch
from bot_bottle.backends.namespaces.layout import generated_etc, mounts_of, python_inside
from bot_bottle.backends.namespaces.plan import NamespacesPlan
from bot_bottle.backends.namespaces.seccomp import filter_for
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line


class Namespaces(Backend):
    """See the module."""

    name = "namespaces"

    def survey(self) -> Usable | Unusable:
        """Whether bubblewrap is here; quick, for it is on the start path."""
        if shutil.which("bwrap") is None:
            return Unusable(why="bubblewrap is not installed.", next="Install it: apt-get install bubblewrap")
        return Usable()

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Decide every mount."""
        folder = make_private_folder(shared.stage_dir / "backend")
        etc = make_private_folder(folder / "etc")
        for name, content in generated_etc().items():
            write_file(etc / name, content, mode=0o644)
        env = dict(shared.guest_env)
        env["PATH"] += ":" + python_inside().rpartition("/")[0]
        shared = replace(shared, guest_env=tuple(sorted(env.items())))
        return NamespacesPlan(
            **{field.name: getattr(shared, field.name) for field in fields(shared)},
            mounts=mounts_of(shared, etc=etc, guest_programs=guest_folder()),
            python=python_inside(),
            seccomp_file=_write_filter(folder),
            sealing=(Line(label="sealed by", text="kernel namespaces (bubblewrap): no network but loopback, three sockets"),),
        )

    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """Carry the plan out."""
        assert isinstance(plan, NamespacesPlan)
        return launch(plan, link)


def _write_filter(folder: Path) -> Path | None:
    """The system call filter for this machine, where we have one."""
    content = filter_for(os.uname().machine)
    return None if content is None else write_file(folder / "seccomp.bpf", content)
