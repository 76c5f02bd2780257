"""For every test: in CI hypothesis draws the same examples each time, so that a run depends on the code alone."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
