"""What a shell command says once its disguises are off. Text in, text out; nothing is run."""

import base64
import binascii
import re

from bot_bottle.gates.dlp.plain_text import visible

ROUNDS = 4
"""Disguises inside disguises that are taken off."""

LIMIT = 16 * 1024
"""Characters of a command that are looked at."""

_ANSI_C = re.compile(r"\$'((?:[^'\\]|\\.)*)'")
_ANSI_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))")
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "a": "\a", "b": "\b"}
_IFS = re.compile(r"\$\{?IFS[^}\s/]{0,8}\}?(?:\$[0-9@*])?")
_EMPTY = re.compile(r"\$(?:[@*0-9]|\{[@*0-9]\})|\$\(\)|``")
_BACKTICK = re.compile(r"`([^`]{1,200})`")
_SUBSTITUTED = re.compile(r"\$\(\s*([^()]{1,200}?)\s*\)")
_ECHO = re.compile(r"^(?:/usr)?(?:/bin/)?(?:echo|printf)\s+(?:-[neE]+\s+)?(?:['\"]?%[sb]['\"]?\s+)?(.{1,200})$")
_ASSIGNMENT = re.compile(
    r"(?:^|[;&|\n]|\b(?:export|local|declare|set)\s)\s*([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[^\s;&|]*)"
)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::(\d+):(\d+))?\}|([A-Za-z_][A-Za-z0-9_]*))")
_BRACES = re.compile(r"\{([^{}\s]{1,200},[^{}\s]{1,200})\}")
_QUOTED_WORD = re.compile(
    r"(?<=[\w/.~-])(?:''|\"\")(?=[\w/.~-])|(?<=\w)['\"](\w{1,40})['\"](?=\w|$|\s)|(?:^|(?<=[\s;|&(]))(['\"])(\w{1,40})\2(?=\w)"
)
_BACKSLASH = re.compile(r"(?<=[\w/])\\(?=[\w])|(?:^|(?<=[\s;|&(]))\\(?=[a-z])")
_DECODE = re.compile(
    r"(?:echo|printf)\s+(?:-[neE]+\s+)?[\"']?([A-Za-z0-9+/=_-]{8,})[\"']?\s*\|\s*(base64|openssl|base32|xxd|rev|tr)\b[^|;]*|(?:(?:base64|base32)\s+(?:-d|-D|--decode)|(rev))\s*<<<\s*[\"']?([A-Za-z0-9+/=]{2,})[\"']?"
)


def plain(command: str) -> str:
    """The command with quoting tricks, escapes, look-alike letters, variables, braces and substitutions undone."""
    text = visible(command[:LIMIT])
    for _ in range(ROUNDS):
        before = text
        text = _ANSI_C.sub(lambda match: _unescape(match.group(1)), text)
        text = _EMPTY.sub("", _IFS.sub(" ", text))
        text = _decoded(text)
        text = _substituted(text)
        text = _expanded(text)
        text = _QUOTED_WORD.sub(lambda match: match.group(1) or match.group(3) or "", text)
        text = _BACKSLASH.sub("", text)
        if text == before:
            break
    return text


def is_disguised(command: str) -> bool:
    """A word was taken apart: more than quoting an argument, which everyone does."""
    shown = plain(command)
    loosely = re.sub(r"[\s'\"]+", " ", command).strip()
    return re.sub(r"[\s'\"]+", " ", shown).strip() != loosely


def _unescape(body: str) -> str:
    def one(match: re.Match[str]) -> str:
        hexed, short, long, octal, other = match.groups()
        if other:
            return _CONTROL.get(other, other)
        number = int(octal, 8) if octal else int(hexed or short or long, 16)
        return chr(number) if number < 0x110000 else ""

    return _ANSI_ESCAPE.sub(one, body)


def _substituted(text: str) -> str:
    """`x` and $(x) in place of a command's word: the word itself, or what an echo inside would print."""

    def one(match: re.Match[str]) -> str:
        inner = match.group(1).strip()
        echoed = _ECHO.match(inner)
        if echoed:
            return _unescape(str(echoed.group(1)).strip("'\""))
        return inner if re.fullmatch(r"[\w./-]+", inner) and _is_first(text, match.start()) else match.group()

    return _SUBSTITUTED.sub(one, _BACKTICK.sub(one, text))


def _is_first(text: str, at: int) -> bool:
    """At the place of a command's name."""
    return re.search(r"(?:^|[;&|(\n])\s*$", text[:at]) is not None


def _expanded(text: str) -> str:
    names: dict[str, str] = {name: value.strip("'\"") for name, value in _ASSIGNMENT.findall(text)}

    def variable(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(4)
        value = names.get(name)
        if value is None:
            return match.group()
        return value[int(match.group(2)) :][: int(match.group(3))] if match.group(2) else value

    text = _VARIABLE.sub(variable, text) if names else text
    return _BRACES.sub(lambda match: match.group(1).replace(",", " ") if _is_first(text, match.start()) else match.group(), text)


def _decoded(text: str) -> str:
    """What `echo … | base64 -d` and its like would print, in place of the pipe's first part."""

    def one(match: re.Match[str]) -> str:
        packed, tool = match.group(1) or match.group(4), match.group(2) or match.group(3) or "base64"
        try:
            if tool in {"base64", "openssl"}:
                return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode()
            if tool == "base32":
                return base64.b32decode(packed + "=" * (-len(packed) % 8)).decode()
            if tool == "xxd":
                return bytes.fromhex(packed).decode()
        except (binascii.Error, ValueError):
            return match.group()
        return packed[::-1] if tool == "rev" else match.group()

    return _DECODE.sub(one, text)
