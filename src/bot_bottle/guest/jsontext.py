"""JSON for programs that must start quickly: the interpreter's own C scanner and encoder, without the 9 ms of importing `json`.

Stricter than `json.loads`: no NaN or Infinity, nothing after the value. Where the C parts are missing, `json` does the work.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SPACES = " \t\n\r"


class NotJson(ValueError):
    """A text that is not exactly one JSON value, or a value that JSON has no text for."""


def _refuse(what: object) -> NoReturn:
    raise NotJson(f"{what!r} is not JSON")


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
    """The value. NotJson when it is not exactly one."""
    begin = len(text) - len(text.lstrip(SPACES))
    try:
        value, end = _scan(text, begin)
    except StopIteration:
        raise NotJson("no JSON value") from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    if text[end:].strip(SPACES):
        raise NotJson("something follows the JSON value")
    return value


def dumps(value: Any) -> str:  # Any: JSON
    """Compact ASCII JSON. NotJson for what has none, such as NaN."""
    try:
        return "".join(_encode(value, 0))
    except ValueError as error:
        raise NotJson(str(error)) from None
