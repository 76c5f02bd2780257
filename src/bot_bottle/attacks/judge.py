"""From what the program inside said and what was found on the host to a verdict. Pure.

The program inside is believed in one direction only: nothing but a named outcome is "contained". An answer that is missing, an
exception, a time-out, a death by a signal: each is NOT contained, unless the case itself names it.
"""

from bot_bottle.attacks.case import OUTSIDE_THE_KERNEL, Answer, Case, Judged
from bot_bottle.host.plain import plain

SHOWN = 160
"""Characters of an answer that are shown; it was written inside."""


def judge(
    group: str, case: Case, answer: Answer | None, *, own_kernel: bool, found: str | None, waived: str | None = None
) -> Judged:
    """The verdict on one case. `found` is what the evidence on the host says, `waived` why this bottle answers otherwise."""

    def verdict(word: str, how: str) -> Judged:
        return Judged(group=group, case=case, verdict=word, how=plain(how, limit=SHOWN))  # type: ignore[arg-type]  # one of three

    if found is not None:
        return verdict("NOT contained", found)
    if answer is None:
        return verdict("NOT contained", "the program inside said nothing of it")
    outcomes = answer.outcome.split("+")
    said = f"{answer.outcome}: {answer.detail}" if answer.detail else answer.outcome
    if answer.outcome and all(one in case.closed for one in outcomes):
        return verdict("contained", said + (", and nothing on the host" if case.evidence else ""))
    for outcome, reason in case.absent:
        if answer.outcome == outcome:
            return verdict("not applicable", reason)
    if waived is not None:
        return verdict("not applicable", f"{waived} ({said})")
    if case.own_kernel and own_kernel:
        return verdict("not applicable", f"{OUTSIDE_THE_KERNEL} ({said})")
    return verdict("NOT contained", f"{said}; contained would be {' or '.join(case.closed) or 'nothing'}")
