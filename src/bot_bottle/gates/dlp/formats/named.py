"""Values without a shape of their own, known by the name they are assigned to: `NAME … = VALUE`."""

from bot_bottle.gates.dlp.checks import is_random
from bot_bottle.gates.dlp.formats.shaped import UUID, H, Shaped


def _named(name: str, issuer: str, what: str, words: str, value: str, source: str) -> Shaped:  # noqa: PLR0917 - a row of the table
    """A value without a shape of its own, known by the name it is assigned to: `NAME … = VALUE`."""
    return Shaped(
        name=name, issuer=issuer, what=what, source=source, check=is_random,
        anchors=tuple(word.replace("_?", joint) for word in words.split("|") for joint in ("_", "")),
        expression=rf"(?i)(?:{words})[a-z0-9_ .-]{{0,24}}[\"'\]]{{0,2}}[ \t]{{0,3}}(?:=>|:=|[:=])[ \t]{{0,3}}[\"']?({value})",
    )  # fmt: skip


NAMED: tuple[Shaped, ...] = (
    _named(
        "ethereum-key",
        "Ethereum",
        "private key",
        "private|priv_?key|wallet|signer|deployer|eth_?key|secret_?key|_pk",
        f"(?:0x)?{H}{{64}}",
        "Ethereum yellow paper, appendix F",
    ),
    _named(
        "solana-key",
        "Solana",
        "secret key",
        "solana|phantom|keypair|secret_?key|private_?key",
        "[1-9A-HJ-NP-Za-km-z]{87,88}",
        "Solana docs, keypairs: 64 bytes in base58",
    ),
    _named(
        "datadog-api",
        "Datadog",
        "API or application key",
        "datadog|dd_api|dd_app",
        f"{H}{{40}}|{H}{{32}}",
        "Datadog docs, API and application keys",
    ),
    _named("heroku-uuid", "Heroku", "API key", "heroku", UUID, "Heroku dev center, Authentication"),
    _named("algolia-admin", "Algolia", "admin API key", "algolia", f"{H}{{32}}", "Algolia docs, API keys"),
    _named("fastly-api", "Fastly", "API token", "fastly", "[a-z0-9_-]{32}", "Fastly docs, API tokens"),
    _named(
        "cloudflare-api",
        "Cloudflare",
        "API key or token",
        "cloudflare|cf_api",
        f"{H}{{37}}|[a-z0-9_-]{{40}}",
        "Cloudflare docs, API keys",
    ),
    _named("linode-api", "Linode", "personal access token", "linode", f"{H}{{64}}", "Akamai cloud docs, API tokens"),
    _named("hetzner-api", "Hetzner", "API token", "hetzner|hcloud", "[a-z0-9]{64}", "Hetzner Cloud docs, API tokens"),
    _named("vultr-api", "Vultr", "API key", "vultr", "[a-z0-9]{36}", "Vultr docs, API keys"),
    _named(
        "pagerduty-api", "PagerDuty", "API key", "pagerduty|pager_duty", r"[a-z0-9_+-]{20}", "PagerDuty docs, API access keys"
    ),
    _named("okta-api", "Okta", "API token", "okta", "00[a-z0-9_-]{40}", "Okta developer docs, API tokens"),
    _named("codecov-upload", "Codecov", "upload token", "codecov", UUID, "Codecov docs, Upload tokens"),
    _named("cohere-api", "Cohere", "API key", "cohere|co_api", "[a-z0-9]{40}", "Cohere docs, API keys"),
    _named("mistral-api", "Mistral", "API key", "mistral", "[a-z0-9]{32}", "Mistral docs, API keys"),
    _named("twitter-secret", "X", "API secret", "twitter|x_api", "[a-z0-9]{45,50}", "X developer docs, Keys and tokens"),
    _named("facebook-secret", "Meta", "app secret", "facebook|fb_app|meta_app", f"{H}{{32}}", "Meta developer docs, App secret"),
    _named("trello-api", "Trello", "API token", "trello", "ATTA[a-z0-9]{60,80}", "Trello developer docs, Authorization"),
    _named("twilio-auth", "Twilio", "auth token", "twilio", f"{H}{{32}}", "Twilio docs, Auth tokens"),
    _named("zendesk-api", "Zendesk", "API token", "zendesk", "[a-z0-9]{40}", "Zendesk docs, API tokens"),
)
