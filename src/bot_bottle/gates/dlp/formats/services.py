"""AI providers, messaging, payments and software services."""

from bot_bottle.gates.dlp.formats.record import AN, HEX, LETTERS, LN, URL, UUID, Format, rows


def is_x_bearer(token: str) -> bool:
    """Percent-encoded base64 after its leading zeros; base64 of zeros in general has no percent sign."""
    return "%" in token and len(set(token)) >= 20


AI: tuple[Format, ...] = (
    *rows(
        "OpenAI",
        "OpenAI platform docs, API keys",
        ("openai-project", "project API key", "sk-proj-", f"{URL}{{40,}}"),
        ("openai-service", "service account key", "sk-svcacct-", f"{URL}{{40,}}"),
        ("openai-admin", "admin key", "sk-admin-", f"{URL}{{40,}}"),
    ),
    *rows(
        "Anthropic",
        "Anthropic docs, API keys and Admin API",
        ("anthropic-api", "API key", "sk-ant-api", f"[0-9]{{2}}-{URL}{{32,}}"),
        ("anthropic-admin", "admin key", "sk-ant-admin", f"[0-9]{{2}}-{URL}{{32,}}"),
        ("anthropic-oauth", "OAuth access token", "sk-ant-oat", f"[0-9]{{2}}-{URL}{{32,}}"),
        ("anthropic-refresh", "OAuth refresh token", "sk-ant-ort", f"[0-9]{{2}}-{URL}{{32,}}"),
    ),
    *rows("OpenRouter", "OpenRouter docs, Authentication", ("openrouter-api", "API key", "sk-or-v1-", f"{HEX}{{64}}")),
    *rows("Langfuse", "Langfuse docs, API keys", ("langfuse-secret", "secret key", "sk-lf-", UUID)),
    *rows(
        "Hugging Face",
        "Hugging Face docs, User access tokens",
        ("huggingface-user", "user access token", "hf_", "[A-Za-z]{34}"),
        ("huggingface-org", "organization token", "api_org_", "[A-Za-z]{34}"),
    ),
    *rows("Replicate", "Replicate docs, API tokens", ("replicate-api", "API token", "r8_", f"{AN}{{37}}")),
    *rows("Groq", "Groq docs, API keys", ("groq-api", "API key", "gsk_", f"{AN}{{50,}}")),
    *rows("xAI", "xAI docs, API keys", ("xai-api", "API key", "xai-", f"{AN}{{70,}}")),
    *rows("Perplexity", "Perplexity docs, API keys", ("perplexity-api", "API key", "pplx-", f"{AN}{{40,}}")),
    *rows("Fireworks", "Fireworks docs, API keys", ("fireworks-api", "API key", "fw_", f"{AN}{{22,24}}"), grade="hint"),
    *rows("Together", "Together docs, API keys", ("together-api", "API key", "tgp_v1_", f"{URL}{{40,}}")),
    *rows("NVIDIA", "NVIDIA NGC docs, API keys", ("nvidia-api", "API key", "nvapi-", f"{URL}{{60,}}")),
    *rows(
        "LangSmith",
        "LangSmith docs, API keys",
        ("langsmith-personal", "personal token", "lsv2_pt_", f"{HEX}{{32}}_{HEX}{{10}}"),
        ("langsmith-service", "service key", "lsv2_sk_", f"{HEX}{{32}}_{HEX}{{10}}"),
    ),
    *rows("Tavily", "Tavily docs, API keys", ("tavily-api", "API key", "tvly-", f"{URL}{{32,}}")),
    *rows("Firecrawl", "Firecrawl docs, API keys", ("firecrawl-api", "API key", "fc-", f"{HEX}{{32}}")),
    *rows("E2B", "E2B docs, API keys", ("e2b-api", "API key", "e2b_", f"{HEX}{{40}}")),
    *rows("Jina", "Jina docs, API keys", ("jina-api", "API key", "jina_", f"{AN}{{60,}}")),
    *rows("Voyage", "Voyage AI docs, API keys", ("voyage-api", "API key", "pa-", f"{URL}{{43}}"), edges=LETTERS, grade="hint"),
    *rows("ElevenLabs", "ElevenLabs docs, API keys", ("elevenlabs-api", "API key", "sk_", f"{HEX}{{48}}")),
    *rows("Cerebras", "Cerebras docs, API keys", ("cerebras-api", "API key", "csk-", f"{LN}{{40,}}")),
    *rows("LlamaIndex", "LlamaCloud docs, API keys", ("llamacloud-api", "API key", "llx-", f"{AN}{{40,}}")),
    *rows("Browserbase", "Browserbase docs, API keys", ("browserbase-api", "API key", "bb_live_", f"{URL}{{24,}}")),
    *rows(
        "Modal",
        "Modal docs, token ids and secrets",
        ("modal-secret", "token secret", "as-", f"{AN}{{22}}"),
        edges=LETTERS,
        grade="hint",
    ),
    *rows("Weights & Biases", "Weights & Biases docs, API keys", ("wandb-api", "API key", "wandb_v1_", f"{URL}{{60,}}")),
)

