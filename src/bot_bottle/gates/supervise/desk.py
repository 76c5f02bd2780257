"""Where asks and answers meet: one bottle's queue and grants, and the gates that carry the grants out. No sockets.

The agent's side may only ask, look and withdraw; the operator's side answers and revokes. They share no method. Every change is
saved before it is told to anybody; what cannot be saved did not happen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.base import Adjustable, Event, Granted, Standing
from bot_bottle.gates.supervise import asks, grants
from bot_bottle.gates.supervise.asks import Answer, Ask, Filed, TooMany
from bot_bottle.gates.supervise.deltas import (
    LIVE,
    CredentialDelta,
    Delta,
    NetworkDelta,
    described,
    is_within,
    narrow,
    read_delta,
    row_of,
)
from bot_bottle.gates.supervise.grants import Grant
from bot_bottle.gates.supervise.risk import Known, assess, is_metadata, standing_denies
from bot_bottle.gates.supervise.state import State, rule_from
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import asdict, dataclass, replace

Row = dict[str, Any]  # Any: JSON
Save = Callable[[State], None]

NOTE_LIVE = "It holds now: try again."
NOTE_NEXT = "It holds from the bottle's next start on; this run goes on without."
NOTE_LIMIT = 4000
"""A preset may come with a settings file for its tool."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What is answered without a human: what lies within these rules is given for some seconds; the rest waits, or is denied."""

    rules: tuple[Rule, ...] = ()
    seconds: float = 1800.0
    denies: bool = False


