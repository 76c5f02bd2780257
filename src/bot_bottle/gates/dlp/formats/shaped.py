"""Formats that a prefix and a tail cannot say: keys in files, connection strings, values known by their neighbour's name."""

import base64
import binascii
import re
from collections.abc import Callable

from bot_bottle.gates.dlp.checks import base58check, classes, entropy, is_jwt, is_random
from bot_bottle.gates.dlp.formats.record import Grade
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Shaped:
    """A format given by one RE2 expression; its first group, where it has one, is the secret itself.

    `anchors` are lower-case literals of which one is in every match, for the engine that starts from literals; empty where
    there is none. `check` sees the secret.
    """

    name: str
    issuer: str
    what: str
    expression: str
    anchors: tuple[str, ...]
    source: str
    check: Callable[[str], bool] | None = None
    grade: Grade = "certain"

    @property
    def title(self) -> str:
        """Issuer and kind, for people."""
        return f"{self.issuer} {self.what}"

    @property
    def shortest(self) -> str:
        """The expression with an open end cut to its minimum, so that one token is reported once or a few times."""
        return re.sub(r"\{(\d+),\d*\}(\)?)$", r"{\1}\2", self.expression)


PLACEHOLDERS = frozenset(
    [
        "password",
        "passwd",
        "pass",
        "secret",
        "changeme",
        "example",
        "user",
        "username",
        "postgres",
        "root",
        "admin",
        "guest",
        "test",
        "token",
        "mysecretpassword",
        "mypassword",
        "yourpassword",
        "your_password",
        "your-password",
        "password123",
        "p4ssw0rd",
        "hunter2",
        "dbpassword",
        "db_password",
        "foobar",
    ]
)
"""What documentation writes where a password goes."""

KEY_HEADER = "-----BEGIN "  # in one piece with what follows it only when running, so that this file is no key


def is_password(text: str) -> bool:
    """A password that someone would use: no placeholder, no template, two kinds of characters, eight long."""
    templated = any(mark in text for mark in ("${", "{{", "<", "%(", "$(", "{", "***", "xxx", "XXX", "..."))
    return not templated and text.lower() not in PLACEHOLDERS and len(text) >= 8 and (classes(text) >= 2 or entropy(text) >= 3.3)


def is_aws_secret(text: str) -> bool:
    """40 characters of base64 that are not hexadecimal and not a word: AWS publishes no structure for them."""
    return classes(text) == 3 and entropy(text) >= 3.8


def is_wif(text: str) -> bool:
    """Bitcoin's wallet import format: Base58Check of version 0x80 (0xEF on test networks) and 32 or 33 bytes."""
    payload = base58check(text)
    return payload is not None and payload[0] in {0x80, 0xEF} and len(payload) in {33, 34}


def is_extended_key(text: str) -> bool:
    """BIP-32 serialisation: Base58Check of 78 bytes."""
    payload = base58check(text)
    return payload is not None and len(payload) == 78


def is_docker_auth(text: str) -> bool:
    """base64 of user:password, as in Docker's config.json."""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return False
    return bool(user) and is_password(password)


def is_discord_bot(text: str) -> bool:
    """The first part is base64 of the bot's decimal user id."""
    part = text.split(".", 1)[0]
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).isdigit()
    except (binascii.Error, ValueError):
        return False


H = "[0-9a-f]"
UUID = f"{H}{{8}}-{H}{{4}}-{H}{{4}}-{H}{{4}}-{H}{{12}}"
DATABASES = "postgres|postgresql|mysql|mariadb|mongodb|mongodb\\+srv|redis|rediss|amqp|amqps|mssql|sqlserver|clickhouse|ldaps?|ftps?|sftp|smtps?|imaps?|nats|kafka|couchbase|cassandra"

