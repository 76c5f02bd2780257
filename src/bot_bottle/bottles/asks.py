"""What agents ask, and the operator's answers: the same few intents for the command line, the dashboard and the page.

Everything that is shown came from a bottle; the gate has made it plain. An answer names the id under which it was shown, which
holds its review token: what has changed since has another id, and the old one is refused.
"""

import getpass
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bot_bottle.bottles.status import is_kept, slugs
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.gates.ask import ASK_TIMEOUT_S
from bot_bottle.gates.ask import ask as ask_gate
from bot_bottle.host import paths
from bot_bottle.host.plain import plain
from bot_bottle.plans.bottle import GUEST_CA, JAVA_ROOTS
from bot_bottle.record import asdict, dataclass

if TYPE_CHECKING:
    from bot_bottle.bottles.pushes import HeldPush
    from bot_bottle.gates.egress.presets import PresetResult

Row = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class AskView:
    """One ask as it is shown. `id` is SLUG/NUMBER-TOKEN, what an answer names; times are seconds since 1970."""

    id: str
    slug: str
    number: int
    kind: str
    state: str
    title: str
    reason: str
    at: float
    risks: tuple[tuple[str, str, str], ...] = ()
    """Label, level (low, medium, high) and what it means."""
    evidence: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    blocked: str = ""
    raised: int = 1
    delta: Mapping[str, Any] | None = None  # Any: JSON
    answered_by: str = ""
    answer: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class GrantView:
    """One grant. `expires` is None for one that holds until the bottle ends; `ended` says why it is over."""

    name: str
    slug: str
    title: str
    scope: str
    by: str
    at: float
    expires: float | None
    used: int
    ended: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox:
    """The asks and grants of the bottles that run and have the gate, oldest first."""

    asks: tuple[AskView, ...] = ()
    grants: tuple[GrantView, ...] = ()

    @property
    def pending(self) -> tuple[AskView, ...]:
        """What waits for an answer."""
        return tuple(ask for ask in self.asks if ask.state == "pending")


def supervised() -> Iterator[str]:
    """The running bottles that have the gate."""
    yield from (slug for slug in slugs() if has_gate(slug))


def has_gate(slug: str) -> bool:
    """Whether it runs and has the gate."""
    return (paths.bottle_dir(slug) / "supervise.token").exists() and is_kept(slug)


def read_inbox(only: str | None = None) -> Inbox:
    """The asks and grants of one running bottle, or of all. A bottle that ends meanwhile is left out."""
    asks: list[AskView] = []
    held: list[GrantView] = []
    pushes = held_pushes(only)
    for slug in _to_ask(only, has_pushes=bool(pushes)):
        try:
            one = read_gate(slug)
        except BottleError:
            if only:
                raise
            continue
        asks += one.asks
        held += one.grants
    asks += pushes
    return Inbox(asks=tuple(sorted(asks, key=lambda one: one.at)), grants=tuple(sorted(held, key=lambda one: one.at)))


def _to_ask(only: str | None, *, has_pushes: bool) -> Iterator[str]:
    """A bottle that is named and has nothing to show is asked all the same: it says why it cannot answer."""
    if only is None:
        yield from supervised()
    elif has_gate(only) or not has_pushes:
        yield only


def read_gate(slug: str, *, timeout_s: float = ASK_TIMEOUT_S) -> Inbox:
    """The asks and grants of one running bottle. BottleError when its gate does not answer."""
    rows = to_gate(slug, {"op": "list"}, timeout_s=timeout_s)
    asks, held = tuple(_ask(slug, row) for row in rows["asks"]), tuple(_grant(slug, row) for row in rows["grants"])
    return Inbox(asks=asks, grants=held)


def held_pushes(only: str | None = None) -> list[AskView]:
    """The pushes that the git gates hold, in the same form: one inbox. Also those of bottles that have ended."""
    found: list[AskView] = []
    for slug in [only] if only else slugs():
        if not (paths.bottle_dir(slug) / "git" / "held").is_dir():
            continue
        from bot_bottle.bottles.pushes import held

        found += [_push(one) for one in held(slug, decided_too=True)]
    return found


