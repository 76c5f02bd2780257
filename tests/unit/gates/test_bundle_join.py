"""What the bundle tells gates of each other."""

from pathlib import Path

from bot_bottle.gates.bundle import _join
from bot_bottle.gates.git_gate.serve import GitGate
from bot_bottle.gates.supervise.plan import TOKEN
from bot_bottle.gates.supervise.serve import SuperviseGate


def test_the_gate_that_asks_is_given_the_gate_that_holds_pushes(tmp_path: Path) -> None:
    git = GitGate({"folder": str(tmp_path / "git"), "repositories": []}, {}, lambda event: None)
    config = {"bottle": {"slug": "b1", "stage_dir": str(tmp_path)}, "within": [], "within_s": 1, "unattended": "wait"}
    supervise = SuperviseGate(config, {TOKEN: "t"}, lambda event: None)
    _join({"git-gate": git, "supervise": supervise})
    assert supervise.deciding == (git,)
    assert git.can_ask
