"""The keeper: one process per bottle that launches it, proves it sealed, starts the agent, and ends it whole.

It outlives the terminal it was started from. When it dies, the kernel ends everything inside (the backend's promise) and
the bundle (its link closes). Trusts the operator's clients on `keeper.sock`; whatever comes out of the bottle is hostile.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

from bot_bottle.backends.base import Backend, GuestCommand, RunningBottle, Streams, TtySize
from bot_bottle.bottles.again import Again
from bot_bottle.bottles.audit.log import BottleLog
from bot_bottle.bottles.bundle_link import Bundle
from bot_bottle.bottles.certify import trust
from bot_bottle.bottles.contain import HOLE_ADVICE, judge, questions
from bot_bottle.bottles.idle import IdleBundle, log_path
from bot_bottle.bottles.listing import tidy
from bot_bottle.bottles.peer import Peer
from bot_bottle.bottles.session import Session, tty_size
from bot_bottle.bottles.status import State, Status, write_status
from bot_bottle.bottles.teller import Teller
from bot_bottle.errors import BottleError, ExitCode, NotContained
from bot_bottle.guest.frames import Message
from bot_bottle.host.addresses import own_addresses, resolvers
from bot_bottle.host.aside import Side
from bot_bottle.host.files import write_file
from bot_bottle.host.sockets import bind_at
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.show import plan_json
from bot_bottle.record import dataclass, replace

GRACE_S = 5.0
"""Between the signal that asks the agent to end, and the end of a bottle that is told to stop."""

PROBE_TIMEOUT_S = 15.0
TICK_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """What a keeper is started with. `streams` are pipes to the starting CLI; with a `terminal` there are none."""

    plan: BottlePlan
    backend: Backend
    bundle: IdleBundle
    secrets: dict[str, str]
    io: Streams | TtySize
    status: Status
    detach: bool
    prepare_folders: Callable[[], None]
    again: bool = False
    """Whether it ran before: then what was kept of it stays also when this start fails."""


class Keeper:
    """Runs one bottle to its end; `run` returns when nothing of it is left."""

    def __init__(self, keeping: Keeping, report: socket.socket) -> None:
        self._keeping = keeping
        self._plan = keeping.plan
        self._status = keeping.status
        self._report = Peer(report)
        self._selector = selectors.DefaultSelector()
        self._main: Session | None = None
        self._sessions: list[Session] = []
        self._ending: tuple[int, str] | None = None
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._stoppers: list[Peer] = []
        self._keeps = False
        self._running: RunningBottle | None = None
        self._teller = Teller(keeping.plan)
        self._log = BottleLog(keeping.plan.slug, keeping.plan.stage_dir)
        self._again = Again(keeping.plan, keeping.secrets)

    def run(self) -> None:
        """Launch, prove, start, keep, undo, record. Reports every outcome; raises nothing but programming errors."""
        try:
            with contextlib.ExitStack() as undo:
                self._launch(undo)
                self._loop()
                self._keep_changes()
        except (BottleError, OSError) as error:
            told = error if isinstance(error, BottleError) else BottleError("The bottle could not be made.", facts=(str(error),))
            if self._ending is None:
                self._fail(told)
                return
            code, why = self._ending  # the agent's result stands, whatever could not be cleaned up after it
            left = f"not all of it could be cleaned up: {' '.join((told.what, *told.facts))}"
            self._ending = (code, f"{why}; {left}" if why else left)
        code, why = self._ending or (int(ExitCode.FAILED), "it ended without a word")
        changed = self._tidy(keeps=self._keeps)
        why = self._record("stopped" if self._keeps else "ended", code, why)
        self._tell({"type": "ended", "code": code, "why": why, "changed": changed})
        for peer in self._stoppers:
            peer.send({"type": "stopped", "code": code})
        self._log.end()

    def _fail(self, error: BottleError) -> None:
        """There is no bottle: record why and say it."""
        self._tidy(keeps=self._keeping.again)
        self._write_plan()
        self._record("failed", int(error.exit_code), error.what)
        told = {"what": error.what, "facts": list(error.facts), "next": error.next, "code": int(error.exit_code)}
        self._tell({"type": "failed", **told})
        self._log.end()

    def _tidy(self, *, keeps: bool) -> int:
        workspace = self._plan.spec.workspace
        return tidy(self._plan.stage_dir, origin=workspace.path, mode=workspace.mode, keeps=keeps)

    def _keep_changes(self) -> None:
        """Before it is taken apart, when it was told to stop and may be started again."""
        if not (self._keeps and self._running is not None and self._ending is not None):
            return
        for peer in self._stoppers:
            peer.send({"type": "keeping"})  # it may take longer than an end
        try:
            self._running.keep_changes()
        except BottleError as error:
            code, why = self._ending
            lost = f"what it changed outside its home and workspace is lost: {' '.join((error.what, *error.facts))}"
            self._ending = (code, f"{why}; {lost}" if why else lost)

    def _launch(self, undo: contextlib.ExitStack) -> None:
        plan, keeping = self._plan, self._keeping
        about = keeping.status
        self._log.begin({"agent": about.agent, "backend": about.backend, "workspace": about.workspace, "mode": about.mode})
        bundle = Bundle(keeping.bundle)
        undo.callback(bundle.end)
        bundle.configure(plan, keeping.secrets)
        keeping.prepare_folders()
        aside = Side(self._write_plan)  # so that nobody waits for it
        try:
            running = undo.enter_context(keeping.backend.launch(plan, bundle))
            undo.callback(bundle.let_go)  # it ends while the bottle is taken apart
            self._running = running
            undo.callback(self._close_sessions)
            trust(plan, bundle.wait_ready())
            self._prove(running)
        finally:
            aside.finish()
        running.stand_by()
        listener = self._listen(undo)
        self._main = self._start_agent(running)
        self._status = replace(
            self._status, state="running", keeper_pid=os.getpid(), has_terminal=isinstance(keeping.io, TtySize)
        )
        write_status(self._status)
        self._tell({"type": "started", "terminal": isinstance(keeping.io, TtySize)})
        self._log.started()
        if isinstance(keeping.io, TtySize) and not keeping.detach:
            self._main.join(self._report, None)  # the starting terminal sees all of it, however soon it ends
        watch: list[tuple[int, Callable[[], None]]] = [
            (listener.fileno(), lambda: self._accept(listener)),
            (bundle.fileno(), lambda: self._check_bundle(bundle)),
            (running.fileno(), lambda: self._check_bottle(running)),
        ]
        for descriptor, action in watch:
            self._selector.register(descriptor, selectors.EVENT_READ, action)
        self._watch_report()
        if plan.spec.limits.time_s is not None:
            self._deadline = time.monotonic() + plan.spec.limits.time_s

    def _prove(self, running: RunningBottle) -> None:
        asked = questions(self._plan, own_addresses=own_addresses(), resolvers=resolvers())
        answers = running.probe(asked, timeout_s=PROBE_TIMEOUT_S)
        holes = judge(asked, answers)
        self._log.note("containment", {"asked": len(asked), "holes": [str(hole) for hole in holes]})
        if holes:
            raise NotContained(
                "The bottle is not sealed; it was destroyed before the agent started.",
                facts=tuple(str(hole) for hole in holes),
                next=HOLE_ADVICE,
            )

    def _write_plan(self) -> None:
        """For `inspect`."""
        write_file(self._plan.stage_dir / "plan.json", json.dumps(plan_json(self._plan)), mode=0o600)

    def _start_agent(self, running: RunningBottle) -> Session:
        plan = self._plan
        command = GuestCommand(argv=plan.agent_command, env=plan.guest_env, cwd=plan.guest_workspace)
        child = running.start(command, self._keeping.io)
        log = None
        if isinstance(self._keeping.io, Streams):
            for descriptor in {self._keeping.io.stdin, self._keeping.io.stdout, self._keeping.io.stderr}:
                os.close(descriptor)
        else:
            log = os.open(plan.stage_dir / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        session = Session(child, log=log, on_end=lambda code: self._end(code, ""))
        self._watch_session(session)
        return session

    def _watch_session(self, session: Session) -> None:
        self._sessions.append(session)
        self._selector.register(session.child.fileno(), selectors.EVENT_READ, lambda: self._check_session(session))
        terminal = session.child.terminal
        if terminal is not None:
            os.set_blocking(terminal, False)
            self._selector.register(terminal, selectors.EVENT_READ, lambda: self._read_terminal(session, terminal))

    def _read_terminal(self, session: Session, terminal: int) -> None:
        if not session.read_terminal():
            self._selector.unregister(terminal)
        for peer in session.peers:
            self._rearm(peer)

    def _check_session(self, session: Session) -> None:
        if session.check_end():
            self._forget(session.child.fileno())
            if session.child.terminal is not None:
                self._forget(session.child.terminal)
            self._sessions.remove(session)
            session.child.close()

    def _forget(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(descriptor)

    def _is_watched(self, key: selectors.SelectorKey) -> bool:
        try:
            return self._selector.get_key(key.fileobj).data is key.data
        except (KeyError, ValueError):
            return False

    def _loop(self) -> None:
        while self._ending is None:
            for key, mask in self._selector.select(TICK_S):
                if not self._is_watched(key):
                    continue  # what came before it in this round ended it
                if mask & selectors.EVENT_WRITE and isinstance(key.fileobj, Peer):
                    key.fileobj.flush()
                    self._rearm(key.fileobj)
                if mask & selectors.EVENT_READ and self._is_watched(key):
                    key.data()
            self._tick()
        for session in self._sessions:
            for peer in session.peers:
                peer.flush()

    def _tick(self) -> None:
        self._teller.again()
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and self._ending is None:
            self._end(int(ExitCode.TIME_LIMIT), f"its time limit of {self._plan.spec.limits.time_s:g} s is over")
        if self._kill_at is not None and now >= self._kill_at and self._ending is None:
            self._end(128 + signal.SIGKILL, "it was told to stop and did not")
        elif self._kill_at is not None and self._plan.agent_provision.stop_signal != signal.SIGTERM:
            self._ask_to_end()  # bash takes no notice of a hang-up while it reads its profile
        if changed := self._log.look():
            self._end(int(ExitCode.FAILED), f"its log was changed by something else: {changed}")
        self._log.mark_now_and_then()
        self._again.tell(self._log.note)
        breach = self._running.check_limits() if self._running is not None else None
        if breach is not None and self._ending is None:
            self._end(128 + signal.SIGKILL, breach)

    def end_by_signal(self, number: int) -> None:
        """The keeper itself was told to end: so does its bottle."""
        self._end(128 + number, "its keeper was told to end")

    def _end(self, code: int, why: str) -> None:
        if self._ending is None:
            self._ending = (code, why)

    def _check_bundle(self, bundle: Bundle) -> None:
        said = bundle.heard()
        if said and "asks" in said:
            self._teller.wake()
        if said and "secrets" in said:
            self._again.wake()
        if said is None:
            self._end(int(ExitCode.FAILED), f"its gates ended, and without gates there is no bottle; {log_path()} may say why")

    def _check_bottle(self, running: RunningBottle) -> None:
        alive = running.is_alive()
        for session in tuple(self._sessions):
            self._check_session(session)
        if not alive and self._ending is None:
            self._end(128 + signal.SIGKILL, "its first process was ended from outside")

    def _watch_report(self) -> None:
        def read() -> None:
            for message in self._report.read():
                if message.get("type") == "end":
                    self._end(128 + signal.SIGINT, "it was interrupted")
                elif self._main is not None:
                    self._main.take(message)
            if self._report.is_open:
                self._rearm(self._report)
            else:
                self._lost_cli()

        if self._report.is_open:
            self._selector.register(self._report, selectors.EVENT_READ, read)
        else:
            self._lost_cli()  # it went while the bottle was made

    def _lost_cli(self) -> None:
        self._forget_key(self._report)
        if self._main is not None:
            self._main.leave(self._report)
        if isinstance(self._keeping.io, Streams) and not self._keeping.detach:
            self._end(128 + signal.SIGHUP, "the command that started it is gone")

    def _listen(self, undo: contextlib.ExitStack) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        undo.callback(listener.close)
        path = self._plan.stage_dir / "keeper.sock"
        bind_at(listener, str(path), mode=0o600)
        undo.callback(path.unlink, missing_ok=True)
        listener.listen(16)
        listener.setblocking(False)
        return listener

    def _accept(self, listener: socket.socket) -> None:
        try:
            channel, _ = listener.accept()
        except OSError:
            return
        peer = Peer(channel)
        joined: list[Session] = []

        def read() -> None:
            for message in peer.read():
                if joined:
                    joined[0].take(message)
                else:
                    self._greet(peer, message, joined)
            if peer.is_open:
                self._rearm(peer)
            else:
                self._drop(peer, joined, descriptor)

        descriptor = peer.fileno()
        self._selector.register(peer, selectors.EVENT_READ, read)

    def _rearm(self, peer: Peer) -> None:
        if not peer.is_open or peer.fileno() < 0:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.has_backlog else 0)
        with contextlib.suppress(KeyError):
            key = self._selector.get_key(peer)
            if key.events != events:
                self._selector.modify(peer, events, key.data)

    def _drop(self, peer: Peer, joined: list[Session], descriptor: int) -> None:
        for key in tuple(self._selector.get_map().values()):
            if key.fileobj is peer or key.fd == descriptor:
                self._forget_key(key.fileobj)
        for session in joined:
            session.leave(peer)
            if session is not self._main and not session.peers:
                session.child.signal(signal.SIGHUP)

    def _forget_key(self, fileobj: object) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(fileobj)  # type: ignore[arg-type]  # a key's own fileobj

    def _greet(self, peer: Peer, message: Message, joined: list[Session]) -> None:
        """The first message of a client says what it wants."""
        op = message.get("op")
        if op == "attach" and self._main is not None and self._main.child.terminal is not None:
            joined.append(self._main)
            self._main.join(peer, tty_size(message))
        elif op == "attach":
            peer.send({"type": "refused", "what": "This bottle's agent has no terminal to attach to."})
        elif op == "exec":
            self._exec(peer, message, joined)
        elif op == "stop":
            self._stop(peer, message)
        else:
            peer.send({"type": "refused", "what": "The keeper does not know this request."})

    def _exec(self, peer: Peer, message: Message, joined: list[Session]) -> None:
        assert self._running is not None
        plan = self._plan
        size, descriptors = tty_size(message), peer.take_descriptors()
        extra = [(str(name), str(value)) for name, value in message.get("env", ())]
        command = GuestCommand(
            argv=tuple(str(word) for word in message.get("argv", ())),
            env=tuple(sorted((dict(plan.guest_env) | dict(extra)).items())),
            cwd=str(message.get("cwd") or plan.guest_workspace),
        )
        try:
            if size is None and len(descriptors) != 3:
                raise BottleError("The request came without its three streams.")
            io = size or Streams(stdin=descriptors[0], stdout=descriptors[1], stderr=descriptors[2])
            session = Session(self._running.start(command, io), log=None, on_end=lambda code: None)
        except BottleError as error:
            peer.send({"type": "refused", "what": error.what})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        joined.append(session)
        session.join(peer, size)
        self._watch_session(session)

    def _stop(self, peer: Peer, message: Message) -> None:
        grace = message.get("grace_s", GRACE_S)
        self._stoppers.append(peer)
        self._keeps = message.get("keeps") is True
        self._kill_at = time.monotonic() + min(float(grace), 3600.0)
        self._ask_to_end()

    def _ask_to_end(self) -> None:
        if self._main is not None:
            self._main.child.signal(self._plan.agent_provision.stop_signal)

    def _close_sessions(self) -> None:
        """Before the bottle is undone: tell who still watches that it ends."""
        code, why = self._ending or (int(ExitCode.FAILED), "")
        killed = {"type": "exited", "code": 128 + signal.SIGKILL, "why": why or "the bottle ended"}
        for session in self._sessions:  # a command beside the agent was cut off, whatever the agent's own code is
            for peer in session.peers:
                peer.send({"type": "exited", "code": code, "why": why} if session is self._main else killed)

    def _record(self, state: State, code: int, why: str) -> str:
        """Returns `why`, with what keeps it from being written down; the next command then finds a bottle that died."""
        self._status = replace(self._status, state=state, ended=time.time(), exit_code=code, why=why, keeper_pid=None)
        failed = ""
        try:
            self._log.note(state, {"code": code, "why": why})
        except (OSError, BottleError) as error:
            failed = f"its end is not in its log ({error})"
        try:
            write_status(self._status)
        except OSError as error:
            failed = f"its end could not be recorded ({error})"
        return "; ".join(part for part in (why, failed) if part)

    def _tell(self, message: Message) -> None:
        if self._report.is_open:
            self._report.send(message)
