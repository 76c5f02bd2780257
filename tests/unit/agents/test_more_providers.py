"""What the other providers decide: each keeps the key outside, starts without questions, and asks for little."""

import json
from pathlib import Path

import pytest

from bot_bottle.agents.aider import Aider
from bot_bottle.agents.amp import Amp
from bot_bottle.agents.base import AgentProvider, Installed, Provisioning
from bot_bottle.agents.copilot import Copilot
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.gemini import Gemini
from bot_bottle.agents.opencode import Opencode
from bot_bottle.agents.qwen import Qwen
from bot_bottle.agents.supervised import CLIENTS_PATH
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.manifest.spec import AgentName, BottleSpec, Workspace, WorkspaceMode
from bot_bottle.plans.bottle import AgentProvision

INSTALLED = Installed(folder=Path("/cache/agents/x"), version="9.9.9", integrity="sha512-x")
SYSTEM = "linux-x64"
KEY = "the-real-key"
OWN_API = {"COPILOT_PROVIDER_API_KEY": KEY, "COPILOT_PROVIDER_BASE_URL": "https://llm.example.com/v1", "COPILOT_MODEL": "m"}

CASES: tuple[tuple[AgentProvider, dict[str, str], str, str, str], ...] = (
    (Gemini(system=SYSTEM), {"GEMINI_API_KEY": KEY}, "generativelanguage.googleapis.com", "x-goog-api-key", "{value}"),
    (Qwen(system=SYSTEM), {"OPENAI_API_KEY": KEY}, "api.openai.com", "authorization", "Bearer {value}"),
    (Opencode(system=SYSTEM), {"ANTHROPIC_API_KEY": KEY}, "api.anthropic.com", "x-api-key", "{value}"),
    (Opencode(system=SYSTEM), {"OPENAI_API_KEY": KEY}, "api.openai.com", "authorization", "Bearer {value}"),
    (Opencode(system=SYSTEM), {"GEMINI_API_KEY": KEY}, "generativelanguage.googleapis.com", "x-goog-api-key", "{value}"),
    (Copilot(system=SYSTEM), OWN_API, "llm.example.com", "authorization", "Bearer {value}"),
    (Copilot(system=SYSTEM), OWN_API | {"COPILOT_PROVIDER_TYPE": "anthropic"}, "llm.example.com", "x-api-key", "{value}"),
    (Copilot(system=SYSTEM), {"GH_TOKEN": KEY}, "api.github.com", "authorization", "Bearer {value}"),
    (Amp(system=SYSTEM), {"AMP_API_KEY": KEY}, "ampcode.com", "authorization", "Bearer {value}"),
    (Aider(), {"OPENAI_API_KEY": KEY}, "api.openai.com", "authorization", "Bearer {value}"),
    (Aider(), {"ANTHROPIC_API_KEY": KEY}, "api.anthropic.com", "x-api-key", "{value}"),
)
EVERY = [Gemini(system=SYSTEM), Qwen(system=SYSTEM), Opencode(system=SYSTEM), Copilot(system=SYSTEM), Amp(system=SYSTEM), Aider()]
by_name = pytest.mark.parametrize("each", EVERY, ids=lambda each: each.name)


def planned(
    each: AgentProvider,
    host: dict[str, str] | None = None,
    *,
    prompt: str = "",
    args: tuple[str, ...] = (),
    mode: WorkspaceMode = "copy",
    is_supervised: bool = False,
) -> AgentProvision:
    """As `prepare` asks: the defaults merged into the spec, names of the operator's variables, values of the plain ones."""
    host = host or {}
    agent: AgentName = "gemini"
    spec = BottleSpec(
        agent=agent,
        backend="namespaces",
        workspace=Workspace(path=Path("/home/me/project"), mode=mode),
        prompt=prompt,
        args=args,
        credentials=each.defaults(host).credentials,
    )
    asked = Provisioning(
        spec=spec,
        guest_home="/home/agent",
        guest_workspace="/work/project",
        guest_prompt_file="/run/bot-bottle/prompt.md",
        host_variables=frozenset(host),
        interactive=False,
        host_values=each.plain_values(host),
        is_supervised=is_supervised,
    )
    return each.provision(asked, INSTALLED)


@pytest.mark.parametrize(("each", "host", "where", "header", "format"), CASES)
def test_the_gate_sets_the_key_and_the_bottle_gets_a_placeholder(
    each: AgentProvider, host: dict[str, str], where: str, header: str, format: str
) -> None:
    (credential,) = each.defaults(host).credentials
    assert (where, header, format) in {(target.host, target.name, target.format) for target in credential.to}
    assert {target.paths for target in credential.to} == {()}, "a path without the key would be open to one of the agent's own"
    plan = planned(each, host)
    assert any(PLACEHOLDER in value for _, value in plan.env)
    assert KEY not in repr(plan) + repr(credential)
    assert any("placeholder" in line.text for line in plan.notes)


@pytest.mark.parametrize(("each", "host", "where", "header", "format"), CASES)
def test_rules_name_hosts_methods_and_an_origin(
    each: AgentProvider, host: dict[str, str], where: str, header: str, format: str
) -> None:
    rules = each.defaults(host).rules
    assert where in {rule.host for rule in rules}
    assert all(rule.methods and "*" not in rule.host and rule.where == f"agent {each.name}" for rule in rules)


@by_name
def test_without_a_key_there_is_no_credential_and_the_preflight_says_what_to_set(each: AgentProvider) -> None:
    assert each.defaults({}).credentials == ()
    assert each.defaults({}).rules != ()
    assert any(line.label == "agent key" and line.text.startswith("none") for line in planned(each).notes)


