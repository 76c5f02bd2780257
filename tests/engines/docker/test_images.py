"""Images with a real docker daemon: built once, loaded without moving a tag, taken out as folders; errors say what was wrong.

DOCKER_HOST names the daemon and BOT_BOTTLE_TEST_IMAGE an image of it with a shell (scripts/engines/docker.sh sets both).
"""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tars import END, docker_archive, file, folder

from bot_bottle.agents.base import DOCKERFILES
from bot_bottle.backends.images.docker import LABEL, BuildFailed, Docker, ours, own_docker, remove
from bot_bottle.backends.images.folder import ready_folder
from bot_bottle.backends.images.ready import ready_docker
from bot_bottle.backends.images.store import store_dir
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.manifest.spec import FromAgent, FromArchive, FromDockerfile, FromReference, FromRootfs, Image, ImageSource
from bot_bottle.plans.image import DockerImage, ImageToMake, RootFolder, WantedImage

IMAGE = os.environ.get("BOT_BOTTLE_TEST_IMAGE", "")
BASE = "bot-bottle-test/base:1"
"""The same by a name: BuildKit takes no identity as a base."""

pytestmark = pytest.mark.skipif(not IMAGE or not os.environ.get("DOCKER_HOST"), reason="no docker daemon was started for this")


@pytest.fixture(scope="module", autouse=True)
def base_image() -> Iterator[None]:
    docker_says("tag", IMAGE, BASE)
    yield
    docker_says("image", "rm", BASE)


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("xdg")
    for variable in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(place / variable.lower()))
    return place


@pytest.fixture
def docker() -> Iterator[Docker]:
    found = own_docker(os.environ)
    before = {one.identity for one in ours(found)}
    yield found
    for one in ours(found):
        if one.identity not in before:
            assert remove(found, one.identity)


def wanted(source: ImageSource, **more: object) -> WantedImage:
    image = Image(source=source, **more)  # type: ignore[arg-type]  # the fields of Image
    return WantedImage(image=image, dockerfile=DOCKERFILES / "default.Dockerfile")


def ready(asked: WantedImage, docker: Docker, said: list[str] | None = None) -> DockerImage:
    found = ready_docker(asked, docker, make=True, say=(said if said is not None else []).append)
    assert isinstance(found, DockerImage)
    return found


