# Sourced by ./try and ./test: installs what is missing, then makes the Python environment in .venv. Quiet, and idempotent.
# Changes nothing outside this folder, except that missing system packages are installed with apt-get where that needs no password.

say() { printf '%s\n' "$*" >&2; }

stop() { # what to do next
  say "$@"
  exit 121
}

# Run a command quietly; show all of its output when it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    stop "This failed: $*"
  fi
  rm -f "$log"
}

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  stop "bot-bottle needs Python 3.11 or newer. Install it (Debian 12 and Ubuntu 24.04 bring it as python3), then run this again."
}

missing_packages() {
  command -v bwrap >/dev/null || echo bubblewrap
  command -v npm >/dev/null || echo nodejs npm
  if [ ! -x .venv/bin/pip ] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
  fi
}

install_packages() {
  local line="apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null || stop "Please install these with your package manager, then run this again: $*"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || stop "Some packages are missing. Type this, then run this again:" "
  sudo apt-get update && sudo $line"
    root=(sudo -n)
  fi
  say "Installing $* with apt-get"
  # shellcheck disable=SC2086 # the line is made of words
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive $line >/dev/null 2>&1 && return
  quietly "${root[@]}" apt-get update
  # shellcheck disable=SC2086
  quietly "${root[@]}" env DEBIAN_FRONTEND=noninteractive $line
}

# Make .venv hold this project and its pinned packages; the arguments are the pinned lists to install.
make_environment() {
  local list wanted marker changed=
  [ -x .venv/bin/pip ] || { rm -rf .venv && quietly "$python" -m venv .venv; }
  for list in "$@"; do
    wanted=$(cat pyproject.toml "$list" | sha256sum)
    marker=.venv/.done-$(basename "$list" .txt)
    [ "$(cat "$marker" 2>/dev/null)" = "$wanted" ] && continue
    [ -n "$changed" ] || say "Making the Python environment in .venv"
    changed=yes
    quietly .venv/bin/pip install --disable-pip-version-check --quiet --require-hashes --requirement "$list"
    quietly .venv/bin/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
    printf '%s\n' "$wanted" >"$marker"
  done
  .venv/bin/python scripts/build_guest.py
  quietly .venv/bin/python -m compileall -q src # as pip does for a package; without it, PYTHONDONTWRITEBYTECODE costs 60 ms a start
}

python=$(find_python)
packages=$(missing_packages)
# shellcheck disable=SC2086 # a list of names
[ -z "$packages" ] || install_packages $packages
