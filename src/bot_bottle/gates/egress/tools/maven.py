"""maven: the central repository built into it, and the mirrors, repositories and servers of its settings (settings.xml)."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, home, registry_at
from bot_bottle.host.run import Run
from bot_bottle.plans.bottle import GUEST_HOME, JAVA_ROOTS, GuestFile
from bot_bottle.plans.gate import GATE_PORTS
from bot_bottle.record import replace

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SETTINGS_LIMIT = 1024 * 1024
SUPER_POM = "org/apache/maven/model/pom-4.0.0.xml"
CENTRAL = "central"
MIRROR = ("id", "url", "mirrorOf", "blocked")
SERVER = ("id", "username", "password")
LOCAL = frozenset({"localhost", "127.0.0.1"})
_HOME = re.compile(r"^Maven home: (.+)$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ENCRYPTED = re.compile(r"[^{]*(?<!\\)\{.*\}.*")
_VARIABLE = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")


class Maven(Tool):
    """Asks `mvn --version` where maven is, and reads its settings there and in the home. Gradle inside uses the same places."""

    name = "maven"
    variables = ("MAVEN_", "M2_", "JAVA_HOME")

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """The user's settings and the usual global ones."""
        return (
            home(host, ".m2/settings.xml"),
            *(Path(place, "settings.xml") for place in ("/etc/maven", "/usr/share/maven/conf")),
        )

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """JSON: the repositories, the mirrors and what opens them."""
        said = ask(("mvn", "--version"), host=host, run=run, variables=self.variables)
        place = _HOME.search(_COLOUR.sub("", said or ""))
        if place is None:
            raise CannotRunHere(
                "The preset maven asks mvn where it is, and mvn does not answer.", next="Install Maven, or write rules."
            )
        folder = Path(place[1].strip())
        both = [one for one in map(_tree, (home(host, ".m2/settings.xml"), folder / "conf/settings.xml")) if one is not None]
        repositories = [*_built_in(folder), *(row for one in both for row in _repositories(one))]
        mirrors, servers = (
            [_row(found, keys, host) for one in both for found in _all(one, name)]
            for name, keys in (("mirror", MIRROR), ("server", SERVER))
        )
        return json.dumps({"repositories": repositories, "mirrors": mirrors, "servers": servers})

    def read(self, answer: str) -> Settings:
        """Each repository, or the mirror that stands for it, with what opens it."""
        said = json.loads(answer)
        used, found = [], []
        for row in said["repositories"]:
            mirror = mirror_of(row, said["mirrors"])
            place = row if mirror is None else mirror
            one = registry_at(place["url"], says="maven's settings")
            if one is not None and place.get("blocked") != "true":
                used.append((row["id"], one.url, mirror is not None))
                found.append(_opened(one, place["id"], said["servers"]))
        file = GuestFile(path=".m2/settings.xml", content=_written(used))
        env = (("JAVA_TOOL_OPTIONS", java_options()),)
        return Settings(registries=tuple(dict.fromkeys(found)), env=env, files=(file, GuestFile(path=JAVA_ROOTS, content="")))


def java_options() -> str:
    """Java reads neither the proxy variables nor a PEM file of roots (its guide "Networking Properties"): each is told."""
    port = GATE_PORTS["egress"]
    proxies = [f"-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={port}" for scheme in ("http", "https")]
    near = "-Dhttp.nonProxyHosts=localhost|127.*|[::1]"
    return " ".join((f"-Djavax.net.ssl.trustStore={GUEST_HOME}/{JAVA_ROOTS}", *proxies, near))


