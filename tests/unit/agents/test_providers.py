"""What each provider decides: command, files, environment, rules, credentials. Pure, so rows in, plans out."""

import json
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.agents.base import AgentProvider, Installed, Provisioning
from bot_bottle.agents.claude import Claude
from bot_bottle.agents.codex import Codex, toml_string
from bot_bottle.agents.custom import Custom
from bot_bottle.agents.endpoint import PLACEHOLDER, parse_endpoint
from bot_bottle.agents.registry import PROVIDERS, provider, providers
from bot_bottle.agents.shell import LOGIN_SHELL, Shell
from bot_bottle.errors import BadManifest, BadUsage, BottleError
from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.spec import AgentName, BottleSpec, ConnectTo, FromEnv, FromFile, Workspace
from bot_bottle.plans.bottle import AgentProvision, PromptMode

INSTALLED = Installed(folder=Path("/cache/agents/x"), version="9.9.9", integrity="sha512-x")
CLAUDE, CODEX = Claude(system="linux-x64"), Codex(system="linux-x64")


def asked(
    each: AgentProvider,
    host: dict[str, str] | None = None,
    *,
    prompt: str = "",
    args: tuple[str, ...] = (),
    command: tuple[str, ...] = (),
    agent: AgentName = "claude",
) -> Provisioning:
    """As `prepare` asks: the defaults merged into the spec, names of the operator's variables, values of the plain ones."""
    host = host or {}
    spec = BottleSpec(
        agent=agent,
        backend="namespaces",
        workspace=Workspace(path=Path("/home/me/project")),
        prompt=prompt,
        args=args,
        command=command,
        credentials=each.defaults(host).credentials,
    )
    return Provisioning(
        spec=spec,
        guest_home="/home/agent",
        guest_workspace="/work/project",
        guest_prompt_file="/run/bot-bottle/prompt.md",
        host_variables=frozenset(host),
        interactive=False,
        host_values=each.plain_values(host),
    )


def content(plan: AgentProvision, path: str) -> str:
    (found,) = (file.content for file in plan.files if file.path == path)
    return found


def test_claude_gets_the_prompt_file_and_asks_no_permission() -> None:
    plan = CLAUDE.provision(asked(CLAUDE, prompt="Be brief.", args=("-p", "hello")), INSTALLED)
    assert plan.command[0].startswith("/run/bot-bottle/agents/claude/")
    assert plan.command[1:] == (
        "--append-system-prompt-file",
        "/run/bot-bottle/prompt.md",
        "--dangerously-skip-permissions",
        "-p",
        "hello",
    )
    assert plan.prompt_mode is PromptMode.APPEND_SYSTEM_PROMPT_FILE
    assert any("--dangerously-skip-permissions" in line.text and "sandbox" in line.why for line in plan.notes)


def test_claude_without_a_prompt_gets_no_prompt_option() -> None:
    assert "--append-system-prompt-file" not in CLAUDE.provision(asked(CLAUDE), INSTALLED).command


@pytest.mark.parametrize("args", [("--permission-mode", "plan"), ("--permission-mode=plan",)])
def test_claude_keeps_the_permission_mode_that_the_operator_chose(args: tuple[str, ...]) -> None:
    plan = CLAUDE.provision(asked(CLAUDE, args=args), INSTALLED)
    assert "--dangerously-skip-permissions" not in plan.command
    assert not any("--dangerously-skip-permissions" in line.text for line in plan.notes)


def test_claude_starts_without_questions() -> None:
    plan = CLAUDE.provision(asked(CLAUDE, {"ANTHROPIC_API_KEY": "real"}), INSTALLED)
    state = json.loads(content(plan, ".claude.json"))
    assert state["hasCompletedOnboarding"]
    assert state["projects"]["/work/project"]["hasTrustDialogAccepted"]
    assert state["customApiKeyResponses"]["approved"] == [PLACEHOLDER[-20:]]
    assert json.loads(content(plan, ".claude/settings.json"))["skipDangerousModePermissionPrompt"]


