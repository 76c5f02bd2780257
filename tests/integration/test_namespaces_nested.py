"""Inside a container that hides parts of /proc no bottle can be made; the error says so, whatever limits were being set."""

import os
import shutil
import subprocess

import pytest
from shop import Shop

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

CONTAINER = ("bwrap", "--cap-add", "ALL", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's bottle can be made there")
def test_a_container_that_hides_parts_of_proc_is_named_as_the_reason(shop: Shop) -> None:
    command = (*CONTAINER, *shop.argv("run", "-q", "shell", "--", "true"))
    done = subprocess.run(command, env=shop.env(), cwd=shop.project, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 121, done.stderr
    assert "mount proc" in done.stderr
    assert "container that hides parts of /proc" in done.stderr
