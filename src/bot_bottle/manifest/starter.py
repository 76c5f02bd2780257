"""The manifest that `bot-bottle init` writes: commented, for the kind of project it finds. Pure: names in, text out."""

from collections.abc import Collection, Sequence

from bot_bottle.manifest.available import AVAILABLE, Available
from bot_bottle.record import dataclass

MARKS: dict[str, tuple[str, ...]] = {
    "pip": ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "uv.lock", "poetry.lock"),
    "npm": ("package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"),
    "cargo": ("Cargo.toml",),
    "go": ("go.mod",),
    "maven": ("pom.xml", "build.gradle", "build.gradle.kts"),
}
"""The file names by which a project shows what it installs from, by preset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of the file: what it is about, its lines, and whether they count or stand there as an example."""

    about: tuple[str, ...]
    lines: tuple[str, ...]
    is_active: bool


def presets_for(names: Collection[str], *, available: Available = AVAILABLE) -> dict[str, str]:
    """Preset → the file that calls for it, of the presets that this version has."""
    found = {preset: next((mark for mark in marks if mark in names), None) for preset, marks in MARKS.items()}
    return {preset: mark for preset, mark in found.items() if mark is not None and preset in available.presets}


def starter(*, agent: str, presets: dict[str, str], available: Available = AVAILABLE) -> str:
    """The whole file."""
    return written(starter_parts(agent=agent, presets=presets, available=available))


def written(parts: Sequence[Part]) -> str:
    """The parts as text; examples as comments."""
    blocks = []
    for part in parts:
        prose = [f"# {line}" for line in part.about]
        lines = part.lines if part.is_active else tuple(f"# {line}" for line in part.lines)
        blocks.append("\n".join([*prose, *lines]))
    return "\n\n".join(blocks) + "\n"


def starter_parts(*, agent: str, presets: dict[str, str], available: Available = AVAILABLE) -> tuple[Part, ...]:
    """The file in parts."""
    return (
        Part(
            about=(
                "What a coding agent may do in this repository; `bot-bottle run` reads it.",
                "Every field may be left out. `bot-bottle schema` prints all of them.",
            ),
            lines=("version: 1", f"agent: {agent}  # {' | '.join(available.agents)}"),
            is_active=True,
        ),
        Part(
            about=("copy: the agent works on a copy of this folder. bind: it writes into the folder itself.",),
            lines=("workspace: {path: ., mode: copy}",),
            is_active=True,
        ),
        Part(
            about=("A standing instruction for the agent.",),
            lines=("prompt: |", "  Run the tests before you say that you are done."),
            is_active=False,
        ),
        _egress(presets, available),
        Part(
            about=(
                "Secrets that the gate sets on matching requests; the agent never holds them.",
                "from: {env: NAME} | {file: PATH} | {command: [PROGRAM, ARGUMENT]} | {keyring: SERVICE/USER}",
            ),
            lines=(
                "credentials:",
                "  - name: example",
                "    from: {env: EXAMPLE_TOKEN}",
                '    to: {host: api.example.com, paths: ["/v1/**"], header: authorization, format: "Bearer {value}"}',
            ),
            is_active=False,
        ),
        Part(about=("What a bottle may use.",), lines=("limits: {memory: 4GiB, pids: 2048, time: 8h}",), is_active=True),
        Part(about=("Plain values only; a secret here is an error.",), lines=("env: {CI: true}",), is_active=False),
    )


def _egress(presets: dict[str, str], available: Available) -> Part:
    reasons = ", ".join(f"{preset} for {mark}" for preset, mark in presets.items()) or "no package manager's files found here"
    return Part(
        about=(
            "Nothing leaves the bottle but what is allowed here; the agent's own model API is allowed by itself.",
            f"Presets are named sets of hosts ({', '.join(available.presets)}): {reasons}.",
            "A rule: host, and if you like ports, methods, paths; deny: true beats every allow.",
        ),
        lines=(
            "egress:",
            f"  presets: [{', '.join(presets)}]",
            "  rules: []",
            '  # - {host: docs.example.com, methods: [GET, HEAD], paths: ["/v1/**"]}',
        ),
        is_active=True,
    )
