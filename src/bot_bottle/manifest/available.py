"""What this version can do of what a manifest can ask for. The one place to flip when a gate, backend or agent arrives."""

from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Available:
    """Names that work here. A section, agent, backend or mode that is not listed is refused, never ignored."""

    agents: tuple[str, ...]
    backends: tuple[str, ...]
    modes: tuple[str, ...]
    presets: tuple[str, ...]
    sections: tuple[str, ...]


AVAILABLE = Available(
    agents=("claude", "codex", "gemini", "opencode", "qwen", "copilot", "amp", "aider", "shell", "custom"),
    backends=("namespaces", "gvisor", "docker", "smolmachines", "auto"),
    modes=("bind", "copy", "clone"),
    presets=("pip", "npm", "go", "cargo", "maven", "apt", "github", "gitlab"),
    sections=("dlp", "supervise", "budget", "image", "services", "git"),
)

SECTIONS_TO_COME: dict[str, str] = {
    "git": "the git gate",
    "dlp": "the gate that searches requests for secrets",
    "supervise": "the gate through which an agent asks for permission",
    "budget": "the budget on a model's cost",
    "image": "running a bottle from an image",
    "services": "running services beside a bottle",
}
"""Sections that manifests may hold once `AVAILABLE.sections` names them, and what each stands for."""
