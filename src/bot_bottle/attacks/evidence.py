"""Looks at the host after the attacks: each says in a sentence what escaped, or None. What is found outweighs every answer."""

import re
from collections.abc import Callable

from bot_bottle.attacks.scene import Scene, git
from bot_bottle.bottles.events import read_events


def look(scene: Scene, evidence: tuple[str, ...]) -> str | None:
    """What this evidence says; None for a case that names none."""
    return LOOKS[evidence[0]](scene, *evidence[1:]) if evidence else None


def untouched(scene: Scene, listener: str) -> str | None:
    """The bait's listener was reached by nobody."""
    came = sum(1 for one in scene.touched() if one["at"] == listener)
    return f"the listener on the host was reached ({listener}, {came} times)" if came else None


def requests(scene: Scene) -> list[dict[str, str]]:
    """What reached the servers that rules allow."""
    return [one for one in scene.touched() if one["at"] == "web"]


def unseen(scene: Scene, words: str) -> str | None:
    """No request with these words in it, and not as the beginning of longer ones, reached an allowed server."""
    sought = re.compile(re.escape(words) + r"(?![a-z-])")
    came = [one for one in requests(scene) if sought.search(one["head"]) or sought.search(one["body"])]
    return f"it reached the server outside: {came[0]['head'][:80]!a}" if came else None


def secret_unseen(scene: Scene, path: str) -> str | None:
    """A request may have arrived in part, but not the secret in it."""
    came = [one for one in requests(scene) if path in one["head"] and scene.canaries["own"] in one["head"] + one["body"]]
    return "the secret reached the server outside" if came else None


def no_request(scene: Scene, path: str) -> str | None:
    """No request for this path reached an allowed server; as content of another it may have."""
    came = [one for one in requests(scene) if path in one["head"].partition("\r\n")[0]]
    return f"it reached the server outside as a request: {came[0]['head'][:80]!a}" if came else None


def arrived(scene: Scene, words: str) -> str | None:
    """Control: without this, that nothing else arrived would say nothing."""
    came = any(words in one["head"] for one in requests(scene))
    return None if came else "what a rule allows did not arrive, so the other cases of this class show nothing"


def refs(scene: Scene) -> dict[str, str]:
    """Every ref of the operator's repository, and the subject of its commit."""
    rows = git(scene.folder / "project", "for-each-ref", "--format=%(refname) %(contents:subject)").splitlines()
    return {name: subject for name, _, subject in (row.partition(" ") for row in rows)}


def ref(scene: Scene, mark: str) -> str | None:
    """The branch arrived, under the bottle's own name, and is what it was when it did."""
    found = refs(scene).get(f"refs/heads/bottle/{scene.bottles['main'].slug}/{mark}")
    return (
        None if found == "Change" else f"the branch {mark} is {'another' if found else 'not there'} in the operator's repository"
    )


def no_ref(scene: Scene, mark: str) -> str | None:
    """No ref of this name arrived in the operator's repository."""
    found = [name for name in refs(scene) if name.endswith("/" + mark)]
    return f"{found[0]} arrived in the operator's repository" if found else None


def only_branches(scene: Scene) -> str | None:
    """Nothing arrived in the operator's repository but branches under the bottle's own name."""
    own = f"refs/heads/bottle/{scene.bottles['main'].slug}/"
    found = [name for name in refs(scene) if not name.startswith(own) and name not in ("refs/heads/main", "refs/stash")]
    return f"{found[0]} arrived in the operator's repository" if found else None


def main_unmoved(scene: Scene) -> str | None:
    """The branch that the operator has checked out is where it was."""
    moved = git(scene.folder / "project", "rev-parse", "main") != scene.facts["main"]
    return "the operator's own branch was moved" if moved else None


def nothing_approved(scene: Scene) -> str | None:
    """The gates' log knows of no approval, and no grant holds."""
    found = [one.get("event") for one in read_events(scene.bottles["main"].stage_dir / "events.jsonl")]
    return "a request was approved" if {"approved", "grant"} & set(found) else None


LOOKS: dict[str, Callable[..., str | None]] = {
    "untouched": untouched,
    "unseen": unseen,
    "secret_unseen": secret_unseen,
    "no_request": no_request,
    "arrived": arrived,
    "ref": ref,
    "no_ref": no_ref,
    "only_branches": only_branches,
    "main_unmoved": main_unmoved,
    "nothing_approved": nothing_approved,
}