@pytest.mark.parametrize(
    ("variables", "wins", "header", "format"),
    [
        (("ANTHROPIC_API_KEY",), "ANTHROPIC_API_KEY", "x-api-key", "{value}"),
        (("CLAUDE_CODE_OAUTH_TOKEN",), "CLAUDE_CODE_OAUTH_TOKEN", "authorization", "Bearer {value}"),
        (("ANTHROPIC_AUTH_TOKEN",), "ANTHROPIC_AUTH_TOKEN", "authorization", "Bearer {value}"),
        (("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"), "ANTHROPIC_API_KEY", "x-api-key", "{value}"),
        (("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), "ANTHROPIC_AUTH_TOKEN", "authorization", "Bearer {value}"),
    ],
)
def test_claudes_key_is_set_by_the_gate_and_the_bottle_gets_a_placeholder(
    variables: tuple[str, ...], wins: str, header: str, format: str
) -> None:
    host = dict.fromkeys(variables, "the-real-key")
    (credential,) = CLAUDE.defaults(host).credentials
    plan = CLAUDE.provision(asked(CLAUDE, host), INSTALLED)
    assert credential.source == FromEnv(env=wins)
    assert [(target.host, target.name, target.format) for target in credential.to] == [("api.anthropic.com", header, format)]
    assert {name: value for name, value in plan.env if value == PLACEHOLDER} == {wins: PLACEHOLDER}
    assert "the-real-key" not in repr(plan) + repr(credential)


@pytest.mark.parametrize("variable", ["HOME", "CLAUDE_CONFIG_DIR"])
def test_the_hosts_own_claude_login_is_used_where_no_variable_holds_a_key(variable: str, tmp_path: Path) -> None:
    login = tmp_path / (".claude/.credentials.json" if variable == "HOME" else ".credentials.json")
    login.parent.mkdir(exist_ok=True)
    login.write_text('{"claudeAiOauth": {"accessToken": "the-real-key"}}')
    host = {variable: str(tmp_path)}
    (credential,) = CLAUDE.defaults(host).credentials
    assert credential.source == FromFile(file=login, key="claudeAiOauth.accessToken")
    assert [(target.host, target.name, target.format) for target in credential.to] == [
        ("api.anthropic.com", "authorization", "Bearer {value}")
    ]
    plan = CLAUDE.provision(asked(CLAUDE, host), INSTALLED)
    assert dict(plan.env)["CLAUDE_CODE_OAUTH_TOKEN"] == PLACEHOLDER
    (with_key,) = CLAUDE.defaults(host | {"ANTHROPIC_API_KEY": "k"}).credentials
    assert with_key.source == FromEnv(env="ANTHROPIC_API_KEY")


def test_a_host_without_a_claude_login_gives_no_credential(tmp_path: Path) -> None:
    assert CLAUDE.defaults({"HOME": str(tmp_path)}).credentials == ()
    assert CLAUDE.defaults({"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": "relative"}).credentials == ()


@pytest.mark.parametrize("each", [CLAUDE, CODEX], ids=["claude", "codex"])
def test_the_key_is_bound_to_every_path_of_the_api(each: AgentProvider) -> None:
    host = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY"), "real")
    assert [target.paths for credential in each.defaults(host).credentials for target in credential.to] == [()]


@pytest.mark.parametrize("each", [CLAUDE, CODEX], ids=["claude", "codex"])
def test_an_agent_without_a_key_says_which_variable_to_set(each: AgentProvider) -> None:
    assert each.defaults({}).credentials == ()
    assert any("_API_KEY" in line.text for line in each.provision(asked(each), INSTALLED).notes)


@pytest.mark.parametrize("each", [CLAUDE, CODEX], ids=["claude", "codex"])
def test_an_empty_variable_is_no_key(each: AgentProvider) -> None:
    assert each.defaults(dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY"), "")).credentials == ()


@pytest.mark.parametrize("each", [CLAUDE, CODEX], ids=["claude", "codex"])
def test_default_rules_name_one_host_methods_and_paths(each: AgentProvider) -> None:
    rules = each.defaults({}).rules
    assert len({rule.host for rule in rules}) == 1
    assert all(rule.methods and rule.paths and not rule.deny and rule.ports == (443,) for rule in rules)
    assert not any("**" in path for rule in rules for path in rule.paths)


def test_a_base_url_of_the_operator_moves_rules_key_and_client() -> None:
    host = {"ANTHROPIC_BASE_URL": "https://llm.example.com:8443/anthropic/", "ANTHROPIC_API_KEY": "real"}
    found = CLAUDE.defaults(host)
    plan = CLAUDE.provision(asked(CLAUDE, host), INSTALLED)
    assert {(rule.host, rule.ports) for rule in found.rules} == {("llm.example.com", (8443,))}
    assert "/anthropic/v1/messages" in found.rules[0].paths
    assert [(target.host, target.ports) for target in found.credentials[0].to] == [("llm.example.com", (8443,))]
    assert ("ANTHROPIC_BASE_URL", "https://llm.example.com:8443/anthropic") in plan.env
    assert ("ANTHROPIC_API_KEY", PLACEHOLDER) in plan.env


def test_without_a_base_url_none_is_set() -> None:
    assert "ANTHROPIC_BASE_URL" not in dict(CLAUDE.provision(asked(CLAUDE), INSTALLED).env)


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:4000",
        "https://127.0.0.1:4000",
        "https://[::1]:4000",
        "https://me:secret@llm.example.com",
        "ftp://llm.example.com",
        "llm.example.com",
        "https://",
        "https://llm.example.com:notaport",
        "https://llm.example.com/?key=1",
        "https://[::1",
    ],
)
def test_a_base_url_that_cannot_work_inside_is_refused(url: str) -> None:
    with pytest.raises(BadUsage, match="ANTHROPIC_BASE_URL cannot be used"):
        parse_endpoint(url, variable="ANTHROPIC_BASE_URL")


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("http://localhost:4000/v1", "127.0.0.1"),
        ("http://127.0.0.1:4000/v1", "127.0.0.1"),
        ("http://127.8.8.8:4000/v1/", "127.8.8.8"),
        ("http://[::1]:4000/v1", "::1"),
        ("http://llm.localhost:4000/v1", "127.0.0.1"),
    ],
)
def test_a_gateway_on_the_operators_loopback_gets_a_name_inside_and_is_dialled_outside(url: str, dialled: str) -> None:
    host = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "real"}
    found = CODEX.defaults(host)
    config = tomllib.loads(content(CODEX.provision(asked(CODEX, host), INSTALLED), ".codex/config.toml"))
    assert config["model_providers"]["bottle"]["base_url"] == "http://gateway.bottle.internal:4000/v1"
    assert {(rule.host, rule.ports, rule.scheme) for rule in found.rules} == {("gateway.bottle.internal", (4000,), "http")}
    assert found.connect == (ConnectTo(host="gateway.bottle.internal", port=4000, address=dialled, to_port=4000),)
    assert [target.host for target in found.credentials[0].to] == ["gateway.bottle.internal"]