MESSAGING: tuple[Format, ...] = (
    *rows(
        "Slack",
        "Slack developer docs, Token types",
        ("slack-bot", "bot token", "xoxb-", "[0-9A-Za-z-]{20,}"),
        ("slack-user", "user token", "xoxp-", "[0-9A-Za-z-]{20,}"),
        ("slack-workspace", "workspace access token", "xoxa-", "[0-9A-Za-z-]{20,}"),
        ("slack-refresh", "refresh token", "xoxr-", "[0-9A-Za-z-]{20,}"),
        ("slack-rotating", "rotating token", "xoxe", "[.-]{1}[0-9A-Za-z-]{40,}"),
        ("slack-client", "client token", "xoxc-", "[0-9A-Za-z-]{20,}"),
        ("slack-cookie", "session cookie", "xoxd-", "[0-9A-Za-z%+/=-]{40,}"),
        ("slack-app", "app-level token", "xapp-", "[0-9]{1}-[A-Z0-9]{9,12}-[0-9]{8,}-[a-f0-9]{40,}"),
        ("slack-webhook", "incoming webhook", "hooks.slack.com/services/", "T[A-Z0-9]{8,11}/B[A-Z0-9]{8,11}/[A-Za-z0-9]{20,}"),
    ),
    *rows(
        "Discord",
        "Discord developer docs, Webhook resource",
        ("discord-webhook", "webhook", "discord.com/api/webhooks/", f"[0-9]{{17,20}}/{URL}{{60,}}"),
        ("discordapp-webhook", "webhook", "discordapp.com/api/webhooks/", f"[0-9]{{17,20}}/{URL}{{60,}}"),
    ),
    *rows(
        "Twilio",
        "Twilio docs, API keys",
        ("twilio-api", "API key SID", "SK", f"{HEX}{{32}}"),
        ("twilio-account", "account SID", "AC", f"{HEX}{{32}}"),
        edges=LETTERS,
        grade="hint",
    ),
    *rows("SendGrid", "SendGrid docs, API keys", ("sendgrid-api", "API key", "SG.", f"{URL}{{22}}.{URL}{{43}}"), edges=LETTERS),
    *rows("Mailgun", "Mailgun docs, API keys", ("mailgun-api", "private API key", "key-", f"{HEX}{{32}}"), edges=LETTERS),
    *rows(
        "Brevo",
        "Brevo docs, API and SMTP keys",
        ("brevo-api", "API key", "xkeysib-", f"{HEX}{{64}}-{AN}{{16}}"),
        ("brevo-smtp", "SMTP key", "xsmtpsib-", f"{HEX}{{64}}-{AN}{{16}}"),
    ),
    *rows("Resend", "Resend docs, API keys", ("resend-api", "API key", "re_", f"{AN}{{8}}_{AN}{{24}}"), edges=LETTERS),
    *rows(
        "Meta",
        "Meta developer docs, Access tokens",
        ("meta-access", "Graph API access token", "EAA", f"{AN}{{100,}}"),
        edges=LETTERS,
    ),
    *rows("Pinterest", "Pinterest developer docs, Access tokens", ("pinterest-access", "access token", "pina_", f"{AN}{{32,}}")),
    *rows(
        "X",
        "X developer docs, OAuth 2.0 bearer token",
        ("x-bearer", "app bearer token", "AAAAAAAAAAAAAAAAAAAAA", "[A-Za-z0-9%]{60,}"),
        check=is_x_bearer,
        edges=LETTERS,
    ),
)

