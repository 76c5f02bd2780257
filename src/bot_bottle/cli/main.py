"""The command line: one line per verb here, one file per group of verbs beside it; a verb's module loads when it is used."""

import importlib

import click

VERBS: dict[str, str] = {
    "run": "run_command:run",
    "attach": "lifecycle:attach",
    "exec": "lifecycle:exec_",
    "ls": "lifecycle:ls",
    "logs": "lifecycle:logs",
    "inspect": "lifecycle:inspect",
    "diff": "lifecycle:diff",
    "log": "lifecycle:log",
    "land": "lifecycle:land",
    "discard": "lifecycle:discard",
    "dashboard": "dashboard:dashboard",
    "web": "web:web",
    "stop": "lifecycle:stop",
    "start": "resume:start",
    "rm": "lifecycle:rm",
    "clean": "lifecycle:clean",
    "doctor": "doctor:doctor",
    "attack": "attack:attack_",
    "completion": "lifecycle:completion",
    "agents": "agents:agents",
    "images": "images:images",
    "traffic": "traffic:traffic",
    "usage": "traffic:usage",
    "audit": "audit:audit",
    "policy": "policy:policy",
    "asks": "asks:asks",
    "approve": "asks:approve",
    "deny": "asks:deny",
    "grants": "asks:grants",
    "pushes": "pushes:pushes",
    "dlp": "dlp:dlp",
    "init": "manifest:init",
    "schema": "manifest:schema",
    "trust": "manifest:trust",
}
"""Verb → "module:command" under bot_bottle.cli, in the order `--help` shows them."""


class LazyGroup(click.Group):
    """Loads a verb's module only when that verb runs: a start must not pay for the dashboard."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in our order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None."""
        place = VERBS.get(cmd_name)
        if place is None:
            return None
        module, attribute = place.split(":")
        command = getattr(importlib.import_module(f"bot_bottle.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bot-bottle", prog_name="bot-bottle")
def app() -> None:
    """Run coding agents in sealed bottles: no network, no secrets, three sockets that you own."""
