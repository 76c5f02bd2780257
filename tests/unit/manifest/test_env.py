"""Which values look like secrets, and which do not although they are long or have a suspicious name."""

import pytest

from bot_bottle.agents.base import CA_VARIABLES
from bot_bottle.manifest.env import looks_secret, reserved


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "sk-ant-api03-AAAAAAAAAAAAAAAAAAAA"),
        ("X", "ghp_0123456789abcdefABCDEF0123456789abcd"),
        ("X", "github_pat_11ABCDEFG0123456789_abcdefghij"),
        ("X", "xoxb-123456789012-abcdefghijkl"),
        ("X", "AKIAIOSFODNN7EXAMPLE"),
        ("X", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.abc"),
        ("X", "postgres://app:hunter2@db.example.com/app"),
        ("X", "https://:token@git.example.com/"),
        ("X", "Bearer glpat-abcdefghij0123456789"),
        ("DB_PASSWORD", "correct horse battery"),
        ("GITHUB_TOKEN", "abcdef123"),
        ("api_key", "0123-4567-89"),
        ("SECRET_KEY_2", "a-b-c-d-e"),
        ("X", "q8Zt3LwX0pVbN7rKf2YdJ5sAe1"),
    ],
)
def test_this_looks_like_a_secret(name: str, value: str) -> None:
    assert looks_secret(value, name=name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NODE_ENV", "development"),
        ("CI", "true"),
        ("API_KEY", ""),
        ("API_KEY", "test"),
        ("POSTGRES_PASSWORD", "local"),
        ("AWS_SECRET_ACCESS_KEY", "placeholder"),
        ("MAX_TOKENS", "200000"),
        ("TOKEN", "true"),
        ("TOKENIZER", "o200k_base_with_a_name"),
        ("KEYBOARD", "de-latin1-nodeadkeys"),
        ("DATABASE_URL", "postgres://localhost:5432/app"),
        ("PATH", "/usr/local/lib/node_modules/Some1Package/bin:/usr/bin"),
        ("COMMIT", "2b8fe1c0a7d94e6f5b3a1c0d9e8f7a6b5c4d3e2f"),
        ("IMAGE", "registry.example.com/team/service-name:v1.2.3-rc4"),
        ("UUID", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("JAVA_OPTS", "-Xmx512m -XX:MaxMetaspaceSize=256m"),
    ],
)
def test_this_does_not_look_like_a_secret(name: str, value: str) -> None:
    assert not looks_secret(value, name=name)


@pytest.mark.parametrize(
    "name", [*CA_VARIABLES, "HTTPS_PROXY", "https_proxy", "no_proxy", "All_Proxy", "HOME", "BOT_BOTTLE", "BOT_BOTTLE_X"]
)
def test_what_the_bottle_sets_is_reserved(name: str) -> None:
    assert reserved(name)


@pytest.mark.parametrize("name", ["PATH", "NODE_ENV", "LD_PRELOAD", "HOMEBREW_PREFIX", "SSL"])
def test_what_the_bottle_does_not_set_is_free(name: str) -> None:
    assert not reserved(name)