def _push(one: "HeldPush") -> AskView:
    hold = one.hold
    refs = ", ".join(f"{'delete ' if update.deletes else ''}{update.ref}" for update in hold.updates[:8])
    return AskView(
        id=one.id,
        slug=one.slug,
        number=hold.number,
        kind="push",
        state={"waiting": "pending", "taken": "approved", "replaced": "withdrawn"}.get(hold.state, "denied"),
        title=plain(f"push {refs} to {hold.repository}", limit=400),
        reason="",
        at=hold.at,
        risks=tuple(
            (plain(one.rule, limit=60), "high", plain(f"{one.where}: {one.why}", limit=300)) for one in hold.findings[:16]
        ),
        evidence=(plain(hold.why, limit=300),) if hold.why else (),
        answered_by=plain(hold.by, limit=80),
        answer=plain(hold.said, limit=300),
    )


def to_gate(slug: str, request: Row, *, timeout_s: float = ASK_TIMEOUT_S) -> Row:
    """Put one operation to the bottle's supervise gate. BottleError with its words when it refuses."""
    answer = ask_gate(socket_of(slug), {"gate": "supervise", "by": who(), **request}, timeout_s=timeout_s)
    if "error" in answer:
        raise BottleError(
            str(answer["error"]), facts=tuple(str(fact) for fact in answer.get("facts", ())), next=str(answer.get("next", ""))
        )
    return answer


def socket_of(slug: str) -> Path:
    """The control socket of a running bottle. BadUsage when it does not run."""
    if not is_kept(slug):
        raise BadUsage(f"The bottle {slug} does not run.", next="`bot-bottle ls` lists those that do.")
    return paths.bottle_dir(slug) / "bundle.sock"


def who() -> str:
    """The operator's name, as the log and the other operators see it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


def find_ask(text: str) -> AskView:
    """The ask that an operator names: SLUG/NUMBER-TOKEN, NUMBER-TOKEN, or NUMBER where it is the only one that waits.

    BadUsage when there is none, or more than one.
    """
    slug, slash, rest = text.rpartition("/")
    inbox = read_inbox(slug if slash else None)
    number, _, token = rest.partition("-")
    named = [one for one in inbox.asks if str(one.number) == number]
    found = [one for one in named if one.id.endswith(f"-{token}")] if token else [one for one in named if one.state == "pending"]
    if len(found) == 1:
        return found[0]
    if token and not found and len(named) == 1:
        raise BadUsage(
            f"The request {text} is not what it was when you were shown it.",
            facts=(f"now: {named[0].title}", f"reason: {named[0].reason}", f"it is {named[0].state}"),
            next=f"Look at it again: its id is now {named[0].id}.",
        )
    if not found:
        raise BadUsage(f"No request {text} waits.", next="`bot-bottle asks` lists those that do.")
    raise BadUsage(f"{len(found)} requests are meant by {text}.", facts=tuple(one.id for one in found), next="Name one of them.")


def approve(ask: AskView, said: Row, *, host: Mapping[str, str]) -> Row:
    """Give what was shown, or less. `said` has `scope` (once, for, session, always), `seconds`, `narrow` and `answer`.

    What a preset stands for is looked up here, with the tool's own settings on this machine. A push is given whole, once.
    """
    if ask.kind == "push":
        return _decide_push(ask, approves=True)
    more = preset_rules(str(ask.delta["name"]), host) if ask.kind == "preset" and ask.delta is not None else {}
    _sign(ask, "approve", {name: said[name] for name in ("scope", "seconds", "narrow") if said.get(name)})
    return to_gate(ask.slug, {"op": "approve", "id": ask.id.rpartition("/")[2], **more, **said})


def _sign(ask: AskView, event: str, said: Row) -> None:
    """Into the bottle's log, before it is done: who answers, by the id with the review token, and what they were shown."""
    from bot_bottle.bottles.audit.say import note

    shown = {"title": ask.title, "reason": ask.reason, "delta": ask.delta, "risks": [list(risk) for risk in ask.risks]}
    note(ask.slug, event, {"id": ask.id, "kind": ask.kind, "by": who(), "shown": shown, **said})


def _decide_push(ask: AskView, *, approves: bool, said: str = "") -> Row:
    """The git gate's own decision, by the id that was shown."""
    from bot_bottle.bottles.pushes import decide, find

    state, answer = decide(find(ask.id), approves=approves, said=said)
    if approves and state != "taken":
        raise BottleError(f"The push was approved, and the upstream refused it: {plain(answer, limit=300)}")
    return {"ok": True, "title": ask.title}


