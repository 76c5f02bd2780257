"""The verbs about bottles that exist: attach, exec, ls, logs, inspect, stop, rm, clean, diff, land."""

import json
import os
import shutil
import sys
import time

import click

from bot_bottle.bottles import listing, pushed, results
from bot_bottle.bottles.attach import Attachment, Detached, connect, terminal_size
from bot_bottle.bottles.branches import How
from bot_bottle.bottles.events import read_events, tally
from bot_bottle.bottles.exec import exec_in
from bot_bottle.bottles.reclaim import sweep
from bot_bottle.bottles.status import Status, read_status
from bot_bottle.bottles.stop import stop as stop_bottle
from bot_bottle.bottles.stop import wait_ended
from bot_bottle.cli.say import make_say
from bot_bottle.errors import BadUsage, ExitCode
from bot_bottle.host import paths
from bot_bottle.host.plain import plain
from bot_bottle.record import asdict

NAME = click.argument("slug", metavar="NAME")


@click.command(short_help="Come back to the terminal of a running bottle.")
@NAME
def attach(slug: str) -> int:
    """Attach this terminal to the agent's. Ctrl-P Ctrl-Q leaves it running."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadUsage("`attach` needs a terminal.", next=f"`bot-bottle logs {slug}` shows what was printed.")
    ended = Attachment(connect(read_status(slug), paths.bottle_dir(slug)), {"op": "attach"}).run()
    if isinstance(ended, Detached):
        make_say(quiet=False).line(f"{slug} goes on.")
        return 0
    wait_ended(slug, timeout_s=30)
    return ended.code


@click.command("exec", short_help="Run one more command inside a running bottle.")
@NAME
@click.argument("command", nargs=-1, required=True, metavar="[--] COMMAND...", type=click.UNPROCESSED)
@click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="Set a variable for this command.")
@click.option("-w", "--workdir", metavar="FOLDER", help="The folder inside; the workspace when left out.")
def exec_(slug: str, command: tuple[str, ...], env: tuple[str, ...], workdir: str | None) -> int:
    """Run COMMAND inside, sealed as the agent is. Its exit code is ours; put -- before it when it has options."""
    pairs = []
    for pair in env:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadUsage("-e takes NAME=VALUE.", facts=(f"found {pair[:40]!a}",))
        pairs.append((name, value))
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    terminal = terminal_size(sys.stdout.fileno()) if on_terminal else None
    return exec_in(slug, command, terminal=terminal, env=tuple(pairs), cwd=workdir).code


@click.command(short_help="List the bottles.")
@click.option("-a", "--all", "ended_too", is_flag=True, help="List the ended ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def ls(*, ended_too: bool, as_json: bool) -> None:
    """List the running bottles, newest last. A star marks an ended one whose changes have not been landed."""
    for error in sweep():
        make_say(quiet=False).line(" ".join((error.what, *error.facts)))
    found = listing.list_bottles(ended_too=ended_too)
    if as_json:
        click.echo(json.dumps([asdict(status) for status in found], indent=2))
        return
    rows = [("NAME", "AGENT", "BACKEND", "STATE", "AGE", "WORKSPACE"), *(_row(status) for status in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)).rstrip())


@click.command(short_help="Put in order what crashes left.")
def clean() -> int:
    """Put in order what crashes left: bottles that died, their containers, records of long-ended bottles.

    What runs stays, and so does every copy with changes that have not been landed. Exit code 125 when something is left.
    """
    failed = sweep()
    for error in failed:
        make_say(quiet=False).line(" ".join((error.what, *error.facts, error.next)))
    return int(ExitCode.FAILED) if failed else 0


def _row(status: Status) -> tuple[str, str, str, str, str, str]:
    state = status.state if status.exit_code is None or status.state == "failed" else f"{status.state} ({status.exit_code})"
    kept = " *" if status.state not in ("running", "starting") and listing.has_unlanded_work(status.slug) else ""
    return status.slug, status.agent, status.backend, state + kept, _age(time.time() - status.created), plain(status.workspace)


def _age(seconds: float) -> str:
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{letter}"
    return f"{int(seconds)}s"


@click.command(short_help="Show what a bottle's agent printed, or what its gates decided.")
@NAME
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until the bottle ends.")
@click.option("--events", is_flag=True, help="Show the gates' decisions instead, one JSON object a line.")
@click.option("--raw", is_flag=True, help="Leave escape sequences in: only for a program that takes them.")
def logs(slug: str, *, follow: bool, events: bool, raw: bool) -> None:
    """Show the agent's terminal output, made plain: nothing in it can move the cursor or change colours."""
    status = read_status(slug)
    path = paths.bottle_dir(slug) / ("events.jsonl" if events else "agent.log")
    if not path.exists() and not follow:
        if not events and not status.has_terminal:
            make_say(quiet=False).line(f"{slug} had no terminal; its output went to the streams it was started on.")
        return
    offset = 0
    while True:
        running = read_status(slug).state in ("starting", "running")
        offset = _print_from(path, offset, raw=raw)
        if not (follow and running):
            return
        time.sleep(0.2)


def _print_from(path: os.PathLike[str], offset: int, *, raw: bool) -> int:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            while part := file.read(1 << 16):
                offset += len(part)
                if raw:
                    sys.stdout.buffer.write(part)
                else:
                    text = part.decode("utf-8", "replace").replace("\r\n", "\n")
                    sys.stdout.write(plain(text, keep_newlines=True))
        sys.stdout.flush()
    except FileNotFoundError:
        return offset
    return offset


