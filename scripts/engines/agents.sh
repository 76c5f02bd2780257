#!/usr/bin/env bash
# The other real coding agents (Gemini CLI, Qwen Code, opencode, GitHub Copilot CLI, Amp, aider) in bottles, against the stand-in.
# Needs bubblewrap, npm and Python's venv module; the agents come from the registries that npm and pip are set up for, about
# 800 MB once, and stay in the cache. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. scripts/setup.sh
make_environment pins/run.txt pins/dev.txt
export BOT_BOTTLE_TEST_ENGINE=namespaces
exec .venv/bin/python -m pytest tests/engines/agents "$@"
