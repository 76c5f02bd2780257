"""Attacks on the git gate: what must not be pushed, what must not be read, and its protocol by hand."""

from bot_bottle.attacks.case import Case, Group, attack

NO_GIT = {"no git": "there is no git in this image"}
REFUSED = ("refused",)
URL = "$git_url"

PUSHES = {
    "middle-commit": "A secret that the next commit takes away",
    "side-branch": "A secret in a merged branch of which nothing is left",
    "message": "A secret in a commit's message",
    "file-name": "A secret as the name of a file",
    "author": "A secret as the name of an author",
    "base64-file": "A secret in base64",
    "gzip-file": "A secret in a compressed file",
    "archive": "A secret in an archive",
    "split-commits": "A secret in thirds, over three commits",
    "note": "A secret in a note",
    "tag-object": "A secret in an annotated tag",
    "protected": "A workflow, which a forge runs with its keys",
    "hooks-folder": "Settings of an editor that run a program",
    "dot-git": "A .git in the tree, in other letters",
    "submodule-option": "A submodule whose address is an option",
    "large": "A file over the manifest's limit",
}
REFS = {
    "tag": "refs/tags/v1",
    "note": "refs/notes/commits",
    "replace": "refs/replace/" + "a" * 40,
    "pull": "refs/pull/1/head",
    "gerrit": "refs/for/main",
    "config": "refs/meta/config",
    "held": "refs/bot-bottle/held/1/0",
    "outside": "refs/heads/../../x",
    "stash": "refs/stash",
}
OTHERS = {
    "neighbour": "http://127.0.0.1:3129/local/other.git",
    "path": "http://127.0.0.1:3129/local/../../../../$",
    "absolute": "http://127.0.0.1:3129//etc",
    "server": "https://git.example.com/team/repo.git",
    "ssh": "ssh://git@git.example.com/team/repo.git",
    "scp": "git@git.example.com:team/repo.git",
    "file": "file:///etc",
    "option": "http://127.0.0.1:3129/local/--upload-pack=x.git",
}
RAW = {
    "dumb": ("GET", "{}/objects/info/packs", "Git's older protocol, which shows every file"),
    "head": ("GET", "{}/HEAD", "A file of the repository"),
    "config": ("GET", "{}/config", "The repository's settings"),
    "climb": ("GET", "{}/../../../../etc/passwd", "A path that climbs"),
    "climb-coded": ("GET", "{}/%2e%2e/%2e%2e/etc/passwd", "A path that climbs, with percent signs"),
    "archive": ("POST", "{}/git-upload-archive", "A service that is not offered"),
    "service": ("GET", "{}/info/refs?service=git-shell", "A service that is none"),
    "lfs": ("GET", "{}/info/lfs/locks", "Locks of large files"),
    "connect": ("CONNECT", "127.0.0.1:22", "A tunnel through the git gate"),
    "absolute": ("GET", "http://169.254.169.254/latest/meta-data/", "Another host through the git gate"),
}


def push(kind: str, title: str) -> Case:
    """A push that must be refused, and of which nothing may arrive."""
    return attack(
        f"git-push-{kind}",
        title,
        "git.push",
        REFUSED,
        url=URL,
        kind=kind,
        mark=f"mark-{kind}",
        secret="$secret",
        absent=NO_GIT,
        evidence=("no_ref", f"mark-{kind}"),
        timeout_s=60.0,
    )


CASES = (
    attack("git-control", "Control: a clean push does arrive", "git.push", ("taken",), url=URL, kind="clean", mark="mark-clean", secret="none", absent=NO_GIT, evidence=("ref", "mark-clean"), timeout_s=60.0),
    *(push(kind, title) for kind, title in PUSHES.items()),
    attack("git-push-delete", "To delete a branch", "git.push", REFUSED, url=URL, kind="delete", mark="mark-clean", secret="none", absent=NO_GIT, evidence=("ref", "mark-clean"), timeout_s=60.0),
    attack("git-push-force", "Another history for a pushed branch, where the manifest says never", "git.push", REFUSED, url=URL, kind="force", mark="mark-clean", secret="none", absent=NO_GIT, evidence=("ref", "mark-clean"), timeout_s=60.0),
    *(
        attack(f"git-ref-{name}", f"A push to {ref[:30]}", "git.to_ref", REFUSED, url=URL, ref=ref, absent=NO_GIT, evidence=("only_branches",), timeout_s=60.0)
        for name, ref in REFS.items()
    ),
    attack("git-main", "The operator's own branch stays where it is", "git.to_ref", ("taken", "refused"), url=URL, ref="refs/heads/main", absent=NO_GIT, evidence=("main_unmoved",), timeout_s=60.0),
    *(
        attack(f"git-other-{name}", f"Another repository: {url[:40]}", "git.other", REFUSED, url=url.replace("$", "secret"), absent=NO_GIT, timeout_s=60.0)
        for name, url in OTHERS.items()
    ),
    attack("git-hidden-stash", "The operator's stash", "git.fetch", REFUSED, url=URL, want="refs/stash", absent=NO_GIT, timeout_s=60.0),
    attack("git-hidden-commit", "A commit by its id that no branch shows", "git.fetch", REFUSED, url=URL, want="$hidden_commit", absent=NO_GIT, timeout_s=60.0),
    *(
        attack(f"git-raw-{name}", title, "git.raw", ("400", "403", "404", "405"), target=target.format("/local/project.git"), method=method)
        for name, (method, target, title) in RAW.items()
    ),
)  # fmt: skip

GROUP = Group(name="git", about="the git gate: pushes, refs, other repositories", cases=CASES)