def inside(image: DockerImage, *command: str) -> str:
    words = ["docker", "run", "--rm", "--network", "none", image.reference, *command]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def docker_says(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def dockerfile(folder_: Path, *lines: str) -> FromDockerfile:
    path = folder_ / "Dockerfile"
    path.write_text("\n".join((f"FROM {BASE}", *lines)) + "\n")
    return FromDockerfile(dockerfile=path, context=folder_)


def test_a_reference_becomes_the_identity_it_has_now(docker: Docker) -> None:
    assert ready(wanted(FromReference(reference=BASE)), docker).reference == docker_says(
        "image", "inspect", "-f", "{{.Id}}", BASE
    )


def test_a_dockerfile_is_built_once_and_anew_when_a_file_that_it_copies_changes(tmp_path: Path, docker: Docker) -> None:
    (tmp_path / "hello").write_text("first")
    source = dockerfile(tmp_path, "COPY hello /hello", "ENV OWN=1")
    said: list[str] = []
    first = ready(wanted(source), docker, said)
    assert inside(first, "cat", "/hello") == "first"
    assert ("OWN", "1") in first.config.env
    assert any("COPY hello" in line for line in said)
    said.clear()
    assert ready(wanted(source), docker, said) == first
    assert said == []
    (tmp_path / "hello").write_text("second")
    assert inside(ready(wanted(source), docker), "cat", "/hello") == "second"


def test_it_is_built_anew_when_its_base_has_moved(tmp_path: Path, docker: Docker) -> None:
    moved = "bot-bottle-test/moved:1"
    docker_says("tag", BASE, moved)
    try:
        path = tmp_path / "Dockerfile"
        path.write_text(f"FROM {moved}\nENV BUILT=1\n")
        source = FromDockerfile(dockerfile=path, context=tmp_path)
        first = ready(wanted(source), docker)
        other = ready(wanted(dockerfile(tmp_path / "..", "ENV OTHER=1")), docker)
        docker_says("tag", other.reference, moved)
        second = ready(wanted(source), docker)
        assert first.reference != second.reference
        assert ("OTHER", "1") in second.config.env
    finally:
        docker_says("image", "rm", moved)


def test_arguments_and_stages_reach_the_build(tmp_path: Path, docker: Docker) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(f"FROM {BASE} AS first\nARG MIRROR\nENV MIRROR=$MIRROR\nFROM first\nRUN false\n")
    source = FromDockerfile(dockerfile=path, context=tmp_path, target="first")
    found = ready(wanted(source, build_args=(("MIRROR", "mirror.example.com"),)), docker)
    assert ("MIRROR", "mirror.example.com") in found.config.env


def test_every_image_that_is_built_bears_our_label(tmp_path: Path, docker: Docker) -> None:
    found = ready(wanted(dockerfile(tmp_path)), docker)
    assert [one.labels[LABEL] for one in ours(docker) if one.identity == found.reference] == ["dockerfile"]


def test_a_failing_step_is_shown_with_its_last_lines(tmp_path: Path, docker: Docker) -> None:
    source = dockerfile(tmp_path, "RUN echo it is broken >&2; exit 7")
    with pytest.raises(BuildFailed) as caught:
        ready(wanted(source), docker)
    assert any("it is broken" in fact for fact in caught.value.facts)
    assert any("7" in fact for fact in caught.value.facts)
    assert str(tmp_path) in caught.value.what


def test_a_dockerfile_that_is_none_is_shown_with_the_builders_words(tmp_path: Path, docker: Docker) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROMAGE blanc\n")
    with pytest.raises(BuildFailed) as caught:
        ready(wanted(FromDockerfile(dockerfile=path, context=tmp_path)), docker)
    assert any("FROMAGE" in fact for fact in caught.value.facts)


def test_a_build_never_sends_what_steers_a_terminal(tmp_path: Path, docker: Docker) -> None:
    source = dockerfile(tmp_path, r"RUN printf '\033[2J\033]0;owned\007'; false")
    said: list[str] = []
    with pytest.raises(BuildFailed) as caught:
        ready(wanted(source), docker, said)
    assert all(fact.isprintable() for fact in caught.value.facts)


def test_a_step_may_mount_the_certificates_that_this_host_trusts(tmp_path: Path, docker: Docker) -> None:
    source = dockerfile(tmp_path, "RUN --mount=type=secret,id=roots grep -c BEGIN /run/secrets/roots > /count")
    try:
        found = ready(wanted(source), docker)
    except CannotRunHere as error:
        pytest.skip(error.what)
    assert int(inside(found, "cat", "/count")) > 1
    assert inside(found, "sh", "-c", "ls /run/secrets 2>/dev/null || echo none").strip() in ("", "none")


def test_our_own_folders_are_no_context(own_folders: Path, docker: Docker) -> None:
    with pytest.raises(CannotRunHere, match="no build may have"):
        ready(wanted(dockerfile(own_folders, "COPY . /all")), docker)


def test_two_starts_at_once_build_once(tmp_path: Path, docker: Docker) -> None:
    source = dockerfile(tmp_path, f"RUN sleep 0.3; echo {os.urandom(4).hex()}")
    said: list[str] = []
    found: list[DockerImage] = []
    threads = [threading.Thread(target=lambda: found.append(ready(wanted(source), docker, said))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.reference for one in found}) == 1
    assert sum(line.startswith("building") for line in said) == 1


def test_a_dry_run_builds_and_fetches_nothing(tmp_path: Path, docker: Docker) -> None:
    before = sorted(docker_says("images", "-aq").split())
    for source in (dockerfile(tmp_path, "RUN true"), FromReference(reference="bot-bottle-test/none:1")):
        assert isinstance(ready_docker(wanted(source), docker, make=False, say=lambda line: None), ImageToMake)
    assert sorted(docker_says("images", "-aq").split()) == before


def test_an_image_that_is_nowhere_is_an_error_with_its_name(docker: Docker) -> None:
    with pytest.raises(BottleError, match=r"localhost:1/none:1"):
        ready(wanted(FromReference(reference="localhost:1/none:1")), docker)


def test_no_daemon_is_said_as_such() -> None:
    lost = own_docker({**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"})
    with pytest.raises(BottleError, match="does not answer"):
        ready(wanted(FromReference(reference=BASE)), lost)


def test_packages_are_installed_as_root_and_the_images_user_stays(tmp_path: Path, docker: Docker) -> None:
    """The package is there already, so that this needs no network: what is tried is our installer and the user around it."""
    below = ready(wanted(dockerfile(tmp_path, "USER 1234")), docker)
    found = ready(wanted(FromReference(reference=below.reference), packages=("coreutils",), build_network="none"), docker)
    assert inside(found, "sh", "-c", "id -u; ls /run/bot-bottle-build 2>/dev/null | wc -l") == "1234\n2\n"
    assert not docker_says("image", "ls", "-q", "bot-bottle/base")


def test_a_package_that_does_not_exist_is_named(docker: Docker) -> None:
    asked = wanted(FromReference(reference=BASE), packages=("no-such-package",), build_network="none")
    with pytest.raises(BuildFailed) as caught:
        ready(asked, docker)
    assert any("no-such-package" in fact for fact in caught.value.facts)


def test_an_archive_is_loaded_without_moving_a_tag(tmp_path: Path, docker: Docker) -> None:
    """`docker load` would give the archive's own names to it: here it claims the base's."""
    layer = folder("etc/") + file("etc/evil", b"x") + END
    (tmp_path / "evil.tar").write_bytes(docker_archive(layer, RepoTags=[BASE]))
    before = docker_says("image", "inspect", "-f", "{{.Id}}", BASE)
    found = ready(wanted(FromArchive(archive=tmp_path / "evil.tar")), docker)
    assert docker_says("image", "inspect", "-f", "{{.Id}}", BASE) == before
    assert found.reference != before
    assert ready(wanted(FromArchive(archive=tmp_path / "evil.tar")), docker) == found
    assert [one.labels[LABEL] for one in ours(docker) if one.identity == found.reference] == ["archive"]


def test_a_root_folder_is_imported_and_anew_when_it_changes(tmp_path: Path, docker: Docker) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "name").write_text("first")
    first = ready(wanted(FromRootfs(rootfs=root)), docker)
    assert ready(wanted(FromRootfs(rootfs=root)), docker) == first
    (root / "etc" / "name").write_text("second!")
    assert ready(wanted(FromRootfs(rootfs=root)), docker) != first


def test_an_image_comes_out_of_docker_as_a_folder_once(tmp_path: Path, docker: Docker) -> None:
    source = dockerfile(tmp_path, "RUN echo built > /built; rm /etc/issue")
    said: list[str] = []
    first = ready_folder(wanted(source), docker, make=True, say=said.append)
    assert isinstance(first, RootFolder)
    assert (first.folder / "built").read_text() == "built\n"
    assert not (first.folder / "etc/issue").exists()
    assert (first.folder / "usr/bin/env").exists()
    assert not list((store_dir() / "scratch").iterdir())
    said.clear()
    assert ready_folder(wanted(source), docker, make=True, say=said.append) == first
    assert said == []


def test_what_docker_saves_unpacks_to_what_docker_runs(tmp_path: Path, docker: Docker) -> None:
    """Two layers with whiteouts, links and odd names: the same files by our unpacker as docker itself shows."""
    lines = (
        "RUN mkdir -p /t/d/e && echo 1 > /t/d/a && echo 2 > /t/d/e/b",
        "RUN ln -s d /t/link && ln /t/d/a /t/hard && echo x > '/t/od d\u00e9'",
        "RUN rm -r /t/d/e && echo 3 > /t/d/a && rm -rf /t/link && mkdir /t/link && echo 4 > /t/link/c && chmod 4711 /t/d/a",
    )
    found = ready(wanted(dockerfile(tmp_path, *lines)), docker)
    theirs = inside(found, "sh", "-c", "cd /t && find . -mindepth 1 -printf '%p %y %l\\n' | sort && cat d/a hard link/c")
    unpacked = ready_folder(wanted(FromReference(reference=found.reference)), docker, make=True, say=lambda line: None)
    assert isinstance(unpacked, RootFolder)
    words = ["sh", "-c", "cd t && find . -mindepth 1 -printf '%p %y %l\\n' | sort && cat d/a hard link/c"]
    assert subprocess.run(words, cwd=unpacked.folder, capture_output=True, text=True, timeout=60, check=True).stdout == theirs


def test_the_agents_own_image_takes_another_base(docker: Docker, tmp_path: Path) -> None:
    own = tmp_path / "agent.Dockerfile"
    own.write_text("ARG BASE=nowhere.example.com/none\nFROM ${BASE}\nCOPY packages.sh roots.pem /x/\nRUN test -s /x/roots.pem\n")
    for base in (BASE, docker_says("image", "inspect", "-f", "{{.Id}}", BASE)):
        asked = WantedImage(image=Image(source=FromAgent(base=base)), dockerfile=own)
        assert ready(asked, docker).origin.endswith(base)
