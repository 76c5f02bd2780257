"""How the objects of a push are shared out among threads."""

import pytest

from bot_bottle.gates.git_gate.objects import WORTH_A_THREAD, shares
from bot_bottle.gates.git_gate.reading import Listed


def blobs(*sizes: int) -> list[Listed]:
    return [Listed(f"{number:040}", "blob", size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((), 1),
        ((0, 0, 0), 1),
        ((100, 200), 1),
        ((WORTH_A_THREAD,) * 2, 2),
        ((WORTH_A_THREAD,) * 100, 4),
        ((100 * WORTH_A_THREAD,), 1),
    ],
)
def test_a_push_is_shared_where_a_thread_is_worth_its_start(sizes: tuple[int, ...], parts: int) -> None:
    assert len(shares(blobs(*sizes), most=4)) == parts


@pytest.mark.parametrize("sizes", [(3 * WORTH_A_THREAD, 1, 1, 1), (1, 1, 1, 3 * WORTH_A_THREAD), (WORTH_A_THREAD, 0) * 9])
def test_every_object_is_in_one_share_and_their_order_stays(sizes: tuple[int, ...]) -> None:
    every = blobs(*sizes)
    found = shares(every, most=3)
    assert [one for share in found for one in share] == every
    assert all(found)
