"""Attacks on files: reading, writing and making where nothing may be, links, races, and everything of /proc and /sys."""

from __future__ import annotations

import errno
import os
import stat
from typing import Callable


def each(paths: list[str], attempt: Callable[[str], str]) -> tuple[str, str]:
    """What the attempt meets on each path, each outcome once; the detail names the paths where it was no error."""
    outcomes, open_ones = set(), []
    for path in paths:
        try:
            outcomes.add(attempt(path))
            open_ones.append(path)
        except OSError as error:
            outcomes.add(errno.errorcode.get(error.errno or 0, type(error).__name__))
    return "+".join(sorted(outcomes)), " ".join(open_ones[:8])


def exists(paths: list[str]) -> tuple[str, str]:
    """Paths that must not be there."""

    def look(path: str) -> str:
        os.lstat(path)
        return "there"

    return each(paths, look)


def read(paths: list[str], empty_is: str = "empty") -> tuple[str, str]:
    """Files of which not a byte may be read."""

    def look(path: str) -> str:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return "read" if os.read(descriptor, 64) else empty_is
        finally:
            os.close(descriptor)

    return each(paths, look)


def zero_read(path: str) -> tuple[str, str]:
    """A file of numbers in which the kernel hides what may not be known: any that is not zero was told."""
    with open(path) as file:
        told = [row for row in file.read(1 << 20).splitlines() if row.split() and row.split()[0].strip("0x-")]
    return ("told" if told else "only zeros"), "%d rows" % len(told)


def write(paths: list[str]) -> tuple[str, str]:
    """Files that must not open for writing; nothing is written."""

    def look(path: str) -> str:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        return "opened"

    return each(paths, look)


def new_file(path: str) -> None:
    """An empty file."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def new_link(path: str) -> None:
    """A link that leads nowhere."""
    os.symlink("x", path)


def make(folders: list[str]) -> tuple[str, str]:
    """Folders in which nothing may be made: a file, a folder, a link."""

    def look(folder: str) -> str:
        path = os.path.join(folder, ".bot-bottle-attack")
        for attempt in (new_file, os.mkdir, new_link):
            try:
                attempt(path)
            except OSError as error:
                last = error
                continue
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
            return "made"
        raise last

    return each(folders, look)


def replace(path: str) -> str:
    """Another file in the place of this one, and back."""
    os.rename(path, path + ".moved")
    os.rename(path + ".moved", path)
    return "replaced"


def links(paths: list[str]) -> tuple[str, str]:
    """What links of /proc say and lead to."""

    def look(path: str) -> str:
        os.readlink(path)
        return "read"

    return each(paths, look)


def listing(folder: str, allowed: list[str]) -> tuple[str, str]:
    """Names in a folder beside those that may be there."""
    found = sorted(set(os.listdir(folder)) - set(allowed))
    return ("found" if found else "nothing else"), " ".join(found[:20])


def devices(top: str, allowed: list[str]) -> tuple[str, str]:
    """Device nodes below a folder beside these numbers "c 1:3"; terminals and standard streams are the bottle's own."""
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            kind = "c" if stat.S_ISCHR(facts.st_mode) else "b" if stat.S_ISBLK(facts.st_mode) else ""
            number = "%s %d:%d" % (kind, os.major(facts.st_rdev), os.minor(facts.st_rdev))
            if kind and number not in allowed and os.major(facts.st_rdev) != 136:  # 136: pseudo-terminals (devices.txt)
                found.append(path)
    return ("found" if found else "nothing else"), " ".join(sorted(found)[:20])


def node(folders: list[str], mode: str, major: int, minor: int) -> str:
    """A device of one's own, and a look through it."""
    outcomes = set()
    for folder in folders:
        path = os.path.join(folder, ".bot-bottle-node")
        try:
            os.mknod(path, (stat.S_IFBLK if mode == "b" else stat.S_IFCHR) | 0o600, os.makedev(major, minor))
        except OSError as error:
            outcomes.add(errno.errorcode.get(error.errno or 0, "?"))
            continue
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            outcomes.add("opened")
        except OSError as error:
            outcomes.add(errno.errorcode.get(error.errno or 0, "?"))
        finally:
            os.unlink(path)
    return "+".join(sorted(outcomes))


def mount_options(wanted: str, skip: list[str]) -> tuple[str, str]:
    """Mounts that lack an option."""
    with open("/proc/self/mounts") as file:
        rows = [row.split() for row in file.read().splitlines()]
    lacking = [row[1] for row in rows if wanted not in row[3].split(",") and row[2] not in skip]
    return ("lacking" if lacking else "every mount"), " ".join(lacking[:10])


def mounts_tell(words: list[str]) -> tuple[str, str]:
    """Whether the list of mounts leads to a file of the host that can be opened; `words` are paths of the host."""
    return exists(words)


def status(field: str) -> str:
    """A row of /proc/self/status (proc(5))."""
    with open("/proc/self/status") as file:
        for row in file:
            if row.startswith(field + ":"):
                return row.split(":", 1)[1].strip()
    return "no such row"


