"""Attacks on mounts: to make one, to undo one, to write where only reading is meant."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NO_CALL, NOT_WRITTEN

BIND, REMOUNT = 4096, 32

CASES = (
    attack("mount-tmpfs", "A file system in memory", "kernel.mount", NO_CALL, number="$call.mount", source="x", kind="tmpfs", own_kernel=True),
    attack("mount-proc", "Another /proc", "kernel.mount", NO_CALL, number="$call.mount", source="proc", kind="proc", own_kernel=True),
    attack("mount-bind", "A folder in another place", "kernel.mount", NO_CALL, number="$call.mount", source="/", kind="", flags=BIND, own_kernel=True),
    attack("mount-remount", "To make a read-only mount writable", "kernel.mount", NO_CALL, number="$call.mount", source="", kind="", flags=REMOUNT | BIND, own_kernel=True),
    attack("mount-overlay", "A layer over a folder", "kernel.mount", NO_CALL, number="$call.mount", source="x", kind="overlay", text="lowerdir=/etc:/usr", own_kernel=True),
    attack("mount-umount", "To take a mount away and see what is below", "kernel.plain", NO_CALL, number="$call.umount2", arguments=["/nowhere-bot-bottle", 2], own_kernel=True),
    attack("mount-new-calls", "The newer calls (fsopen, open_tree, move_mount)", "kernel.calls", NO_CALL, numbers=["$call.fsopen", "$call.fspick", "$call.open_tree"], arguments=["tmpfs", 0, 0], own_kernel=True),
    attack("mount-setattr", "Options of a mount (mount_setattr)", "kernel.plain", NO_CALL, number="$call.mount_setattr", arguments=[-100, "/nowhere-bot-bottle", 0, "", 32], own_kernel=True),
    attack("mount-pivot", "Another root (pivot_root)", "kernel.plain", NO_CALL, number="$call.pivot_root", arguments=["/etc", "/etc"], own_kernel=True),
    attack("mount-chroot", "Another root (chroot)", "kernel.plain", NO_CALL, number="$call.chroot", arguments=["/etc"], own_kernel=True),
    attack("mount-handle", "A file by its handle, past all mounts (open_by_handle_at)", "kernel.handle", (*NO_CALL, "EOPNOTSUPP"), name_number="$call.name_to_handle_at", open_number="$call.open_by_handle_at", own_kernel=True),
    attack("mount-nosuid", "A mount that lets programs change their user", "files.mount_options", ("every mount",), wanted="nosuid", skip=[], own_kernel=True),
    attack("mount-system-write", "To write system files", "files.write", NOT_WRITTEN, paths=["/etc/passwd", "/etc/hosts", "/etc/ld.so.cache", "/usr/bin/env"], own_kernel=True),
    attack("mount-system-make", "To add to system folders", "files.make", NOT_WRITTEN, folders=["/usr", "/usr/bin", "/usr/lib", "/etc"], own_kernel=True),
    attack("mount-ours-write", "To change what bot-bottle put inside", "files.write", NOT_WRITTEN, paths=["/run/bot-bottle/ca.pem", "/run/bot-bottle/prompt.md", "/run/bot-bottle/portal"]),
    attack("mount-ours-make", "To add to what bot-bottle put inside", "files.make", NOT_WRITTEN, folders=["/run/bot-bottle"]),
    attack("mount-ours-replace", "To put another folder in its place", "files.replace", (*NOT_WRITTEN, "EBUSY", "EXDEV"), path="/run/bot-bottle"),
    attack("mount-host-files", "The operator's home, keys and settings", "files.exists", HIDDEN, paths="$operator_paths"),
    attack("mount-stage-dir", "The bottle's own folder on the host", "files.exists", HIDDEN, paths="$stage_paths"),
    attack("mount-decoy", "A file of the operator's beside the workspace", "files.exists", HIDDEN, paths=["$secret_path"]),
    attack("mount-shadow", "Passwords of the host's users", "files.host_line", (*HIDDEN, "not the host's"), path="/etc/shadow", digest="$shadow_digest", absent={"no digest": "this host's file cannot be read by you either"}),
    attack("mount-machine", "The host's identity (machine-id, ssh host keys)", "files.exists", HIDDEN, paths=["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key", "/var/lib/dbus/machine-id", "/etc/sudoers"], own_kernel=True),
)  # fmt: skip

GROUP = Group(name="mounts", about="mounts, system files and the operator's files", cases=CASES)
