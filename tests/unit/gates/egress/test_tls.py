"""Certificates towards the bottle are renewed before they end, however long the bottle runs."""

from pathlib import Path

import pytest

from bot_bottle.gates.egress.authority import LEAF_LIFE_S, Authority
from bot_bottle.gates.egress.tls import CONTEXT_LIMIT, Certificates

START = 1_772_323_200.0
DAY_S = 86_400.0


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def certificates(tmp_path: Path, clock: Clock) -> Certificates:
    return Certificates(Authority("calm-otter"), folder=tmp_path, clock=clock)


def test_a_host_keeps_its_certificate_for_a_while(certificates: Certificates, clock: Clock) -> None:
    first = certificates.context_for("api.example.com")
    clock.now += LEAF_LIFE_S / 3
    assert certificates.context_for("api.example.com") is first


@pytest.mark.parametrize("later", [LEAF_LIFE_S / 2, LEAF_LIFE_S, 60 * DAY_S, -1.0], ids=str)
def test_a_certificate_is_renewed_in_time(certificates: Certificates, clock: Clock, later: float) -> None:
    first = certificates.context_for("api.example.com")
    clock.now += later
    assert certificates.context_for("api.example.com") is not first


def test_the_hosts_that_are_kept_are_bounded(certificates: Certificates) -> None:
    first = certificates.context_for("first.example.com")
    for number in range(CONTEXT_LIMIT):
        certificates.context_for(f"{number}.example.com")
    assert certificates.context_for("first.example.com") is not first


def test_no_key_stays_on_the_disk(certificates: Certificates, tmp_path: Path) -> None:
    certificates.context_for("api.example.com")
    assert not list(tmp_path.iterdir())
