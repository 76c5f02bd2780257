"""Tells the operator that an agent asks: a desktop notification, a command of theirs, a webhook. Never the bell of a bottle.

Runs as a process of its own for a moment, started by the keeper, so that a slow hook holds nobody up. What it sends is what
`asks` shows, signed with the operator's key; nothing in it can answer: the token that an approval needs is left out.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot_bottle.bottles.asks import AskView, read_inbox
from bot_bottle.bottles.secrets import read_secret, system_keyring
from bot_bottle.errors import BottleError
from bot_bottle.host import paths
from bot_bottle.host.files import write_file
from bot_bottle.host.run import Command, plain_env, run
from bot_bottle.manifest.spec import FromCommand, FromEnv, FromFile, FromKeyring, Notify, SecretSource
from bot_bottle.record import replace

Row = dict[str, Any]  # Any: JSON

TOLD_FILE = "notified.json"
HOOK_S = 30.0
WEBHOOK_S = 10.0
DESKTOP = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR")
"""What notify-send needs of the operator's environment to reach their desktop."""


def main(argv: Sequence[str] | None = None) -> int:
    """Tell of everything in this bottle that was not told before."""
    (slug,) = list(sys.argv[1:] if argv is None else argv)
    stage_dir = paths.bottle_dir(slug)
    notify = notify_of(json.loads((stage_dir / "plan.json").read_text())["spec"])
    news = untold(read_inbox(slug).asks, stage_dir / TOLD_FILE)
    failures = [failure for ask in news for failure in tell(ask, notify, host=os.environ)]
    for failure in failures:
        record(stage_dir, failure)
    return 1 if failures else 0


def untold(asks: Sequence[AskView], told_file: Path) -> list[AskView]:
    """The asks that nobody was told of as they are now; from now on they count as told. Answered at once counts too."""
    try:
        told = set(json.loads(told_file.read_text()))
    except (OSError, ValueError):
        told = set()
    news = [ask for ask in asks if ask.id not in told and ask.state in ("pending", "denied", "approved")]
    write_file(told_file, json.dumps([ask.id for ask in asks]))
    return news


def tell(ask: AskView, notify: Notify, *, host: Mapping[str, str]) -> list[str]:
    """Each way that is set. Returns what failed, in words; one failure does not keep the others from being told."""
    failures = []
    for name, way in (("desktop", _desktop), ("command", _command), ("webhook", _webhook)):
        if getattr(notify, name):
            try:
                way(ask, notify, host)
            except (BottleError, OSError) as error:
                failures.append(f"{name}: {error.what if isinstance(error, BottleError) else error}")
    return failures


def payload(ask: AskView, *, at: float) -> bytes:
    """What hooks get: the ask as it is shown, without the token that an answer needs."""
    row = {
        "version": 1,
        "event": "ask",
        "sent": int(at),
        "bottle": ask.slug,
        "number": ask.number,
        "kind": ask.kind,
        "state": ask.state,
        "title": ask.title,
        "reason": ask.reason,
        "risks": [{"label": label, "level": level, "text": text} for label, level, text in ask.risks],
        "answer_with": f"bot-bottle asks {ask.slug}",
    }
    return json.dumps(row, separators=(",", ":")).encode("ascii")


def signature(body: bytes, key: str, *, at: int) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA-256 (RFC 2104) over the moment, a dot, and the body. By the moment a replay can be told."""
    mac = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def _desktop(ask: AskView, notify: Notify, host: Mapping[str, str]) -> None:
    urgency = "critical" if any(level == "high" for _, level, _ in ask.risks) else "normal"
    body = f"{ask.title}\n{ask.reason}".replace("&", "&amp;").replace("<", "&lt;")  # the desktop reads markup in it
    env = plain_env(host, **{name: host[name] for name in DESKTOP if name in host})
    argv = ("notify-send", "--app-name=bot-bottle", f"--urgency={urgency}", "--", f"{ask.slug} asks", body[:600])
    _run(Command(argv=argv, env=env, timeout_s=HOOK_S))


def _command(ask: AskView, notify: Notify, host: Mapping[str, str]) -> None:
    at = time.time()
    body = payload(ask, at=at)
    signed = _signed(body, notify, host, at=int(at))
    env = plain_env(host, **{name: host[name] for name in DESKTOP if name in host})
    _run(
        Command(argv=notify.command, env=env | ({"BOT_BOTTLE_SIGNATURE": signed} if signed else {}), timeout_s=HOOK_S, stdin=body)
    )


def _run(command: Command) -> None:
    done = run(command)
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BottleError(f"{command.argv[0]} ended with {done.code} {' '.join(said)!a}")


def _webhook(ask: AskView, notify: Notify, host: Mapping[str, str]) -> None:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    at = time.time()
    body = payload(ask, at=at)
    headers = {"content-type": "application/json", "user-agent": "bot-bottle"}
    if signed := _signed(body, notify, host, at=int(at)):
        headers["x-bot-bottle-signature"] = signed
    parts = urlsplit(notify.webhook or "")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=WEBHOOK_S)
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
        status = connection.getresponse().status
    except HTTPException as error:
        raise BottleError(f"the webhook did not answer in HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise BottleError(f"the webhook answered {status}")


def _signed(body: bytes, notify: Notify, host: Mapping[str, str], *, at: int) -> str:
    if notify.key is None:
        return ""
    return signature(body, read_secret(notify.key, host=host, run=run, keyring=system_keyring), at=at)


def record(stage_dir: Path, what: str) -> None:
    """A hook that fails is no reason to stop a bottle, but somebody will want to know."""
    from bot_bottle.bottles.audit.say import remark

    remark(stage_dir, {"gate": "notify", "event": "failed", "why": what[:500]})


def notify_of(spec: Row) -> Notify:
    """The settings, from the plan's spec."""
    row = (spec.get("supervise") or {}).get("notify")
    if row is None:
        return Notify()
    plain = Notify(desktop=bool(row["desktop"]), command=tuple(row["command"]), webhook=row["webhook"])
    return replace(plain, key=source_of(row["key"])) if row["key"] is not None else plain


def source_of(row: Row) -> SecretSource:
    """A secret's place, from JSON."""
    if "env" in row:
        return FromEnv(env=row["env"])
    if "file" in row:
        return FromFile(file=Path(row["file"]), key=row.get("key", ""))
    if "command" in row:
        return FromCommand(command=tuple(row["command"]))
    return FromKeyring(keyring=row["keyring"])


if __name__ == "__main__":
    sys.exit(main())
