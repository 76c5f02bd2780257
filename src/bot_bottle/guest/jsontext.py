"""JSON for programs that must start quickly: the interpreter's own C scanner and encoder, without the 9 ms of importing `json`.

Stricter than `json.loads`: no NaN or Infinity, nothing after the value. Where the C parts are missing, `json` does the work.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SPACES = " \t\n\r"


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Strict:
    """The settings that the C scanner asks for (json/scanner.py in the standard library)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse)


try:
    import _json

    _scan: Any = _json.make_scanner(_Strict)  # type: ignore[arg-type]  # any object with these settings
    _settings = (None, _refuse, _json.encode_basestring_ascii, None, ":", ",", False, False, False)  # as json/encoder.py does
    _encode: Any = _json.make_encoder(*_settings)  # type: ignore[arg-type,unused-ignore]  # typeshed wants other types
except (ImportError, TypeError):  # another implementation of Python, or other arguments in a later one
    import json

    _scan = json.JSONDecoder(parse_constant=_refuse).scan_once  # type: ignore[attr-defined]  # not in typeshed

    def _encode(value: Any, level: int) -> tuple[str, ...]:
        return (json.dumps(value, separators=(",", ":"), allow_nan=False),)


def loads(text: str) -> Any:  # Any: JSON
    """The value. ValueError when it is not exactly one JSON value."""
    begin = len(text) - len(text.lstrip(SPACES))
    try:
        value, end = _scan(text, begin)
    except StopIteration:
        raise ValueError("no JSON value") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text[end:].strip(SPACES):
        raise ValueError("something follows the JSON value")
    return value


def dumps(value: Any) -> str:  # Any: JSON
    """Compact ASCII JSON."""
    return "".join(_encode(value, 0))
