"""apt, cargo and maven: what their own settings come to. The programs are played; their settings files are real."""

import hashlib
import json
import struct
import zipfile
from base64 import b64decode
from pathlib import Path

import pytest

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.java_roots import java_roots
from bot_bottle.gates.egress.presets import PresetResult, resolve_presets
from bot_bottle.gates.egress.tools.apt import Apt
from bot_bottle.gates.egress.tools.maven import mirror_of
from bot_bottle.host.run import Command, CouldNotRun, Finished

SECRET = "t0ps3cr3t"


class Machine:
    """A home with settings in it, and programs that answer as the real ones."""

    def __init__(self, folder: Path) -> None:
        self.home, self.cache = folder / "home", folder / "cache"
        self.uris: list[str] = []
        self.indexes = {"": ("own.example-1949cf8c6b5b557f", "https://crates.example/crates")}
        self.asked: list[Command] = []
        self.maven = folder / "maven"

    def write(self, name: str, text: str) -> None:
        """A settings file in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, command: Command) -> Finished:
        """As the program would; each reads what it is given, never the settings that the code under test reads."""
        self.asked.append(command)
        match command.argv[0]:
            case "apt-get":
                said = "".join(f"'{uri}' name 0 \n" for uri in self.uris)
            case "mvn":
                said = f"\x1b[1mApache Maven 3.9.9\x1b[m\nMaven home: {self.maven}\nJava version: 21\n"
            case "cargo":
                self._index(command)
                return Finished(code=101, stdout=b"", stderr=b"error: no matching package")
            case other:
                raise CouldNotRun(f"{other} is not installed.")
        return Finished(code=0, stdout=said.encode(), stderr=b"")

    def _index(self, command: Command) -> None:
        asked = Path(command.argv[command.argv.index("--manifest-path") + 1]).read_text()
        index = asked.partition('registry-index = "')[2].partition('"')[0]
        if index in self.indexes:
            name, dl = self.indexes[index]
            place = Path(command.env["CARGO_HOME"]) / "registry/index" / name
            place.mkdir(parents=True)
            (place / "config.json").write_text(json.dumps({"dl": dl}))

    def resolve(self, name: str, **host: str) -> PresetResult:
        """As a start does."""
        return resolve_presets((name,), host={"HOME": str(self.home), **host}, run=self.run, cache=self.cache)

    def kept(self) -> str:
        """Everything in the cache."""
        return "".join(path.read_text() for path in self.cache.rglob("*") if path.is_file())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.home.mkdir()
    return made


def places(found: PresetResult) -> list[tuple[str, str, tuple[int, ...]]]:
    assert all(rule.methods == ("GET", "HEAD") for rule in found.rules)
    return [(rule.scheme, rule.host, rule.ports) for rule in found.rules]


def file(found: PresetResult, path: str) -> str:
    (content,) = [one.content for one in found.files if one.path == path]
    return content


# apt


def test_apt_lets_each_archive_in_once(machine: Machine) -> None:
    machine.uris = [
        "http://archive.example/debian/dists/stable/InRelease",
        "http://archive.example/debian/dists/stable/main/binary-amd64/Packages.xz",
        "https://other.example:8443/flat/./Packages.xz",
        "file:/srv/own/./Packages.xz",
        "cdrom://Disc/dists/stable/InRelease",
        "mirror+https://mirrors.example/list/dists/stable/InRelease",
    ]
    assert places(machine.resolve("apt")) == [("http", "archive.example", (80,)), ("https", "other.example", (8443,))]


def test_apt_inside_keeps_its_state_in_the_home(machine: Machine) -> None:
    machine.uris = ["http://archive.example/debian/dists/stable/InRelease"]
    found = machine.resolve("apt")
    assert found.env == (("APT_CONFIG", "/home/agent/.config/apt/apt.conf"),)
    said = file(found, ".config/apt/apt.conf")
    assert 'Dir::State "/home/agent/.local/state/apt";' in said
    assert 'Acquire::https::CAInfo "/run/bot-bottle/ca.pem";' in said
    folders = [one.path for one in found.files if one.path.endswith("/.keep")]
    assert ".local/state/apt/lists/.keep" in folders, "apt makes no folder for its lists"


def test_a_password_in_an_address_of_apts_becomes_a_credential(machine: Machine) -> None:
    machine.uris = [f"https://joe:{SECRET}@private.example/debian/dists/stable/InRelease"]
    found = machine.resolve("apt")
    assert [(one.to[0].host, one.to[0].slot) for one in found.credentials] == [("private.example", "basic")]
    assert SECRET not in repr(found)
    assert SECRET not in machine.kept()


@pytest.mark.parametrize(
    ("auth", "opened"),
    [
        ("machine private.example login joe password x", "joe:x"),
        ("machine https://private.example/debian login joe password x", "joe:x"),
        ("machine private.example/debian/ login joe password x", "joe:x"),
        ("machine private.example:443 login joe password x", "joe:x"),
        ("machine other.example login a password b machine private.example login joe password x", "joe:x"),
        ("machine private.example/deb login joe password x", ""),
        ("machine private.example:8443 login joe password x", ""),
        ("machine http://private.example login joe password x", ""),
        ("machine example login joe password x", ""),
        ("machine private.example login joe", ""),
        ("machine private.example:port login joe password x", ""),
    ],
)
def test_auth_conf_opens_the_archives_below_its_machines(auth: str, opened: str) -> None:
    said = {"uris": ["https://private.example/debian/dists/stable/InRelease"], "auth": auth.split()}
    (one,) = Apt().read(json.dumps(said)).registries
    assert one.secret == opened


def test_auth_conf_opens_nothing_over_plain_http() -> None:
    auth = "machine private.example login joe password x"
    said = {"uris": ["http://private.example/debian/x"], "auth": auth.split()}
    assert not Apt().read(json.dumps(said)).has_secret


# cargo


def test_cargo_lets_its_own_index_in_and_the_place_of_the_crates(machine: Machine) -> None:
    found = machine.resolve("cargo")
    assert places(found) == [("https", "own.example", (443,)), ("https", "crates.example", (443,))]
    assert (found.env, found.files, found.credentials) == ((), (), ())
    (asked,) = machine.asked
    assert not Path(asked.argv[-1]).exists(), "the folder it was asked in is gone"


def test_cargo_is_asked_once_until_a_setting_changes(machine: Machine) -> None:
    assert machine.resolve("cargo") == machine.resolve("cargo")
    assert len(machine.asked) == 1
    machine.write(".cargo/config.toml", "")
    machine.resolve("cargo")
    assert len(machine.asked) == 2


def test_a_mirror_of_cargos_stands_for_the_index(machine: Machine) -> None:
    machine.write(
        ".cargo/config.toml",
        '[source.crates-io]\nreplace-with = "near"\n[source.near]\nregistry = "sparse+https://mirror.example:8443/index/"\n',
    )
    machine.indexes = {
        "sparse+https://mirror.example:8443/index/": ("mirror.example-1", "https://mirror.example:8443/dl/{crate}")
    }
    found = machine.resolve("cargo")
    assert {host for _, host, _ in places(found)} == {"mirror.example"}
    assert 'registry = "sparse+https://mirror.example:8443/index/"' in file(found, ".cargo/config.toml")
    assert "--config" in machine.asked[0].argv


def test_cargo_with_vendored_crates_reaches_nothing(machine: Machine) -> None:
    machine.write(".cargo/config.toml", '[source.crates-io]\nreplace-with = "v"\n[source.v]\ndirectory = "/srv/vendor"\n')
    with pytest.raises(CannotRunHere, match="finds no registry"):
        machine.resolve("cargo")
    assert machine.asked == []


def test_replacements_that_go_in_a_circle_reach_nothing(machine: Machine) -> None:
    machine.write(
        ".cargo/config.toml",
        '[source.crates-io]\nreplace-with = "a"\n[source.a]\nreplace-with = "b"\n[source.b]\nreplace-with = "a"\n',
    )
    with pytest.raises(CannotRunHere, match="finds no registry"):
        machine.resolve("cargo")


def test_a_private_registry_of_cargos_is_opened_by_the_gate(machine: Machine) -> None:
    machine.write(".cargo/config.toml", '[registries.our-own]\nindex = "sparse+https://private.example/index/"\n')
    machine.write(".cargo/credentials.toml", f'[registries.our-own]\ntoken = "{SECRET}"\n[registry]\ntoken = "publish"\n')
    machine.indexes["sparse+https://private.example/index/"] = ("private.example-2", "https://private.example/dl")
    found = machine.resolve("cargo")
    assert {(one.to[0].host, one.to[0].name, one.to[0].format) for one in found.credentials} == {
        ("private.example", "authorization", "{value}")
    }
    assert dict(found.env) == {"CARGO_REGISTRIES_OUR_OWN_TOKEN": "placeholder"}
    assert "[registries.our-own]" in file(found, ".cargo/config.toml")
    assert SECRET not in repr(found)
    assert not any(SECRET in word for command in machine.asked for word in command.argv)
    assert machine.kept() == ""


def test_an_index_that_cargo_cannot_read_is_said_plainly(machine: Machine) -> None:
    machine.indexes = {}
    with pytest.raises(CannotRunHere, match="cannot read it"):
        machine.resolve("cargo")


def test_settings_of_cargos_that_are_no_toml_are_said_plainly(machine: Machine) -> None:
    machine.write(".cargo/config.toml", "[source")
    with pytest.raises(CannotRunHere, match="settings cannot be read"):
        machine.resolve("cargo")


# maven

MODEL = (
    '<project xmlns="urn:m"><repositories><repository><id>central</id><url>https://central.example/maven2</url>'
    "</repository></repositories></project>"
)


@pytest.fixture
def maven(machine: Machine) -> Machine:
    (machine.maven / "lib").mkdir(parents=True)
    with zipfile.ZipFile(machine.maven / "lib/maven-model-builder-3.9.9.jar", "w") as jar:
        jar.writestr("org/apache/maven/model/pom-4.0.0.xml", MODEL)
    return machine


def test_maven_lets_the_central_repository_in(maven: Machine) -> None:
    found = maven.resolve("maven")
    assert places(found) == [("https", "central.example", (443,))]
    assert "<mirrors></mirrors>" in file(found, ".m2/settings.xml")


def test_java_inside_is_told_of_the_gate_and_its_roots(maven: Machine) -> None:
    found = maven.resolve("maven")
    options = dict(found.env)["JAVA_TOOL_OPTIONS"].split()
    assert "-Dhttps.proxyPort=3128" in options
    (store,) = [one.partition("=")[2] for one in options if one.startswith("-Djavax.net.ssl.trustStore=")]
    assert store.removeprefix("/home/agent/") in [one.path for one in found.files]


def test_a_mirror_of_mavens_stands_for_central_and_its_password_stays_out(maven: Machine) -> None:
    maven.write(
        ".m2/settings.xml",
        "<settings><mirrors><mirror><id>near</id><mirrorOf>*</mirrorOf><url>https://mirror.example/maven</url></mirror></mirrors>"
        "<servers><server><id>near</id><username>joe</username><password>${env.NEAR_PASSWORD}</password></server></servers>"
        "</settings>",
    )
    found = maven.resolve("maven", NEAR_PASSWORD=SECRET)
    assert places(found) == [("https", "mirror.example", (443,))]
    (credential,) = found.credentials
    assert (credential.to[0].host, credential.to[0].slot) == ("mirror.example", "basic")
    inside = file(found, ".m2/settings.xml")
    assert "<url>https://mirror.example/maven</url><mirrorOf>central</mirrorOf>" in inside
    assert SECRET not in repr(found)
    assert maven.kept() == ""


def test_a_password_that_maven_encrypted_is_not_used(maven: Machine) -> None:
    maven.write(
        ".m2/settings.xml",
        "<settings><servers><server><id>central</id><username>joe</username><password>{COQLCE6DU6GtcS5P=}</password></server>"
        "</servers></settings>",
    )
    assert maven.resolve("maven").credentials == ()


def test_repositories_of_mavens_profiles_come_beside_central(maven: Machine) -> None:
    maven.write(
        ".m2/settings.xml",
        "<settings><profiles><profile><id>p</id><repositories><repository><id>ours</id><url>https://ours.example/m?a&amp;b</url>"
        "</repository></repositories></profile></profiles></settings>",
    )
    found = maven.resolve("maven")
    assert [host for _, host, _ in places(found)] == ["central.example", "ours.example"]
    assert "<pluginRepository><id>ours</id>" in file(found, ".m2/settings.xml")


def test_a_blocked_mirror_lets_nothing_in(maven: Machine) -> None:
    maven.write(
        ".m2/settings.xml",
        "<settings><mirrors><mirror><id>no</id><mirrorOf>external:http:*</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked>"
        "</mirror></mirrors><profiles><profile><repositories><repository><id>old</id><url>http://old.example/</url></repository>"
        "</repositories></profile></profiles></settings>",
    )
    assert [host for _, host, _ in places(maven.resolve("maven"))] == ["central.example"]


@pytest.mark.parametrize(
    ("patterns", "name", "url", "is_covered"),
    [
        ("*", "central", "https://a.example", True),
        ("central", "central", "https://a.example", True),
        ("central", "other", "https://a.example", False),
        ("*,!central", "central", "https://a.example", False),
        ("*, !central", "other", "https://a.example", True),
        ("external:*", "x", "https://a.example", True),
        ("external:*", "x", "http://localhost:8081/", False),
        ("external:http:*", "x", "http://a.example", True),
        ("external:http:*", "x", "https://a.example", False),
        ("a,b", "b", "https://a.example", True),
        ("", "b", "https://a.example", False),
    ],
)
def test_mirrors_cover_what_maven_says_they_cover(patterns: str, name: str, url: str, is_covered: bool) -> None:
    mirror = {"id": "m", "url": "https://m.example", "mirrorOf": patterns}
    assert (mirror_of({"id": name, "url": url}, [mirror]) is mirror) is is_covered


def test_a_mirror_by_name_goes_before_one_by_pattern() -> None:
    any_, named = ({"id": one, "url": "https://m.example", "mirrorOf": one} for one in ("*", "central"))
    assert mirror_of({"id": "central", "url": "https://a.example"}, [any_, named]) is named


@pytest.mark.parametrize("name", ["apt", "cargo", "maven"])
def test_without_the_program_the_preset_says_so(name: str, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(command: Command) -> Finished:
        raise CouldNotRun(f"{command.argv[0]} is not installed.")

    monkeypatch.setattr(machine, "run", absent)
    with pytest.raises(CannotRunHere, match=f"The preset {name} asks"):
        machine.resolve(name)


def test_javas_file_of_roots_holds_the_certificates_in_order() -> None:
    pem = "".join(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n# more\n" for text in ("AAEC", "AwQF\nBgc="))
    made = java_roots(pem)
    assert struct.unpack(">III", made[:12]) == (0xFEEDFEED, 2, 2)
    first, second = made.index(b64decode("AAEC")), made.index(b64decode("AwQFBgc="))
    assert first < second
    assert hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + made[:-20]).digest() == made[-20:]
