#!/usr/bin/env bash
# Runs the smolmachines backend's own tests and the contract suite on the real engine: directly where /dev/kvm starts machines, else in a
# Debian under QEMU whose emulated processor has AMD-V. Needs root. What it makes is kept in ~/.cache/bot-bottle-tests (the disk: 1.5 GB).
# Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

skip() {
  echo "smolmachines: skipped: $*" >&2
  exit 0
}

[ "$(uname -m)" = x86_64 ] || skip "the emulated host is an x86-64"
[ "$(id -u)" = 0 ] || skip "making the emulated host's disk needs root"
command -v apt-get >/dev/null || skip "the emulated host is made from the Debian archives, and there is no apt-get"

python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-}
[ -x "$python" ] || skip "there is no Python environment: run ./test first"
export PYTHONPATH="$PWD/src"

missing=
command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
command -v qemu-system-x86_64 >/dev/null || missing="$missing qemu-system-x86"
command -v mke2fs >/dev/null || missing="$missing e2fsprogs"
command -v npm >/dev/null || missing="$missing npm"
if [ -n "$missing" ]; then
  log=$(mktemp)
  # shellcheck disable=SC2086 # a list of names
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
    { tail -20 "$log" >&2; skip "could not install$missing"; }
  rm -f "$log"
fi

if [ -w /dev/kvm ]; then
  code=0
  "$python" tests/kvm_host/native.py "$@" || code=$?
  if [ "$code" != 75 ]; then exit "$code"; fi # 75: a /dev/kvm that starts no machine
fi
exec "$python" tests/kvm_host/suite.py "$@"
