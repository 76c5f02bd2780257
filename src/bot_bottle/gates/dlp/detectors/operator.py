"""The operator's own patterns: rules of a TOML file in gitleaks' format, or expressions from the manifest. RE2's syntax only.

What RE2 or the format's reader here cannot do is an error that names the file and the rule, never a rule that silently
finds less.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.errors import BadManifest
from bot_bottle.gates.dlp.checks import entropy
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern, re2_compile
from bot_bottle.gates.dlp.records import Match, View
from bot_bottle.record import dataclass

BACK, AHEAD = 4096, 8192

KNOWN = frozenset(("id", "description", "regex", "secretGroup", "entropy", "keywords", "tags", "allowlist", "allowlists", "path"))
TOP = frozenset(("title", "rules", "allowlist", "allowlists", "extend", "description", "minVersion"))
ALLOW = frozenset(("description", "regexes", "stopwords", "regexTarget", "paths", "commits", "condition"))
ONLY_IN_REPOSITORIES = frozenset(("paths", "commits"))
"""Keys about files of a repository: nothing that leaves a bottle has them, so they allow nothing here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule: its expression, the group that is the secret, the least entropy of it, and what is allowed all the same."""

    name: str
    title: str
    expression: str
    group: int = 0
    least_entropy: float = 0.0
    keywords: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    stopwords: tuple[str, ...] = ()


class OperatorRules(Detector):
    """Searches with the rule's expression itself, in both engines."""

    name = "operator"
    title = "the operator's own patterns"

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(Pattern(rule.expression, tuple(word.lower() for word in rule.keywords)) for rule in self._rules)

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        rule = self._rules[number]
        low = max(end - BACK, 0)
        text = view.content[low : end + AHEAD]
        if rule.keywords and not any(word.lower().encode() in text.lower() for word in rule.keywords):
            return None
        for match in re2_compile(rule.expression).finditer(text):
            if low + match.start() >= end:
                return None
            if low + match.end() >= end and self._stands(rule, match.group(rule.group)):
                return Match("format", rule.name, rule.title, low + match.start(rule.group), low + match.end(rule.group))
        return None

    @staticmethod
    def _stands(rule: Rule, secret: bytes | None) -> bool:
        if secret is None or entropy(secret) < rule.least_entropy:
            return False
        if any(word.lower().encode() in secret.lower() for word in rule.stopwords):
            return False
        return not any(re2_compile(expression).search(secret) for expression in rule.allowed)


def read_rules(paths: Sequence[Path]) -> tuple[OperatorRules, ...]:
    """One detector with the rules of all files, or none without files. BadManifest lists every mistake at once."""
    rules: list[Rule] = []
    mistakes: list[str] = []
    for path in paths:
        try:
            parsed = tomllib.loads(path.read_text())
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            mistakes.append(f"{path}: {error}")
            continue
        rules += parse_rules(parsed, str(path), mistakes)
    if mistakes:
        raise BadManifest("A file of DLP patterns is wrong.", facts=tuple(mistakes), next="Patterns use RE2's syntax.")
    return (OperatorRules(rules),) if rules else ()


def parse_rules(parsed: Mapping[str, Any], where: str, mistakes: list[str]) -> list[Rule]:  # Any: TOML
    """The rules of one file; what is wrong is added to `mistakes`."""
    mistakes += [f"{where}: the key “{key}” is not known" for key in parsed.keys() - TOP]
    if "extend" in parsed:
        mistakes.append(f"{where}: “extend” is not supported; name each file")
    everywhere = _allow(parsed, where, mistakes)
    rules = []
    for number, entry in enumerate(parsed.get("rules", ())):
        place = f"{where}: rule {entry.get('id', number)}" if isinstance(entry, Mapping) else f"{where}: rule {number}"
        rule = _rule(entry, place, everywhere, mistakes) if isinstance(entry, Mapping) else None
        rules += [rule] if rule is not None else []
    return rules


def _rule(entry: Mapping[str, Any], place: str, everywhere: tuple[list[str], list[str]], mistakes: list[str]) -> Rule | None:
    before = len(mistakes)
    mistakes += [f"{place}: the key “{key}” is not known" for key in sorted(entry.keys() - KNOWN)]
    if "path" in entry:
        mistakes.append(f"{place}: “path” rules look at names of files, which nothing that leaves a bottle has")
    expression = entry.get("regex")
    if not isinstance(expression, str):
        mistakes.append(f"{place}: there is no “regex”")
        return None
    groups = _compiles(expression, place, mistakes)
    group = entry.get("secretGroup", 0)
    if not isinstance(group, int) or group > groups:
        mistakes.append(f"{place}: “secretGroup” is {group}, and the expression has {groups} groups")
    allowed, stopwords = _allow(entry, place, mistakes)
    if len(mistakes) > before:
        return None
    return Rule(
        name=str(entry.get("id", "operator")),
        title=str(entry.get("description", entry.get("id", "Operator's pattern"))),
        expression=expression,
        group=group or min(groups, 1),
        least_entropy=float(entry.get("entropy", 0.0)),
        keywords=tuple(map(str, entry.get("keywords", ()))),
        allowed=(*everywhere[0], *allowed),
        stopwords=(*everywhere[1], *stopwords),
    )


def _allow(entry: Mapping[str, Any], place: str, mistakes: list[str]) -> tuple[list[str], list[str]]:
    lists = entry.get("allowlists", [entry["allowlist"]] if "allowlist" in entry else [])
    regexes: list[str] = []
    stopwords: list[str] = []
    for one in lists:
        mistakes += [f"{place}: the allow-list's key “{key}” is not known" for key in sorted(one.keys() - ALLOW)]
        if one.get("regexTarget", "secret") not in {"secret", "match"} or one.get("condition", "OR") != "OR":
            mistakes.append(f"{place}: allow-lists with “regexTarget = line” or “condition = AND” are not supported")
        for expression in one.get("regexes", ()):
            _compiles(expression, f"{place}, allow-list", mistakes)
            regexes.append(expression)
        stopwords += map(str, one.get("stopwords", ()))
    return regexes, stopwords


def _compiles(expression: str, place: str, mistakes: list[str]) -> int:
    """How many groups the expression has; a mistake when RE2 refuses it."""
    import re2

    try:
        return int(re2_compile(expression).groups)
    except (re2.error, UnicodeEncodeError) as error:
        mistakes.append(f"{place}: RE2 does not take the expression: {error}")
        return 0
