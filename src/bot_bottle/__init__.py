"""bot-bottle runs coding agents in sealed bottles: no network, no secrets, three sockets that the operator owns.

The Python API is what `__all__` lists; a name is loaded when it is used, so that the command line pays for none of them.
"""

TYPE_CHECKING = False  # to type checkers it is True by its name; `typing` is not imported for it

if TYPE_CHECKING:
    from bot_bottle.api.aio import AsyncBottle, AsyncFiles, start_async
    from bot_bottle.api.bottle import Bottle, find, running
    from bot_bottle.api.files import Files
    from bot_bottle.api.manifest import Manifest
    from bot_bottle.api.start import Preflight, start
    from bot_bottle.bottles.capture import Capture, Completed
    from bot_bottle.bottles.land import Landing
    from bot_bottle.bottles.snapshot import Decision
    from bot_bottle.bottles.status import Status
    from bot_bottle.bottles.workspace import Change
    from bot_bottle.errors import (
        BadManifest,
        BadUsage,
        BottleError,
        CannotRunHere,
        Declined,
        NoSuchBottle,
        NotContained,
        TimedOut,
    )

__version__ = "0.1.0"

__all__ = [
    "AsyncBottle",
    "AsyncFiles",
    "BadManifest",
    "BadUsage",
    "Bottle",
    "BottleError",
    "CannotRunHere",
    "Capture",
    "Change",
    "Completed",
    "Decision",
    "Declined",
    "Files",
    "Landing",
    "Manifest",
    "NoSuchBottle",
    "NotContained",
    "Preflight",
    "Status",
    "TimedOut",
    "find",
    "running",
    "start",
    "start_async",
]

_HOMES = {
    "AsyncBottle": "api.aio",
    "AsyncFiles": "api.aio",
    "Bottle": "api.bottle",
    "Capture": "bottles.capture",
    "Change": "bottles.workspace",
    "Completed": "bottles.capture",
    "Decision": "bottles.snapshot",
    "Files": "api.files",
    "Landing": "bottles.land",
    "Manifest": "api.manifest",
    "Preflight": "api.start",
    "Status": "bottles.status",
    "find": "api.bottle",
    "running": "api.bottle",
    "start": "api.start",
    "start_async": "api.aio",
}
"""Where a name lives, below this package; what is not here is an error of `errors`."""


def __getattr__(name: str) -> object:
    """Load a name of the API when it is used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
