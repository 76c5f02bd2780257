"""What a Dockerfile says of what it needs, read as far as a cache must know: its bases, whether it copies files, which builder.

Where it cannot be sure it says yes: a context that is sent in vain costs time, one that is missing costs the build. Pure.
"""

import re
from collections.abc import Iterator, Mapping

_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*[a-z]+\s*=.*", re.IGNORECASE)
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")
_NEEDS_BUILDKIT = re.compile(
    r"(^|\s)--(mount|network|security|link|chmod|exclude|parents|checksum|keep-git-dir)(=|\s)|<<-?[\"']?[A-Za-z_]"
)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction in capitals, with its arguments; continued lines are joined, comments left out."""
    escape, joined, in_directives = "\\", "", True
    for line in text.splitlines():
        if in_directives:
            found = _ESCAPE.fullmatch(line.strip())
            escape = found[1] if found else escape
            in_directives = bool(_DIRECTIVE.fullmatch(line.strip()))
        if line.lstrip().startswith("#"):
            continue
        stripped = line.rstrip()
        if stripped.endswith(escape):
            joined += stripped[:-1]
            continue
        found = _INSTRUCTION.fullmatch(joined + stripped)
        joined = ""
        if found:
            yield found[1].upper(), found[2].strip()


def uses_context(text: str) -> bool:
    """Whether it copies or mounts files of the folder that it is built in."""
    return any(_copies(name, words) for name, words in instructions(text))


def needs_buildkit(text: str) -> bool:
    """Whether it says things that only BuildKit understands; older dockers have to be asked for it."""
    first = text.lstrip().splitlines()[:1]
    has_syntax = bool(first) and re.match(r"#\s*syntax\s*=", first[0], re.IGNORECASE) is not None
    return has_syntax or any(_NEEDS_BUILDKIT.search(f" {words}") is not None for _, words in instructions(text))


def mounts_secret(text: str, name: str) -> bool:
    """Whether a step mounts the build secret of this name."""
    every = (one for kind, words in instructions(text) if kind == "RUN" for one in _mounts(words))
    return any("type=secret" in one.split(",") and f"id={name}" in one.split(",") for one in every)


def bases(text: str, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """The images it builds on, its arguments filled in; stages of its own are left out."""
    known = dict(arguments)
    stages: set[str] = set()
    found = []
    for name, words in instructions(text):
        if name == "ARG" and not stages:
            variable, equals, default = words.partition("=")
            if equals:
                known.setdefault(variable.strip(), default.strip().strip("\"'"))
        elif name == "FROM":
            parts = [part for part in _filled(words, known).split() if not part.startswith("--")]
            if parts and parts[0] not in stages and parts[0] != "scratch":
                found.append(parts[0])
            stages.add(parts[2] if len(parts) > 2 and parts[1].upper() == "AS" else f"#{len(stages)}")
        elif name in ("COPY", "ADD", "RUN"):
            found += [
                one for one in re.findall(r"(?:--from=|[,=]from=)([^\s,]+)", words) if one not in stages and not one.isdigit()
            ]
    return tuple(dict.fromkeys(found))


def _copies(name: str, words: str) -> bool:
    if name in ("ADD", "COPY"):
        return "--from=" not in words
    if name == "ONBUILD":
        return any(_copies(inner, rest) for inner, rest in instructions(words))
    return name == "RUN" and any("type=" not in one or "type=bind" in one for one in _mounts(words) if "from=" not in one)


def _mounts(words: str) -> list[str]:
    return re.findall(r"--mount=(\S+)", words)


def _filled(words: str, known: Mapping[str, str]) -> str:
    """Variables replaced; an unknown one by its default, or by nothing."""
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[3] or "") or found[2] or "", words)
