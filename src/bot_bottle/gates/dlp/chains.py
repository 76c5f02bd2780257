"""Series of tool calls that together are theft: something secret is read, then something is sent. Pure: state in, state out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot_bottle.gates.dlp.records import Match
from bot_bottle.record import dataclass, replace

_SECRET_PATH = re.compile(
    r"(?i)(?:^|[/\\~ \"'=])\.env(?:$|[^a-z./]|\.(?!example|sample|template|dist))|\.ssh(?:$|[/\\\"' ])|\.aws(?:$|[/\\])|\.gnupg|\.kube[/\\]config|\.netrc|\.npmrc|\.pypirc|"
    r"\.git-credentials|\.docker[/\\]config|\.config[/\\]gcloud|/etc/(?:passwd|shadow|sudoers)|/proc/[^/]+/environ|id_(?:rsa|dsa|ecdsa|ed25519)|"
    r"\.(?:pem|key|p12|pfx|kdbx|jks|keystore|ppk)(?:$|[\"' ])|credentials?(?:\.(?:json|ya?ml|ini|csv|toml)|$|[\"' ])|secrets?\.(?:json|ya?ml|env|toml|txt|yml)|"
    r"passwords?\.(?:txt|csv|json|xlsx?|db)|service[-_]?account[^/]*\.json|wallet\.(?:dat|json)|cookies\.sqlite|login ?data|keychain|\.bash_history|\.zsh_history|terraform\.tfstate|shadow$"
)
_PRIVATE_KEY_PATH = re.compile(
    r"(?i)id_(?:rsa|dsa|ecdsa|ed25519)(?!\.pub)|\.ssh[/\\][^\"' ]*(?:key|pem)|/etc/shadow|\.(?:pem|p12|pfx|ppk|kdbx)(?:$|[\"' ])|\.git-credentials|\.aws[/\\]credentials"
)
_SECRET_QUERY = re.compile(
    r"(?i)\bselect\b.{0,200}(?:\*|password|passwd|token|secret|api_?key|ssn|credit|card|salary|hash|email|private).{0,200}\bfrom\b.{0,60}(?:users?|customers?|accounts?|credentials?|"
    r"employees?|payments?|cards?|secrets?|tokens?|api_?keys?|patients?|members?|admins?|people|persons?|auth)"
)
_SECRET_STORE = re.compile(
    r"(?i)(?:get|read|list|fetch|access|export|dump|retrieve)[_-]?(?:secrets?|credentials?|passwords?|tokens?|api_?keys?|env(?:ironment)?(?:_?vars?)?|keychain|vault|cookies?|clipboard)"
)
_ENV_COMMAND = re.compile(
    r"(?i)(?:^|[;&|]\s*)(?:env|printenv|set|export -p)(?:\s*$|\s*[|>;&])|gpg --export-secret|security find-|aws configure|kubectl get secrets?|vault (?:kv )?(?:read|get)|gh auth token"
)

_READS = re.compile(
    r"(?i)read|get|cat|view|open|load|fetch_file|download_file|query|select|search|dump|export|show|retrieve|copy|list|find|grep|exec|run|shell|bash|command|terminal"
)
_SENDS = re.compile(
    r"(?i)(?:^|[_.-])(?:fetch|http|https|post|put|send|upload|email|mail|slack|discord|telegram|webhook|publish|notify|tweet|sms|curl|wget|request|browse|browser|navigate|share|transfer|sync|paste|gist|comment|message|push|forward|submit|web)(?:$|[_.-])|(?:fetch|http|send|upload|post|email|webhook|request|navigate)(?:[A-Z_.-]|$)|create_(?:issue|pull|gist|paste|comment|release)"
)
_SEND_COMMAND = re.compile(
    r"(?i)\b(?:curl|wget|nc|ncat|scp|rsync|sftp|ftp|ssh|mail|sendmail|git push|aws s3 cp|gsutil cp|nslookup|dig)\b"
)
_LISTS = re.compile(r"(?i)list|ls|dir|tree|find|glob|search|stat|enumerate|scan")
_DISABLES = re.compile(
    r"(?i)(?:disable|stop|kill|delete|remove|clear|modify|update|set|chmod|grant|add)[_-]?(?:logging|logs?|audit|monitor(?:ing)?|alerts?|firewall|security|permissions?|role|user|policy|admin)"
)

REMEMBERED = 200
"""Calls after which a secret read is forgotten: long enough for a working session, bounded."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What one bottle's tool calls did so far: calls ago of the last secret read (None: never), and secret folders listed."""

    since_secret: int | None = None
    listed: int = 0
    probes: int = 0


def follow(trail: Trail, tool: str, arguments: Mapping[str, Any]) -> tuple[Trail, list[Match]]:  # Any: JSON
    """The trail after one more call, and what it completes."""
    text = " ".join(flat(arguments))
    is_secret = reads_secret(tool, text)
    found: list[Match] = []
    since = 0 if is_secret else None if trail.since_secret is None or trail.since_secret >= REMEMBERED else trail.since_secret + 1
    sends = is_sending(tool, text)
    if sends and (since is not None):
        found.append(_chain("read-then-send", "A secret is read and then something is sent", len(text)))
    if _PRIVATE_KEY_PATH.search(text) and _READS.search(tool) and not _LISTS.fullmatch(tool):
        found.append(_chain("private-key-read", "A private key or password store is read", len(text)))
    listed = trail.listed + bool(_LISTS.search(tool) and _SECRET_PATH.search(text))
    probes = trail.probes + bool(_DISABLES.search(tool))
    if probes and since is not None and _DISABLES.search(tool):
        found.append(_chain("secret-then-rights", "A secret is read and then rights or logs are changed", len(text)))
    return replace(trail, since_secret=since, listed=listed, probes=probes), found


def reads_secret(tool: str, text: str) -> bool:
    """The call reads something that holds secrets."""
    if _SECRET_STORE.search(tool) or _ENV_COMMAND.search(text) or _SECRET_QUERY.search(text):
        return True
    return _READS.search(tool) is not None and _SECRET_PATH.search(text) is not None


def is_sending(tool: str, text: str) -> bool:
    """The call carries something out of the machine."""
    return _SENDS.search(tool) is not None or _SEND_COMMAND.search(text) is not None


def _chain(rule: str, title: str, size: int) -> Match:
    return Match("chain", f"chain:{rule}", title, 0, size)


def flat(value: Any, depth: int = 8) -> Sequence[str]:  # Any: JSON
    """Every string and number in a JSON value, in order; bounded in depth."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool) or value is None or depth == 0:
        return []
    if isinstance(value, int | float):
        return [str(value)]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in flat(inner, depth - 1)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in flat(inner, depth - 1)]
    return []
