"""Amounts as people write them: 4GiB, 30m, 1.5. A number without its unit is refused where a wrong guess would cost."""

import re

from bot_bottle.manifest.mistakes import Wrong

_BYTES = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]{1,8})")
_TIME = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6}(?:\.[0-9]{1,3})?)s)?")

SIZE_FORM = "a number and KiB, MiB, GiB or TiB (of 1024), or kB, MB, GB or TB (of 1000)"
TIME_FORM = "a number and s, m, h or d, as 30m or 1h30m"


def size(text: str) -> int:
    """Bytes."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise Wrong("not a size", allowed=SIZE_FORM, nearest=f"{text}MiB" if text.isdigit() and len(text) < 6 else "")
    number, unit = match.groups()
    if unit not in _BYTES:
        raise Wrong(f"{unit} is not a unit of size", allowed=SIZE_FORM, nearest=_nearest_size(number, unit))
    return int(float(number) * _BYTES[unit])


def seconds(text: str) -> float:
    """Seconds."""
    compact = text.replace(" ", "")
    match = _TIME.fullmatch(compact)
    if not compact or match is None:
        nearest = f"{text}m" if text.isdigit() and len(text) < 6 else _nearest_time(compact)
        raise Wrong("not a length of time", allowed=TIME_FORM, nearest=nearest)
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest


def written_size(amount: int) -> str:
    """Bytes as a manifest would say them, in the largest unit of 1024 that divides them."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if amount and amount % _BYTES[unit] == 0:
            return f"{amount // _BYTES[unit]}{unit}"
    return f"{amount}B"


def about_size(amount: int) -> str:
    """Bytes for a list that people look over: one digit after the point."""
    size, unit = float(amount), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{int(size)} B" if unit == "B" else f"{size:.1f} {unit}"


def written_time(amount: float) -> str:
    """Seconds as a manifest would say them."""
    whole, rest = divmod(amount, 1)
    left, parts = int(whole), []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if left or rest or not parts:
        parts.append(f"{left + rest:g}s")
    return "".join(parts)


def _nearest_size(number: str, unit: str) -> str:
    letter = unit[0].upper()
    return f"{number}{letter}iB" if letter in "KMGT" else ""


def _nearest_time(text: str) -> str:
    match = re.fullmatch(r"([0-9]{1,6}) ?(sec|min|hour|hr|day)[a-z]{0,6}", text.lower())
    return f"{match[1]}{match[2][0]}" if match else ""
