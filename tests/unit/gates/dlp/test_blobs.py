"""Objects of a push: what one object gives away, and what several of them give away together."""

import gzip
import io
import zipfile

import pytest

from bot_bottle.gates.dlp import unpack
from bot_bottle.gates.dlp.blobs import WHOLE, BlobScanner, ObjectScan
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.policy import Override, Settings

SECRET = b"correct-horse-battery-staple-4711"
OWN = [OwnSecret("DATABASE_PASSWORD", SECRET)]


@pytest.fixture(scope="module")
def scanner() -> BlobScanner:
    return BlobScanner(OWN, key=b"k")


@pytest.fixture
def scan(scanner: BlobScanner) -> ObjectScan:
    return ObjectScan(scanner, OWN, Settings())


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_an_object_without_secrets_says_nothing(scan: ObjectScan) -> None:
    assert scan((b"def add(a, b):\n    return a + b\n",), "a.py") == []


def test_the_operators_secret_stops_the_object_and_is_not_repeated(scan: ObjectScan) -> None:
    (sighting,) = scan((b"open(" + SECRET + b")\n",), "a.py")
    assert sighting.stops
    assert not sighting.asks
    assert sighting.rule == "own:DATABASE_PASSWORD"
    assert SECRET.decode()[:5] not in sighting.what


def test_a_secret_at_the_seam_of_two_parts_is_seen(scan: ObjectScan) -> None:
    assert scan((b"x" * 70_000 + SECRET[:10], SECRET[10:] + b"y" * 70_000), "a.bin")[0].stops


def test_a_secret_cut_up_in_one_object_stops_it(scan: ObjectScan) -> None:
    (sighting,) = scan((b"a = '" + SECRET[:17] + b"'\nb = '" + SECRET[17:] + b"'\n",), "a.py")
    assert sighting.stops
    assert not sighting.asks


def test_a_secret_cut_up_over_two_objects_needs_the_operators_word(scan: ObjectScan) -> None:
    assert scan((SECRET[:17],), "a") == []
    (sighting,) = scan((SECRET[17:],), "b")
    assert sighting.stops
    assert sighting.asks


def test_a_secret_cut_up_is_seen_although_two_look_at_a_part_each(scan: ObjectScan) -> None:
    other = scan.apart()
    assert scan((SECRET[:17],), "a") == []
    (sighting,) = other((SECRET[17:],), "b")
    assert sighting.stops


@pytest.mark.parametrize("packed", [gzip.compress(SECRET), zipped({"a/b.txt": SECRET}), gzip.compress(zipped({"b": SECRET}))])
def test_archives_are_opened(scan: ObjectScan, packed: bytes) -> None:
    assert [one.rule for one in scan((packed,), "a.bin") if one.stops] == ["own:DATABASE_PASSWORD"]


def test_an_archive_larger_than_a_step_is_opened_as_a_whole(scan: ObjectScan) -> None:
    import random

    noise = random.Random(4).randbytes(WHOLE + 100_000)
    packed = zipped({"noise": noise, "last": SECRET})
    parts = [packed[at : at + 65536] for at in range(0, len(packed), 65536)]
    assert "own:DATABASE_PASSWORD" in {one.rule for one in scan(parts, "a.zip") if one.stops and not one.asks}


def test_an_archive_of_more_files_than_are_read_needs_the_operators_word(scan: ObjectScan) -> None:
    packed = zipped({f"{number}.txt": b"text" for number in range(unpack.MEMBERS + 1)})
    assert [(one.rule, one.asks) for one in scan((packed,), "a.zip")] == [("many-members", True)]


def test_the_operators_exception_for_git_counts(scanner: BlobScanner) -> None:
    packed = zipped({f"{number}.txt": b"text" for number in range(unpack.MEMBERS + 1)})
    scan = ObjectScan(scanner, OWN, Settings(overrides=(Override(rule="many-members", host="git", action="off"),)))
    assert scan((packed,), "a.zip") == []
