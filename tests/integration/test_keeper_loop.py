"""The keeper's loop: what one event ends must not be called by a later event of the same round."""

import os
import selectors

import pytest

from bot_bottle.bottles.keeper import Keeper


def test_a_watch_that_was_ended_in_this_round_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "_tick", lambda self: None)
    keeper = object.__new__(Keeper)
    keeper._selector = selectors.DefaultSelector()
    keeper._ending = None
    keeper._sessions = []
    called = []
    ends = [os.pipe() for _ in range(2)]
    for _, write in ends:
        os.write(write, b"x")

    def end_both(number: int) -> None:
        called.append(number)
        for read, _ in ends:
            keeper._forget(read)
        keeper._end(0, "")

    for number, (read, _) in enumerate(ends):
        keeper._selector.register(read, selectors.EVENT_READ, lambda number=number: end_both(number))
    keeper._loop()
    assert len(called) == 1
    for pair in ends:
        for descriptor in pair:
            os.close(descriptor)
