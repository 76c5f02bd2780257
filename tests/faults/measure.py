"""What the processes of a bottle hold on this host: memory and descriptors."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts import below, processes
from shop import Shop


@dataclass(frozen=True, kw_only=True)
class Use:
    """Bytes of memory, as the process's share (PSS) and what is its alone, and open descriptors."""

    pss: float
    private: float
    descriptors: float


def members(shop: Shop, slug: str) -> dict[str, int]:
    """The keeper, the bundle, and what the keeper started to hold the bottle; not what the agent runs."""
    stage = shop.bottles() / slug
    keeper = int(json.loads((stage / "status.json").read_text())["keeper_pid"])
    bundle = int(json.loads((stage / "bundle.pid").read_text())[0])
    seen = processes()
    outer = [one.pid for one in seen.values() if one.parent == keeper]
    first = [one.pid for one in seen.values() if one.parent in outer]
    named = {f"sandbox {place}": pid for place, pid in enumerate(outer)} | {
        f"first {place}": pid for place, pid in enumerate(first)
    }
    return {"keeper": keeper, "bundle": bundle} | named


def use_of(shop: Shop, slug: str) -> Use:
    """All of them together."""
    each = [use(pid) for pid in members(shop, slug).values()]
    return together(each)


def together(each: Sequence[Use]) -> Use:
    """The sum."""
    return Use(
        pss=sum(one.pss for one in each),
        private=sum(one.private for one in each),
        descriptors=sum(one.descriptors for one in each),
    )


def use(pid: int) -> Use:
    """One process."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {row.split(":")[0]: int(row.split()[1]) * 1024 for row in rows}
    private = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return Use(pss=sizes["Pss"], private=private, descriptors=len(os.listdir(f"/proc/{pid}/fd")))


def children(pid: int) -> int:
    """How many processes are below it."""
    return len(below(pid, processes()))
