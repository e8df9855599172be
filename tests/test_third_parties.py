"""Entries of other packages are listed, found and tested like our own; broken ones are named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import EXAMPLES

ROOT = Path(__file__).parents[1]
TESTS = (
    "test_catalogue.py",
    "test_learners_universal.py",
    "test_measures_universal.py",
    "test_pictures.py",
)
OVER_GAMES = {
    "test_defaults_make_an_instance_with_hypotheses",
    "test_the_hypotheses_hold_the_truth",
    "test_a_seed_says_it_all",
    "test_files_bring_instances_back",
    "test_payoffs_equal_the_slow_loops_on_some_policies_and_models",
    "test_the_certificate_holds_on_ten_members",
    "test_every_family_has_a_picture_that_fits_and_can_be_read",
}
POINTS = """
[mamex_bench.games]
meeting = foreign.meeting
[mamex_bench.learners]
stubborn = foreign.stubborn
[mamex_bench.measures]
log_policies = foreign.log_policies
[mamex_bench.bounds]
all_lost = foreign.all_lost
[mamex_bench.claims]
trivial_bound = foreign.trivial_bound
"""


def install(folder: Path, points: str) -> Path:
    """A distribution with the README's files as its modules and with these entry points."""
    package, info = folder / "foreign", folder / "foreign_games-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").touch()
    for name, text in EXAMPLES.items():
        if name.endswith(".py"):
            (package / Path(name).name).write_text(text, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-games\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    return folder


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    return install(tmp_path_factory.mktemp("foreign"), POINTS)


def test_foreign_entries_are_listed_without_being_imported(foreign):
    code = (
        "import sys; from mamex_bench.cli import main; main(['list'])\n"
        "assert not any(name.startswith('foreign') for name in sys.modules), sys.modules"
    )
    done = python(foreign, "-c", code)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    words = " ".join(done.stdout.split())
    for name, first in (
        ("meeting", "Meeting: two agents are paid when they choose the same place; each place is"),
        ("stubborn", "Stubborn: every agent plays the first of its policies, whatever happens."),
        ("log_policies", "Logarithm of the number of joint pure policies. [package foreign-games]"),
        (
            "all_lost",
            "Stubborn play: in no episode does an agent regret more than the range of its",
        ),
        ("trivial_bound", "Regret against the range of returns: theory/trivial_bound.md. [package"),
    ):
        assert rows[name].startswith("  ")
        assert f"{name} {first}" in words


def test_the_universal_tests_run_over_foreign_entries(foreign):
    """Each of them is run once for every foreign entry, and passes."""
    tests = [str(ROOT / "tests" / name) for name in TESTS]
    chosen = "meeting or stubborn or log_policies"
    options = ["-n", "0", "-p", "no:cacheprovider", "-vv", "-k", chosen]
    done = python(foreign, "-m", "pytest", *tests, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.findall(r"::(\w+)\[(.*)\] PASSED", done.stdout)
    run_over = {
        name: {test for test, case in passed if name in case.split("-")}
        for name in ("meeting", "stubborn", "log_policies")
    }
    assert run_over["meeting"] == OVER_GAMES
    assert len(run_over["stubborn"]) >= 3
    assert len(run_over["log_policies"]) >= 2


def test_a_foreign_family_is_shown_with_its_certificate(foreign):
    done = python(foreign, "-m", "mamex_bench.cli", "show", "meeting", "--set", "places=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n  holds  ") == 2


def test_foreign_claims_are_judged(foreign):
    code = (
        "from mamex_bench import claims; print(claims.names(), claims.REGISTRY.load('{}').__doc__)"
    )
    done = python(foreign, "-c", code.format("trivial_bound"))
    assert "'trivial_bound'" in done.stdout
    assert "Regret against the range of returns" in done.stdout


def test_a_foreign_bound_is_stored_beside_its_learner_and_told_by_the_report(foreign, tmp_path):
    (tmp_path / "tiny.toml").write_text(
        'episodes = 30\nseeds = 2\n[[instance]]\nid = "needle"\nfamily = "needle"\n'
        '[[learner]]\nid = "stubborn"\nconcept = "cce"\n'
        '[[learner]]\nid = "uniform"\nconcept = "cce"\n'
    )
    code = """
from mamex_bench.experiments import run_suite
from mamex_bench.reporting import stated_bounds
from mamex_bench.runs.results import load_results
if __name__ == "__main__":
    path = run_suite("{0}/tiny.toml", "{0}/tiny.sqlite", workers=1, quiet=True)
    results = load_results(path)
    print([[each.name for each in cell.stated] for cell in results.cells])
    print(stated_bounds.table(results, "needle").to_markdown())
"""
    done = python(foreign, "-c", code.format(tmp_path))
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == "[['all_lost'], []]"
    (row,) = [line for line in rest if line.startswith("| CCE")]
    assert "all\\_lost | proved" in row
    assert row.endswith(
        "| no | on the mean | a gap inside the class is a difference of two returns |"
    )


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("meeting = foreign.absent", "cannot be loaded: No module named 'foreign.absent'"),
        ("meeting = foreign.meeting:absent", "cannot be loaded: module 'foreign.meeting' has no"),
        ("meeting = foreign.meeting:make", "must name a module"),
        ("needle = foreign.meeting", "has the name of a game family of mamex_bench.catalogue"),
    ],
)
def test_broken_entry_points_are_named_in_one_sentence(tmp_path, points, message):
    folder = install(tmp_path, f"[mamex_bench.games]\n{points}\n")
    name = points.split()[0]
    done = python(folder, "-m", "mamex_bench.cli", "show", name)
    assert done.returncode == 2
    assert done.stderr.startswith(f"mamex-bench: entry point '{name}' of mamex_bench.games, from ")
    assert "package foreign-games" in done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
