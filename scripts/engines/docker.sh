#!/usr/bin/env bash
# Runs the contract suite and Docker's own tests against a real dockerd, on a socket, data, and network of its own. Needs root.
# Arguments go to pytest. What is missing is installed with apt-get; the base image is cached in ~/.cache/bot-bottle-tests.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

skip() {
  echo "docker: skipped: $*" >&2
  exit 0
}

[ "$(id -u)" = 0 ] || skip "starting a Docker daemon needs root"
[ -n "$(command -v apt-get)" ] || command -v dockerd >/dev/null || skip "dockerd is not installed, and there is no apt-get"

missing=
command -v dockerd >/dev/null || missing="$missing docker.io"
command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
command -v iptables >/dev/null || missing="$missing iptables"
command -v ip >/dev/null || missing="$missing iproute2"
if [ -n "$missing" ]; then
  log=$(mktemp)
  # The package would start a daemon of the machine's own: a policy against starting services, for the time of the installation.
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && trap 'rm -f "$policy"' EXIT; }
  # shellcheck disable=SC2086 # a list of names
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
    { tail -20 "$log" >&2; skip "could not install$missing"; }
  rm -f "$log"
  [ -z "$(trap -p EXIT)" ] || { rm -f "$policy"; trap - EXIT; }
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/bot-bottle-tests"
base="$cache/docker-base.tar"
if [ ! -f "$base" ]; then
  echo "docker: making the base image (about a minute, once)" >&2
  mkdir -p "$cache"
  building="$cache/.docker-base-$$.tar"
  log=$(mktemp)
  mmdebstrap --quiet --format=tar --variant=minbase --include=ca-certificates,curl,git,nodejs,npm,procps,python3,python3-venv \
    bookworm "$building" >"$log" 2>&1 || { tail -20 "$log" >&2; rm -f "$building"; skip "mmdebstrap could not make the base image"; }
  mv "$building" "$base"
  rm -f "$log"
fi

python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-}
[ -x "$python" ] || skip "there is no Python environment: run ./test first"
"$python" scripts/build_guest.py
export BOT_BOTTLE_TEST_ENGINE=docker
exec "$python" tests/support/dockerd.py -- "$python" -m pytest -q tests/contract tests/engines/docker tests/faults "$@"