SHAPED: tuple[Shaped, ...] = (
    Shaped(
        name="jwt",
        issuer="JSON",
        what="web token",
        anchors=("eyj",),
        check=is_jwt,
        source="RFC 7519; RFC 7515 section 7.1",
        expression=r"(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{5,})",
    ),
    Shaped(
        name="private-key",
        issuer="PEM",
        what="private key",
        anchors=(KEY_HEADER.lower(),),
        source="RFC 7468 sections 10 and 11; RFC 4716; RFC 9580 section 6.2",
        expression=KEY_HEADER
        + r"(?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP |SSH2 ENCRYPTED )?PRIVATE KEY(?: BLOCK)?-----(?:[ \t\r\n\"'+,]|\\r|\\n){1,16}(?:(?:Proc-Type|DEK-Info|Version|Comment|Charset): [ -~]{1,120}(?:[\r\n]|\\r|\\n){1,8})*[A-Za-z0-9+/=\r\n\\ ]{40,}",
    ),
    Shaped(
        name="putty-key",
        issuer="PuTTY",
        what="private key",
        anchors=("putty-user-key-file-",),
        source="PuTTY user manual, appendix C: PPK file format",
        expression=r"PuTTY-User-Key-File-[23]: [a-z0-9-]{3,32}",
    ),
    Shaped(
        name="age-key",
        issuer="age",
        what="identity",
        anchors=("age-secret-key-1",),
        source="C2SP age specification, X25519 recipient stanza",
        expression=r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    ),
    Shaped(
        name="jwk-private",
        issuer="JSON",
        what="web key with a private part",
        anchors=('"d"',),
        check=is_random,
        source="RFC 7518 sections 6.2.2 and 6.3.2",
        expression=r'"kty"[^{}]{1,600}"d"[ ]?:[ ]?"([A-Za-z0-9_-]{43,700})"',
    ),
    Shaped(
        name="openai-api",
        issuer="OpenAI",
        what="API key",
        anchors=("t3blbkfj",),
        source="OpenAI platform docs, API keys",
        expression=r"sk-[A-Za-z0-9_-]{20,74}T3BlbkFJ[A-Za-z0-9_-]{20,74}",
    ),
    Shaped(
        name="sk-key",
        issuer="Secret-key style",
        what="API key",
        anchors=("sk-",),
        check=is_random,
        source="The customary sk- prefix of API keys (DeepSeek, Moonshot, Qwen, LiteLLM and others)",
        expression=r"(?:^|[^A-Za-z0-9_-])(sk-(?:[a-z0-9]{2,10}-){0,2}[A-Za-z0-9]{20,64})",
    ),
    Shaped(
        name="aws-secret",
        issuer="AWS",
        what="secret access key",
        anchors=("secret",),
        check=is_aws_secret,
        source="AWS IAM user guide, Managing access keys",
        expression=r"(?i)secret[_ .-]?(?:access)?[_ .-]?(?:key)?[\"'\]]{0,2}[ \t]{0,3}(?:=>|:=|[:=])[ \t]{0,3}[\"']?([A-Za-z0-9/+]{40})",
    ),
    Shaped(
        name="azure-account-key",
        issuer="Azure",
        what="account key",
        anchors=("accountkey=", "sharedaccesskey="),
        source="Azure docs, Configure connection strings",
        expression=r"(?i)(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{43,86}={1,2})",
    ),
    Shaped(
        name="azure-client-secret",
        issuer="Azure",
        what="application client secret",
        anchors=("q~",),
        check=is_random,
        source="Microsoft identity platform docs, client secrets",
        expression=r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
    ),
    Shaped(
        name="azure-devops",
        issuer="Azure",
        what="DevOps personal access token",
        anchors=("azdo",),
        source="Microsoft DevOps blog, New PAT format",
        check=lambda text: classes(text) == 3,
        expression=r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}",
    ),
    Shaped(
        name="azure-signed-key",
        issuer="Azure",
        what="storage, batch or Cosmos key",
        anchors=("+ast", "+aba", "acdb"),
        source="Microsoft CASK: identifiable secrets with a fixed signature",
        expression=r"[A-Za-z0-9+/]{76}(?:\+ASt|\+ABa|ACDb)[A-Za-z0-9+/]{5}[AQgw]==",
    ),
    Shaped(
        name="azure-messaging-key",
        issuer="Azure",
        what="Service Bus, Event Hubs, IoT or Redis key",
        anchors=("aiot", "+asb", "+aeh", "azca"),
        source="Microsoft CASK: identifiable secrets with a fixed signature",
        expression=r"[A-Za-z0-9+/]{33}(?:AIoT|\+ASb|\+AEh|AzCa)[A-P][A-Za-z0-9+/]{5}=",
    ),
    Shaped(
        name="azure-functions-key",
        issuer="Azure",
        what="Functions key",
        anchors=("azfu",),
        source="Microsoft CASK: identifiable secrets with a fixed signature",
        expression=r"[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{5}[AQgw]==",
    ),
    Shaped(
        name="azure-search-key",
        issuer="Azure",
        what="AI Search or registry key",
        anchors=("azse", "+acr"),
        source="Microsoft CASK: identifiable secrets with a fixed signature",
        expression=r"[A-Za-z0-9+/]{42}(?:AzSe|\+ACR)[A-D][A-Za-z0-9]{5}",
    ),
    Shaped(
        name="azure-sas",
        issuer="Azure",
        what="shared access signature",
        anchors=("sig=",),
        grade="hint",
        source="Azure docs, Create a service SAS",
        expression=r"sv=20[0-9]{2}-[0-9]{2}-[0-9]{2}&[^ \"']{1,300}sig=([A-Za-z0-9%/+]{43,})",
    ),
    Shaped(
        name="google-service-account",
        issuer="Google",
        what="service account key file",
        anchors=('"private_key_id"',),
        source="Google Cloud docs, Service account keys",
        expression=r'"private_key_id"[ ]{0,2}:[ ]{0,2}"([0-9a-f]{40})"',
    ),
    Shaped(
        name="telegram-bot",
        issuer="Telegram",
        what="bot token",
        anchors=(":aa",),
        check=lambda text: is_random(text.split(":")[1]),
        source="Telegram Bot API, Authorizing your bot",
        expression=r"(?:^|[^A-Za-z0-9])([0-9]{8,10}:AA[A-Za-z0-9_-]{33})",
    ),
    Shaped(
        name="discord-bot",
        issuer="Discord",
        what="bot token",
        anchors=(),
        check=is_discord_bot,
        source="Discord developer reference, Authentication",
        expression=r"(?:^|[^A-Za-z0-9_-])([MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38})",
    ),
    Shaped(
        name="mailchimp-api",
        issuer="Mailchimp",
        what="API key",
        anchors=("-us",),
        source="Mailchimp docs, API keys",
        expression=r"[0-9a-f]{32}-us[0-9]{1,2}",
    ),
    Shaped(
        name="newrelic-license",
        issuer="New Relic",
        what="license key",
        anchors=("nral",),
        source="New Relic docs, License key",
        expression=r"[0-9a-f]{36}(?:FFFF)?NRAL",
    ),
    Shaped(
        name="teams-webhook",
        issuer="Microsoft Teams",
        what="incoming webhook",
        anchors=("webhook.office.com/webhookb2/",),
        source="Teams docs, Incoming webhooks",
        expression=rf"webhook\.office\.com/webhookb2/{UUID}@{UUID}/IncomingWebhook/{H}{{32}}",
    ),
    Shaped(
        name="database-url",
        issuer="Connection string",
        what="with a password",
        anchors=("://",),
        check=is_password,
        source="RFC 3986 section 3.2.1; RFC 7595 scheme registrations",
        expression=rf"(?i)(?:{DATABASES})://[^ \s\"'/:@]{{0,64}}:([^ \s\"'/:@<>]{{6,128}})@[A-Za-z0-9\[]",
    ),
    Shaped(
        name="basic-url",
        issuer="URL",
        what="with a password",
        anchors=("://",),
        check=lambda text: is_password(text) and is_random(text) and len(text) >= 12,
        source="RFC 3986 section 3.2.1",
        expression=r"(?i)https?://[^ \s\"'/:@]{1,64}:([^ \s\"'/:@<>]{12,128})@[A-Za-z0-9\[]",
    ),
    Shaped(
        name="docker-auth",
        issuer="Docker",
        what="registry login",
        anchors=('"auth"',),
        check=is_docker_auth,
        source="Docker docs, config.json",
        expression=r'"auth"[ ]{0,2}:[ ]{0,2}"([A-Za-z0-9+/]{16,400}={0,2})"',
    ),
    Shaped(
        name="npmrc",
        issuer="npm",
        what="registry login",
        anchors=("_authtoken", "_password"),
        check=is_random,
        source="npm docs, npmrc: auth related configuration",
        expression=r":_(?:authToken|password)[ ]?=[ ]?\"?([A-Za-z0-9+/=_-]{20,})",
    ),
    Shaped(
        name="netrc",
        issuer="netrc",
        what="login",
        anchors=("machine ",),
        check=is_password,
        source="GNU inetutils manual, The .netrc file",
        expression=r"machine[ \t]+[A-Za-z0-9.-]{3,80}\s+login\s+[^ \s]{1,64}\s+password\s+([^ \s]{8,256})",
    ),
    Shaped(
        name="kube-client-key",
        issuer="Kubernetes",
        what="client key",
        anchors=("client-key-data",),
        source="Kubernetes docs, kubeconfig v1",
        expression=r"client-key-data:[ ]?\"?([A-Za-z0-9+/]{100,})",
    ),
    Shaped(
        name="wireguard-key",
        issuer="WireGuard",
        what="private key",
        anchors=("privatekey",),
        check=is_random,
        source="wg(8), configuration file format",
        expression=r"PrivateKey[ ]?=[ ]?([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)",
    ),
    Shaped(
        name="bitcoin-wif",
        issuer="Bitcoin",
        what="private key (WIF)",
        anchors=(),
        check=is_wif,
        source="Bitcoin wiki, Wallet import format (Base58Check)",
        expression=r"(?:^|[^A-Za-z0-9+/])([5KLc9][1-9A-HJ-NP-Za-km-z]{50,51})",
    ),
    Shaped(
        name="bip32-private",
        issuer="Bitcoin",
        what="extended private key",
        anchors=("xprv", "yprv", "zprv", "tprv"),
        check=is_extended_key,
        source="BIP-32, serialization format",
        expression=r"([xyzt]prv[1-9A-HJ-NP-Za-km-z]{107,108})",
    ),
)
