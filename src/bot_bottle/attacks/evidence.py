"""Looks at the host after the attacks: each says in a sentence what escaped, or None. What is found outweighs every answer."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bot_bottle.attacks.scene import Scene, git
from bot_bottle.bottles.events import read_events
from bot_bottle.bottles.idle import search_path
from bot_bottle.host.files import write_file
from bot_bottle.host.run import Command, Finished, plain_env, run


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


def credential_arrived(scene: Scene, path: str) -> str | None:
    """Control: the gate set the credential on this request."""
    came = any(path in one["head"] and scene.canaries["api"] in one["head"] for one in requests(scene))
    return None if came else "the server was not given the credential, so the other cases of this class show little"


def credential_unseen(scene: Scene, path: str) -> str | None:
    """The credential went to no other request."""
    came = any(path in one["head"] and scene.canaries["api"] in one["head"] for one in requests(scene))
    return "the credential was set on a request that it is not bound to" if came else None


def command(scene: Scene, *words: str) -> Finished:
    """One of our commands as the operator types it."""
    code = f"import sys; sys.path[:0] = {search_path()!r}; from bot_bottle.__main__ import main; sys.exit(main())"
    passed = {name: value for name, value in os.environ.items() if name.startswith(("XDG_", "BOT_BOTTLE_", "DOCKER_"))}
    return run(
        Command(
            argv=(sys.executable, "-I", "-S", "-c", code, *words), env=plain_env() | passed, cwd=scene.folder, timeout_s=COMMAND_S
        )
    )


def shows_plain(scene: Scene, place: str, mark: str, verb: str) -> str | None:
    """A command of ours shows this text of the bottle's, and nothing in its output is more than text."""
    slug = (scene.bottles[place].slug,) if place else ()
    done = command(scene, *verb.split(), *slug)
    text = (done.stdout + done.stderr).decode("utf-8", "surrogateescape")
    odd = sorted({one for one in text if not one.isprintable() and one != "\n"})
    if odd:
        return f"`bot-bottle {verb}` prints {' '.join(map(ascii, odd[:8]))}"
    return None if mark in text else f"`bot-bottle {verb}` does not show what it was to show: {text[:80]!a}"


def not_run(scene: Scene, place: str) -> str | None:
    """The operator looks at the work in every way, and none of it runs a program that was planted."""
    if place == "bind":
        git(scene.folder / "shared", "status", "--short")
    elif place not in scene.looked:
        scene.looked.add(place)
        for verb in ("ls", "diff", "log", "inspect") if place == "clone" else ("ls", "diff", "inspect"):
            command(scene, verb, *(() if verb == "ls" else (scene.bottles[place].slug,)))
    return "a planted program ran on the host" if Path(scene.facts[f"ran_{place}"]).exists() else None


def land(scene: Scene) -> str:
    """End the main bottle and take its work, once; what was said."""
    if "land" not in scene.looked:
        scene.looked.add("land")
        slug = scene.bottles["main"].slug
        command(scene, "stop", "-t", "0.2", slug)
        done = command(scene, "land", slug)
        write_file(scene.folder / "landed", done.stdout + done.stderr)
    return (scene.folder / "landed").read_text(errors="replace")


def not_landed(scene: Scene, *names: str) -> str | None:
    """Taking the work leaves these out."""
    land(scene)
    found = [name for name in names if os.path.lexists(scene.folder / "project" / name)]
    if found:
        return f"{' '.join(found)} came into the operator's folder unasked"
    return not_run(scene, "main")


def keeps_secret(scene: Scene, *names: str) -> str | None:
    """Neither looking at the work nor taking it shows a file of the operator's, or leaves a link to one."""
    shown = b"".join(command(scene, "diff", scene.bottles["main"].slug).stdout for _ in range(1 if names else 4))
    if scene.canaries["file"].encode() in shown:
        return "`bot-bottle diff` shows a file of the host by a link"
    if scene.canaries["file"] in land(scene):
        return "`bot-bottle land` shows a file of the host by a link"
    project = scene.folder / "project"
    found = [name for name in (*names, "raced", "raced-folder") if os.path.lexists(project / name) and leads_out(project, name)]
    return f"{' '.join(found)} came into the operator's folder as a way out of it" if found else None


def leads_out(project: Path, name: str) -> bool:
    """Whether this is a link to elsewhere, or holds what is elsewhere."""
    path = project / name
    return path.is_symlink() and not path.resolve().is_relative_to(project.resolve())


def goes_on(scene: Scene, verb: str) -> str | None:
    """The command comes to its end, and fails in no way that we did not mean."""
    done = command(scene, verb, scene.bottles["main"].slug)
    return f"`bot-bottle {verb}` ended with {done.code}: {done.stderr[-120:]!a}" if done.code else None


def git_is_there(scene: Scene) -> str | None:
    """The shared folder's repository is the operator's own still."""
    main = git(scene.folder / "shared", "rev-parse", "main")
    return None if main == scene.facts["main"] else "the shared folder's repository is another"


COMMAND_S = 60.0
"""A command of ours that looks at a bottle's work takes a fifth of a second; one that hangs is an attack that worked."""

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
    "credential_arrived": credential_arrived,
    "credential_unseen": credential_unseen,
    "shows_plain": shows_plain,
    "not_run": not_run,
    "not_landed": not_landed,
    "keeps_secret": keeps_secret,
    "goes_on": goes_on,
    "git_is_there": git_is_there,
}