def preset_rules(name: str, host: Mapping[str, str]) -> Row:
    """The rules of a preset, and what the agent has to know to use them: the variables and files that a start would have made."""
    from bot_bottle.gates.egress.located import located
    from bot_bottle.gates.egress.presets import resolve_presets
    from bot_bottle.host.net import lookup
    from bot_bottle.host.run import run

    found = resolve_presets((name,), host=host, run=run, cache=paths.cache_dir())
    return {"rules": [asdict(rule) for rule in located(found.rules, lookup)], "note": preset_note(found)}


def preset_note(found: "PresetResult") -> str:
    """What the agent does itself, because the bottle runs already. Java's file of roots it makes of the bottle's certificate."""
    env = " ".join(f"{variable}={value}" for variable, value in found.env)
    said = [f"Set in the environment of the tool: {env}"] if env else []
    for file in found.files:
        if file.path == JAVA_ROOTS:
            make = f"mkdir -p ~/{PurePosixPath(file.path).parent} && keytool -importcert -noprompt -storepass changeit"
            said.append(f"Run: {make} -file {GUEST_CA} -keystore ~/{file.path}")
        else:
            said.append(f"Write into ~/{file.path}: {file.content}" if file.content else f"Make a file ~/{file.path}")
    return "\n".join(said)


def read_narrow(pairs: tuple[str, ...]) -> dict[str, Any]:  # Any: JSON
    """`paths=/a/**,/b` as {"paths": ["/a/**", "/b"]}."""
    said: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key not in ("host", "ports", "methods", "paths"):
            raise BadUsage(
                "What is given instead takes KEY=VALUE with one of host, ports, methods, paths.", facts=(plain(pair, limit=80),)
            )
        parts = value.split(",")
        said[key] = (
            value if key == "host" else [int(part) if part.isdigit() else part for part in parts] if key == "ports" else parts
        )
    return said


def deny(ask: AskView, *, reason: str, alternative: str = "") -> Row:
    """Refuse, and tell the agent why."""
    if ask.kind == "push":
        return _decide_push(ask, approves=False, said=" ".join(part for part in (reason, alternative) if part))
    _sign(ask, "deny", {"reason": reason, "alternative": alternative})
    return to_gate(ask.slug, {"op": "deny", "id": ask.id.rpartition("/")[2], "reason": reason, "alternative": alternative})


def revoke(slug: str, name: str) -> None:
    """End a grant now, with the connections that live by it."""
    from bot_bottle.bottles.audit.say import note

    note(slug, "revoke", {"by": who(), "grant": name})
    to_gate(slug, {"op": "revoke", "name": name})


def take_back(slug: str, name: str) -> None:
    """End a grant that could not be given whole; one that never held in the running bottle is none to end."""
    if any(one.name == name and not one.ended for one in read_gate(slug).grants):
        revoke(slug, name)


def _ask(slug: str, row: Row) -> AskView:
    answer = row.get("answer") or {}
    return AskView(
        id=f"{slug}/{row['id']}",
        slug=slug,
        number=int(row["number"]),
        kind=str(row["kind"]),
        state=str(row["state"]),
        title=str(row["title"]),
        reason=str(row["reason"]),
        at=float(row["at"]),
        risks=tuple((str(one["label"]), str(one["level"]), str(one["text"])) for one in row["risks"]),
        evidence=tuple(str(one) for one in row["evidence"]),
        choices=tuple(str(one) for one in row["choices"]),
        blocked=str(row["blocked"]),
        raised=int(row["raised"]),
        delta=row["delta"],
        answered_by=str(answer.get("by", "")),
        answer=str(answer.get("choice") or answer.get("reason") or ""),
    )


def _grant(slug: str, row: Row) -> GrantView:
    expires = row["expires"]
    return GrantView(
        name=str(row["name"]),
        slug=slug,
        title=str(row["title"]),
        scope=str(row["scope"]),
        by=str(row["by"]),
        at=float(row["at"]),
        expires=None if expires is None else float(expires),
        used=int(row["used"]),
        ended=str(row["ended"]),
    )