PAYMENTS: tuple[Format, ...] = (
    *rows(
        "Stripe",
        "Stripe docs, API keys and webhook signatures",
        ("stripe-live", "live secret key", "sk_live_", f"{AN}{{16,}}"),
        ("stripe-test", "test secret key", "sk_test_", f"{AN}{{16,}}"),
        ("stripe-restricted", "restricted live key", "rk_live_", f"{AN}{{16,}}"),
        ("stripe-restricted-test", "restricted test key", "rk_test_", f"{AN}{{16,}}"),
        ("stripe-webhook", "webhook signing secret", "whsec_", "[A-Za-z0-9+/]{32,}"),
    ),
    *rows(
        "Square",
        "Square developer docs, Access tokens",
        ("square-access", "access token", "sq0atp-", f"{URL}{{22}}"),
        ("square-secret", "application secret", "sq0csp-", f"{URL}{{43}}"),
    ),
    *rows(
        "Square",
        "Square developer docs, Access tokens",
        ("square-production", "production access token", "EAAA", f"{URL}{{60}}"),
        edges=LETTERS,
    ),
    *rows(
        "PayPal",
        "PayPal Braintree docs, Access tokens",
        ("braintree-production", "Braintree access token", "access_token$production$", f"{LN}{{16}}[$]{{1}}{HEX}{{32}}"),
        ("braintree-sandbox", "Braintree sandbox token", "access_token$sandbox$", f"{LN}{{16}}[$]{{1}}{HEX}{{32}}"),
    ),
    *rows(
        "Adyen", "Adyen docs, API credentials", ("adyen-api", "API key", "AQE", "[a-zA-Z0-9+/]{60,}"), edges=LETTERS, grade="hint"
    ),
    *rows(
        "Razorpay",
        "Razorpay docs, API keys",
        ("razorpay-live", "live key", "rzp_live_", f"{AN}{{14}}"),
        ("razorpay-test", "test key", "rzp_test_", f"{AN}{{14}}"),
    ),
    *rows(
        "Flutterwave",
        "Flutterwave docs, API keys",
        ("flutterwave-secret", "secret key", "FLWSECK-", f"{HEX}{{32}}-X"),
        ("flutterwave-test", "test secret key", "FLWSECK_TEST-", f"{AN}{{12,}}"),
    ),
    *rows(
        "Plaid",
        "Plaid docs, Access tokens",
        ("plaid-production", "access token", "access-production-", UUID),
        ("plaid-sandbox", "sandbox access token", "access-sandbox-", UUID),
    ),
    *rows(
        "Mollie",
        "Mollie docs, API keys",
        ("mollie-live", "live key", "live_", f"{AN}{{30}}"),
        ("mollie-test", "test key", "test_", f"{AN}{{30}}"),
        edges=LETTERS,
        grade="hint",
    ),
    *rows(
        "Shippo",
        "Shippo docs, API tokens",
        ("shippo-live", "live token", "shippo_live_", f"{HEX}{{40}}"),
        ("shippo-test", "test token", "shippo_test_", f"{HEX}{{40}}"),
    ),
    *rows(
        "EasyPost",
        "EasyPost docs, API keys",
        ("easypost-production", "production key", "EZAK", f"{AN}{{54}}"),
        ("easypost-test", "test key", "EZTK", f"{AN}{{54}}"),
        edges=LETTERS,
    ),
    *rows(
        "Duffel",
        "Duffel docs, Access tokens",
        ("duffel-live", "live token", "duffel_live_", f"{URL}{{43}}"),
        ("duffel-test", "test token", "duffel_test_", f"{URL}{{43}}"),
    ),
    *rows(
        "Paddle",
        "Paddle docs, API keys",
        ("paddle-api", "API key", "pdl_", f"{LN}{{4,7}}_apikey_{LN}{{26}}_{AN}{{22}}_{AN}{{3}}"),
    ),
    *rows(
        "Polar",
        "Polar docs, Organization access tokens",
        ("polar-organization", "organization access token", "polar_oat_", f"{AN}{{32,}}"),
    ),
)

SOFTWARE: tuple[Format, ...] = (
    *rows(
        "Notion",
        "Notion developers, Authorization (tokens start with ntn_ since 2024-09)",
        ("notion-integration", "integration token", "ntn_", f"{AN}{{43,50}}"),
    ),
    *rows(
        "Figma",
        "Figma developer docs, Access tokens",
        ("figma-pat", "personal access token", "figd_", f"{URL}{{38,}}"),
        ("figma-oauth", "OAuth token", "figu_", f"{URL}{{38,}}"),
    ),
    *rows(
        "Airtable",
        "Airtable docs, Personal access tokens",
        ("airtable-pat", "personal access token", "pat", f"{AN}{{14}}.{HEX}{{64}}"),
        edges=LETTERS,
    ),
    *rows(
        "HubSpot",
        "HubSpot docs, Private apps",
        ("hubspot-us", "private app token", "pat-na", f"[0-9]{{1}}-{UUID}"),
        ("hubspot-eu", "private app token", "pat-eu", f"[0-9]{{1}}-{UUID}"),
    ),
    *rows(
        "Dropbox",
        "Dropbox developer docs, OAuth guide",
        ("dropbox-access", "access token", "sl.", f"{URL}{{130,}}"),
        edges=LETTERS,
    ),
    *rows(
        "Typeform",
        "Typeform docs, Personal access tokens",
        ("typeform-pat", "personal access token", "tfp_", "[A-Za-z0-9_.=-]{44,}"),
    ),
    *rows("Frame.io", "Frame.io docs, Developer tokens", ("frameio-api", "API token", "fio-u-", "[A-Za-z0-9_=-]{64}")),
    *rows(
        "Lark", "Lark open platform docs, tokens", ("lark-tenant", "tenant access token", "t-g1", f"{AN}{{38}}"), edges=LETTERS
    ),
    *rows(
        "Asana",
        "Asana developer docs, Personal access tokens",
        ("asana-pat", "personal access token", "2/", f"[0-9]{{15,17}}/[0-9]{{15,17}}:{HEX}{{32}}"),
        edges=LETTERS,
    ),
    *rows("Canva", "Canva developer docs, client secrets", ("canva-secret", "client secret", "cnvca", f"{URL}{{44,}}")),
    *rows("Cal.com", "Cal.com docs, API keys", ("cal-live", "API key", "cal_live_", f"{HEX}{{32}}")),
    *rows("Zuplo", "Zuplo docs, API keys with a checksum", ("zuplo-api", "API key", "zpka_", f"{LN}{{32}}_{HEX}{{8}}")),
    *rows("Apify", "Apify docs, API tokens", ("apify-api", "API token", "apify_api_", f"{AN}{{36}}")),
)
