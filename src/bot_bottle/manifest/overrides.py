"""What the command line says about a bottle, checked as a manifest is. Nothing heavy: every start comes here."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from bot_bottle.manifest.available import Available
from bot_bottle.manifest.host_paths import folder_at, located
from bot_bottle.manifest.layer import ImageSaid, Layer
from bot_bottle.manifest.mistakes import Mistake, Place, Wrong, mistake, nearest
from bot_bottle.manifest.spec import AgentName, BackendName, Rule, WorkspaceMode
from bot_bottle.record import dataclass

PROMPT_LIMIT = 256 * 1024
"""Bytes of a standing prompt; more is a mistaken file."""

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """The options of `run` as typed; `None` and empty are "not said". `args` is what follows `--`.

    `backend` may also be "fake", which nothing offers: the tests of the whole story run on it.
    """

    agent: str | None = None
    backend: str | None = None
    workspace: Path | None = None
    mode: str | None = None
    prompt: str | None = None
    prompt_file: Path | None = None
    allow: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    image: str | None = None


class _Reading:
    """Reads one option after the other and collects what is wrong."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def take(self, option: str, value: object, read: Callable[[], Value]) -> Value | None:
        try:
            return read()
        except Wrong as wrong:
            self.mistakes.append(mistake(Place(name=option), "", wrong, value))
            return None


def override_layer(overrides: Overrides, *, cwd: Path, available: Available) -> tuple[Layer, list[Mistake]]:
    """The command line as the topmost layer, and everything that is wrong with it."""
    reading = _Reading()
    rules = [reading.take("--allow", text, lambda text=text: _allowed(text)) for text in overrides.allow]  # type: ignore[misc]  # bound now
    presets = [_choice(reading, "--preset", preset, available.presets) for preset in overrides.presets]
    layer = Layer(
        label="the command line",
        agent=cast(AgentName | None, _choice(reading, "AGENT", overrides.agent, available.agents)),
        backend=cast(BackendName | None, _choice(reading, "--backend", overrides.backend, available.backends, also="fake")),
        workspace=None
        if overrides.workspace is None
        else reading.take("-w", overrides.workspace, lambda: folder_at(cwd, str(overrides.workspace))),
        mode=cast(WorkspaceMode | None, _choice(reading, "--mode", overrides.mode, available.modes)),
        prompt=_prompt(reading, overrides, cwd),
        args=overrides.args or None,
        rules=tuple(rule for rule in rules if rule is not None),
        image=_image(reading, overrides.image, cwd),
        presets=tuple(preset for preset in presets if preset is not None),
        places=tuple(
            (path, Place(name=name))
            for path, name in (
                ("agent", "the command line"),
                ("backend", "--backend"),
                ("workspace.path", "-w"),
                ("workspace.mode", "--mode"),
                ("prompt", "--prompt"),
                ("image", "--image"),
            )
        ),
    )
    return layer, reading.mistakes


def prompt_text(path: Path) -> str:
    """The content of a prompt file."""
    try:
        with open(path, "rb") as file:
            content = file.read(PROMPT_LIMIT + 1)
    except OSError as error:
        raise Wrong(f"the prompt file cannot be read ({error.strerror})") from None
    if len(content) > PROMPT_LIMIT:
        raise Wrong("the prompt file is too long", allowed=f"at most {PROMPT_LIMIT // 1024} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong("the prompt file is not UTF-8 text") from None


def _prompt_file(cwd: Path, path: Path) -> str:
    """A pipe is as good as a file here, and has no name to follow: what is typed is opened."""
    located(cwd, str(path))
    return prompt_text(cwd / path.expanduser())


def _choice(reading: _Reading, option: str, value: str | None, allowed: tuple[str, ...], also: str = "") -> str | None:
    if value is None or value in allowed or (also and value == also):
        return value
    wrong = Wrong("this is not one of the choices", allowed=", ".join(allowed), nearest=nearest(value, allowed))
    reading.mistakes.append(mistake(Place(name=option), "", wrong, value))
    return None


def _image(reading: _Reading, word: str | None, cwd: Path) -> ImageSaid | None:
    if word is None:
        return None
    from bot_bottle.manifest.references import image_named

    source = reading.take("--image", word, lambda: image_named(cwd, word))
    return ImageSaid(source=source)


def _allowed(text: str) -> Rule:
    from bot_bottle.manifest.hosts import host_and_port

    host, port = host_and_port(text, default=443)
    return Rule(host=host, ports=(port,), scheme="http" if port == 80 else "https", where="--allow")


def _prompt(reading: _Reading, overrides: Overrides, cwd: Path) -> str | None:
    path = overrides.prompt_file
    if path is None:
        return overrides.prompt
    if overrides.prompt is not None:
        wrong = Wrong("--prompt and --prompt-file do not go together", allowed="one of them")
        reading.mistakes.append(mistake(Place(name="--prompt-file"), "", wrong))
        return None
    return reading.take("--prompt-file", path, lambda: _prompt_file(cwd, path))
