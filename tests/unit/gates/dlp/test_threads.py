"""A push is searched in a thread of its own while requests are searched in theirs: neither may disturb the other."""

import threading

import pytest

from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.records import View
from bot_bottle.gates.dlp.scan import STEP, BodyScan, Scanner

SECRET = b"correct-horse-battery-staple-4711"
TEXT = b"some text with words, numbers 123456 and ghp_ in it\n" * 8000


@pytest.mark.parametrize("engine", ["hyperscan", "aho-corasick"])
def test_two_threads_find_the_same_at_the_same_time(engine: str) -> None:
    scanner = Scanner(OUTGOING, key=b"k", secrets=[OwnSecret("A", SECRET)], engine=engine)
    found: list[bool] = []
    errors: list[Exception] = []

    def search(mine: Scanner) -> None:
        try:
            for _ in range(4):
                hits = mine.scan((View("git", "x", TEXT[: STEP // 2] + SECRET),))
                body = BodyScan(mine, "git", "x")
                hits += [one for part in (TEXT, TEXT + SECRET, TEXT) for one in body.feed(part)] + body.finish()
                found.append(sum(one.rule == "own:A" for one in hits) >= 2)
        except Exception as error:  # noqa: BLE001  # a thread's error must reach the test
            errors.append(error)

    threads = [threading.Thread(target=search, args=(one,)) for one in (scanner, scanner.apart(), scanner.apart())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert found == [True] * 12