@click.command(short_help="Show everything known of one bottle.")
@NAME
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the whole plan with it.")
def inspect(slug: str, *, as_json: bool) -> None:
    """Show its state, where it lies, what its plan said and what its gates decided."""
    status = read_status(slug)
    stage_dir = paths.bottle_dir(slug)
    plan_path = stage_dir / "plan.json"
    plan = json.loads(plan_path.read_text()) if plan_path.exists() else {}
    if as_json:
        click.echo(json.dumps({"status": asdict(status), "stage_dir": str(stage_dir), "plan": plan}, indent=2))
        return
    out = make_say(quiet=False, to_stdout=True)
    out.labelled("state", status.state, status.why)
    if status.exit_code is not None:
        out.labelled("exit code", str(status.exit_code))
    out.labelled("folder", str(stage_dir))
    for line in plan.get("preflight", ()):
        out.labelled(str(line["label"]), str(line["text"]), str(line.get("why", "")))
    seen = tally(read_events(stage_dir / "events.jsonl"))
    for host, count in seen.allowed:
        out.labelled("allowed", f"{host} ×{count}")
    for host, count, why in seen.refused:
        out.labelled("refused", f"{host} ×{count}", why)


@click.command(short_help="Stop a running bottle; `start` runs it again.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "-t",
    "--time",
    "grace_s",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    help="Seconds the agent has to end.",
)
def stop(names: tuple[str, ...], *, grace_s: float) -> None:
    """Ask the agent to end, then end the bottle. Its home and its work stay until `bot-bottle rm`; `bot-bottle start` goes on."""
    for slug in names:
        stop_bottle(slug, grace_s=grace_s)
        click.echo(slug)


@click.command(short_help="Remove ended bottles.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Remove one that runs, too, or that holds changes which are nowhere else.")
@click.option("--ended", is_flag=True, help="Remove every ended bottle that holds no such changes (with -f: every ended one).")
def rm(names: tuple[str, ...], *, force: bool, ended: bool) -> None:
    """Remove the bottle's folder: copy, home, logs, plan."""
    if ended:
        idle = (status for status in listing.list_bottles(ended_too=True) if status.state in ("ended", "failed", "died"))
        names = (*names, *(status.slug for status in idle if force or not listing.has_unlanded_work(status.slug)))
    elif not names:
        raise BadUsage("`rm` needs a name, or --ended.")
    for slug in names:
        if force and listing.read_state(slug) in ("starting", "running"):
            stop_bottle(slug, grace_s=2.0, keeps=False)
        listing.remove(slug, force=force)
        click.echo(slug)


@click.command(short_help="Show what a bottle changed in its copy.")
@NAME
def diff(slug: str) -> None:
    """Show a unified diff between your folder and the bottle's copy. Git's own files are left out."""
    styled = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    colours = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
    for line in results.diff(slug):
        colour = colours.get(line[:1], "") if styled else ""
        click.echo(f"{colour}{line}\x1b[0m" if colour else line)


@click.command(short_help="Show the commits that a bottle pushed.")
@NAME
def log(slug: str) -> None:
    """Show the commits of its branches that your branch does not have (mode clone)."""
    for line in pushed.log(slug):
        click.echo(line)


@click.command(short_help="Take a bottle's changes into your folder.")
@NAME
@click.argument("only", metavar="[PATH|BRANCH]...", nargs=-1)
@click.option(
    "--how",
    type=click.Choice(["merge", "rebase", "squash"]),
    default="merge",
    show_default=True,
    help="How a branch goes into yours (mode clone).",
)
def land(slug: str, only: tuple[str, ...], how: How) -> None:
    """Take all that is safe to take, or just the PATHs or BRANCHes named.

    When you and the bottle changed the same file, nothing is taken. Hooks, and settings that your own tools would run or obey
    (.vscode, .claude, .envrc and such), are taken only when named. From a bottle in mode clone its branch is taken into the one
    that you have checked out.
    """
    done = results.land(slug, named=only, how=how)
    for one in done.taken:
        what = f"{one.commits} commits" if one.commits else "nothing that you do not have"
        click.echo(f"{how:8} {plain(one.branch.name)} ({what})")
    for change in done.files.landed:
        click.echo(f"{change.kind:8} {plain(change.path)}")
    for change, reason in done.files.left_out:
        click.echo(f"left out {plain(change.path)} ({reason}; name it to take it)", err=True)


@click.command(short_help="Remove an ended bottle and all that came of it.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def discard(names: tuple[str, ...]) -> None:
    """Remove its folder, its copy or clone, and the branches that it pushed into your repository."""
    for slug in names:
        for branch in pushed.discard(slug):
            click.echo(f"removed  {plain(branch.name)} (was {branch.commit[:10]})")
        click.echo(slug)


@click.command(short_help="Print the completion script for your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for your shell. In bash, for example: eval "$(bot-bottle completion bash)"."""
    from click.shell_completion import get_completion_class

    from bot_bottle.cli.main import app

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(app, {}, "bot-bottle", "_BOT_BOTTLE_COMPLETE").source())
    if shutil.which("bot-bottle") is None:
        click.echo("bot-bottle is not on PATH, so the completion will not find it.", err=True)
