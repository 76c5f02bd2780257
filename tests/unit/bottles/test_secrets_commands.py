"""Where a credential's command runs."""

from pathlib import Path

from bot_bottle.bottles.secrets import read_secret
from bot_bottle.host.run import Command, Finished
from bot_bottle.manifest.spec import FromCommand


def test_a_credentials_command_never_runs_in_the_repository() -> None:
    ran: list[Command] = []

    def run(command: Command) -> Finished:
        ran.append(command)
        return Finished(code=0, stdout=b"value\n", stderr=b"")

    value = read_secret(FromCommand(command=("print-token",)), host={"PATH": "/bin"}, run=run, keyring=lambda service, user: None)
    assert value == "value"
    assert [command.cwd for command in ran] == [Path("/")]
