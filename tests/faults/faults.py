"""What is done to a bottle, and when: drawn from a seed, so that a round can be drawn again."""

import random
from dataclasses import dataclass

PARTS = {
    "namespaces": ("cli", "keeper", "bundle", "sandbox", "first", "agent", "git child"),
    "gvisor": ("cli", "keeper", "bundle", "sandbox", "git child"),
    "docker": ("cli", "keeper", "bundle", "container", "shim", "agent", "git child"),
}
"""What can be killed: an agent whose kernel is another one is no process of this machine, and bubblewrap is none of Docker's."""

WAYS = ("kill", "kill", "kill", "stop and kill", "pause")
STEPS = 20
"""Lines that the agent of two passes writes."""

PASSES = 2


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One round: to whom, what, and when: `delay_s` after the agent wrote its line number `after`, or after the start."""

    number: int
    part: str
    way: str
    after: int
    delay_s: float
    skew_s: float = 0.0
    """How far the bottle's clocks of the kernel are ahead of everybody's."""

    def __str__(self) -> str:
        when = f"{self.delay_s * 1000:.0f} ms after " + (f"line {self.after}" if self.after else "the start")
        skew = f", its clocks {self.skew_s:g} s ahead" if self.skew_s else ""
        return f"round {self.number}: {self.way} {self.part}, {when}{skew}"


def draw(number: int, *, seed: int, backend: str, may: frozenset[str]) -> Fault:
    """The fault of a round, from the seed and the number alone. `may` says what this host allows besides signals."""
    dice = random.Random(f"{seed} {backend} {number}")
    start_s = {"namespaces": 0.5, "gvisor": 2.0, "docker": 3.0}[backend]
    is_early = dice.random() < 0.3
    after = 0 if is_early else dice.randint(1, STEPS)
    delay_s = dice.uniform(0.0, start_s if is_early else 0.15)
    others = sorted(may - {"clock"})
    kind = dice.random()
    part, way = dice.choice(PARTS[backend]), dice.choice(WAYS)
    if number % 20 == 0:
        part, way = "nothing", "leave"
    elif kind < 0.1 and others:
        part, way = dice.choice(others), "lose"
    elif kind < 0.2:
        part, way = "bundle, keeper", "stop and kill"
    skew_s = dice.choice((-20_000.0, 20_000.0, 4e8)) if "clock" in may and dice.random() < 0.1 else 0.0
    return Fault(number=number, part=part, way=way, after=after, delay_s=delay_s, skew_s=skew_s)