def test_a_public_api_is_dialled_where_its_name_says() -> None:
    assert CLAUDE.defaults({}).connect == ()


def test_a_refused_base_url_is_not_repeated() -> None:
    with pytest.raises(BadUsage) as caught:
        parse_endpoint("https://me:hunter2@llm.example.com", variable="ANTHROPIC_BASE_URL")
    assert "hunter2" not in str(caught.value) + "".join(caught.value.facts) + caught.value.next


def test_codex_runs_without_its_own_sandbox_and_says_so() -> None:
    plan = CODEX.provision(asked(CODEX, prompt='Say "hi"\n\\n', args=("exec", "hello")), INSTALLED)
    settings = tomllib.loads(content(plan, ".codex/config.toml"))
    assert settings["sandbox_mode"] == "danger-full-access"
    assert settings["approval_policy"] == "never"
    assert settings["developer_instructions"] == 'Say "hi"\n\\n'
    assert settings["projects"]["/work/project"]["trust_level"] == "trusted"
    assert plan.command[0].endswith("/bin/codex")
    assert plan.command[1:] == ("exec", "--skip-git-repo-check", "hello")
    assert any("sandbox" in line.text for line in plan.notes)


@pytest.mark.parametrize("args", [(), ("resume", "--last"), ("fix the tests",), ("review",)])
def test_codex_gets_the_operators_arguments_as_they_are(args: tuple[str, ...]) -> None:
    assert CODEX.provision(asked(CODEX, args=args), INSTALLED).command[1:] == args


