#!/usr/bin/env bash
# The git gate against a real sshd and a real git-lfs, 20 rounds of killing it in the middle of a push, and whole histories: this
# repository's own and those that BOT_BOTTLE_HISTORIES names, with `:` between them. Arguments go to pytest.
# openssh-server and git-lfs are installed with apt-get where that needs no password; without them their tests skip and say so.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

missing=
[ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
command -v git-lfs >/dev/null || missing="$missing git-lfs"
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # The package would start an sshd of the machine's own: a policy against starting services, for the time of the installation.
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && trap 'rm -f "$policy"' EXIT; }
  # shellcheck disable=SC2086 # a list of names
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >/dev/null 2>&1 ||
    echo "git: could not install$missing: their tests are skipped" >&2
  [ -z "$(trap -p EXIT)" ] || { rm -f "$policy"; trap - EXIT; }
elif [ -n "$missing" ]; then
  echo "git: without$missing: their tests are skipped" >&2
fi

. scripts/setup.sh
make_environment pins/run.txt pins/dev.txt
export BOT_BOTTLE_KILL_ROUNDS="${BOT_BOTTLE_KILL_ROUNDS:-20}"
export BOT_BOTTLE_TEST_ENGINE=git
tests=tests/integration/git_gate
exec timeout 900 .venv/bin/python -m pytest $tests/test_ssh.py $tests/test_lfs.py $tests/test_crashes.py tests/engines/git "$@"
