"""The section `image`, the option `--image`, and how both add up."""

from hashlib import sha256
from pathlib import Path

import pytest

from bot_bottle.errors import BadUsage, Declined
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.references import package, reference
from bot_bottle.manifest.spec import FromAgent, FromArchive, FromDockerfile, FromReference, FromRootfs, Image
from bot_bottle.manifest.trust import remember


def image_of(folder: Path, text: str = "", *, image: str | None = None) -> Image | None:
    manifest = None
    if text:
        (folder / "bottle.yaml").write_text(text)
        manifest = Path("bottle.yaml")
    return load(Sources(cwd=folder, manifest=manifest, overrides=Overrides(image=image))).spec.image


def test_nothing_said_is_no_image(repository: Path) -> None:
    assert image_of(repository, "agent: shell") is None


def test_each_source_becomes_its_own_record(repository: Path) -> None:
    (repository / "Dockerfile.agent").write_text("FROM scratch")
    (repository / "tools.tar").touch()
    (repository / "root").mkdir()
    top = repository.resolve()
    built = FromDockerfile(dockerfile=top / "Dockerfile.agent", context=top, sha256=sha256(b"FROM scratch").hexdigest())
    assert image_of(repository, "image: {dockerfile: Dockerfile.agent}") == Image(source=built)
    assert image_of(repository, "image: {ref: 'debian:bookworm'}") == Image(source=FromReference(reference="debian:bookworm"))
    assert image_of(repository, "image: {archive: tools.tar}") == Image(source=FromArchive(archive=top / "tools.tar"))
    assert image_of(repository, "image: {rootfs: root}") == Image(source=FromRootfs(rootfs=top / "root"))
    assert image_of(repository, "image: {base: tools}") == Image(source=FromAgent(base="tools"))


def test_an_empty_section_is_the_agents_own_image(repository: Path) -> None:
    assert image_of(repository, "image: {packages: [git, ripgrep], read_only: true}") == Image(
        source=FromAgent(), packages=("git", "ripgrep"), read_only=True
    )


def test_a_context_and_a_stage_belong_to_the_dockerfile(repository: Path) -> None:
    (repository / "build").mkdir()
    (repository / "Dockerfile").write_text("FROM scratch AS first")
    made = image_of(repository, "image: {dockerfile: Dockerfile, context: build, target: first, build_args: {VERSION: 1.10}}")
    top = repository.resolve()
    read = sha256(b"FROM scratch AS first").hexdigest()
    source = FromDockerfile(dockerfile=top / "Dockerfile", context=top / "build", target="first", sha256=read)
    assert made == Image(source=source, build_args=(("VERSION", "1.10"),))


def test_the_manifest_adds_to_the_policys_image(repository: Path, home: Path) -> None:
    policy = "image: {base: mirror.example.com/debian, build_args: {MIRROR: a.example.com}, packages: [git], runtime: runsc}"
    (home / "config" / "bot-bottle" / "policy.yaml").write_text(policy)
    made = image_of(repository, "image: {packages: [jq, git], build_args: {VERSION: 2}, read_only: true}")
    assert made == Image(
        source=FromAgent(base="mirror.example.com/debian"),
        packages=("git", "jq"),
        build_args=(("MIRROR", "a.example.com"), ("VERSION", "2")),
        runtime="runsc",
        read_only=True,
    )


def test_the_option_replaces_the_source_and_keeps_the_rest(repository: Path) -> None:
    made = image_of(repository, "image: {ref: 'debian:bookworm', packages: [git]}", image="alpine")
    assert made == Image(source=FromReference(reference="alpine"), packages=("git",))


@pytest.mark.parametrize(
    ("word", "kind"),
    [("./Dockerfile", FromDockerfile), ("./tools.tar", FromArchive), ("./root", FromRootfs), ("tools.tar", FromReference)],
)
def test_the_option_takes_paths_by_what_lies_there(word: str, kind: type, repository: Path) -> None:
    (repository / "Dockerfile").write_text("FROM scratch")
    (repository / "tools.tar").touch()
    (repository / "root").mkdir()
    made = image_of(repository, image=word)
    assert made is not None
    assert isinstance(made.source, kind)


@pytest.mark.parametrize("word", ["./nothing", "-v", "Debian", "debian:", "a b", "x@sha256:12", ""])
def test_the_option_refuses_what_is_neither(word: str, repository: Path) -> None:
    with pytest.raises(BadUsage) as caught:
        image_of(repository, image=word)
    assert caught.value.facts[0].startswith("--image: ")


def test_a_changed_dockerfile_is_not_the_one_that_was_trusted(repository: Path) -> None:
    """A bottle that works in the folder itself could write what is built outside of it next time."""
    dockerfile, manifest = repository / "Dockerfile", repository / "bottle.yaml"
    dockerfile.write_text("FROM scratch")
    manifest.write_text("image: {dockerfile: Dockerfile}")
    reads = ((dockerfile.resolve(), sha256(b"FROM scratch").hexdigest()),)
    remember(manifest.resolve(), manifest.read_bytes(), reads, at=0)
    spec = load(Sources(cwd=repository)).spec
    assert spec.image is not None
    assert dockerfile.resolve() in spec.read_from
    dockerfile.write_text("FROM evil")
    with pytest.raises(Declined):
        load(Sources(cwd=repository))


@pytest.mark.parametrize(
    "word",
    [
        "debian",
        "debian:bookworm-slim",
        "localhost:5000/team/tools",
        "registry.example.com/a/b_c/d__e/f--g:V1.2_x-y",
        f"debian@sha256:{'a' * 64}",
        f"debian:12@sha256:{'0' * 64}",
        f"sha256:{'f' * 64}",
    ],
)
def test_references_as_engines_take_them(word: str) -> None:
    assert reference(word) == word


@pytest.mark.parametrize(
    "word",
    ["-debian", "--privileged", "debian:", "debian::1", "/debian", "a//b", "Debian", "a@b", "a@sha256:xyz", f"a:{'t' * 129}",
     "a\nb", "a b", "a;id", "$(id)", "", f"{'a/' * 300}b", "https://a.example.com/b", "../a", "a..b"],
)  # fmt: skip
def test_what_is_no_reference_is_refused(word: str) -> None:
    with pytest.raises(Wrong):
        reference(word)


@pytest.mark.parametrize("word", ["git", "python3-venv", "libstdc++6", "nodejs=20.1-1", "g++", "py3-pip~=23", "@development"])
def test_packages_as_package_managers_name_them(word: str) -> None:
    assert package(word) == word


@pytest.mark.parametrize("word", ["-y", "--force", "git;id", "git id", "$(id)", "`id`", "a|b", "a&b", "", "a\n", "a>b'c", "a'b"])
def test_what_is_no_package_is_refused(word: str) -> None:
    with pytest.raises(Wrong):
        package(word)