def test_codex_without_a_prompt_gets_no_instructions() -> None:
    settings = tomllib.loads(content(CODEX.provision(asked(CODEX), INSTALLED), ".codex/config.toml"))
    assert "developer_instructions" not in settings


def test_codexs_key_is_set_by_the_gate_and_the_bottle_gets_a_placeholder() -> None:
    host = {"OPENAI_API_KEY": "the-real-key", "OPENAI_BASE_URL": "https://llm.example.com/v1"}
    plan = CODEX.provision(asked(CODEX, host), INSTALLED)
    (credential,) = CODEX.defaults(host).credentials
    assert [(target.host, target.name, target.format) for target in credential.to] == [
        ("llm.example.com", "authorization", "Bearer {value}")
    ]
    assert dict(plan.env)["OPENAI_API_KEY"] == PLACEHOLDER
    provider_settings = tomllib.loads(content(plan, ".codex/config.toml"))["model_providers"]["bottle"]
    assert provider_settings["base_url"] == "https://llm.example.com/v1"
    assert "the-real-key" not in repr(plan)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_prompt_survives_toml(text: str) -> None:
    assert tomllib.loads(f"x = {toml_string(text)}")["x"] == text


@pytest.mark.parametrize("each", [CLAUDE, CODEX], ids=["claude", "codex"])
def test_an_agent_that_is_not_installed_cannot_be_provisioned(each: AgentProvider) -> None:
    with pytest.raises(BottleError) as caught:
        each.provision(asked(each), None)
    assert "agents install" in caught.value.next


def test_shell_runs_the_command_after_the_dashes() -> None:
    assert Shell().provision(asked(Shell(), args=("make", "test")), None).command == ("make", "test")


def test_shell_without_a_command_is_a_login_shell() -> None:
    assert Shell().provision(asked(Shell()), None).command == LOGIN_SHELL


def test_custom_runs_the_manifests_command_and_finds_its_prompt() -> None:
    plan = Custom().provision(asked(Custom(), command=("python3", "agent.py"), args=("--fast",)), None)
    assert plan.command == ("python3", "agent.py", "--fast")
    assert dict(plan.env)["BOT_BOTTLE_PROMPT_FILE"] == "/run/bot-bottle/prompt.md"
    assert plan.prompt_mode is PromptMode.ENVIRONMENT


def test_custom_without_a_command_is_a_mistake_in_the_manifest() -> None:
    with pytest.raises(BadManifest, match="no command"):
        Custom().provision(asked(Custom()), None)


def test_the_registry_knows_every_provider_by_its_own_name() -> None:
    assert [each.name for each in providers()] == list(PROVIDERS)


def test_every_name_that_a_manifest_may_use_has_a_provider() -> None:
    assert set(get_args(AgentName)) == set(PROVIDERS) == set(AVAILABLE.agents)


def test_an_agent_without_a_provider_is_refused() -> None:
    with pytest.raises(BadUsage, match="no agent called") as caught:
        provider("claud")
    assert "claude" in caught.value.next
