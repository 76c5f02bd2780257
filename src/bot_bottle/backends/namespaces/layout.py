"""What a bottle sees of this host's file system: programs and libraries read-only, a minimal /etc, nothing of anybody's home.

When the operator is root, the bottle's user is the host's root to the kernel's file checks. So nothing may be shown that only
root may read: /etc is an allow-list of single files, and /sys, /var, /root, /home are not there at all.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.namespaces.plan import Bind, Link, Memory, Mounted, Special
from bot_bottle.plans.bottle import BottlePlan

PROGRAM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")

ETC_ALLOWED = (
    "alternatives", "bash.bashrc", "bash_completion.d", "ca-certificates.conf", "debian_version", "default/locale", "fonts",
    "gai.conf", "gitattributes", "host.conf", "inputrc", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "login.defs", "lsb-release", "magic", "magic.mime", "maven",
    "mime.types", "nanorc", "netconfig", "os-release", "perl", "pki/ca-trust", "pki/tls/certs", "profile", "profile.d",
    "protocols",
    "python3", "python3.11", "python3.12", "python3.13", "redhat-release", "rpc", "services", "shells", "skel", "ssl/certs",
    "ssl/openssl.cnf", "terminfo", "timezone", "vim", "xattr.conf",
)  # fmt: skip
"""Below /etc: configuration of programs and libraries that holds no secret. Everything else stays outside."""

SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep their merged roots; each that exists is replaced by the bottle's merged bundle."""

USERS = "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:/home/agent:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\ntty:x:5:\nagent:x:1000:\nnogroup:x:65534:\n"
HOSTS = "127.0.0.1 localhost bottle\n::1 localhost ip6-localhost ip6-loopback\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"

TMP_SIZE = 4 * 1024**3
"""Bytes of /tmp at most; it counts as memory."""


def generated_etc() -> dict[str, str]:
    """Files of /etc that are written for the bottle, by name."""
    return {
        "passwd": USERS,
        "group": GROUP,
        "hosts": HOSTS,
        "nsswitch.conf": NSSWITCH,
        "resolv.conf": "",
        "hostname": "bottle\n",
    }


def mounts_of(plan: BottlePlan, *, etc: Path, guest_programs: Path) -> tuple[Mounted, ...]:
    """Every mount in order. Looks at which of the host's folders exist; changes nothing."""
    return (
        *_programs(),
        *_etc(etc, plan.ca_bundle_file),
        Special(kind="proc", guest_path="/proc"),
        Bind(host_path=Path("/proc/sys"), guest_path="/proc/sys"),
        Special(kind="dev", guest_path="/dev"),
        Memory(guest_path="/tmp", size=TMP_SIZE),  # noqa: S108  # the bottle's own
        Memory(guest_path="/var/tmp", size=TMP_SIZE),  # noqa: S108
        Bind(host_path=plan.stage_dir / "home", guest_path=plan.guest_home, writable=True),
        Bind(host_path=plan.workspace_dir, guest_path=plan.guest_workspace, writable=True),
        Bind(host_path=guest_programs, guest_path="/run/bot-bottle/lib/bot_bottle/guest"),
        Bind(host_path=plan.ca_bundle_file, guest_path="/run/bot-bottle/ca.pem"),
        Bind(host_path=plan.prompt_file, guest_path="/run/bot-bottle/prompt.md"),
        *(
            Bind(host_path=mount.host_path, guest_path=mount.guest_path, writable=mount.writable)
            for mount in (*plan.agent_provision.mounts, *plan.spec.mounts)
        ),
    )


def _programs() -> Iterator[Mounted]:
    for folder in PROGRAM_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            yield Link(target=os.readlink(path), guest_path=folder)
        elif path.is_dir():
            yield Bind(host_path=path, guest_path=folder)
    prefix = Path(sys.base_prefix).resolve()
    if not prefix.is_relative_to("/usr") and not prefix.is_relative_to("/opt"):
        yield Bind(host_path=prefix, guest_path=str(prefix))


def _etc(generated: Path, roots: Path) -> Iterator[Mounted]:
    for name in ETC_ALLOWED:
        path = Path("/etc") / name
        if path.is_symlink() and not str(path.resolve()).startswith("/usr"):
            path = path.resolve()
        if path.exists():
            yield Bind(host_path=path, guest_path=f"/etc/{name}")
    for name in generated_etc():
        yield Bind(host_path=generated / name, guest_path=f"/etc/{name}")
    for path_name in SYSTEM_ROOTS:
        if Path(path_name).is_file() and not Path(path_name).is_symlink():
            yield Bind(host_path=roots, guest_path=path_name)


def python_inside() -> str:
    """The interpreter that runs the first process; visible inside at the same path as here."""
    return os.path.realpath(sys.executable)
