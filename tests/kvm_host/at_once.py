"""A pytest plugin: prints each failure when it happens, with its time; nothing is lost when the run is ended."""

import time

import pytest

BEGAN = time.monotonic()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The traceback, the captured output, and why something was skipped."""
    if report.when == "call" or report.failed:
        print(f" {report.duration:.1f} s, at {time.monotonic() - BEGAN:.0f} s", end="", flush=True)
    if report.failed:
        shown = "\n".join(f"--- {name}\n{text}" for name, text in report.sections)
        print(f"\n{report.longreprtext}\n{shown}", flush=True)


def pytest_exception_interact(call: "pytest.CallInfo[None]") -> None:
    """What an error of ours knows beside its first sentence."""
    for fact in getattr(call.excinfo and call.excinfo.value, "facts", ()):
        print(f"\nfact: {fact}", flush=True)