@by_name
def test_the_preflight_says_that_the_agent_asks_no_permission(each: AgentProvider) -> None:
    assert any("asks no permission" in line.text and line.why == "the bottle is the sandbox" for line in planned(each).notes)


@by_name
def test_the_standing_prompt_is_a_file_and_not_an_argument(each: AgentProvider) -> None:
    plan = planned(each, prompt="Be brief.")
    assert "Be brief." not in plan.command
    assert any(file.content == "Be brief." for file in plan.files) or "/run/bot-bottle/prompt.md" in plan.command


@by_name
def test_an_agent_that_is_not_installed_cannot_be_provisioned(each: AgentProvider) -> None:
    spec = BottleSpec(agent="gemini", backend="namespaces", workspace=Workspace(path=Path("/home/me/project")))
    asked = Provisioning(
        spec=spec, guest_home="/h", guest_workspace="/w", guest_prompt_file="/p", host_variables=frozenset(), interactive=False
    )
    with pytest.raises(BottleError) as caught:
        each.provision(asked, None)
    assert caught.value.next == f"Run `bot-bottle agents install {each.name}`."


@by_name
def test_the_operators_arguments_come_last(each: AgentProvider) -> None:
    assert planned(each, args=("--their", "own")).command[-2:] == ("--their", "own")


@by_name
def test_every_agent_can_take_up_its_last_conversation(each: AgentProvider) -> None:
    assert each.resume


@pytest.mark.parametrize(
    ("each", "args"),
    [
        (EVERY[0], ("--approval-mode", "plan")),
        (EVERY[0], ("--approval-mode=plan",)),
        (EVERY[1], ("--approval-mode", "default")),
        (EVERY[3], ("--deny-tool", "shell")),
    ],
)
def test_a_permission_mode_of_the_operators_own_stands(each: AgentProvider, args: tuple[str, ...]) -> None:
    plan = planned(each, args=args)
    assert plan.command[-len(args) :] == args
    assert not any("yolo" in word or "allow-all" in word for word in plan.command)
    assert not any("asks no permission" in line.text for line in plan.notes)


def test_gemini_refuses_a_base_url_that_its_client_would_refuse() -> None:
    with pytest.raises(BadUsage, match="GOOGLE_GEMINI_BASE_URL"):
        Gemini(system=SYSTEM).defaults({"GOOGLE_GEMINI_BASE_URL": "http://localhost:4000"})


def test_opencode_gets_rules_for_every_api_that_there_is_a_key_for() -> None:
    host = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    assert {rule.host for rule in Opencode(system=SYSTEM).defaults(host).rules} == {"api.anthropic.com", "api.openai.com"}


def test_a_gateway_of_the_operators_own_is_in_opencodes_configuration() -> None:
    host = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost:4000/v1"}
    plan = planned(Opencode(system=SYSTEM), host)
    (settings,) = (json.loads(file.content) for file in plan.files if file.path.endswith("opencode.json"))
    assert settings["provider"] == {"openai": {"options": {"baseURL": "http://gateway.bottle.internal:4000/v1"}}}


def test_opencode_holds_names_in_a_shared_workspace_by_files_and_says_so() -> None:
    assert dict(planned(Opencode(system=SYSTEM), mode="bind").held_files) == {"opencode.json": "{}\n", "opencode.jsonc": "{}\n"}
    said = [line.text for line in planned(Opencode(system=SYSTEM), mode="bind").notes if "opencode.json" in line.text]
    assert said
    assert not [line for line in planned(Opencode(system=SYSTEM)).notes if "opencode.json" in line.text]


def test_copilot_with_an_api_of_ones_own_says_no_word_to_github() -> None:
    found = Copilot(system=SYSTEM).defaults(OWN_API | {"GH_TOKEN": KEY})
    assert {rule.host for rule in found.rules} == {"llm.example.com"}
    assert dict(planned(Copilot(system=SYSTEM), OWN_API).env)["COPILOT_OFFLINE"] == "true"


def test_amp_gives_its_service_no_terminal() -> None:
    assert dict(planned(Amp(system=SYSTEM)).env)["AMP_REMOTE_CONTROL_TERMINAL"] == "0"


def test_amps_telemetry_is_denied() -> None:
    assert [rule.paths for rule in Amp(system=SYSTEM).defaults({}).rules if rule.deny] == [
        ("/api/telemetry", "/api/telemetry/**")
    ]


def test_aider_runs_isolated_from_modules_in_the_workspace() -> None:
    assert planned(Aider()).command[1:4] == ("-I", "-m", "aider")


@pytest.mark.parametrize("each", [EVERY[0], EVERY[2], EVERY[3], EVERY[4]], ids=lambda each: each.name)
def test_a_supervised_agent_finds_the_operators_inbox_and_is_told_how_to_ask(each: AgentProvider) -> None:
    plan = planned(each, is_supervised=True)
    texts = [file.content for file in plan.files] + list(plan.command)
    assert any("127.0.0.1:3130/mcp" in text or CLIENTS_PATH in text for text in texts)
    assert any("request_permission" in text for text in texts)


@pytest.mark.parametrize("each", [EVERY[1], EVERY[5]], ids=lambda each: each.name)
def test_an_agent_that_cannot_ask_is_not_told_to_and_the_preflight_says_so(each: AgentProvider) -> None:
    plan = planned(each, prompt="Be brief.", is_supervised=True)
    assert not any("request_permission" in file.content for file in plan.files)
    assert any("cannot ask you" in line.text for line in plan.notes)
