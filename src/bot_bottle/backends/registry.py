"""Every backend, one line each; a backend's module loads when it is asked for."""

import importlib
import os
from collections.abc import Iterator

from bot_bottle.backends.base import Backend
from bot_bottle.errors import BadUsage

BACKENDS = {
    "namespaces": "namespaces.backend:Namespaces",
    "gvisor": "gvisor.backend:Gvisor",
    "docker": "docker.backend:Docker",
    "smolmachines": "smolmachines.backend:Smolmachines",
}
"""Name → "module:class" under bot_bottle.backends, weakest isolation last."""

FOR_TESTS = {"fake": "fake.backend:Fake"}
"""Not sealed at all; only with BOT_BOTTLE_TEST_BACKENDS=1, which the tests of the whole story set."""


def find_backend(name: str) -> Backend:
    """The backend of this name. BadUsage when there is none."""
    known = BACKENDS | (FOR_TESTS if os.environ.get("BOT_BOTTLE_TEST_BACKENDS") == "1" else {})
    place = known.get(name)
    if place is None:
        raise BadUsage(f"There is no backend called {name!a}.", facts=(f"The backends are {', '.join(BACKENDS)}.",))
    module, attribute = place.split(":")
    backend = getattr(importlib.import_module(f"bot_bottle.backends.{module}"), attribute)()
    assert isinstance(backend, Backend)
    return backend


def backends() -> Iterator[Backend]:
    """All that a user can choose, each loaded when its turn comes."""
    return (find_backend(name) for name in BACKENDS)
