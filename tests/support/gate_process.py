"""A git gate in a process of its own, to be killed: `python gate_process.py CONFIG PORT`."""

import asyncio
import json
import socket
import sys
from pathlib import Path

from bot_bottle.gates.dlp.plan import DlpPlan
from bot_bottle.gates.dlp.policy import Settings
from bot_bottle.gates.dlp.serve import DlpGate
from bot_bottle.gates.git_gate.serve import GitGate


def main() -> None:
    """Serve until killed; events go to a file beside the configuration, a line each."""
    config_path, port = Path(sys.argv[1]), int(sys.argv[2])
    config = json.loads(config_path.read_text())
    with open(config_path.with_suffix(".events"), "a", buffering=1) as events:

        def record(event: dict[str, object]) -> None:
            events.write(json.dumps(event) + "\n")

        gate = GitGate(config, {"forge": config["password"]}, record)
        gate.inspector = DlpGate(DlpPlan(settings=Settings()).config(), {}, record)
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        print("ready", flush=True)
        asyncio.run(gate.serve(listener))


if __name__ == "__main__":
    main()
