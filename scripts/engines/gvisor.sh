#!/usr/bin/env bash
# Runs the contract suite, gVisor's own tests, and the command line's and the agents' on gVisor, as whoever calls it and as an
# ordinary user. Arguments go to pytest. runsc comes from BOT_BOTTLE_RUNSC or PATH, else it is built as a Go module, once.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
module=gvisor.dev/gvisor/runsc@v0.0.0-20250503011706-39ed1f5ac29c

skip() {
  echo "gvisor: skipped: $*" >&2
  exit 0
}

quietly() { # the last lines when it fails
  local log
  log=$(mktemp)
  "$@" >"$log" 2>&1 || { tail -15 "$log" >&2; rm -f "$log"; return 1; }
  rm -f "$log"
}

python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-}
[ -x "$python" ] || skip "there is no Python environment: run ./test first"

export BOT_BOTTLE_RUNSC="${BOT_BOTTLE_RUNSC:-$(command -v runsc || true)}"
if [ -z "$BOT_BOTTLE_RUNSC" ]; then
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/bot-bottle-tests/runsc-${module##*-}"
  BOT_BOTTLE_RUNSC="$cache/runsc"
  if [ ! -x "$BOT_BOTTLE_RUNSC" ]; then
    export PATH="$PATH:/usr/local/go/bin"
    if ! command -v go >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      quietly apt-get update && quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends golang-go || true
    fi
    command -v go >/dev/null || skip "runsc is not installed, and there is no Go to build it with"
    echo "gvisor: building runsc (about a minute, once)" >&2
    mkdir -p "$cache"
    CGO_ENABLED=0 GOBIN="$cache" quietly go install "$module" || skip "runsc could not be built"
  fi
fi

"$python" scripts/build_guest.py
export BOT_BOTTLE_TEST_ENGINE=gvisor
exec "$python" -m pytest -q tests/contract tests/engines/gvisor tests/integration/test_run.py tests/integration/test_again.py \
  tests/integration/test_terminals.py tests/faults tests/e2e/test_agents.py "$@"
