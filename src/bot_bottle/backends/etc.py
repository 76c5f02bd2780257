"""The bottle's /etc: written for it, or copied from this host file by file from an allow-list. Never a folder as a whole.

When the operator is root, the bottle's user is the host's root to the kernel's file checks, so nothing may be shown that only
root may read; and /etc is where tools keep tokens (npmrc, pip.conf, gitconfig, netrc): those are not on the list either.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.mounts import Bind

FILES = (
    "debian_version", "fedora-release", "redhat-release", "lsb-release", "os-release", "host.conf", "inputrc", "ld.so.cache",
    "ld.so.conf", "locale.alias", "locale.conf", "localtime", "timezone", "mime.types", "protocols", "services", "shells",
    "bash.bashrc", "ssl/openssl.cnf", "pki/tls/openssl.cnf",
)  # fmt: skip
"""Files of programs and libraries that hold no secret; copied, a link into /usr as that link."""

FOLDERS = (
    "alternatives", "ld.so.conf.d", "fonts", "terminfo", "perl", "python3", "python3.11", "python3.12", "python3.13",
    "python3.14", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "java-25-openjdk", "maven", "crypto-policies", "xml",
    "sgml", "glvnd", "ImageMagick-6", "ImageMagick-7", "R", "julia",
)  # fmt: skip
"""Folders of the same kind; bound read-only when everybody may read them."""

SYSTEM_ROOTS = (
    "ssl/certs/ca-certificates.crt",
    "ssl/cert.pem",
    "ssl/ca-bundle.pem",
    "pki/tls/cert.pem",
    "pki/tls/certs/ca-bundle.crt",
    "pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)
"""Where the distributions' TLS libraries look for roots: each leads to the bottle's merged bundle."""

LEVELS = (
    "ssl",
    "ssl/certs",
    "pki",
    "pki/tls",
    "pki/tls/certs",
    "pki/ca-trust",
    "pki/ca-trust/extracted",
    "pki/ca-trust/extracted/pem",
)
"""The folders for the names above, outer first."""

APT_FILES = ("sources.list", "trusted.gpg", "preferences")
APT_FOLDERS = ("sources.list.d", "trusted.gpg.d", "keyrings", "preferences.d")
"""Where apt gets packages and whom it trusts; never auth.conf, and no source that names a password."""

GUEST_CA = "/run/bot-bottle/ca.pem"
COPY_LIMIT = 4 * 1024 * 1024

USERS = "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:{home}:{shell}\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\ntty:x:5:\nagent:x:1000:\nnogroup:x:65534:\n"
HOSTS = "127.0.0.1 localhost {name}\n::1 localhost ip6-localhost ip6-loopback\n"
NSSWITCH = "".join(f"{name}: files\n" for name in ("passwd", "group", "hosts", "networks", "protocols", "services", "rpc"))
PROFILE = '# The environment comes from the bottle\'s plan.\n[ -n "$PS1" ] && [ -r /etc/bash.bashrc ] && . /etc/bash.bashrc\n'


def generated(*, hostname: str, home: str, shell: str) -> dict[str, str]:
    """The files that are written for the bottle. No resolv.conf: names are resolved outside, by the gates. Pure."""
    return {
        "passwd": USERS.format(home=home, shell=shell),
        "group": GROUP,
        "hosts": HOSTS.format(name=hostname),
        "hostname": f"{hostname}\n",
        "nsswitch.conf": NSSWITCH,
        "profile": PROFILE,
    }


def make_etc(target: Path, *, host: Path, texts: dict[str, str]) -> Iterator[Bind]:
    """Fill `target`, which becomes /etc; yields the folders to bind over it. `host` is this machine's /etc.

    Plain calls of the operating system: this is on the way of every start, and pathlib and shutil took 6 ms for it.
    """
    for folder in LEVELS:
        os.mkdir(f"{target}/{folder}", 0o755)
    for name in FILES:
        copy(f"{host}/{name}", f"{target}/{name}")
    for name in SYSTEM_ROOTS:
        os.symlink(GUEST_CA, f"{target}/{name}")
    for name, text in texts.items():
        write(f"{target}/{name}", text.encode())
    os.symlink("/proc/self/mounts", f"{target}/mtab")
    for name in FOLDERS:
        if is_for_everybody(f"{host}/{name}"):
            os.mkdir(f"{target}/{name}", 0o755)
            yield Bind(host_path=Path(os.path.realpath(f"{host}/{name}")), guest_path=f"/etc/{name}")


def copy_apt(target: Path, *, host: Path) -> None:
    """apt's sources and keys into the bottle's /etc, for bottles that use it; without its other settings."""
    for folder in ("apt", "apt/apt.conf.d", *(f"apt/{name}" for name in APT_FOLDERS)):
        os.mkdir(f"{target}/{folder}", 0o755)
    names = list(APT_FILES)
    for folder in APT_FOLDERS:
        if is_for_everybody(f"{host}/apt/{folder}"):
            names += [f"{folder}/{name}" for name in os.listdir(f"{host}/apt/{folder}")]
    for name in names:
        if holds_no_password(f"{host}/apt/{name}"):
            copy(f"{host}/apt/{name}", f"{target}/apt/{name}")


def holds_no_password(path: str) -> bool:
    """Whether no address in the file, which may be a binary one, has a user in it."""
    try:
        with open(path, "rb") as file:
            return re.search(rb"://[^/\s]*@", file.read(COPY_LIMIT)) is None
    except OSError:
        return False


def copy(source: str, target: str) -> None:
    """One file that everybody may read; a link that ends in /usr stays a link. Anything else is left out."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_mode & stat.S_IROTH or status.st_size > COPY_LIMIT:
            return
        end = os.path.realpath(source) if os.path.islink(source) else source
        if end.startswith("/usr/"):
            os.symlink(end, target)
        else:
            write(target, os.read(descriptor, COPY_LIMIT))
    finally:
        os.close(descriptor)


def write(target: str, content: bytes) -> None:
    """A new file, readable for everybody."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(descriptor, 0o644)
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


def is_for_everybody(folder: str) -> bool:
    """Whether it is a folder that any user may read."""
    try:
        mode = os.stat(folder).st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & 0o005 == 0o005


def hostname_for(slug: str) -> str:
    """A name that the kernel and /etc/hosts take: letters, digits and hyphens, at most 63 (RFC 1123, 2.1)."""
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in slug)[:63].strip("-")
    return name or "bottle"
