"""The only file that knows bubblewrap (bwrap(1)): its command line, what it reports, and what its refusals mean. Pure."""

from collections.abc import Mapping, Sequence

from bot_bottle.backends.mounts import Bind, Closed, Link, Memory, Mounted, Special
from bot_bottle.backends.namespaces.plan import NamespacesPlan

GUEST_ID = "1000"
NAMESPACES = ("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup")
"""Each by name: `--unshare-all` goes on without those of user and cgroup where it cannot make them."""


def bwrap_argv(plan: NamespacesPlan, *, control: int, info: int, seccomp: int) -> tuple[str, ...]:
    """The bubblewrap command of this plan; the numbers are descriptors that it inherits."""
    argv = [plan.bwrap, *NAMESPACES, "--die-with-parent", "--as-pid-1", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    argv += ["--uid", GUEST_ID, "--gid", GUEST_ID, "--hostname", plan.hostname]
    for mount in plan.mounts:
        argv += mount_words(mount)
    argv += ["--chdir", "/", "--info-fd", str(info), "--seccomp", str(seccomp)]
    return (*argv, "--", *plan.first_process.argv, str(control))


def mount_words(mount: Mounted) -> list[str]:
    """One mount as bubblewrap's options."""
    match mount:
        case Bind():
            return ["--bind" if mount.writable else "--ro-bind", str(mount.host_path), mount.guest_path]
        case Link():
            return ["--symlink", mount.target, mount.guest_path]
        case Memory():
            return ["--size", str(mount.size), "--tmpfs", mount.guest_path]
        case Special():
            return [f"--{mount.kind}", mount.guest_path]
        case Closed():
            return ["--remount-ro", mount.guest_path]


KNOWN_REASONS: Mapping[str, str] = {
    "kernel.apparmor_restrict_unprivileged_userns": "Give bubblewrap an AppArmor profile that allows `userns`, or run as root.",
    "kernel.unprivileged_userns_clone": "Switch user namespaces on: sysctl kernel.unprivileged_userns_clone=1",
    "user.max_user_namespaces": "Allow user namespaces: sysctl user.max_user_namespaces=10000",
}
"""Kernel settings that can keep an ordinary user from making a bottle, and the way out."""


def advice(words: Sequence[str]) -> str:
    """What to do about bubblewrap's last words."""
    if any("mount proc" in line for line in words):
        return (
            "You seem to be in a container that hides parts of /proc; the kernel then mounts no other. Run bot-bottle outside "
            "it, or let it show all of /proc (docker run --security-opt systempaths=unconfined)."
        )
    return "`bot-bottle doctor` says what is missing."


def forbidding(settings: Mapping[str, str], *, is_root: bool) -> tuple[str, ...]:
    """Those of the settings that stand in the way: a restriction that is on, a permission or a number that is 0."""
    stops = {"kernel.apparmor_restrict_unprivileged_userns": "1", "kernel.unprivileged_userns_clone": "0"}
    found = [name for name, bad in stops.items() if not is_root and settings.get(name) == bad]
    return (*found, *(["user.max_user_namespaces"] if settings.get("user.max_user_namespaces") == "0" else []))
