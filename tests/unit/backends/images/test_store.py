"""Roots in the cache: whole or not there, made once, and what a killed start left is swept."""

import gzip
import threading
from pathlib import Path

import pytest
from tars import END, docker_archive, file, folder

from bot_bottle.backends.images.archive import read_archive
from bot_bottle.backends.images.folder import ready_folder
from bot_bottle.backends.images.layers import Limits
from bot_bottle.backends.images.store import find_root, make_root, remove_root, roots, store_dir
from bot_bottle.backends.images.tar import BadArchive
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.manifest.spec import FromArchive, FromRootfs, Image
from bot_bottle.plans.image import ImageToMake, RootFolder, WantedImage

LAYER = folder("etc/") + file("etc/name", b"content") + END


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_archive(LAYER))
    return path


def wanted(source: FromArchive | FromRootfs, *, packages: tuple[str, ...] = ()) -> WantedImage:
    return WantedImage(image=Image(source=source, packages=packages), dockerfile=Path("Dockerfile"))


def test_an_archive_becomes_a_folder_named_by_the_images_digest(archive: Path) -> None:
    said: list[str] = []
    made = ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=said.append)
    assert isinstance(made, RootFolder)
    assert made.folder == store_dir() / "roots" / read_archive(archive).digest.removeprefix("sha256:") / "root"
    assert (made.folder / "etc/name").read_text() == "content"
    assert ("OWN", "1") in made.config.env
    assert len(said) == 1


def test_the_second_start_unpacks_nothing(archive: Path) -> None:
    first = ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=lambda line: None)
    said: list[str] = []
    assert ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=said.append) == first
    assert said == []


def test_another_file_of_that_name_is_another_image(archive: Path) -> None:
    first = ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=lambda line: None)
    archive.write_bytes(docker_archive(file("other", b"x") + END))
    second = ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=lambda line: None)
    assert isinstance(first, RootFolder)
    assert isinstance(second, RootFolder)
    assert first.digest != second.digest
    assert [path.name for path in second.folder.iterdir()] == ["other"]


def test_a_dry_run_unpacks_nothing(archive: Path) -> None:
    found = ready_folder(wanted(FromArchive(archive=archive)), None, make=False, say=lambda line: None)
    assert found == ImageToMake(origin=str(archive), how="unpacked")
    assert not store_dir().exists()


def test_a_gzipped_archive_is_expanded_once(tmp_path: Path) -> None:
    path = tmp_path / "image.tar.gz"
    path.write_bytes(gzip.compress(docker_archive(LAYER)))
    said: list[str] = []
    first = ready_folder(wanted(FromArchive(archive=path)), None, make=True, say=said.append)
    assert ready_folder(wanted(FromArchive(archive=path)), None, make=True, say=said.append) == first
    assert len(said) == 1
    assert not list(store_dir().glob("**/*.tar"))


def test_an_image_that_breaks_a_rule_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    path.write_bytes(docker_archive(file("good", b"x") + file("../evil", b"x") + END))
    with pytest.raises(BadArchive) as caught:
        ready_folder(wanted(FromArchive(archive=path)), None, make=True, say=lambda line: None)
    assert str(path) in caught.value.what
    assert roots() == ()
    assert not list(store_dir().glob("**/good"))


def test_a_full_disk_leaves_nothing_and_says_what_helps(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, piece: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot_bottle.backends.images.layers.os.write", full)
    with pytest.raises(BottleError) as caught:
        ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=lambda line: None)
    assert "No space left" in caught.value.facts[0]
    assert "prune" in caught.value.next
    assert not list(store_dir().glob("roots/.new.*"))


def test_what_a_killed_start_left_is_swept_and_what_is_at_work_is_not(archive: Path) -> None:
    shelf = store_dir() / "roots"
    (shelf / ".new.dead" / "root").mkdir(parents=True)
    digest = read_archive(archive).digest
    (shelf / digest.removeprefix("sha256:")).mkdir()  # has the name, and is no image
    ready_folder(wanted(FromArchive(archive=archive)), None, make=True, say=lambda line: None)
    assert not (shelf / ".new.dead").exists()
    assert find_root(digest) is not None


def test_many_starts_at_once_unpack_it_once(archive: Path) -> None:
    said: list[str] = []
    image = read_archive(archive)
    threads = [
        threading.Thread(target=make_root, args=(archive, image), kwargs={"origin": "x", "say": said.append}) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1
    assert len(roots()) == 1


def test_a_removed_root_is_gone(archive: Path) -> None:
    digest = read_archive(archive).digest
    make_root(archive, read_archive(archive), origin="x", say=lambda line: None)
    assert remove_root(digest)
    assert find_root(digest) is None
    assert not remove_root(digest)


def test_limits_hold_for_what_is_cached(archive: Path) -> None:
    with pytest.raises(BadArchive):
        make_root(archive, read_archive(archive), origin="x", say=lambda line: None, limits=Limits(entries=1))
    assert roots() == ()


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc", "../x", f"sha256:{'A' * 64}"])
def test_a_digest_that_is_none_is_no_path(digest: str) -> None:
    with pytest.raises(BottleError):
        find_root(digest)


def test_a_root_folder_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "root" / "usr").mkdir(parents=True)
    made = ready_folder(wanted(FromRootfs(rootfs=tmp_path / "root")), None, make=True, say=lambda line: None)
    assert made == RootFolder(folder=tmp_path / "root", digest="", origin=str(tmp_path / "root"))


def test_a_folder_that_is_no_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(CannotRunHere, match="no root file system"):
        ready_folder(wanted(FromRootfs(rootfs=tmp_path)), None, make=True, say=lambda line: None)


def test_packages_for_a_root_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="Packages"):
        ready_folder(wanted(FromRootfs(rootfs=tmp_path), packages=("git",)), None, make=True, say=lambda line: None)
