"""Starts the process that tells the operator of news, when they want to be told; one at a time, however often an agent asks."""

import os
import sys

from bot_bottle.bottles.idle import search_path
from bot_bottle.host.run import LongCommand, Process, plain_env, spawn
from bot_bottle.manifest.spec import FromEnv, Notify
from bot_bottle.plans.bottle import BottlePlan

PASSED = (
    *("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""Where our files are, where the desktop is, and whom to trust."""


class Teller:
    """Of one bottle. Owned by the keeper, which calls `again` now and then."""

    def __init__(self, plan: BottlePlan) -> None:
        asked = plan.spec.supervise
        notify = asked.notify if asked is not None and plan.supervise_plan is not None else Notify()
        self._wanted = notify.desktop or bool(notify.command) or notify.webhook is not None
        self._key_variable = (notify.key.env,) if isinstance(notify.key, FromEnv) else ()
        self._path = search_path() if self._wanted else []
        self._slug = plan.slug
        self._process: Process | None = None
        self._is_due = False

    def wake(self) -> None:
        """There is news."""
        self._is_due = self._wanted
        self.again()

    def again(self) -> None:
        """Start the process if there is news and the last one has ended."""
        if not self._is_due or (self._process is not None and self._process.poll() is None):
            return
        self._is_due = False
        code = f"import sys; sys.path[:0] = {self._path!r}; from bot_bottle.bottles.notify import main; sys.exit(main())"
        kept = {name: os.environ[name] for name in (*PASSED, *self._key_variable) if name in os.environ}
        argv = (sys.executable, "-I", "-S", "-c", code, self._slug)
        self._process = spawn(LongCommand(argv=argv, env=plain_env() | kept, new_session=True))
