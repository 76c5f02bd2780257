"""What a bottle's own git is told: every way to write a remote leads to the gate, which answers or refuses with the reason. Pure.

None of this protects anything: an agent may undo it, and reaches nothing then, because the bottle has no network.
"""

from collections.abc import Iterable, Sequence

from bot_bottle.manifest.remotes import DEFAULT_PORTS, parse_remote

GATE = "http://127.0.0.1:3129"
LOCAL = "local"
"""First part of the gate's paths for the operator's own repositories; the others begin with the scheme of the remote."""


def gate_url(name: str) -> str:
    """Where a repository of the operator's own is inside."""
    return f"{GATE}/{LOCAL}/{name}.git"


def rewrites(urls: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of a beginning at the gate and the beginning of a remote that it replaces (`url.<base>.insteadOf`, git-config(1)).

    Schemes are replaced as a whole, so that a remote that is not allowed gets an answer too. The short form `user@host:path`
    has no common beginning, so it is replaced for each host of an upstream and for the user `git` on any.
    """
    pairs = [(f"{GATE}/", f"{GATE}/"), *((f"{GATE}/{scheme}/", f"{scheme}://") for scheme in DEFAULT_PORTS)]
    pairs += [(f"{GATE}/ssh/", "git+ssh://"), (f"{GATE}/ssh/", "ssh+git://"), (f"{GATE}/scp/git@", "git@")]
    for remote in map(parse_remote, urls):
        shorts = {f"{remote.host}:", f"git@{remote.host}:", f"{remote.user}@{remote.host}:" if remote.user else ""}
        pairs += [(f"{GATE}/scp/{short}", short) for short in sorted(shorts - {""})]
    return tuple(dict.fromkeys(pairs))


def gitconfig(urls: Sequence[str]) -> str:
    """The bottle's git settings, below those that the agent makes itself (`~/.gitconfig` beats `~/.config/git/config`)."""
    lines = ["# Made by bot-bottle: every remote leads to the git gate, the only way code gets in and out."]
    for base, beginning in rewrites(urls):
        lines += [f'[url "{base}"]', f"\tinsteadOf = {beginning}"]
    lines += ["[http]", "\temptyAuth = false", "[advice]", "\tdetachedHead = false"]
    return "\n".join(lines) + "\n"