def processes(most: int) -> tuple[str, str]:
    """Processes that are seen here, when they are more than our own."""
    found = [name for name in os.listdir("/proc") if name.isdigit()]
    return ("more" if len(found) > most else "only our own"), "%d processes" % len(found)


def words_of_processes(needle: str) -> tuple[str, str]:
    """A text in the command lines of all processes that are seen."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as file:
                    if needle.encode() in file.read():
                        found.append(name)
            except OSError:
                continue
    return ("found" if found else "none"), " ".join(found)


def namespace(kind: str, host: str) -> tuple[str, str]:
    """Whether a namespace is the host's (each has a number of its own, namespaces(7))."""
    found = os.readlink("/proc/self/ns/" + kind)
    return ("the host's" if found == host else "its own"), found


def signal_processes(pids: list[int]) -> str:
    """The null signal to processes by their numbers on the host (kill(2)); one that we see ourselves is another's of that number."""
    outcomes = set()
    for pid in pids:
        try:
            if os.path.exists("/proc/%d/cmdline" % pid) and not seen_from_outside(pid):
                continue
            os.kill(pid, 0)
            outcomes.add("could be sent")
        except OSError as error:
            outcomes.add(errno.errorcode.get(error.errno or 0, "?"))
    return "+".join(sorted(outcomes)) or "ESRCH"


def seen_from_outside(pid: int) -> bool:
    """Whether a process that we see is one that started before ours: not of this bottle, where numbers only grow."""
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        words = file.read()
    return b"bot_bottle" in words and b"attacks.inside" not in words


def holds(paths: list[str], needles: list[str]) -> tuple[str, str]:
    """Whether a file of /proc holds one of these secrets."""

    def look(path: str) -> str:
        with open(path, "rb") as file:
            said = file.read(1 << 20)
        return "read" if any(needle.encode() in said for needle in needles) else "another"

    return each(paths, look)


def through_link(target: str, needle: str) -> tuple[str, str]:
    """A file of the host, by links of every kind that the workspace can hold."""
    found = []
    for number, to in enumerate((target, "../" * 12 + target.lstrip("/"), "/proc/self/root" + target, "/proc/1/root" + target)):
        link = ".bot-bottle-link-%d" % number
        try:
            os.symlink(to, link)
            with open(link, "rb") as file:
                if needle.encode() in file.read(1 << 16):
                    found.append(to)
        except OSError:
            continue
        finally:
            if os.path.islink(link):
                os.unlink(link)
    return ("read" if found else "not there"), " ".join(found)


def hard_link(paths: list[str]) -> tuple[str, str]:
    """A second name in the workspace for a file that lies elsewhere."""

    def look(path: str) -> str:
        os.link(path, ".bot-bottle-hard")
        os.unlink(".bot-bottle-hard")
        return "linked"

    return each(paths, look)


def setuid_programs(tops: list[str]) -> tuple[str, str]:
    """Programs that would run as somebody else, on mounts that let them."""
    found = []
    for top in tops:
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    mode = os.lstat(path).st_mode
                except OSError:
                    continue
                if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID) and not os.statvfs(path).f_flag & os.ST_NOSUID:
                    found.append(path)
    return ("found" if found else "none"), " ".join(found[:8])


def own_setuid() -> tuple[str, str]:
    """A program of one's own with the bit set, in the workspace: what it runs as."""
    import shutil
    import subprocess

    source = shutil.which("id")
    if source is None:
        return "no id", ""
    shutil.copy(os.path.realpath(source), ".bot-bottle-id")
    try:
        os.chmod(".bot-bottle-id", 0o6755)
        done = subprocess.run(
            ["./.bot-bottle-id", "id", "-u"] if "coreutils" in os.path.realpath(source) else ["./.bot-bottle-id", "-u"],
            capture_output=True,
            timeout=5,
            check=False,
        )
    finally:
        os.unlink(".bot-bottle-id")
    return ("our own" if done.stdout.strip() == str(os.getuid()).encode() else "another"), done.stdout.decode(errors="replace")


def become(uid: int) -> str:
    """setresuid(2) and setresgid(2)."""
    outcomes = set()
    attempts: list[Callable[[int], None]] = [
        lambda one: os.setresgid(one, one, one),
        lambda one: os.setgroups([one]),
        lambda one: os.setresuid(one, one, one),
    ]
    for attempt in attempts:
        try:
            attempt(uid)
            outcomes.add("became")
        except OSError as error:
            outcomes.add(errno.errorcode.get(error.errno or 0, "?"))
    return "+".join(sorted(outcomes))


def capabilities() -> str:
    """Capabilities in any of the five sets (capabilities(7))."""
    held = [
        name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if status(name).strip("0") not in ("", "no such row")
    ]
    return "+".join(held) or "none"


def user() -> str:
    """Who we are by number: `root` only when it is the superuser of this namespace with capabilities."""
    return "root" if os.geteuid() == 0 else "an ordinary user"


