#!/usr/bin/env bash
# The web page in a real browser. Needs Chromium and its driver (Debian's packages, 300 MB), which are installed where that needs
# no password; without them the tests say so and are skipped. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
. scripts/setup.sh
make_environment pins/run.txt pins/dev.txt
if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
  if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    install_packages chromium chromium-driver
  else
    say "No Chromium here: install chromium and chromium-driver to run these tests."
  fi
fi
export BOT_BOTTLE_TEST_ENGINE=namespaces
exec .venv/bin/python -m pytest tests/engines/web "$@"
