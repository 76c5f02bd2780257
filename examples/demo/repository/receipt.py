"""Split a bill among friends."""


def split(total_cents: int, people: int) -> list[int]:
    """The share of each person, in cents; the shares add up to the total."""
    if people < 1:
        raise ValueError("a bill needs at least one person")
    return [total_cents // people] * people


def show(cents: int) -> str:
    """An amount as people write it."""
    return f"{cents // 100}.{cents % 100:02d}"
