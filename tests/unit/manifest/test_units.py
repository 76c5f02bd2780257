"""Amounts: every form that is read, and every form that could mean two things refused with what was meant."""

import pytest

from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.units import seconds, size, written_size, written_time


@pytest.mark.parametrize(
    ("text", "amount"),
    [("4GiB", 4 * 1024**3), ("512MiB", 512 * 1024**2), ("1.5GB", 1_500_000_000), ("10 kB", 10_000), ("7B", 7), ("1TiB", 1024**4)],
)
def test_a_size_is_read_in_bytes(text: str, amount: int) -> None:
    assert size(text) == amount


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("4G", "4GiB"),
        ("512m", "512MiB"),
        ("4gb", "4GiB"),
        ("4096", "4096MiB"),
        ("-1GiB", ""),
        ("1e9B", ""),
        ("GiB", ""),
        ("", ""),
        ("١GiB", ""),
    ],
)
def test_a_size_with_two_meanings_is_refused_with_the_likely_one(text: str, nearest: str) -> None:
    with pytest.raises(Wrong) as caught:
        size(text)
    assert caught.value.nearest == nearest


@pytest.mark.parametrize(
    ("text", "amount"),
    [("30m", 1800), ("4h", 14400), ("1h30m", 5400), ("90s", 90), ("1.5s", 1.5), ("2d", 172800), ("1h 30m", 5400)],
)
def test_a_time_is_read_in_seconds(text: str, amount: float) -> None:
    assert seconds(text) == amount


@pytest.mark.parametrize(
    ("text", "nearest"), [("30", "30m"), ("30min", "30m"), ("2 hours", "2h"), ("", ""), ("-5m", ""), ("30m1h", ""), ("1:30", "")]
)
def test_a_time_without_a_plain_unit_is_refused_with_the_likely_one(text: str, nearest: str) -> None:
    with pytest.raises(Wrong) as caught:
        seconds(text)
    assert caught.value.nearest == nearest


@pytest.mark.parametrize("text", ["4GiB", "512MiB", "3KiB", "1TiB", "17B", "0B"])
def test_a_written_size_reads_back_as_itself(text: str) -> None:
    assert written_size(size(text)) == text


@pytest.mark.parametrize("text", ["30m", "1h30m", "2d", "1.5s", "0s", "1d2h3m4s"])
def test_a_written_time_reads_back_as_itself(text: str) -> None:
    assert written_time(seconds(text)) == text
