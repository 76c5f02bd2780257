"""The page of the benchmarks says what was found: every figure, every bar that was missed, everything that was not measured."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[3]
BENCH = ROOT / "bench"


@pytest.fixture(scope="module", name="bench")
def the_modules() -> dict[str, ModuleType]:
    """The modules of bench/, which import each other by their plain names."""
    sys.path.insert(0, str(BENCH))
    try:
        return {name: importlib.import_module(name) for name in ("outcome", "page", "plot", "all")}
    finally:
        sys.path.remove(str(BENCH))


def made(bench: dict[str, ModuleType]) -> Any:  # Any: a report
    """A report with a bar met, one missed, and a benchmark that failed."""
    outcome, everything = bench["outcome"], bench["all"]
    found = outcome.Outcome(
        bench="start",
        figures=(
            outcome.Figure(what="start <fast>", value=130.25, unit="ms"),
            outcome.Figure(what="start <fast>", value=400.0, unit="ms", of="docker run"),
            outcome.Figure(what="memory", value=34.0, unit="MB"),
        ),
        bars=(
            outcome.Bar(what="ours / docker", value=0.33, bar=0.8),
            outcome.Bar(what="requests/s, of direct", value=0.2, bar=0.3, at_least=True),
        ),
    )
    ran = everything.Ran(name="start", title="Start", command="python bench/start.py", outcome=found, missing=("runsc: missing",))
    failed = everything.Ran(
        name="git", title="Git", command="python bench/git.py", outcome=None, why="it failed with code 1: no git"
    )
    machine = (("processor", "a chip"),)
    return everything.Report(when="2026-01-02", commit="abc", machine=machine, is_quick=True, ran=(ran, failed))


def test_the_page_names_what_was_missed_and_what_was_not_measured(bench: dict[str, ModuleType]) -> None:
    shown = bench["page"].page(made(bench))
    assert "- Start: requests/s, of direct is 0.2; the bar is at least 0.3\n" in shown
    assert "- Git: not measured: it failed with code 1: no git" in shown
    assert "ours / docker is" not in shown
    assert "| ours / docker | 0.33 | ≤ 0.8 | met |" in shown
    assert "| requests/s, of direct | 0.2 | ≥ 0.3 | **missed** |" in shown
    assert "Not there: runsc: missing" in shown
    assert "quick run" in shown


def test_a_table_has_every_figure_and_ours_first(bench: dict[str, ModuleType]) -> None:
    shown = bench["page"].page(made(bench))
    assert "| | bot-bottle | docker run |\n|---|---|---|\n| start <fast>, ms | 130 | 400 |\n| memory, MB | 34 |  |" in shown


def test_a_picture_is_well_formed_and_its_bars_are_in_proportion(bench: dict[str, ModuleType]) -> None:
    report = made(bench)
    picture = ElementTree.fromstring(bench["plot"].plot("Start", report.ran[0].outcome))
    texts = ["".join(node.itertext()) for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "start <fast> (ms)" in texts
    bars = [node for node in picture.iter("{http://www.w3.org/2000/svg}rect") if "x" in node.attrib]
    widths = [float(node.attrib["width"]) for node in bars]
    assert widths[0] / widths[1] == pytest.approx(130.25 / 400, rel=0.01)


def test_a_report_written_and_read_again_is_the_same(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    report = made(bench)
    bench["all"].write(report, tmp_path / "benchmarks.md")
    again = bench["all"].report_from(json.loads((tmp_path / "benchmarks.json").read_text()))
    assert again == report
    assert (tmp_path / "images" / "bench-start.svg").exists()


def test_a_bar_knows_its_direction(bench: dict[str, ModuleType]) -> None:
    bar = bench["outcome"].Bar
    met = [bar(what="", value=value, bar=2, at_least=least).is_met for value in (1, 2, 3) for least in (False, True)]
    assert met == [True, False, True, True, False, True]


def test_a_benchmark_that_ends_without_an_outcome_has_none(bench: dict[str, ModuleType]) -> None:
    assert bench["outcome"].heard('{"other": 1}\nwords\n') is None
    line = '{"bench": "x", "figures": [], "bars": []}'
    assert bench["outcome"].heard(f"words\n{line}\nmore\n") == bench["outcome"].Outcome(bench="x", figures=(), bars=())


def test_every_benchmark_is_run_by_the_one_command(bench: dict[str, ModuleType]) -> None:
    for one in bench["all"].BENCHES:
        source = (BENCH / f"{one.name}.py").read_text()
        assert f'tell("{one.name}"' in source, one.name
    named = {one.name for one in bench["all"].BENCHES}
    rest = {path.stem for path in BENCH.glob("*.py")} - named - {"all", "outcome", "page", "plot"}
    assert rest <= bench["all"].ALONE.keys()


def test_the_page_in_the_docs_is_made_of_the_figures_beside_it(bench: dict[str, ModuleType]) -> None:
    page = ROOT / "docs" / "benchmarks.md"
    report = bench["all"].report_from(json.loads(page.with_suffix(".json").read_text()))
    assert bench["page"].page(report) == page.read_text(), "run: python bench/all.py --from docs/benchmarks.json"
