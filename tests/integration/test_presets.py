"""Package tools, the real ones, in a real bottle with their preset: they fetch from what this machine's own settings name."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from shop import Shop

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

CRATE = '[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nitoa = "1"\n'
PROJECT = (
    "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId>"
    "<version>1</version><packaging>pom</packaging><dependencies><dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId>"
    "<version>2.0.9</version></dependency></dependencies></project>"
)


def need(shop: Shop, preset: str, program: str) -> None:
    """Skip where the tool is missing or this machine reaches none of its places."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = shop.bot_bottle("run", "--dry-run", "--json", "--preset", preset, "shell")
    if done.returncode:
        pytest.skip(f"the preset {preset} finds nothing here: {done.stderr.decode(errors='replace')}")
    for rule in json.loads(done.stdout)["spec"]["egress"]["rules"]:
        try:
            socket.create_connection((rule["host"], rule["ports"][0]), timeout=5).close()
        except OSError:
            pytest.skip(f"no connection to what {preset} uses on this machine")


def test_apt_downloads_a_package_as_an_ordinary_user(shop: Shop) -> None:
    need(shop, "apt", "apt-get")
    script = "apt-get -q update && apt-get -q download hello && dpkg-deb -x hello_*.deb out && out/usr/bin/hello"
    done = shop.bot_bottle("run", "-q", "--preset", "apt", "shell", "--", "sh", "-c", script)
    assert done.stdout.endswith(b"Hello, world!\n"), done.stderr + done.stdout


def test_what_may_hold_a_password_of_apts_is_not_shown(shop: Shop) -> None:
    need(shop, "apt", "apt-get")
    done = shop.bot_bottle("run", "-q", "--preset", "apt", "shell", "--", "sh", "-c", "ls /etc/apt; ls /etc/apt/apt.conf.d")
    shown = set(done.stdout.decode().split())
    assert "sources.list.d" in shown
    folders = {"apt.conf.d", "keyrings", "preferences.d", "sources.list.d", "trusted.gpg.d"}
    assert shown <= folders | {"preferences", "sources.list", "trusted.gpg"}


def test_without_the_preset_nothing_of_apts_is_there(shop: Shop) -> None:
    done = shop.bot_bottle("run", "-q", "shell", "--", "sh", "-c", "ls -d /etc/apt /var/lib/dpkg")
    assert done.stdout == b""


@pytest.fixture
def rust(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of cargo's and rustc's real programs; what rustup puts on PATH only calls them."""
    rustup = Path.home() / ".rustup"
    if rustup.is_dir():
        monkeypatch.setattr(Shop, "env", lambda self, _plain=Shop.env, **more: _plain(self, RUSTUP_HOME=str(rustup), **more))
    asked = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, check=False) if shutil.which("rustc") else None
    need(shop, "cargo", "cargo")
    if asked is None or asked.returncode:
        pytest.skip("rustc is not installed")
    return Path(os.fsdecode(asked.stdout).strip())


def test_cargo_builds_with_a_crate_from_its_index(shop: Shop, rust: Path) -> None:
    (shop.project / "Cargo.toml").write_text(CRATE)
    (shop.project / "src").mkdir()
    (shop.project / "src/main.rs").write_text('fn main() { println!("{}", itoa::Buffer::new().format(42)); }\n')
    (shop.project / "b.yaml").write_text(
        f"version: 1\nagent: shell\negress: {{presets: [cargo]}}\nmounts: [{{path: {rust}, to: /rust}}]\n"
    )
    script = "PATH=/rust/bin:$PATH cargo run -q"
    done = shop.bot_bottle("run", "-q", "-f", "b.yaml", "shell", "--", "sh", "-c", script)
    assert done.stdout == b"42\n", done.stderr


def test_maven_resolves_what_a_project_depends_on(shop: Shop) -> None:
    need(shop, "maven", "mvn")
    (shop.project / "pom.xml").write_text(PROJECT)
    script = "mvn -B -q dependency:copy-dependencies && ls target/dependency"
    done = shop.bot_bottle("run", "-q", "--preset", "maven", "shell", "--", "sh", "-c", script)
    assert b"slf4j-api-2.0.9.jar" in done.stdout, done.stderr + done.stdout


def test_java_inside_trusts_the_bottles_authority_and_the_hosts(shop: Shop) -> None:
    if shutil.which("keytool") is None:
        pytest.skip("no Java is installed")
    need(shop, "maven", "mvn")
    script = "keytool -list -keystore ~/.config/bot-bottle/java-roots.jks -storepass changeit"
    done = shop.bot_bottle("run", "-q", "--preset", "maven", "shell", "--", "sh", "-c", script)
    assert b"root-0, " in done.stdout
    assert b"root-1, " in done.stdout
