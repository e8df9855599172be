"""The results file: append-only, identified, never damaged by what it refuses."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mamex_bench.errors import ResultsError
from mamex_bench.runs.results import load_results
from mamex_bench.runs.store import RunKey, Store, Stored

META = {
    "suite": "s",
    "suite_text": "",
    "title": "t",
    "description": "",
    "episodes": 5,
    "delta": 0.1,
}
INSTANCE = {
    "id": "i",
    "group": "i",
    "family": "f",
    "parameters": {"a": [1, 2]},
    "description": "d",
    "agents": 2,
    "states": 1,
    "horizon": 1,
    "action_counts": [2, 2],
    "policy_counts": [2, 2],
    "hypotheses": {"models": "m"},
    "known": {"value": [1.5, "source"]},
    "return_range": 1.0,
    "value_bound": None,
    "structure": "",
    "episodes": 5,
}
CELL = {
    "learner_name": "uniform",
    "episodes": 5,
    "checkpoints": [1, 2, 5],
    "seeds": 3,
    "options": {},
    "expected": None,
    "status": "planned",
    "reason": "",
    "hypotheses": None,
}


def new(path: Path) -> Store:
    cells = {("i", "l", "cce"): CELL, ("i", "l", "ce"): CELL | {"status": "not applicable",
             "reason": "because"}}  # fmt: skip
    return Store.create(path, META, {"i": Stored(INSTANCE, {"file": np.arange(3)})}, cells)


def a_run(seed: int) -> tuple[RunKey, Stored]:
    header: dict[str, Any] = {
        "status": "done",
        "reason": "",
        "eta": None,
        "profile_kind": "class",
        "seconds": 0.25,
        "diagnostics": {"solves": 2.0, "live": float("nan")},
    }
    # by hand: gaps (0.5, -0.25) for two episodes, then (0.125, 1.0) for three
    arrays = {
        "lengths": np.array([2, 3]),
        "gaps": np.array([[0.5, -0.25], [0.125, 1.0]]),
        "curve_regret": np.array([[0.5, -0.25], [1.0, -0.5], [1.375, 2.5]]),
        "curve_positive_regret": np.array([[0.5, 0.0], [1.0, 0.0], [1.375, 3.0]]),
        "curve_gap": np.array([0.5, 0.5, 1.0]),
        "curve_best_gap": np.array([0.5, 0.5, 0.5]),
        "curve_output_gap": np.array([3.0, 2.0, 1.0]),
        "curve_unrestricted_regret": np.ones((1, 3, 2)),
        "curve_unrestricted_gap": np.array([[0.5, 0.5, 1.0], [0.5, 0.75, 2.0]]),
    }
    return RunKey("i", "l", "cce", seed), Stored(header, arrays)


def an_old_run(seed: int) -> tuple[RunKey, Stored]:
    """As versions 1 and 2 had it: gaps of all segments, from which the curves follow."""
    key, stored = a_run(seed)
    arrays = {name: stored.arrays[name] for name in ("lengths", "gaps")}
    return key, Stored(stored.header, arrays | {"output_gaps": np.array([3.0, 2.0, 1.0])})


def as_version(path: Path, version: int) -> None:
    raw = sqlite3.connect(path)
    raw.execute(f"pragma user_version = {version}")
    raw.close()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_round_trip_through_a_file(tmp_path: Path, version: int) -> None:
    path = tmp_path / "r.sqlite"
    make = a_run if version == 3 else an_old_run
    with new(path) as store:
        store.add_event("started", {"numpy": "2"})
        store.add_prepared({"cell/i/l/cce": Stored({"status": "done", "reason": "", "eta": None,
                                                    "bounds": None})})  # fmt: skip
        store.add_runs([make(0), make(2)])
    as_version(path, version)
    assert [p.name for p in tmp_path.iterdir()] == ["r.sqlite"]
    results = load_results(path)
    record = results.instance("i")
    assert (record.action_counts, record.known) == ((2, 2), {"value": (1.5, "source")})
    done, other = results.cells
    assert (done.status, done.reason) == ("missing", "2 of 3 seeds have been run")
    assert (other.status, other.reason) == ("not applicable", "because")
    assert other.regret.shape == (0, 3, 2)
    assert done.seeds == (0, 2)
    np.testing.assert_allclose(done.regret[0], [[0.5, -0.25], [1.0, -0.5], [1.375, 2.5]])
    np.testing.assert_allclose(done.class_regret, done.regret)
    np.testing.assert_allclose(done.positive_regret[0], [[0.5, 0.0], [1.0, 0.0], [1.375, 3.0]])
    np.testing.assert_allclose(done.gap[0], [0.5, 0.5, 1.0])
    np.testing.assert_allclose(done.best_gap[0], [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(done.output_gap[0], [3.0, 2.0, 1.0])
    np.testing.assert_array_equal(done.diagnostics["solves"], [2.0, 2.0])
    assert np.isnan(done.diagnostics["live"]).all()
    if version == 3:
        assert done.unrestricted == "exact"
        assert done.unrestricted_regret.shape == (2, 2, 3, 2)
        np.testing.assert_array_equal(done.unrestricted_gap[:, 1, 2], [1.0, 2.0])
    else:
        assert done.unrestricted == "not recorded"
        assert done.unrestricted_gap is None
    assert results.provenance["numpy"] == "2"


def test_a_failed_run_fails_its_cell(tmp_path: Path) -> None:
    with new(tmp_path / "r.sqlite") as store:
        failed = Stored({"status": "failed", "reason": "no model explains it"})
        store.add_runs([a_run(0), (RunKey("i", "l", "cce", 1), failed)])
    cell = load_results(tmp_path / "r.sqlite").cells[0]
    assert (cell.status, cell.reason) == ("failed", "seed 1: no model explains it")
    assert cell.seeds == (0,)


def test_nothing_in_it_can_be_changed_or_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with new(path) as store:
        store.add_runs([a_run(0)])
        with pytest.raises(ResultsError, match="cannot be written"):
            store.add_runs([a_run(1), a_run(0)])
        # all or nothing: seed 1 was in the refused transaction
        assert [key.seed for key in store.runs()] == [0]
    raw = sqlite3.connect(path)
    for statement in ("update runs set seed = 7", "delete from arrays"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    raw.close()
    with pytest.raises(ResultsError, match="exists already"):
        new(path)


def test_a_transaction_that_was_cut_off_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with new(path) as store:
        store.add_runs([a_run(0)])
        with contextlib.suppress(KeyboardInterrupt), store._transaction() as db:
            db.execute("insert into runs values ('i', 'l', 'cce', 9, '{}')")
            raise KeyboardInterrupt
    with Store.open(path) as store:
        assert [key.seed for key in store.runs()] == [0]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_other_files_are_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.sqlite"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"is not a (readable )?results file"):
        load_results(path)
    assert path.read_bytes() == content
    with pytest.raises(ResultsError, match="no results file"):
        load_results(tmp_path / "absent.sqlite")


def test_other_databases_versions_and_damage_are_named(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    raw = sqlite3.connect(foreign)
    raw.execute("create table x (y)")
    raw.close()
    with pytest.raises(ResultsError, match="is not a results file of mamex-bench"):
        load_results(foreign)

    path = tmp_path / "r.sqlite"
    new(path).close()
    raw = sqlite3.connect(path)
    raw.execute("pragma user_version = 99")
    raw.close()
    with pytest.raises(ResultsError, match="has schema version 99: this program reads 1 to 3"):
        load_results(path)

    torn = tmp_path / "torn.sqlite"
    with new(torn) as store:
        store.add_runs([a_run(seed) for seed in range(40)])
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ResultsError, match=r"torn.sqlite' is (damaged|not a readable)"):
        load_results(torn)

    rotten = tmp_path / "rotten.sqlite"
    with new(rotten) as store:
        store.add_runs([a_run(0)])
    raw = sqlite3.connect(rotten)
    raw.execute("drop trigger arrays_update")
    raw.execute("update arrays set data = x'00' where name = 'curve_gap'")
    raw.commit()
    raw.close()
    with pytest.raises(ResultsError, match=r"is damaged: array 'curve_gap' of run/i/l/cce/0"):
        load_results(rotten)