class Desk:
    """The queue of one bottle."""

    def __init__(
        self,
        slug: str,
        state: State,
        *,
        gates: Sequence[Adjustable],
        record: Callable[[Event], None],
        save: Save,
        envelope: Envelope,
    ) -> None:
        self.slug = slug
        self.state = state
        self._gates = tuple(gates)
        self._record = record
        self._save = save
        self._envelope = envelope
        self.changed: Callable[[], None] = lambda: None
        self.told: Callable[[], None] = lambda: None
        self._busy: set[Adjustable] = set()
        for gate in self._gates:
            gate.used = self._used

    # The agent's side.

    def request(self, arguments: Mapping[str, Any], now: float) -> Ask | Row:  # Any: JSON
        """File a request. Refused when it cannot be read; a row when nobody is asked."""
        reason = arguments.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise Refused("“reason” is needed: what you need it for, in a sentence or two.")
        delta = read_delta({key: value for key, value in arguments.items() if key != "reason"})
        if is_metadata(delta):
            self._record({"gate": "supervise", "event": "refused", "what": described(delta), "why": "metadata address"})
            return {"status": "denied", "reason": "Cloud metadata addresses are never reachable from a bottle; nobody is asked."}
        known = self._standing()
        if self._holds(delta, known):
            return {"status": "approved", "reason": "This is allowed already.", "note": NOTE_LIVE}
        denied = frozenset(
            ask.delta.rule.host for ask in self.state.queue.asks if ask.state == "denied" and isinstance(ask.delta, NetworkDelta)
        )
        blocks = standing_denies(delta, known.rules)
        wish = Ask(
            number=0,
            delta=delta,
            reason=asks.clean(reason),
            at=now,
            risks=assess(delta, Known(rules=known.rules, credentials=known.credentials, denied_hosts=denied)),
            evidence=self._evidence(delta),
            blocked="; ".join(f"{rule.where} denies {rule.host}" for rule in blocks[:3]),
        )
        return self._file(wish, now)

    def question(self, question: str, choices: Sequence[str], now: float) -> Ask | Row:
        """File a question."""
        return self._file(asks.question_wish(question, choices, now), now)

    def _file(self, wish: Ask, now: float) -> Ask | Row:
        queue, result = asks.file(self.state.queue, wish, now)
        if isinstance(result, TooMany):
            self._record({"gate": "supervise", "event": "refused", "what": wish.title, "why": result.why})
            return {"status": "unavailable", "reason": result.why, "retry_after_s": result.retry_s}
        self._keep(replace(self.state, queue=queue))
        if result.is_news:
            self._tell_news(result.ask)
            self._answer_without_human(result.ask, now)
        found = self.state.queue.find(result.ask.number)
        assert found is not None
        return found

    def _answer_without_human(self, ask: Ask, now: float) -> None:
        """By the operator's envelope: what lies within its rules is given for a time, the rest is denied when they say so."""
        seen = asks.shown(ask, self.slug)
        if ask.delta is not None and not ask.blocked and is_within(ask.delta, self._envelope.rules):
            said = {"id": f"{ask.number}-{asks.review_token(seen, self.state.key)}", "by": "policy (supervise.within)"}
            try:
                self.approve({**said, "scope": "for", "seconds": self._envelope.seconds}, now)
            except BottleError as error:  # the agent must not end the gate by asking: it waits for the operator
                self._record({"gate": "supervise", "event": "refused", "what": ask.title, "why": error.what})
        elif self._envelope.denies:
            why = "Nobody is watching this bottle, and its policy then is to deny (supervise.unattended)."
            self._settle(ask, "denied", Answer(by="policy (supervise.unattended)", at=now, reason=why), seen=seen)

    def _tell_news(self, ask: Ask) -> None:
        self._record({"gate": "supervise", "event": "ask", "id": ask.number, "shown": asks.shown(ask, self.slug)})
        self.told()

    def withdraw(self, number: int, now: float) -> Ask:
        """The agent takes it back. Refused when it is not open."""
        ask = self._open(number)
        return self._settle(ask, "withdrawn", Answer(by="agent", at=now), seen={})

    def find(self, number: int) -> Ask:
        """The ask of this number. Refused when there is none."""
        ask = self.state.queue.find(number)
        if ask is None:
            raise Refused(f"There is no request {number} in this bottle.")
        return ask

    def policy(self) -> Row:
        """What holds now, for the agent to read."""
        known = self._standing()
        rules = [
            {"host": rule.host, "ports": list(rule.ports), "methods": list(rule.methods), "paths": list(rule.paths)}
            | ({"deny": True} if rule.deny else {})
            for rule in known.rules[:200]
        ]
        credentials = [{"name": one.name, "hosts": sorted({target.host for target in one.to})} for one in known.credentials]
        held = [{"grant": one.name, "what": one.title, "scope": one.scope, "until": one.expires} for one in self.holding]
        open_ = [{"id": str(ask.number), "what": ask.title} for ask in self.state.queue.pending]
        return {"rules": rules, "credentials": credentials, "grants": held, "open_requests": open_, **known.more}

    def denials(self, limit: int) -> list[Event]:
        """The latest refusals of all gates."""
        every = [event for gate in self._gates for event in gate.denials()]
        return sorted(every, key=lambda event: float(event.get("ts", 0)))[-limit:]

    # The operator's side.

    def approve(self, said: Mapping[str, Any], now: float) -> Row:  # Any: JSON
        """Give what was shown, or less. BottleError when it is not what was shown, or is settled already."""
        ask, seen = self._reviewed(said)
        by = str(said.get("by", ""))[:80]
        if ask.delta is None:
            choice = asks.clean(str(said.get("answer") or ""))
            if not choice or (ask.choices and choice not in ask.choices):
                raise BottleError("A question needs an answer.", facts=tuple(ask.choices), next="Use --answer TEXT.")
            self._settle(ask, "approved", Answer(by=by, at=now, choice=choice), seen=seen)
            return {"ok": True, "title": ask.title}
        if ask.blocked:
            raise BottleError("A deny stands against it, and a deny beats every allow.", facts=(ask.blocked,))
        try:
            delta = narrow(ask.delta, said["narrow"]) if said.get("narrow") else ask.delta
            scope, seconds = grants.read_scope(said)
            grants.check_scope(delta, scope)
        except Refused as refused:
            raise BottleError(refused.what) from None
        grant = Grant(
            name=f"g{self.state.next_grant}",
            ask=ask.number,
            title=described(delta),
            deltas=self._carried(delta, said),
            scope=scope,
            by=by,
            at=now,
            expires=None if seconds is None else now + seconds,
        )
        live = scope != "always" or delta.kind in LIVE
        if live:
            self._apply(grants.add(self.state.grants, grant), self.state.next_grant + 1)
        note = " ".join(
            part for part in (NOTE_LIVE if live else NOTE_NEXT, _how_long(grant), str(said.get("note") or "")) if part
        )
        reason = "" if delta == ask.delta else f"The operator gives less than you asked: {described(delta)}."
        answer = Answer(by=by, at=now, grant=grant.name, note=note[:NOTE_LIMIT], reason=reason)
        self._settle(ask, "approved", answer, seen=seen, given=row_of(delta), scope=scope)
        return {"ok": True, "grant": grant.name, "title": grant.title, "expires": grant.expires, "given": row_of(delta)}

    def deny(self, said: Mapping[str, Any], now: float) -> Row:  # Any: JSON
        """Refuse, with what the agent should know."""
        ask, seen = self._reviewed(said)
        texts = {key: asks.clean(str(said.get(key) or "")) for key in ("reason", "alternative")}
        self._settle(ask, "denied", Answer(by=str(said.get("by", ""))[:80], at=now, **texts), seen=seen)
        return {"ok": True, "title": ask.title}

    def revoke(self, name: str, by: str) -> Row:
        """End a grant now."""
        try:
            left = grants.end(self.state.grants, name, f"revoked by {by}")
        except Refused as refused:
            raise BottleError(refused.what) from None
        self._apply(left)
        self._record({"gate": "supervise", "event": "revoked", "grant": name, "by": by})
        return {"ok": True}

    def expire(self, now: float) -> None:
        """End what is over by now."""
        left, over = grants.expire(self.state.grants, now)
        if over:
            self._apply(left)
            for one in over:
                self._record({"gate": "supervise", "event": "expired", "grant": one.name, "what": one.title, "used": one.used})
        queue, late = asks.expire(self.state.queue, now)
        if late:
            self._keep(replace(self.state, queue=queue))
            self.changed()
            for ask in late:
                self._record({"gate": "supervise", "event": "expired", "id": ask.number, "what": ask.title})

    @property
    def holding(self) -> tuple[Grant, ...]:
        """The grants in force."""
        return tuple(one for one in self.state.grants if one.holds)

    def rows(self) -> Row:
        """All of it, for the operator."""
        listed = []
        for ask in self.state.queue.asks:
            seen = asks.shown(ask, self.slug)
            token = asks.review_token(seen, self.state.key)
            about = {"id": f"{ask.number}-{token}", "state": ask.state, "at": ask.at, "raised": ask.raised, "kind": _kind(ask)}
            listed.append({**seen, **about, "answer": asdict(ask.answer) if ask.answer is not None else None})
        held = [
            {**asdict(replace(one, deltas=())), "deltas": [row_of(delta) for delta in one.deltas]} for one in self.state.grants
        ]
        return {"ok": True, "asks": listed, "grants": held}

    # What both rest on.

    def start(self) -> None:
        """Have the gates carry out what is in force from before; what they no longer can is over, and does not stop the rest."""
        kept: grants.Grants = tuple(one for one in self.state.grants if one.ended)
        for one in self.holding:
            try:
                self._apply((*kept, one))
                kept = (*kept, one)
            except BottleError as error:
                kept = (*kept, replace(one, ended="it cannot be carried out any more"))
                self._record({"gate": "supervise", "event": "expired", "grant": one.name, "what": one.title, "why": error.what})
        self._apply(kept)

    def _reviewed(self, said: Mapping[str, Any]) -> tuple[Ask, Row]:  # Any: JSON
        """The open ask that was shown to whoever answers. BottleError when it is another one now, or settled."""
        number, _, token = str(said.get("id", "")).partition("-")
        ask = self.state.queue.find(int(number)) if number.isascii() and number.isdigit() and len(number) < 9 else None
        if ask is None:
            raise BottleError(
                f"The bottle {self.slug} has no request {said.get('id')!a:.40}.", next="`bot-bottle asks` lists them."
            )
        if ask.state != "pending":
            by = f" by {ask.answer.by}" if ask.answer is not None else ""
            raise BottleError(f"The request {ask.number} is {ask.state} already{by}.")
        seen = asks.shown(ask, self.slug)
        now_token = asks.review_token(seen, self.state.key)
        if token != now_token:
            self._record({"gate": "supervise", "event": "stale", "id": ask.number, "by": str(said.get("by", ""))[:80]})
            raise BottleError(
                f"The request {ask.number} is not what you were shown: it has changed.",
                facts=(ask.title, f"reason: {ask.reason}"),
                next=f"Look at it again; its id is now {ask.number}-{now_token}.",
            )
        return ask, seen

    def _open(self, number: int) -> Ask:
        ask = self.find(number)
        if ask.state != "pending":
            raise Refused(f"The request {number} is {ask.state} already.")
        return ask

    def _settle(self, ask: Ask, state: asks.State, answer: Answer, *, seen: Row, **more: Any) -> Ask:  # Any: JSON
        self._keep(replace(self.state, queue=asks.settle(self.state.queue, ask.number, state, answer)))
        about = {"id": ask.number, "what": ask.title, "by": answer.by, "reason": answer.reason, "grant": answer.grant}
        if seen:
            about["token"] = asks.review_token(seen, self.state.key)
        self._record({"gate": "supervise", "event": state, **about, "shown": seen, **more})
        self.changed()
        return self.find(ask.number)

    def _apply(self, held: grants.Grants, next_grant: int | None = None) -> None:
        """Have the gates carry them out, then keep them: a gate that refuses leaves everything as it was."""
        by_kind: dict[Adjustable, list[Granted]] = {gate: [] for gate in self._gates}
        for one in held:
            if one.ended and not (one.scope == "once" and one.used):
                continue
            for delta in one.deltas:
                gate = next((gate for gate in self._gates if delta.kind in gate.adjusts), None)
                if gate is None:
                    raise BottleError(f"This bottle has no gate that could give a {delta.kind}.")
                by_kind[gate].append(Granted(name=one.name, kind=delta.kind, row=_carried_row(delta), is_spent=bool(one.ended)))
        for gate, wanted in by_kind.items():
            if not wanted and gate not in self._busy:
                continue  # it has nothing to take back, and may not even be loaded yet
            self._busy.add(gate)
            try:
                gate.adjust(wanted)
            except Refused as refused:
                raise BottleError(refused.what) from None
        self._keep(replace(self.state, grants=held, next_grant=next_grant or self.state.next_grant))
        self.changed()

    def _used(self, name: str) -> None:
        """A gate let something through by a grant."""
        left, used = grants.use(self.state.grants, name)
        if used is None:
            return
        if used.ended:
            self._apply(left)
            self._record({"gate": "supervise", "event": "expired", "grant": name, "what": used.title, "used": used.used})
        else:
            self.state = replace(self.state, grants=left)  # a counter alone is not worth a write for every request

    def _keep(self, state: State) -> None:
        self._save(state)
        self.state = state

    def _standing(self) -> Standing:
        every = [gate.standing() for gate in self._gates]
        return Standing(
            rules=tuple(rule for one in every for rule in one.rules),
            credentials=tuple(one for standing in every for one in standing.credentials),
            more={key: value for one in every for key, value in one.more.items()},
        )

    def _holds(self, delta: Delta, known: Standing) -> bool:
        granted = tuple(
            one.rule for grant in self.holding if grant.scope != "once" for one in grant.deltas if isinstance(one, NetworkDelta)
        )
        return not standing_denies(delta, known.rules) and is_within(delta, (*known.rules, *granted))

    def _evidence(self, delta: Delta) -> tuple[str, ...]:
        """The latest refusals about the same host."""
        host = (
            delta.rule.host
            if isinstance(delta, NetworkDelta)
            else delta.target.host
            if isinstance(delta, CredentialDelta)
            else ""
        )
        host = getattr(delta, "host", host)
        found = [event for event in self.denials(200) if host and event.get("host") == host]
        lines = [
            asks.clean(f"{event.get('method')} {event.get('host')}{event.get('path')}: {event.get('why')}", 300)
            for event in found
        ]
        return tuple(dict.fromkeys(lines))[-asks.EVIDENCE_LIMIT :]

    def _carried(self, delta: Delta, said: Mapping[str, Any]) -> tuple[Delta, ...]:  # Any: JSON
        """What the gates carry out: for a preset the rules that the operator's side found."""
        if delta.kind != "preset":
            return (delta,)
        rows = said.get("rules")
        if not isinstance(rows, list) or not rows:
            raise BottleError("A preset is given with the rules that it stands for.")
        try:
            return tuple(NetworkDelta(rule=rule_from(row)) for row in rows)
        except (TypeError, AttributeError) as error:
            raise BottleError("The preset's rules cannot be read.", facts=(str(error),)) from None


def _carried_row(delta: Delta) -> Row:
    return asdict(delta.rule) if isinstance(delta, NetworkDelta) else row_of(delta)


def _kind(ask: Ask) -> str:
    return ask.delta.kind if ask.delta is not None else "question"


def _how_long(grant: Grant) -> str:
    if grant.scope == "once":
        return "It is for one request."
    if grant.scope == "for" and grant.expires is not None:
        return f"It ends {grant.expires - grant.at:.0f} s after the approval."
    return ""


__all__ = ["Desk", "Filed"]
