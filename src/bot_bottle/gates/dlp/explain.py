"""What the scanner looks for, in words: every detector, every rule, and the document each rule comes from."""

from bot_bottle.errors import BadUsage
from bot_bottle.gates.dlp.detectors.catalogue import INCOMING, OUTGOING
from bot_bottle.gates.dlp.detectors.commands import HARMFUL
from bot_bottle.gates.dlp.detectors.injection import RULES
from bot_bottle.gates.dlp.formats.record import Format
from bot_bottle.gates.dlp.formats.samples import positive
from bot_bottle.gates.dlp.formats.table import ALL


def explain_all() -> str:
    """Detectors in the order in which they run, then the rules by detector."""
    lines = ["What leaves:", "  own-secrets    the operator's secrets and canaries, exact, in every encoding (blocks)"]
    lines += [f"  {detector.name:<14} {detector.title} ({detector.action})" for detector in OUTGOING]
    lines += ["", "What arrives:"] + [f"  {detector.name:<14} {detector.title} ({detector.action})" for detector in INCOMING]
    lines += ["", f"Formats ({len(ALL)}):"] + [f"  {entry.name:<28} {entry.title}" for entry in ALL]
    lines += ["", "Commands:"] + [f"  command:{name:<20} {title}" for name, title, _ in HARMFUL]
    lines += ["", "Injection:"] + [f"  injection:{rule.name:<18} {rule.title} ({rule.weight})" for rule in RULES]
    return "\n".join(lines)


def explain_rule(name: str) -> str:
    """One format or injection rule. BadUsage when there is none of that name."""
    for entry in ALL:
        if entry.name == name:
            shape = entry.whole if isinstance(entry, Format) else entry.expression
            lines = [f"{entry.name}: {entry.title}", f"  source   {entry.source}", f"  shape    {shape}"]
            lines += [f"  check    {(entry.check.__doc__ or entry.check.__name__).strip()}"] if entry.check else []
            lines += [f"  sample   {positive(entry)[:160]}"] if isinstance(entry, Format) else []
            return "\n".join([*lines, f"  action   {'blocks, or as dlp.formats says' if entry.grade == 'certain' else 'warns'}"])
    for rule in RULES:
        if name in {rule.name, f"injection:{rule.name}"}:
            return f"injection:{rule.name}: {rule.title} ({rule.weight})\n  shape    {rule.expression}"
    raise BadUsage(f"There is no rule “{name}”.", next="`bot-bottle dlp explain` lists them.")