def shell_root(program: str) -> tuple[str, str]:
    """Root by a program that has the bit set: asked without a terminal, so that it cannot wait."""
    import shutil
    import subprocess

    found = shutil.which(program)
    if found is None:
        return "no such program", ""
    words = {
        "sudo": ["-n", "id", "-u"],
        "su": ["-c", "id -u"],
        "pkexec": ["id", "-u"],
        "newgrp": [],
        "mount": ["-t", "tmpfs", "x", "/mnt"],
    }
    done = subprocess.run([found, *words[program]], stdin=subprocess.DEVNULL, capture_output=True, timeout=8, check=False)
    if program == "mount":
        return ("root" if done.returncode == 0 else "refused"), done.stderr.decode(errors="replace")
    return ("root" if done.stdout.strip() == b"0" else "refused"), done.stderr.decode(errors="replace")


def stop_first() -> str:
    """SIGSTOP and SIGKILL to process 1; a namespace's first process takes neither from inside (pid_namespaces(7))."""
    import signal
    import time

    for number in (signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(1, number)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, "?")
    time.sleep(0.05)  # what a signal does to it shows in its state
    with open("/proc/1/stat") as file:
        state = file.read().rpartition(")")[2].split()[0]
    return "it goes on" if state in "RSD" else "it is " + state


def map_root() -> str:
    """Root's number for ourselves, in the map of our namespace (user_namespaces(7))."""
    with open("/proc/self/uid_map", "w") as file:
        file.write("0 0 1\n")
    return "written"


def open_tty(paths: list[str]) -> tuple[str, str]:
    """Terminals of the host that open, without becoming ours."""

    def look(path: str) -> str:
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
        return "opened"

    return each(paths, look)


def host_line(path: str, digest: str) -> str:
    """Whether a file holds what the host's file of that name does, by a digest of it."""
    import hashlib

    with open(path, "rb") as file:
        found = hashlib.sha256(file.read(1 << 20)).hexdigest()
    if not digest:
        return "no digest"
    return "the host's" if found == digest else "not the host's"


def give_away(uid: int) -> str:
    """A file of one's own, given to another user with the bit set: a door for later."""
    with open(".bot-bottle-given", "w"):
        pass
    try:
        os.chown(".bot-bottle-given", uid, uid)
    finally:
        os.unlink(".bot-bottle-given")
    return "given"


def file_capability() -> str:
    """CAP_NET_RAW on a file, effective and permitted (struct vfs_cap_data, version 2)."""
    import struct

    with open(".bot-bottle-capable", "w"):
        pass
    try:
        os.setxattr(".bot-bottle-capable", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))
    finally:
        os.unlink(".bot-bottle-capable")
    return "set"


def write_new(paths: list[str]) -> tuple[str, str]:
    """Files that must not come to be, or must not hold what we write."""

    def look(path: str) -> str:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(descriptor, b"planted\n")
        os.close(descriptor)
        return "written"

    return each(paths, look)


def race(target: str, seconds: float) -> str:
    """A file that is now a file, now a link to a file of the host, for a while and in the background."""

    def once() -> None:
        with open(".race-file", "w") as file:
            file.write("nothing here\n")
        os.rename(".race-file", "raced")
        os.symlink(target, ".race-link")
        os.rename(".race-link", "raced")

    return again_and_again(once, seconds)


def race_folder(target: str, seconds: float) -> str:
    """A folder that is now a folder, now a link to the folder of a file of the host."""
    os.makedirs("raced-real", exist_ok=True)
    with open("raced-real/secret", "w") as file:
        file.write("nothing here\n")

    def once() -> None:
        for made in (os.path.dirname(target), "raced-real"):
            os.symlink(made, ".race-folder")
            os.rename(".race-folder", "raced-folder")

    return again_and_again(once, seconds)


def again_and_again(once: Callable[[], None], seconds: float) -> str:
    """Do this for a while, in a child in the background that holds no stream of ours."""
    import time

    if os.fork() == 0:
        os.setsid()
        for descriptor in range(3, 64):
            try:
                os.close(descriptor)
            except OSError:
                continue
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            once()
        os._exit(0)
    return "done"


def leave_links(targets: dict[str, str]) -> str:
    """Links of these names, as the work of an agent."""
    for name, target in targets.items():
        if os.path.lexists(name):
            os.unlink(name)
        os.symlink(target, name)
    return "done"


def leave_odd() -> str:
    """A pipe that nobody writes to, a socket, a file of a terabyte that holds nothing, a file that nobody may read."""
    import socket

    os.mkfifo("odd-pipe")
    with socket.socket(socket.AF_UNIX) as made:
        try:
            made.bind("odd-socket")
        except OSError:
            pass  # gVisor makes none on the host
    with open("odd-large", "wb") as file:
        file.truncate(1 << 40)
    with open("odd-closed", "wb") as file:
        file.write(b"x")
    os.chmod("odd-closed", 0)
    return "done"


def leave_deep(levels: int) -> str:
    """Folders in folders, deeper than a path can be long."""
    for _ in range(levels):
        os.mkdir("d" * 40)
        os.chdir("d" * 40)
    return "done"
