"""Outputs that learners themselves offer: measured at the end of a run, stored, verified."""

from __future__ import annotations

import html
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from games import random_game

import mamex_bench as mb
from mamex_bench.errors import ResultsError
from mamex_bench.experiments import run_suite
from mamex_bench.experiments.verify import inspect
from mamex_bench.runs.offered import RULES, measure
from mamex_bench.runs.packing import pack, unpack
from mamex_bench.runs.results import load_results

SUITE = """
episodes = 60
seeds = 2

[[instance]]
id = "cube"
family = "hypercube"
parameters = { dimension = 3, horizon = 2 }

[[learner]]
id = "v"
name = "v_learning_tuned"
concept = ["cce", "ce"]

[[learner]]
id = "vi"
name = "optimistic_vi_tuned"
concept = "ce"

[[learner]]
id = "uniform"
concept = "cce"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offered")
    suite = folder / "offered.toml"
    suite.write_text(SUITE)
    return run_suite(suite, folder / "offered.sqlite", workers=1, quiet=True)


def test_a_run_ends_with_what_the_learner_offers() -> None:
    game = random_game(3, (2, 2))
    instance, K = mb.Instance(game, mb.PurePolicies.sample(game, (2, 2), seed=0)), 80
    for name, kind in (("v_learning", "history"), ("optimistic_vi_tuned", "markov")):
        learner = mb.learners.make(name, instance, concept="ce", episodes=K)
        run = mb.run(instance, learner, K)
        assert run.offered is not None
        assert run.offered.kind == kind
        output, early = run.output(), run.output(K - 1)
        assert output.rule == RULES[kind]
        assert output.profile is run.offered.profile
        assert early.rule == "uniformly drawn episode"
        # The curve keeps one rule for all times.
        np.testing.assert_allclose(run.output_gaps([K])[0], run.regret.max(axis=1).mean())
        ends = run.offered.ends
        np.testing.assert_array_equal(ends[1], output.profile.gaps(instance))
        assert (output.lowest_gap, output.gap) == (ends[0].max(), ends[1].max())
        assert run.diagnostics["output_gap"] == output.gap
        assert run.diagnostics["output_gap_lower"] == output.lowest_gap
        assert html.escape(RULES[kind]) in run._repr_html_()
        assert output.lowest_gap <= output.gap
        assert kind == "history" or output.lowest_gap == output.gap
    plain = mb.learners.make("uniform", instance, concept="cce", episodes=K)
    run = mb.run(instance, plain, K)
    assert run.offered is None
    assert run.output().lowest_gap == run.output().gap
    assert "output_gap" not in run.diagnostics


def test_an_offered_distribution_over_the_class_is_measured_inside_it() -> None:
    game = random_game(3, (2, 2))
    instance = mb.Instance(game, mb.PurePolicies.sample(game, (2, 2), seed=0))
    learner = mb.learners.make("uniform", instance, concept="cce", episodes=5)
    profile = learner.choose()
    learner.output_profile = lambda: profile  # type: ignore[attr-defined]
    offered = measure(learner, instance)
    assert offered is not None
    assert offered.kind == "class"
    np.testing.assert_array_equal(offered.ends, [profile.gaps(instance)] * 2)
    np.testing.assert_array_equal(offered.arrays()["offered_profile"], profile.distribution)


def test_results_hold_them_and_verification_repeats_them(finished: Path) -> None:
    kinds = {cell.learner: cell.offered for cell in load_results(finished).cells}
    assert kinds == {"v": "history", "vi": "markov", "uniform": ""}
    for cell in load_results(finished).cells:
        if cell.offered:
            low, high = (cell.diagnostics[n] for n in ("output_gap_lower", "output_gap"))
            assert low.shape == (2,)
            assert (low <= high).all()
            assert cell.offered == "history" or (low == high).all()
    found = inspect(finished)
    assert not found.findings
    assert found.counts["learners' own outputs"] == 6
    # one of two seeds of each of two cells
    assert found.counts["repeated runs"] == 2
    assert found.notes == [
        "2 history-dependent outputs are not stored; their gaps stand as measured"
    ]


@pytest.mark.parametrize(
    ("name", "owner", "finding"),
    [
        ("offered_profile", "run/cube/vi/ce/1", "an output or its gaps are improper"),
        ("offered_ends", "run/cube/vi/ce/0", "gaps of learners' own outputs"),
        ("offered_ends", "run/cube/v/cce/0", "gaps of learners' own outputs"),
    ],
)
def test_tampering_with_them_is_found(
    finished: Path, tmp_path: Path, name: str, owner: str, finding: str
) -> None:
    path = tmp_path / "tampered.sqlite"
    shutil.copy(finished, path)
    raw = sqlite3.connect(path)
    raw.execute("drop trigger arrays_update")
    where = "where owner = ? and name = ?"
    (data,) = raw.execute(f"select data from arrays {where}", (owner, name)).fetchone()
    array = unpack(data)
    array += 1e-6
    raw.execute(f"update arrays set data = ? {where}", (pack(array), owner, name))
    raw.commit()
    raw.close()
    findings = inspect(path).findings
    assert findings
    assert all(line.startswith(owner) for line in findings)
    assert any(finding in line for line in findings)


@pytest.mark.parametrize("version", [1, 2])
def test_files_of_earlier_schemas_are_read_and_not_added_to(
    finished: Path, tmp_path: Path, version: int
) -> None:
    """As they were: gaps of every segment, no curves but one, nothing against all policies."""
    path = tmp_path / "old.sqlite"
    shutil.copy(finished, path)
    raw = sqlite3.connect(path)
    for change in ("runs_update", "arrays_delete", "arrays_update"):
        raw.execute(f"drop trigger {change}")
    raw.execute("update arrays set name = 'output_gaps' where name = 'curve_output_gap'")
    raw.execute("delete from arrays where name like 'curve%' or name = 'unrestricted_gaps'")
    if version == 1:  # no word in the header, no arrays
        raw.execute("delete from arrays where name like 'offered%'")
        raw.execute(
            "update runs set header = json_remove(header, '$.offered', '$.diagnostics.output_gap', "
            "'$.diagnostics.output_gap_lower')"
        )
    raw.execute(f"pragma user_version = {version}")
    raw.commit()
    raw.close()
    now = {cell.learner + cell.concept: cell for cell in load_results(finished).cells}
    for cell in load_results(path).cells:
        same = now[cell.learner + cell.concept]
        assert cell.offered == (same.offered if version == 2 else "")
        np.testing.assert_array_equal(cell.regret, same.regret)
        np.testing.assert_array_equal(cell.best_gap, same.best_gap)
        known = "exact" if cell.profile_kind == "markov" else "not recorded"
        assert (cell.unrestricted, same.unrestricted) == (known, "exact")
    found = inspect(path)
    assert not found.findings
    assert "gaps against all policies" not in found.counts
    with pytest.raises(ResultsError, match=f"schema version {version}, which can be read, not"):
        run_suite(finished.with_name("offered.toml"), path, quiet=True)
