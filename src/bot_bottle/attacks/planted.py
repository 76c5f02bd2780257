"""Programs that a bottle plants for the host to run: git's settings, hooks and filters, and the settings of other tools."""

from typing import Any

from bot_bottle.attacks.case import Case, Group, Place, attack
from bot_bottle.attacks.errnos import NOT_WRITTEN

DONE = ("done",)
SHARED_FILES = [".git/config", ".git/hooks/pre-commit", ".git/hooks/post-checkout", ".git/info/attributes", ".git/HEAD"]
SHARED_MADE = [".git/hooks", ".vscode", ".idea", ".claude", ".cursor"]
SHARED_NEW = [".mcp.json", ".envrc", "bottle.yaml"]
WORDS = {
    "settings": ("plant.settings", "fsmonitor, sshCommand, pager and editor"),
    "diff": ("plant.settings", "programs that show and merge differences"),
    "filter": ("plant.settings", "filters of contents"),
    "programs": ("plant.settings", "helpers for keys and signatures, aliases"),
    "hooks": ("plant.hooks", "every hook that git knows"),
    "moved-hooks": ("plant.moved_hooks", "hooks in the work tree, and settings that include others"),
    "other": ("plant.other_repository", "a repository within, with settings of its own"),
}


def planted(name: str, place: Place) -> Case:
    """One way, in a bottle of this mode; then the commands of the host that look at its work."""
    run, title = WORDS[name]
    given: dict[str, Any] = {"kind": name} if run == "plant.settings" else {}  # Any: JSON
    where = "a copy" if place == "main" else "a clone"
    return attack(
        f"planted-{place}-{name}",
        f"In {where}: {title}",
        run,
        DONE,
        marker=f"$ran_{place}",
        place=place,
        evidence=("not_run", place),
        **given,
    )


CASES = (
    *(planted(name, place) for place in ("main", "clone") for name in WORDS),
    attack("planted-tools", "Settings that editors and agents obey, in a copy: not landed", "plant.tools", DONE, marker="$ran_main", evidence=("not_landed", ".envrc", ".vscode", ".claude", ".mcp.json", ".husky", "bottle.yaml")),
    attack("planted-shared-write", "In a shared folder: git's settings and hooks", "files.write", NOT_WRITTEN, paths=SHARED_FILES[:3], place="bind", evidence=("not_run", "bind")),
    attack("planted-shared-make", "In a shared folder: hooks, and settings of editors and agents", "files.make", NOT_WRITTEN, folders=SHARED_MADE, place="bind", evidence=("not_run", "bind")),
    attack("planted-shared-new", "In a shared folder: files that tools obey", "files.write_new", (*NOT_WRITTEN, "EEXIST"), paths=SHARED_NEW, place="bind"),
    attack("planted-shared-replace", "In a shared folder: another .git in the place of this one", "files.replace", (*NOT_WRITTEN, "EBUSY", "EXDEV"), path=".git", place="bind", evidence=("git_is_there",)),
)  # fmt: skip

GROUP = Group(name="planted", about="programs planted for git and other tools of the host", cases=CASES)
