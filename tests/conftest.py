"""For every test: in CI hypothesis draws the same examples each time, so that a run depends on the code alone. No example has a
time limit of its own: on a busy machine that says nothing of the code."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")
