"""`bot-bottle policy check METHOD URL`: the verdict on one request with the rule's file and line. Sends nothing."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from bot_bottle.bottles.explain import Explanation, explain, parse_url
from bot_bottle.cli.say import make_say
from bot_bottle.errors import BadUsage, Refused
from bot_bottle.gates.egress.names import authority_text
from bot_bottle.gates.egress.rules import Allowed
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources

DENIED = 1
"""The exit code of a denial, as grep's for no match: a script can tell it from a mistake (2) and a bad manifest (122)."""


@click.group("policy", short_help="Explain what may leave a bottle.")
def policy() -> None:
    """Explain what may leave a bottle."""


@policy.command("check", short_help="Say whether one request could leave, and why.")
@click.argument("method")
@click.argument("url")
@click.option(
    "-f",
    "--file",
    "manifest",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The manifest; the one that `run` would find when left out.",
)
@click.option("--no-manifest", is_flag=True, help="Do not look for a manifest.")
@click.option("--agent", metavar="NAME", help="Whose own rules count; the manifest's agent when left out.")
@click.option("--allow", multiple=True, metavar="HOST[:PORT]", help="Allow this host too, as in `run`.")
@click.option("--preset", multiple=True, metavar="NAME", help="Allow what a tool needs too, as in `run`.")
@click.option("--body", "body_size", type=click.IntRange(min=0), help="The size of the request's body in bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def check(
    *,
    method: str,
    url: str,
    manifest: Path | None,
    no_manifest: bool,
    agent: str | None,
    allow: tuple[str, ...],
    preset: tuple[str, ...],
    body_size: int | None,
    as_json: bool,
) -> int:
    """Say whether a bottle started here could send METHOD to URL, and which rule decides. wss:// asks for a WebSocket.

    Exit code 0: allowed; 1: denied.
    """
    if no_manifest and manifest is not None:
        raise BadUsage("-f and --no-manifest do not go together.")
    try:
        request = parse_url(method, url, body_size=body_size)
    except Refused as refused:
        return show_refusal(f"{method} {url}", refused.what, as_json=as_json)
    overrides = Overrides(agent=agent, allow=allow, presets=preset)
    sources = Sources(cwd=Path.cwd(), manifest=manifest, overrides=overrides, search=not no_manifest)
    found = explain(request, sources, host=os.environ)
    if as_json:
        click.echo(json.dumps(as_record(found), indent=2))
    else:
        show(found)
    return 0 if isinstance(found.verdict, Allowed) else DENIED


def show_refusal(asked: str, why: str, *, as_json: bool) -> int:
    """The gate refuses the spelling itself, before it looks at any rule."""
    if as_json:
        click.echo(json.dumps({"verdict": "deny", "rule": None, "why": why}, indent=2))
    else:
        out = make_say(quiet=False, to_stdout=True)
        out.labelled("denied", asked, "before any rule")
        out.labelled("why", why)
    return DENIED


def show(found: Explanation) -> None:
    """The verdict, then every rule about the host."""
    notices, out = make_say(quiet=False), make_say(quiet=False, to_stdout=True)
    for notice in found.notices:
        notices.line(notice)
    request, verdict = found.request, found.verdict
    place = authority_text(request.host, request.port, default_port=443 if request.scheme == "https" else 80)
    asked = f"{request.method} {request.scheme}://{place}{request.path}" + (" as a WebSocket" if request.websocket else "")
    if isinstance(verdict, Allowed):
        out.labelled("allowed", asked, verdict.rule.where)
        if verdict.rule.passthrough:
            out.labelled("", "the connection is not opened: any method and path")
        for name in found.credentials:
            out.labelled("credential", f"{name} is set by the gate")
    else:
        out.labelled("denied", asked, verdict.rule.where if verdict.rule else "no rule")
        out.labelled("why", verdict.why)
    for rule in found.rules:
        out.labelled("rule", f"{rule.text}: " + (rule.misses or "covers it"), rule.where)


def as_record(found: Explanation) -> dict[str, object]:
    """For a script."""
    verdict = found.verdict
    return {
        "verdict": "allow" if isinstance(verdict, Allowed) else "deny",
        "rule": verdict.rule.where if verdict.rule else None,
        "why": None if isinstance(verdict, Allowed) else verdict.why,
        "request": asdict(found.request),
        "credentials": list(found.credentials),
        "rules": [asdict(rule) for rule in found.rules],
    }


@policy.command("reload", short_help="Have a running bottle live by what its files say now.")
@click.argument("slug", metavar="NAME")
def reload(slug: str) -> None:
    """Read the bottle's manifest and your policy again and have its gates live by them at once, open connections too.

    Hosts, credentials, the budget, the search for secrets and the way out change; limits, mounts and the like wait for the next
    start, and are named.
    """
    from bot_bottle.bottles.reload import reload as reload_bottle

    done = reload_bottle(slug, host=os.environ)
    out, say = make_say(quiet=False, to_stdout=True), make_say(quiet=False)
    for notice in done.notices:
        say.line(notice)
    for line in done.added:
        out.labelled("now", line)
    for line in done.removed:
        out.labelled("no more", line)
    if done.later:
        say.line(f"From the next start on: {', '.join(done.later)}.")
    say.line(f"{slug} lives by its files as they are now.")
