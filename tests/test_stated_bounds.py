"""Registered bounds: their formulas, what is refused, and their way from a suite into a report."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from games import random_game

import mamex_bench as mb
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.experiments import run_suite
from mamex_bench.experiments.suite import parse_suite
from mamex_bench.experiments.verification import Verification
from mamex_bench.experiments.verify_statements import check_statements
from mamex_bench.reporting import document, figures, stated_bounds
from mamex_bench.reporting.style import learner_styles
from mamex_bench.runs.results import Results, load_results
from mamex_bench.runs.statements import with_statements
from mamex_bench.runs.store import Store
from mamex_bench.runs.store import Stored as Row

AT = np.array([1, 30, 200])
SUITE = """
episodes = 60
seeds = 3

[[instance]]
id = "alone"
family = "random_game"
parameters = { agents = 1, actions = [2], states = 3, horizon = 2, policies = 4 }

[[learner]]
id = "ucb"
name = "monte_carlo_ucb"
concept = "cce"
growth = 2.0

[[learner]]
id = "vi"
name = "ucbvi"
concept = "cce"
bonus = "hoeffding"

[[learner]]
id = "uniform"
concept = "cce"
"""


def only(learner: str, instance: mb.Instance, at: Any = AT, **options: Any) -> mb.bounds.Stated:
    known = mb.learners.options(learner) | options
    words = {"concept": "cce", "episodes": 200, "checkpoints": at, "options": known}
    (found,) = mb.bounds.of_learner(learner, instance, **words)
    return found


def test_the_bound_of_ucb_is_the_theorems() -> None:
    """One step, one state: agent 0 earns 0 or 1, agent 1 between 1/4 and 3/4."""
    reward = np.array([[[[0.0, 1.0, 0.0, 1.0]]], [[[0.25, 0.5, 0.75, 0.5]]]])
    game = mb.MarkovGame(np.ones((1, 1, 4, 1)), reward, (2, 2))
    instance = mb.Instance(game, mb.PurePolicies.all(game))
    iota = log(2 * 2 * 4 * 200 / 0.1)
    for k, value in zip(AT, only("monte_carlo_ucb", instance, growth=3.0, failure=0.1).values):
        each = [
            R * 4 + 2 * R * sqrt(2 * 3.0 * iota * 4 * k) + R * sqrt(k * log(2 / 0.1) / 2) + 1
            for R in (1.0, 0.5)
        ]
        assert value == pytest.approx(sum(each), rel=1e-12)
    assert only("monte_carlo_ucb", instance, failure=0.1).failure_probability == 0.2


def test_the_bound_of_ucbvi_is_the_papers() -> None:
    game = random_game(0, (3,), states=4, horizon=2)
    instance = mb.Instance(game, mb.PurePolicies.sample(game, (2,), seed=0))
    H, S, A, L = 2, 4, 3, log(5 * 2 * 4 * 3 * 2 * 200 / 0.05)
    for k, fast, slow in zip(
        AT, only("ucbvi", instance).values, only("ucbvi", instance, bonus="hoeffding").values
    ):
        rest = 2500 * H**2 * S**2 * A * L**2 + 4 * H**1.5 * sqrt(k * L)
        assert fast == pytest.approx(30 * H * L * sqrt(S * A * k) + rest, rel=1e-12)
        ends = 20 * H**1.5 * L * sqrt(S * A * k) + 250 * H**2 * S**2 * A * L**2
        assert slow == pytest.approx(ends, rel=1e-12)
    assert only("ucbvi", instance).kind == "published"


# ----- what is refused ---------------------------------------------------------------------------


def planted(monkeypatch: pytest.MonkeyPatch, **content: Any) -> mb.Instance:
    """A bound of another package, `strange`, among ours, and an instance to ask it about."""
    registry = SimpleNamespace(load={"strange": SimpleNamespace(**content)}.__getitem__)
    monkeypatch.setattr(mb.bounds, "REGISTRY", registry)
    monkeypatch.setattr(mb.bounds, "names", lambda: ["strange"])
    return mb.catalogue.make("needle")


PROVED = mb.bounds.Statement(("uniform",), "proved", "an example")


@pytest.mark.parametrize(
    ("statement", "given", "words"),
    [
        (None, (AT, 0.0), r"bound 'strange' has no STATEMENT = Statement"),
        (
            PROVED,
            (AT[:2], 0.0),
            r"bound 'strange' gave \[1.0, 30.0\]: expected a number for",
        ),
        (PROVED, (AT * np.nan, 0.0), "bound 'strange' gave .* expected a number for each of 3"),
        (PROVED, (AT, 1.0), "bound 'strange' fails with probability 1.0: expected at least 0 and"),
        (PROVED, (AT, -0.1), "bound 'strange' fails with probability -0.1: expected at least 0"),
    ],
)
def test_bounds_that_are_none_are_named(
    monkeypatch: pytest.MonkeyPatch, statement: Any, given: Any, words: str
) -> None:
    instance = planted(monkeypatch, STATEMENT=statement, bound=lambda *_, **__: given)
    with pytest.raises(InputError, match=words):
        only("uniform", instance)


def test_a_bound_may_say_that_it_does_not_speak_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def bound(*_: Any, **__: Any) -> Any:
        raise NotApplicableError("of another game")

    instance = planted(monkeypatch, STATEMENT=PROVED, bound=bound)
    words = {"concept": "cce", "episodes": 200, "checkpoints": AT, "options": {}}
    assert mb.bounds.of_learner("uniform", instance, **words) == []


def test_a_bound_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def bound(*_: Any, options: Any, **__: Any) -> Any:
        return AT * options["width"], 0.0

    instance = planted(monkeypatch, STATEMENT=PROVED, bound=bound)
    words = r"^bound 'strange' fails on instance 'needle\(.*\)': KeyError\('width'\)$"
    with pytest.raises(InputError, match=words):
        only("uniform", instance)


@pytest.mark.parametrize(
    ("learners", "kind", "source", "words"),
    [
        (("uniform",), "fitted", "data", "kind is 'fitted': expected 'proved' or 'published'"),
        ((), "proved", "a paper", "a statement needs the learners that it speaks of"),
        (("uniform",), "proved", "", "a statement needs .* a source"),
    ],
)
def test_statements_are_proved_or_published(
    learners: tuple[str, ...], kind: str, source: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        mb.bounds.Statement(learners, kind, source)


# ----- from a suite into a report ----------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("stated")
    (folder / "stated.toml").write_text(SUITE)
    return run_suite(folder / "stated.toml", folder / "stated.sqlite", workers=1, quiet=True)


@pytest.fixture(scope="module")
def results(finished: Path) -> Results:
    return load_results(finished)


def test_bounds_are_stored_with_the_cells_of_their_learners(results: Results) -> None:
    ucb, vi, uniform = results.cells
    assert [each.name for each in ucb.stated] == ["monte_carlo_ucb"]
    assert [each.name for each in vi.stated] == ["ucbvi"]
    assert uniform.stated == ()
    instance = mb.catalogue.make(
        "random_game", agents=1, actions=[2], states=3, horizon=2, policies=4
    )
    for cell, own in ((ucb, {"growth": 2.0}), (vi, {"bonus": "hoeffding"})):
        known = mb.learners.options(cell.learner_name) | own
        (fresh,) = mb.bounds.of_learner(
            cell.learner_name,
            instance,
            concept="cce",
            episodes=60,
            checkpoints=cell.checkpoints,
            options=known,
        )
        (held,) = cell.stated
        np.testing.assert_array_equal(held.values, fresh.values)
        assert (held.kind, held.source) == (fresh.kind, fresh.source)
        assert held.failure_probability == fresh.failure_probability
    assert (ucb.regret.sum(axis=2) <= ucb.stated[0].values).all()


def test_stored_bounds_are_verified(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = load_results(finished).cells[0].checkpoints.size
    found = checked(finished)
    assert found.counts == {"settings": 2, "points of bounds": 2 * points}
    assert not found.findings
    assert not found.notes
    module = mb.bounds.REGISTRY.load("monte_carlo_ucb")
    right = module.bound
    monkeypatch.setattr(module, "bound", lambda *a, **k: (right(*a, **k)[0] * 1.001, 0.3))
    first, second = checked(finished).findings
    assert first.startswith("cell/alone/ucb/cce monte_carlo_ucb: it is ('proved', 'docstring of ")
    assert second.startswith("cell/alone/ucb/cce monte_carlo_ucb: points of bounds[0] is stored as")
    monkeypatch.setattr(module, "bound", right)
    monkeypatch.setattr(mb.bounds, "names", lambda: ["monte_carlo_ucb"])
    assert checked(finished).notes == [
        "bound 'ucbvi' is of a package that is not here: not recomputed"
    ]


def checked(path: Path) -> Verification:
    found = Verification()
    with Store.open(path) as store:
        suite = parse_suite(store.meta()["suite_text"], "stated", "stated", Path(), {})
        check_statements(store, suite, found)
    return found


def test_a_row_without_bounds_is_left_as_it_is() -> None:
    row = Row({"status": "done"}, {"values": AT})
    assert with_statements(row, []) is row


def test_the_report_lists_bounds_with_kind_and_source(results: Results) -> None:
    table = stated_bounds.table(results, "alone")
    assert [row[2:4] for row in table.rows] == [
        ("monte_carlo_ucb", "proved"),
        ("ucbvi", "published"),
    ]
    assert [row[6] for row in table.rows] == ["0 of 3 runs"] * 2
    assert [row[7] for row in table.rows] == ["0.1", "0.05"]
    assert table.rows[0][8] == "docstring of mamex_bench/learners/monte_carlo_ucb.py"
    assert stated_bounds.table(results, "elsewhere").rows == ()
    shown = document.Document(results).markdown()
    assert "Azar, Osband and Munos 2017, theorems 1 and 2, of transitions alike" in shown
    assert "bounds of its own theorem: proved for what runs here" in shown


def test_runs_beyond_a_bound_are_counted(results: Results) -> None:
    ucb, *_ = results.cells
    regret = np.broadcast_to(np.array([1.0, 2.0, 6.0])[:, None, None], ucb.regret.shape)
    for failure, level, said in (
        (0.1, 1.9, "2 of 3 runs"),
        (0.1, 2.0, "1 of 3 runs"),
        (0.0, 2.9, "yes"),
        (0.0, 3.0, "no"),
    ):
        values = np.full(ucb.checkpoints.size, level)
        bound = replace(ucb.stated[0], values=values, failure_probability=failure)
        cell = replace(ucb, stated=(bound,), regret=regret)
        (row,) = stated_bounds.table(replace(results, cells=(cell,)), "alone").rows
        assert row[6:8] == (said, "0.1" if failure else "on the mean")


def test_the_figure_draws_what_is_near_and_names_what_is_far(results: Results) -> None:
    import matplotlib.pyplot as plt

    styles = learner_styles([(c.learner, c.learner_name) for c in results.cells])
    _, axes = plt.subplots()
    marks = stated_bounds.lines(axes, results.cells, styles, roof=1e4)
    near, far = axes.lines
    np.testing.assert_array_equal(near.get_ydata(), results.cells[0].stated[0].values)
    assert np.isnan(far.get_ydata()).all()
    assert [mark.text.split(": ")[1].split(" (")[0] for mark in marks] == [
        "proved bound",
        "published bound",
    ]
    assert marks[1].text.endswith("↑")
    plt.close("all")
    drawn = figures.regret(results.cells, styles)
    assert any("proved bound" in text.get_text() for text in drawn.findobj(plt.Text))
    plt.close("all")
