"""One sandbox with nothing in it but the portal: proves that this runsc, this kernel and this user can make bottles."""

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

from bot_bottle.backends.guest_programs import portal_path, ready_program
from bot_bottle.backends.gvisor.client import GUEST_ID, shown_log, trial_argv, trial_config
from bot_bottle.backends.portal import receive
from bot_bottle.errors import BottleError
from bot_bottle.guest import frames
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.run import LongCommand, plain_env, spawn

END_TIMEOUT_S = 10.0


def try_out(runsc: str, *, is_rootless: bool) -> None:
    """BottleError with runsc's own words when it does not come up."""
    portal = ready_program(portal_path())
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="trial-") as name:
        folder = Path(name)
        (folder / "root").mkdir()
        shutil.copy(portal, folder / "root" / "portal")
        (folder / "config.json").write_text(json.dumps(trial_config(folder / "root")))
        control, theirs = socket.socketpair()
        with control, open(folder / "log", "wb") as log:
            with theirs:
                argv = trial_argv(runsc, folder, control=theirs.fileno(), is_rootless=is_rootless, name=f"trial-{os.getpid()}")
                told = log.fileno()
                process = spawn(LongCommand(argv=argv, env=plain_env(), pass_fds=(theirs.fileno(),), stdout=told, stderr=told))
            try:
                frames.send(control, {"gates": [], "processes": None, "landlock": None, "user": GUEST_ID})
                message, _ = receive(control)
            except (BottleError, OSError) as error:
                process.wait(END_TIMEOUT_S)
                raise BottleError("it ended before its first process was ready.", facts=shown_log(folder / "log")) from error
            finally:
                control.close()
                if process.wait(END_TIMEOUT_S) is None:
                    process.end(grace_s=0.0)
        if message.get("type") != "ready":
            raise BottleError("its first process answered something else than it was asked.")
