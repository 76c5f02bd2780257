"""Presets: what tools say becomes rules, and no secret of theirs goes anywhere but into a credential's command."""

import json
import os
from pathlib import Path

import pytest

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.presets import PresetResult, resolve_presets
from bot_bottle.host.run import Command, CouldNotRun, Finished
from bot_bottle.manifest.spec import FromCommand

BUILT_IN = json.dumps(["https://index.example/simple", "files.example"])


class Tools:
    """Stands for the programs: answers by the program's name, and remembers what was asked."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[Command] = []

    def run(self, command: Command) -> Finished:
        """Answer as the program would."""
        self.asked.append(command)
        name = command.argv[0].rpartition("/")[2].partition("3")[0]
        if name not in self.answers:
            raise CouldNotRun(f"{name} is not installed.")
        return Finished(code=0, stdout=self.answers[name].encode(), stderr=b"")


def resolve(tools: Tools, cache: Path, *names: str, **host: str) -> PresetResult:
    """As a start does."""
    return resolve_presets(names, host={"HOME": str(cache / "home"), **host}, run=tools.run, cache=cache)


def npm(registry: str = "https://npm.example/", **more: str) -> str:
    """What `npm config list --json` prints."""
    return json.dumps(
        {"registry": registry, "globalconfig": "/nonexistent/npmrc", "//npm.example/:_authToken": "(protected)"} | more
    )


def test_no_preset_asks_nothing(tmp_path: Path) -> None:
    tools = Tools()
    assert resolve(tools, tmp_path) == PresetResult()
    assert not tools.asked
    assert not os.listdir(tmp_path)


def test_pip_without_settings_uses_its_own_index_and_the_host_of_its_files(tmp_path: Path) -> None:
    found = resolve(Tools(python=f"{BUILT_IN}\nglobal.cert='/etc/ca.pem'\n"), tmp_path, "pip")
    assert [(rule.host, rule.ports, rule.scheme, rule.methods) for rule in found.rules] == [
        ("index.example", (443,), "https", ("GET", "HEAD")),
        ("files.example", (443,), "https", ("GET", "HEAD")),
    ]
    assert (found.env, found.credentials) == ((), ())
    assert found.rules[0].where == "preset pip (pip's own index)"


def test_the_strongest_of_pips_settings_counts(tmp_path: Path) -> None:
    said = ":env:.index-url='https://env.example/simple'\nglobal.index-url='https://global.example/'\ninstall.index-url='https://i.example/'\n"
    found = resolve(Tools(python=f"{BUILT_IN}\n{said}"), tmp_path, "pip")
    assert [rule.host for rule in found.rules] == ["env.example"]
    assert dict(found.env) == {"PIP_INDEX_URL": "https://env.example/simple", "UV_DEFAULT_INDEX": "https://env.example/simple"}


def test_pips_extra_indexes_come_beside_its_own(tmp_path: Path) -> None:
    said = "global.extra-index-url='\\nhttps://a.example/simple\\nhttp://b.example:8080/simple'\n"
    found = resolve(Tools(python=f"{BUILT_IN}\n{said}"), tmp_path, "pip")
    assert [(rule.host, rule.ports) for rule in found.rules] == [
        ("index.example", (443,)),
        ("files.example", (443,)),
        ("a.example", (443,)),
        ("b.example", (8080,)),
    ]
    assert dict(found.env)["PIP_EXTRA_INDEX_URL"] == "https://a.example/simple http://b.example:8080/simple"


SECRET = "t0ps3cr3t"


def test_a_password_in_pips_index_becomes_a_credential_and_is_nowhere_else(tmp_path: Path) -> None:
    tools = Tools(python=f"{BUILT_IN}\nglobal.index-url='https://me:{SECRET}@private.example/simple'\n")
    found = resolve(tools, tmp_path, "pip")
    (credential,) = found.credentials
    assert (credential.to[0].host, credential.to[0].slot, credential.to[0].methods) == (
        "private.example",
        "basic",
        ("GET", "HEAD"),
    )
    assert isinstance(credential.source, FromCommand)
    assert SECRET not in repr(found)
    assert not any(SECRET in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_secret_is_not_sent_to_a_registry_by_plain_http(tmp_path: Path) -> None:
    found = resolve(Tools(python=f"{BUILT_IN}\nglobal.index-url='http://me:{SECRET}@private.example/'\n"), tmp_path, "pip")
    assert found.credentials == ()


def test_an_answer_is_kept_until_a_setting_changes(tmp_path: Path) -> None:
    tools = Tools(python=f"{BUILT_IN}\n")
    first = resolve(tools, tmp_path, "pip")
    assert resolve(tools, tmp_path, "pip") == first
    assert len(tools.asked) == 1
    settings = tmp_path / "home/.config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("[global]\n")
    resolve(tools, tmp_path, "pip")
    resolve(tools, tmp_path, "pip", PIP_INDEX_URL="https://other.example/")
    assert len(tools.asked) == 3


def test_a_kept_answer_that_is_not_ours_is_asked_for_again(tmp_path: Path) -> None:
    tools = Tools(python=f"{BUILT_IN}\n")
    first = resolve(tools, tmp_path, "pip")
    (tmp_path / "presets/pip.json").write_text('["not", "ours"]')
    assert resolve(tools, tmp_path, "pip") == first


def test_without_pip_the_preset_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="no pip here"):
        resolve(Tools(), tmp_path, "pip")


def test_a_tool_is_asked_outside_any_project(tmp_path: Path) -> None:
    tools = Tools(python=f"{BUILT_IN}\n", npm=npm())
    resolve(tools, tmp_path, "pip", "npm", AWS_SECRET_ACCESS_KEY="x", PIP_TIMEOUT="3")
    assert {command.cwd for command in tools.asked} == {Path("/")}
    assert all("AWS_SECRET_ACCESS_KEY" not in command.env for command in tools.asked)


def test_npm_gives_its_registry_and_those_of_scopes(tmp_path: Path) -> None:
    found = resolve(Tools(npm=npm(**{"@acme:registry": "https://acme.example:8443/npm/"})), tmp_path, "npm")
    assert [(rule.host, rule.ports) for rule in found.rules] == [("npm.example", (443,)), ("acme.example", (8443,))]
    assert ("npm_config_registry", "https://npm.example/") in found.env


@pytest.mark.parametrize(
    ("line", "slot", "form"),
    [
        (f"//npm.example/:_authToken={SECRET}", "header", "Bearer {value}"),
        ("//npm.example/:_authToken=${NPM_TOKEN}", "header", "Bearer {value}"),
        (f"//npm.example/:_auth = {SECRET}", "header", "Basic {value}"),
        (f"//npm.example/:username=me\n//npm.example/:_password={SECRET}", "basic", "{value}"),
    ],
)
def test_what_opens_npms_registry_becomes_a_credential(line: str, slot: str, form: str, tmp_path: Path) -> None:
    settings = tmp_path / "npmrc"
    settings.write_text(f"registry=https://npm.example/\n{line}\n")
    found = resolve(Tools(npm=npm(userconfig=str(settings))), tmp_path, "npm", NPM_TOKEN=SECRET)
    (credential,) = found.credentials
    assert (credential.to[0].slot, credential.to[0].format) == (slot, form)
    assert SECRET not in repr(found)
    assert not (tmp_path / "presets").exists()


@pytest.mark.parametrize(
    "line", ["//other.example/:_authToken=x", "//npm.example.evil/:_authToken=x", "//npm.example/:_authToken=${UNSET}"]
)
def test_what_opens_another_registry_is_not_used(line: str, tmp_path: Path) -> None:
    settings = tmp_path / "npmrc"
    settings.write_text(line)
    assert resolve(Tools(npm=npm(userconfig=str(settings))), tmp_path, "npm").credentials == ()


def test_a_registry_that_is_a_folder_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="no registry"):
        resolve(Tools(npm=npm("file:///srv/npm")), tmp_path, "npm")


def go(proxy: str, database: str = "sums.example") -> str:
    """What `go env -json` prints."""
    return json.dumps({"GOPROXY": proxy, "GOSUMDB": database})


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        (go("https://proxy.example,direct"), ["proxy.example", "sums.example"]),
        (go("https://a.example|https://b.example/go,off", "off"), ["a.example", "b.example"]),
        (go("https://a.example", "sums.example+033de0ae+Ac4zctda https://mirror.example/sums"), ["a.example", "mirror.example"]),
        (go("https://a.example", "sums.example+033de0ae+Ac4zctda"), ["a.example", "sums.example"]),
        (go("file:///srv/go,https://a.example", ""), ["a.example"]),
    ],
)
def test_go_uses_its_proxies_and_its_database(said: str, hosts: list[str], tmp_path: Path) -> None:
    found = resolve(Tools(go=said), tmp_path, "go")
    assert [rule.host for rule in found.rules] == hosts


def test_go_inside_asks_the_proxies_and_never_a_version_control_host(tmp_path: Path) -> None:
    found = resolve(Tools(go=go("https://joe:s3cr3t@a.example/go,direct")), tmp_path, "go")
    assert dict(found.env)["GOPROXY"] == "https://a.example/go"
    assert [credential.to[0].host for credential in found.credentials] == ["a.example"]
    assert "s3cr3t" not in repr(found)


def test_go_without_a_proxy_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="finds no registry"):
        resolve(Tools(go=go("direct", "off")), tmp_path, "go")
