"""Harmful shell commands in tool arguments: destroying, fetching and running, opening shells, sending secrets; also disguised."""

import re
from collections.abc import Iterator

from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.records import Match, View
from bot_bottle.gates.dlp.shell_words import is_disguised, plain

SENSITIVE = r"(?:~|\$home|/home/[\w.-]+|/root|/users/[\w.-]+)?/?(?:\.ssh/|\.aws/|\.gnupg|\.kube/config|\.netrc|\.npmrc|\.pypirc|\.git-credentials|\.docker/config|\.config/gcloud|\.env\b)|/etc/(?:passwd|shadow|sudoers)|id_(?:rsa|ed25519|ecdsa|dsa)\b|/proc/(?:self|\d+)/environ"
SHELLS = r"(?:/(?:usr/)?bin/)?(?:env )?(?:ba|z|da|k|fi|c)?sh\b|python[0-9.]*\b|perl\b|ruby\b|node\b|php\b"

HARMFUL: tuple[tuple[str, str, str], ...] = (
    ("delete-tree", "Deletes a whole tree", r"\brm\s+(?:-[a-z]+\s+|--[a-z-]+\s+)*-(?:[a-z]*r[a-z]*|-recursive)\b[^;|&\n]*\s['\"]?(?:/(?!tmp/|var/tmp/)|~|\$home|\.\./|\*)"),
    ("destroy-disk", "Overwrites a disk or file system", r"\bmkfs(?:\.\w+)?\s|\bdd\s[^;|&]*\bof=/dev/|>\s*/dev/(?:sd|nvme|vd|hd)|\bshred\s[^;|&]*/dev/|\bwipefs\s"),
    ("fork-bomb", "Fork bomb", r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;\s*:"),
    ("open-rights", "Opens rights on the whole system", r"\bchmod\s+(?:-r\s+|--recursive\s+)?(?:0?777|a\+rwx)\s+/(?:\s|$|etc|usr|bin|var)|\bchmod\s+[ug]?\+s\s"),
    ("download-and-run", "Runs what it downloads", rf"\b(?:curl|wget|fetch)\b[^;&\n]*\|\s*(?:sudo\s+)?(?:{SHELLS})|(?:{SHELLS})\s+(?:-c\s+)?[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)|\b(?:curl|wget)\b[^\n]*(?:&&|;)\s*(?:chmod\s+\+x|(?:ba|z)?sh\s|\./)"),
    ("decode-and-run", "Runs what it decodes", rf"\b(?:base64|base32|openssl\s+(?:enc|base64)|xxd|rev|tr)\b[^;&\n]*\|\s*(?:sudo\s+)?(?:{SHELLS})|\beval\b[^;\n]*(?:base64|\bxxd\b|printf|\$\(|`|\\x)|exec\(\s*(?:base64|__import__|bytes\.fromhex)"),
    ("reverse-shell", "Opens a shell to the outside", r"/dev/(?:tcp|udp)/|\bn(?:c|cat|etcat)\b[^;|&\n]*\s-(?:[a-z]*[ec])\b|\bsocat\b[^;\n]*exec|\bmkfifo\b[^\n]*\bn(?:c|cat)\b|(?:ba)?sh\s+-i\s*(?:>|<|&|2>)|\bsocket\.socket\(|pty\.spawn|\bfsockopen\("),
    ("send-secrets", "Sends files or the environment away", rf"(?:{SENSITIVE}|\b(?:env|printenv|set|export -p)\b)[^;\n]*\|[^;\n]*\b(?:curl|wget|nc|ncat|ssh|socat|mail|sendmail)\b|\b(?:curl|wget)\b[^;|\n]*(?:(?:-d|-f|-t|--data[a-z-]*|--form|--upload-file|--post-file)[= ]?[\"']?[^\s]*(?:@|=@)?(?:{SENSITIVE})|\$\((?:\s*(?:env|printenv|cat|whoami|hostname|id|base64|set)\b)|`(?:env|printenv|cat|whoami|hostname|id)\b)|\b(?:dig|nslookup|host|ping)\b[^;\n]*(?:\$\(|`|\$\{{?[a-z_]*(?:key|token|secret|pass))|\b(?:scp|rsync|rclone|ftp|sftp)\b[^;\n]*(?:{SENSITIVE})|\btar\b[^;\n]*\|\s*(?:curl|nc|ncat|ssh)\b"),
    ("read-keys", "Reads private keys or passwords", r"\b(?:cat|less|more|head|tail|base64|xxd|od|strings|cp|tac|nl|dd if=)\b[^;|\n]*(?:/\.ssh/id_|id_(?:rsa|ed25519|ecdsa|dsa)\b(?!\.pub)|/etc/shadow|\.aws/credentials|\.git-credentials|\.netrc|/proc/self/environ)"),
    ("persist", "Installs itself to come back", r">>?\s*(?:~|\$home|/home/[\w.-]+|/root)/\.(?:bashrc|zshrc|profile|bash_profile|ssh/authorized_keys)|\bcrontab\s+-(?:\s|$)|\|\s*crontab\b|>>?\s*/etc/(?:cron|passwd|sudoers|rc\.local|profile)|\bsystemctl\s+enable\b[^;\n]*/tmp"),
    ("cover-tracks", "Covers its tracks", r"\bhistory\s+-c\b|\bunset\s+histfile\b|>\s*(?:~|\$home)/\.bash_history|\brm\s[^;\n]*/var/log|\biptables\s+-f\b|\bsetenforce\s+0\b"),
)  # fmt: skip
"""(rule, title, expression on the plain command in lower case)."""

_HARMFUL = tuple((rule, title, re.compile(expression)) for rule, title, expression in HARMFUL)
_VERB = re.compile(
    r"(?:^|[;&|(\n]|\bsudo\s|\bxargs\s)\s*(?:/(?:usr/)?s?bin/)?(?:rm|dd|mkfs|shred|chmod|chown|curl|wget|nc|ncat|bash|sh|zsh|python[0-9.]*|perl|ruby|node|php|eval|exec|"
    r"cat|scp|ssh|sudo|su|kill|pkill|killall|crontab|base64|tar|env|printenv|mv|iptables|reboot|shutdown|whoami|id|passwd|useradd|nmap|socat|telnet)\b"
)


_GLOB = re.compile(r"(?:^|[;&|(\n]|\bsudo\s)\s*/[\w/]*[?*\[][^\s=]*\s")
"""A command's name written with wildcards: /???/c?t."""


class Commands(Detector):
    """A harmful command, or one that was taken apart so that a filter would not recognise it."""

    name = "commands"
    title = "harmful or disguised shell commands in tool arguments"
    looks_at = frozenset(("command",))

    def look(self, view: View) -> Iterator[Match]:
        command = view.content.decode("utf-8", "replace")
        shown = plain(command).lower()
        whole = len(view.content)
        for rule, title, expression in _HARMFUL:
            if expression.search(shown):
                yield Match("command", f"command:{rule}", title, 0, whole)
        if (is_disguised(command) and _VERB.search(shown)) or _GLOB.search(shown):
            yield Match("command", "command:disguised", "Command taken apart to get past filters", 0, whole)
