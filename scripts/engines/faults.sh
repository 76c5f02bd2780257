#!/usr/bin/env bash
# Breaks bottles of the namespaces backend at drawn moments and looks whether all is in order afterwards; docker.sh and gvisor.sh do
# so on theirs. Arguments go to pytest. As root, disks are filled and clocks moved as well. The long form, by hand:
#   .venv/bin/python tests/faults/rounds.py --backend namespaces --rounds 200 --seed 1
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

. scripts/setup.sh
make_environment pins/run.txt pins/dev.txt
.venv/bin/python scripts/build_guest.py
exec timeout 900 .venv/bin/python -m pytest -q tests/faults "$@"
