"""Clouds, platforms, databases, networks and observability."""

from bot_bottle.gates.dlp.formats.record import AN, B64, HEX, LN, UN, URL, UUID, Format, rows

CLOUD: tuple[Format, ...] = (
    # Access key ids are base32; the looser alphabet also covers the examples that documentation uses.
    *rows(
        "AWS",
        "AWS IAM user guide, IAM identifiers: unique ID prefixes",
        ("aws-access-key", "access key ID", "AKIA", f"{UN}{{16}}"),
        ("aws-temporary-key", "temporary access key ID", "ASIA", f"{UN}{{16}}"),
        ("aws-bearer", "service bearer token", "ABIA", f"{UN}{{16}}"),
        ("aws-context-key", "context-specific credential", "ACCA", f"{UN}{{16}}"),
        edges=True,
    ),
    *rows(
        "AWS", "AWS Bedrock user guide, API keys", ("aws-bedrock", "Bedrock API key", "ABSK", "[A-Za-z0-9+/=]{100,}"), edges=True
    ),
    *rows(
        "AWS", "AWS STS API reference, session token", ("aws-session", "session token", "IQoJb3JpZ2lu", "[A-Za-z0-9+/=]{100,}")
    ),
    *rows(
        "Google",
        "Google Cloud docs, API keys; OAuth 2.0 for web server apps; Cloud Storage HMAC keys",
        ("google-api", "API key", "AIza", f"{URL}{{35}}"),
        edges=True,
    ),
    *rows(
        "Google",
        "Google identity docs, OAuth 2.0 client secrets, access and refresh tokens; Cloud Storage HMAC keys",
        ("google-oauth-secret", "OAuth client secret", "GOCSPX-", f"{URL}{{28}}"),
        ("google-oauth-access", "OAuth access token", "ya29.", f"{URL}{{20,}}"),
        ("google-oauth-refresh", "OAuth refresh token", "1//0", f"{URL}{{80,}}"),
        ("google-hmac", "storage HMAC key id", "GOOG1E", f"{UN}{{55}}"),
    ),
    *rows(
        "DigitalOcean",
        "DigitalOcean docs, API tokens",
        ("digitalocean-pat", "personal access token", "dop_v1_", f"{HEX}{{64}}"),
        ("digitalocean-oauth", "OAuth token", "doo_v1_", f"{HEX}{{64}}"),
        ("digitalocean-refresh", "OAuth refresh token", "dor_v1_", f"{HEX}{{64}}"),
    ),
    *rows(
        "Alibaba Cloud",
        "Alibaba Cloud RAM docs, AccessKey pair",
        ("alibaba-access-key", "AccessKey ID", "LTAI", f"{AN}{{17,24}}"),
        edges=True,
    ),
    *rows(
        "Tencent Cloud", "Tencent Cloud CAM docs, API keys", ("tencent-secret-id", "SecretId", "AKID", f"{AN}{{32}}"), edges=True
    ),
    *rows(
        "Volcengine",
        "Volcengine IAM docs, access keys",
        ("volcengine-access-key", "access key", "AKLT", f"{AN}{{43,}}"),
        edges=True,
    ),
    *rows(
        "Yandex Cloud",
        "Yandex Cloud IAM docs, token formats",
        ("yandex-api", "API key", "AQVN", f"{URL}{{35,38}}"),
        ("yandex-static", "static access key", "YCAJE", f"{URL}{{20}}"),
        edges=True,
    ),
    *rows("Yandex Cloud", "Yandex Cloud IAM docs, IAM token", ("yandex-iam", "IAM token", "t1.", f"{URL}{{60,}}.{URL}{{86}}")),
    *rows("Scaleway", "Scaleway docs, API keys", ("scaleway-access", "access key", "SCW", f"{UN}{{17}}"), edges=True),
    *rows(
        "Cloudflare",
        "Cloudflare docs, Origin CA keys; API token formats",
        ("cloudflare-origin", "origin CA key", "v1.0-", f"{HEX}{{24}}-{HEX}{{146}}"),
        ("cloudflare-user-token", "user API token", "cfut_", f"{AN}{{40,}}"),
        ("cloudflare-account-token", "account API token", "cfat_", f"{AN}{{40,}}"),
    ),
    *rows(
        "Tailscale",
        "Tailscale docs, Key prefixes",
        ("tailscale-auth", "auth key", "tskey-auth-", f"{AN}{{10,}}-{AN}{{20,}}"),
        ("tailscale-api", "API token", "tskey-api-", f"{AN}{{10,}}-{AN}{{20,}}"),
        ("tailscale-client", "OAuth client secret", "tskey-client-", f"{AN}{{10,}}-{AN}{{20,}}"),
    ),
    *rows(
        "Akamai",
        "Akamai developer docs, EdgeGrid credentials",
        ("akamai-edgegrid", "EdgeGrid access token", "akab-", f"{LN}{{16}}-{LN}{{16}}"),
    ),
    *rows(
        "Backblaze",
        "Backblaze B2 docs, application keys",
        ("backblaze-key", "application key", "K00", "[0-9]{1}[A-Za-z0-9/+]{27}"),
        edges=True,
        grade="hint",
    ),
    *rows(
        "Databricks",
        "Databricks docs, Personal access tokens",
        ("databricks-pat", "personal access token", "dapi", f"{HEX}{{32}}"),
        ("databricks-oauth", "OAuth secret", "dose", f"{HEX}{{32}}"),
        edges=True,
    ),
    *rows(
        "PlanetScale",
        "PlanetScale docs, Service tokens and passwords",
        ("planetscale-token", "service token", "pscale_tkn_", "[A-Za-z0-9_.-]{32,}"),
        ("planetscale-password", "database password", "pscale_pw_", "[A-Za-z0-9_.-]{32,}"),
        ("planetscale-oauth", "OAuth token", "pscale_oauth_", "[A-Za-z0-9_.-]{32,}"),
    ),
    *rows(
        "Supabase",
        "Supabase docs, Management API tokens and secret keys",
        ("supabase-access", "access token", "sbp_", f"{HEX}{{40}}"),
        ("supabase-secret", "secret key", "sb_secret_", f"{URL}{{31}}"),
    ),
    *rows(
        "Neon",
        "Neon docs, API keys",
        ("neon-api", "API key", "napi_", f"{LN}{{64}}"),
        ("neon-role", "role password", "npg_", f"{AN}{{12,24}}"),
    ),
    *rows("CockroachDB", "CockroachDB Cloud docs, API keys", ("cockroach-api", "API key", "CCDB1_", f"{AN}{{22}}_{AN}{{40}}")),
    *rows(
        "MongoDB Atlas",
        "MongoDB Atlas docs, Service accounts",
        ("atlas-service", "service account secret", "mdb_sa_sk_", f"{URL}{{40,}}"),
    ),
    *rows("Pinecone", "Pinecone docs, API keys", ("pinecone-api", "API key", "pcsk_", f"{AN}{{5,6}}_{AN}{{50,}}")),
    *rows(
        "Grafana",
        "Grafana docs, Service accounts; Cloud access policies",
        ("grafana-service", "service account token", "glsa_", f"{AN}{{32}}_{HEX}{{8}}"),
        ("grafana-cloud", "Cloud access policy token", "glc_eyJ", "[A-Za-z0-9+/=]{40,}"),
        ("grafana-api", "API key", "eyJrIjoi", "[A-Za-z0-9+/=]{70,}"),
    ),
    *rows(
        "Sentry",
        "Sentry docs, Auth tokens",
        ("sentry-organization", "organization token", "sntrys_eyJ", "[A-Za-z0-9+/=_]{80,}"),
        ("sentry-user", "user token", "sntryu_", f"{HEX}{{64}}"),
    ),
    *rows(
        "New Relic",
        "New Relic docs, API keys",
        ("newrelic-user", "user key", "NRAK-", f"{UN}{{27}}"),
        ("newrelic-browser", "browser key", "NRJS-", f"{HEX}{{19}}"),
        ("newrelic-insert", "insert key", "NRII-", f"{URL}{{32}}"),
        ("newrelic-query", "query key", "NRIQ-", f"{URL}{{32}}"),
    ),
    *rows(
        "Dynatrace",
        "Dynatrace docs, Token format",
        ("dynatrace-api", "API token", "dt0c01.", f"{UN}{{24}}.{UN}{{64}}"),
        ("dynatrace-platform", "platform token", "dt0s16.", f"{UN}{{8}}.{UN}{{64}}"),
        ("dynatrace-oauth", "OAuth client secret", "dt0s02.", f"{UN}{{8}}.{UN}{{64}}"),
    ),
    *rows("Elastic", "Elastic docs, Cloud API keys", ("elastic-cloud", "Cloud API key", "essu_", "[A-Za-z0-9+/=]{40,}")),
    *rows(
        "Honeycomb",
        "Honeycomb docs, API keys",
        ("honeycomb-ingest", "ingest key", "hcaik_", f"{LN}{{58}}"),
        ("honeycomb-management", "management key", "hcamk_", f"{LN}{{58}}"),
    ),
    *rows(
        "Axiom",
        "Axiom docs, API and personal tokens",
        ("axiom-api", "API token", "xaat-", UUID),
        ("axiom-personal", "personal token", "xapt-", UUID),
    ),
    *rows("Rootly", "Rootly docs, API keys", ("rootly-api", "API key", "rootly_", f"{HEX}{{64}}")),
    *rows("PostHog", "PostHog docs, Personal API keys", ("posthog-personal", "personal API key", "phx_", f"{AN}{{40,}}")),
    *rows("incident.io", "incident.io docs, API keys", ("incident-api", "API key", "inc_", f"{HEX}{{64}}")),
    *rows("Upstash", "Upstash docs, QStash signing keys", ("upstash-signing", "signing key", "sig_", f"{AN}{{28}}")),
    *rows(
        "Aiven",
        "Aiven docs, Personal tokens and service passwords",
        ("aiven-password", "service password", "AVNS_", f"{URL}{{17,}}"),
    ),
    *rows("Stytch", "Stytch docs, API keys", ("stytch-secret", "project secret", "secret-live-", f"{URL}{{32,}}")),
)
