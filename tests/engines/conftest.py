"""Each folder here needs an engine that a script of scripts/engines/ sets up: without it, nothing is collected."""

import os

collect_ignore_glob = [] if os.environ.get("BOT_BOTTLE_TEST_ENGINE") else ["*"]
