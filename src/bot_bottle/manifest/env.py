"""Which environment variables a manifest may set: not those that make the bottle work, and no secrets."""

import math
import re

_SET_BY_THE_BOTTLE = frozenset(
    {
        "HOME", "USER", "LOGNAME", "NODE_USE_ENV_PROXY",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
        "PIP_CERT", "NPM_CONFIG_CAFILE", "CODEX_CA_CERTIFICATE", "NPM_CONFIG_PROXY", "NPM_CONFIG_HTTPS_PROXY", "PIP_PROXY",
    }
)  # fmt: skip

_TOKEN_FORMS = re.compile(
    r"""
    sk-[A-Za-z0-9_-]{16,}                     # model APIs
  | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}
  | gh[pousr]_[A-Za-z0-9]{16,} | github_pat_[A-Za-z0-9_]{16,}
  | glpat-[A-Za-z0-9_-]{16,}
  | xox[abeoprs]-[A-Za-z0-9-]{10,} | xapp-[A-Za-z0-9-]{10,}
  | (?:AKIA|ASIA)[A-Z0-9]{16}
  | AIza[A-Za-z0-9_-]{30,} | ya29\.[A-Za-z0-9_-]{20,}
  | npm_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{40,} | hf_[A-Za-z0-9]{30,} | dop_v1_[a-f0-9]{60,}
  | eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*
  | -----BEGIN[ A-Z]*PRIVATE[ ]KEY-----
  | [a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@   # user and password in an address
    """,
    re.VERBOSE,
)
"""Forms that hardly anything but a secret has. The gates know many more; this one only has to catch what people paste."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|AUTH_KEY|CREDENTIALS?)(?:_[A-Z0-9]{1,4})?$"
)
_HARMLESS_VALUE = re.compile(
    r"placeholder|dummy|example|test|change|local|fake|none|unused|inert|xxx|^(?:true|false|[0-9]{1,6})$", re.IGNORECASE
)
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9+/=_-]{24,}")


def reserved(name: str) -> bool:
    """Whether the bottle itself sets this variable; a different value would cut the agent off or open nothing but confusion."""
    return name.upper() in _SET_BY_THE_BOTTLE or name.upper().startswith("BOT_BOTTLE")


def looks_secret(value: str, *, name: str = "") -> bool:
    """Whether this is likely a secret: its form is known, its name says so, or it is long and random."""
    if _TOKEN_FORMS.search(value):
        return True
    if _SECRET_NAME.search(name.upper()) and len(value) >= 6 and not _HARMLESS_VALUE.search(value):
        return True
    return any(_is_random(word) for word in _TOKEN_LIKE.findall(value))


def _is_random(word: str) -> bool:
    """Capitals, small letters and digits mixed, with at least four bits of entropy for each character."""
    mixed = re.search(r"[A-Z]", word) and re.search(r"[a-z]", word) and re.search(r"[0-9]", word)
    if not mixed or ("/" in word.strip("/") and word.count("/") > len(word) / 12):
        return False
    counts = [word.count(character) for character in set(word)]
    return -sum(count / len(word) * math.log2(count / len(word)) for count in counts) >= 4.0
