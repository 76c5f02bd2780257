"""cargo: its index and the registries of its settings, and where each keeps its crates (the Cargo Book, "Registry Index")."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, home, registry_at
from bot_bottle.host.run import Run
from bot_bottle.plans.bottle import GuestFile
from bot_bottle.record import replace

OWN = ""
"""Stands for the index that is built into cargo."""

SPARSE = "sparse+"
SETTINGS_LIMIT = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ASK = """[package]
name = "asks"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
asks-nothing-of-bot-bottle = {{ version = "*"{index} }}
"""


class Cargo(Tool):
    """Lets cargo itself read each index, in a folder that is thrown away: only the index says where the crates lie."""

    name = "cargo"
    variables = ("CARGO_", "RUSTUP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_")

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """cargo's settings and its tokens, by both names that each may have."""
        own = _home(host)
        return tuple(own / name for name in ("config.toml", "config", "credentials.toml", "credentials"))

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """JSON: the main index, the named ones, what each says of itself, and the tokens."""
        config, tokens = _settings(_home(host), "config"), _settings(_home(host), "credentials")
        main, named = main_index(config), named_indexes(config, host)
        known = {name: token for name in named if (token := _token(tokens, name, host))}
        asking = {**host, **{_variable(name, "TOKEN"): token for name, token in known.items()}}
        indexes = dict.fromkeys((*(() if main is None else (main,)), *named.values()))
        said = {index: self._of_index(index, asking, run) for index in indexes}
        return json.dumps({"main": main, "named": named, "said": said, "tokens": known})

    def _of_index(self, index: str, host: Mapping[str, str], run: Run) -> dict[str, str]:
        """`at`, the index's host, and `dl`, where its crates are, from the config.json that cargo fetched."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="bot-bottle-cargo-") as folder:
            place = Path(folder)
            (place / "lib.rs").touch()
            (place / "Cargo.toml").write_text(_ASK.format(index=f", registry-index = {json.dumps(index)}" if index else ""))
            settings = next((path for path in self.files(host)[:2] if index and path.is_file()), None)
            # Its end is a failure: there is no such crate. By then it has the index's own words, which are what is wanted.
            argv = ("cargo", "generate-lockfile", "--manifest-path", str(place / "Cargo.toml"))
            ask(
                (*argv, *(("--config", str(settings)) if settings else ())),
                host={**host, "CARGO_HOME": str(place / "home")},
                run=run,
                variables=self.variables,
            )
            found = sorted((place / "home/registry/index").glob("*/config.json"))
            if not found:
                raise CannotRunHere(
                    "The preset cargo asks cargo for its index, and cargo cannot read it.",
                    facts=(f"the index is {index or 'the one built into cargo'}",),
                    next="Try `cargo search x` on this machine, or write rules in place of the preset.",
                )
            return {"at": found[0].parent.name.rpartition("-")[0], "dl": str(json.loads(found[0].read_text()).get("dl", ""))}

    def read(self, answer: str) -> Settings:
        """The index and the place of the crates of each registry; inside, cargo's own settings file names them."""
        said = json.loads(answer)
        tokens = {said["named"][name]: token for name, token in said["tokens"].items()}
        found = [one for index, words in said["said"].items() for one in _places(index, words, tokens.get(index, ""))]
        env = tuple((_variable(name, "TOKEN"), "placeholder") for name in said["tokens"])
        text = _written(said["main"], said["named"])
        files = (GuestFile(path=".cargo/config.toml", content=text),) if text else ()
        return Settings(registries=tuple(dict.fromkeys(found)), env=env, files=files)


def main_index(config: Mapping[str, Any]) -> str | None:
    """What stands for the index built in, by the chain of replacements; None for a folder or a git repository. Any: TOML."""
    sources, name = config.get("source", {}), "crates-io"
    for _ in range(len(sources) + 1):
        source = sources.get(name, {})
        if isinstance(source.get("registry"), str):
            return str(source["registry"])
        if not isinstance(source.get("replace-with"), str):
            return OWN if name == "crates-io" else None
        name = source["replace-with"]
        named = config.get("registries", {}).get(name, {}).get("index")
        if isinstance(named, str) and name not in sources:
            return named
    return None


def named_indexes(config: Mapping[str, Any], host: Mapping[str, str]) -> dict[str, str]:
    """Name → sparse index, of the settings and of variables. One in a git repository is left out: it is no registry to fetch."""
    found = {name: str(one.get("index", "")) for name, one in config.get("registries", {}).items() if isinstance(one, dict)}
    for variable, value in host.items():
        match = re.fullmatch(r"CARGO_REGISTRIES_([A-Z0-9_]+)_INDEX", variable)
        if match:
            found[match[1].lower()] = value
    return {name: index for name, index in found.items() if index.startswith(SPARSE) and _NAME.fullmatch(name)}


def _places(index: str, words: Mapping[str, str], token: str) -> list[Registry]:
    """The index (its token opens the crates too, as cargo sends it to both) and the host that crates come from."""
    address = index.removeprefix(SPARSE) if index else f"https://{words['at']}/"
    # `{crate}` and the like stand in the path only (the Cargo Book, "Index Configuration").
    both = (registry_at(address, says="cargo's index"), registry_at(words["dl"], says="cargo's index"))
    known = [one for one in both if one is not None]
    return [replace(one, secret=token, format="{value}") if token and one.scheme == "https" else one for one in known]


def _written(main: str | None, named: Mapping[str, str]) -> str:
    """The settings for inside: the same indexes, no token."""
    lines = []
    if main:
        lines += ["[source.crates-io]", 'replace-with = "registry-of-the-host"']
        lines += ["[source.registry-of-the-host]", f"registry = {json.dumps(main)}"]
    for name, index in named.items():
        lines += [f"[registries.{name}]", f"index = {json.dumps(index)}"]
    return "".join(f"{line}\n" for line in lines)


def _token(tokens: Mapping[str, Any], name: str, host: Mapping[str, str]) -> str:
    held = tokens.get("registries", {}).get(name, {}).get("token", "")
    return host.get(_variable(name, "TOKEN")) or (held if isinstance(held, str) else "")


def _variable(name: str, what: str) -> str:
    return f"CARGO_REGISTRIES_{name.upper().replace('-', '_')}_{what}"


def _home(host: Mapping[str, str]) -> Path:
    return Path(host.get("CARGO_HOME") or home(host, ".cargo"))


def _settings(folder: Path, name: str) -> dict[str, Any]:  # Any: TOML
    """The file of this name, the one without an ending first, as cargo reads them."""
    import tomllib

    for path in (folder / name, folder / f"{name}.toml"):
        try:
            with path.open("rb") as file:
                return tomllib.loads(file.read(SETTINGS_LIMIT).decode())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise CannotRunHere("cargo's settings cannot be read.", facts=(f"{path}: {error}",)) from None
    return {}