def mirror_of(repository: Mapping[str, str], mirrors: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """The mirror for a repository, as Maven's guide "Using Mirrors for Repositories" has it: its name first, then patterns."""
    name, url = repository["id"], repository["url"]
    for mirror in mirrors:
        if mirror.get("mirrorOf") == name:
            return mirror
    return next((mirror for mirror in mirrors if _covers(mirror.get("mirrorOf", ""), name, url)), None)


def _covers(patterns: str, name: str, url: str) -> bool:
    words = [word.strip() for word in patterns.split(",")]
    if f"!{name}" in words:
        return False
    one = registry_at(url, says="")
    is_external = one is not None and one.host not in LOCAL
    is_plain = is_external and one is not None and one.scheme == "http"
    return any(
        word in ("*", name) or (word == "external:*" and is_external) or (word == "external:http:*" and is_plain)
        for word in words
    )


def _opened(registry: Registry, name: str, servers: Sequence[Mapping[str, str]]) -> Registry:
    """With the server entry of the same id. A password in braces is encrypted with a key that is not ours to use."""
    for server in servers:
        password = server.get("password", "")
        if server.get("id") == name and password and not _ENCRYPTED.fullmatch(password) and registry.scheme == "https":
            return replace(registry, secret=f"{server.get('username', '')}:{password}")
    return registry


def _built_in(folder: Path) -> list[dict[str, str]]:
    """The repositories of the model that every project begins with; it lies in a jar of maven's own."""
    from xml.etree import ElementTree
    from zipfile import ZipFile

    for path in sorted((folder / "lib").glob("maven-model-builder*.jar")):
        with ZipFile(path) as jar:
            if SUPER_POM in jar.namelist():
                return _repositories(ElementTree.fromstring(jar.read(SUPER_POM)))  # noqa: S314  # Maven's own file
    raise CannotRunHere(
        "The preset maven finds no model in Maven, so it does not know the central repository.",
        facts=(f"looked for {SUPER_POM} in {folder}/lib/maven-model-builder*.jar",),
        next="Write rules in place of the preset.",
    )


def _tree(path: Path) -> "Element | None":
    """The operator's own settings file; without its names of spaces, which older files lack."""
    from xml.etree import ElementTree

    try:
        with path.open("rb") as file:
            return ElementTree.fromstring(file.read(SETTINGS_LIMIT))  # noqa: S314  # the operator's own file
    except FileNotFoundError:
        return None
    except (OSError, ElementTree.ParseError) as error:
        raise CannotRunHere("Maven's settings cannot be read.", facts=(f"{path}: {error}",)) from None


def _all(tree: "Element", name: str) -> "list[Element]":
    return [one for one in tree.iter() if one.tag.rpartition("}")[2] == name]


def _row(element: "Element", keys: tuple[str, ...], host: Mapping[str, str]) -> dict[str, str]:
    said = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
    return {key: _VARIABLE.sub(lambda match: host.get(match[1], match[0]), said[key]) for key in keys if key in said}


def _repositories(tree: "Element") -> list[dict[str, str]]:
    """Of every profile: which ones are active is the project's affair too. Plugins' repositories count."""
    found = [_row(one, ("id", "url"), {}) for name in ("repository", "pluginRepository") for one in _all(tree, name)]
    unique = {(row["id"], row["url"]): row for row in found if "id" in row and "url" in row}
    return list(unique.values())


def _written(used: Sequence[tuple[str, str, bool]]) -> str:
    """The settings for inside: the proxy, a mirror where the host has one, further repositories, and no password."""
    port = GATE_PORTS["egress"]
    proxies = "".join(
        f"<proxy><id>{scheme}</id><active>true</active><protocol>{scheme}</protocol><host>127.0.0.1</host><port>{port}</port>"
        "<nonProxyHosts>localhost|127.*</nonProxyHosts></proxy>"
        for scheme in ("http", "https")
    )
    mirrors = "".join(
        f"<mirror><id>{_xml(name)}-of-the-host</id><url>{_xml(url)}</url><mirrorOf>{_xml(name)}</mirrorOf></mirror>"
        for name, url, is_mirrored in dict.fromkeys(used)
        if is_mirrored
    )
    more = {name: url for name, url, _ in used if name != CENTRAL}
    rows = "".join(f"<{{kind}}><id>{_xml(name)}</id><url>{_xml(url)}</url></{{kind}}>" for name, url in more.items())
    parts = [
        f"<{kinds}>{rows.format(kind=kind)}</{kinds}>" if rows else ""
        for kinds, kind in (("repositories", "repository"), ("pluginRepositories", "pluginRepository"))
    ]
    profile = f"<profile><id>of-the-host</id>{''.join(parts)}</profile>"
    active = "<activeProfiles><activeProfile>of-the-host</activeProfile></activeProfiles>"
    body = f"<proxies>{proxies}</proxies><mirrors>{mirrors}</mirrors><profiles>{profile}</profiles>{active}"
    return f"<settings>{body}</settings>\n"


def _xml(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(text)
