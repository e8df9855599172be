"""Executing suites: the same bits whatever the workers, resumption, refusals, recomputation."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mamex_bench.errors import ResultsError, SuiteError
from mamex_bench.experiments import execute, run_suite
from mamex_bench.experiments.progress import Progress
from mamex_bench.experiments.verify import inspect, verify
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.storage import save
from mamex_bench.runs.packing import pack, unpack
from mamex_bench.runs.results import load_results
from mamex_bench.runs.store import Store

SUITE = """
title = "Tiny"
episodes = 60
seeds = 3

[[instance]]
id = "needle"
family = "needle"
parameters = { arms = 3 }

[[instance]]
id = "cube"
family = "hypercube"
parameters = { dimension = 3, horizon = 2 }
episodes = [40, 90]

[[learner]]
id = "mamex"
concept = ["nash", "ce"]
eta = "tuned"

[[learner]]
id = "uniform"
concept = "cce"

[[learner]]
id = "planted"
name = "planted_no_optimism"
eta = 0.2
instances = "needle"
expect = "violated"

[[learner]]
id = "rival"
name = "optimistic_vi_tuned_lazy"
concept = "ce"
instances = "needle"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(suite file, results file) of a tiny suite run by two workers."""
    folder = tmp_path_factory.mktemp("tiny")
    suite = folder / "tiny.toml"
    suite.write_text(SUITE)
    return suite, run_suite(suite, folder / "two" / "tiny.sqlite", workers=2, quiet=True)


def contents(path: Path) -> dict[str, Any]:
    """Everything that may not depend on how a suite was run: all but times."""
    with Store.open(path) as store:
        found: dict[str, Any] = {"instances": store.instances(), "cells": store.cells()}
        for owner, header in store.prepared().items():
            header.get("summary", {}).pop("seconds", None)
            found[owner] = header, {k: v.tobytes() for k, v in store.arrays(owner).items()}
        for key, header in store.runs().items():
            header.pop("seconds")
            diagnostics = {
                name: repr(value)
                for name, value in header.pop("diagnostics").items()
                if not name.endswith("seconds")
            }
            arrays = {k: v.tobytes() for k, v in store.arrays(key.owner).items()}
            found[key.owner] = header, diagnostics, arrays
    return found


def test_every_cell_is_there_with_bounds_and_planted_expectation(
    finished: tuple[Path, Path],
) -> None:
    results = load_results(finished[1])
    assert (results.title, results.suite, results.episodes) == ("Tiny", "tiny", 60)
    assert [record.id for record in results.instances] == ["needle", "cube@40", "cube@90"]
    assert {cell.status for cell in results.cells} == {"done"}
    assert all(cell.seeds == (0, 1, 2) for cell in results.cells)
    by_key = {(cell.instance, cell.learner, cell.concept): cell for cell in results.cells}
    assert len(by_key) == 3 * 3 + 2
    mamex = by_key["cube@90", "mamex", "ce"]
    assert mamex.checkpoints[-1] == mamex.episodes == 90
    assert mamex.bounds is not None
    n, K, R_true = 2, mamex.checkpoints, results.instance("cube@90").return_range
    np.testing.assert_allclose(mamex.bounds.trivial, n * R_true * K)
    assert (mamex.bounds.explicit_probability > mamex.bounds.explicit - 1e-9).all()
    assert mamex.eta == by_key["cube@90", "mamex", "nash"].eta
    assert by_key["needle", "planted", "cce"].expected == "violated"
    assert by_key["needle", "planted", "cce"].eta == 0.2
    assert by_key["needle", "uniform", "cce"].bounds is None
    assert by_key["needle", "rival", "ce"].profile_kind == "markov"
    bracket = results.instance("needle").bracket
    assert bracket is not None
    assert 0.0 < bracket["lower"] <= bracket["upper"]


def test_uniform_play_has_its_exact_regret(finished: tuple[Path, Path]) -> None:
    """On the needle agent 0 loses 1 - 1/M per episode by uniform play, the dummy nothing."""
    results = load_results(finished[1])
    cell = next(c for c in results.cells if (c.instance, c.learner) == ("needle", "uniform"))
    expected = np.stack([(1 - 1 / 3) * cell.checkpoints, 0 * cell.checkpoints], axis=1)
    np.testing.assert_allclose(cell.regret, np.broadcast_to(expected, cell.regret.shape))


def test_the_same_bits_with_one_worker_and_two(finished: tuple[Path, Path], tmp_path: Path) -> None:
    suite, two = finished
    one = run_suite(suite, tmp_path / "one.sqlite", workers=1, quiet=True)
    assert contents(one) == contents(two)


def test_an_interrupted_suite_goes_on_where_it_stopped(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, whole = finished
    path, written = tmp_path / "cut.sqlite", Store.add_runs

    def interrupted(self: Store, rows: Any) -> None:
        if len(self.runs()) >= 5:
            raise KeyboardInterrupt
        written(self, rows)

    monkeypatch.setattr(Store, "add_runs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_suite(suite, path, workers=2, quiet=True)
    monkeypatch.undo()
    with Store.open(path) as store:
        before = set(store.runs())
    assert 5 <= len(before) < 33
    assert "missing" in {cell.status for cell in load_results(path).cells}
    redone = []
    monkeypatch.setattr(
        execute.RunSeeds, "__init__", _spy(execute.RunSeeds.__init__, redone), raising=True
    )
    run_suite(suite, path, workers=2, quiet=True)
    assert not {(key.instance, key.learner, key.concept, key.seed) for key in before} & set(redone)
    assert contents(path) == contents(whole)
    assert load_results(path).provenance["sessions"] == "2"


def _spy(init: Any, seen: list[Any]) -> Any:
    def noted(self: Any, suite: Any, key: Any, eta: Any, seeds: Any) -> None:
        seen.extend((*key, seed) for seed in seeds)
        init(self, suite, key, eta, seeds)

    return noted


def test_a_finished_suite_runs_nothing_again(finished: tuple[Path, Path], tmp_path: Path) -> None:
    suite, whole = finished
    path = tmp_path / "again.sqlite"
    shutil.copy(whole, path)
    run_suite(suite, path, workers=2, quiet=True)
    assert contents(path) == contents(whole)


def test_results_of_another_text_are_refused_and_kept(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    suite, whole = finished
    other = tmp_path / "tiny.toml"
    other.write_text(suite.read_text().replace("seeds = 3", "seeds = 4"))
    before = whole.read_bytes()
    with pytest.raises(ResultsError, match="of another suite or of an earlier text"):
        run_suite(other, whole, quiet=True)
    assert whole.read_bytes() == before
    junk = tmp_path / "junk.sqlite"
    junk.write_text("mine")
    with pytest.raises(ResultsError):
        run_suite(suite, junk, quiet=True)
    assert junk.read_text() == "mine"


IMPOSSIBLE = [
    ('mode = "model-free"', r"\[\[learner\]\] 'mamex' on \[\[instance\]\] 'needle': .*model-free"),
    ('mode = "modelfree"', r"mode is 'modelfree'"),
    ('hypotheses = "net"', r"has no hypotheses 'net'"),
]


@pytest.mark.parametrize(("option", "message"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_before_anything_runs(
    tmp_path: Path, option: str, message: str
) -> None:
    suite = tmp_path / "bad.toml"
    suite.write_text(
        '[[instance]]\nid = "needle"\nfamily = "needle"\n[[learner]]\nid = "mamex"\n' + option
    )
    with pytest.raises(SuiteError, match=message):
        run_suite(suite, tmp_path / "bad.sqlite", quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


ODD = """
episodes = 30
seeds = 2

[[instance]]
id = "wrong"
file = "wrong.npz"

[[instance]]
id = "linear"
family = "linear_game"

[[learner]]
id = "tuned"
name = "mamex"
eta = "tuned"
hypotheses = "linear"
instances = "linear"

[[learner]]
id = "paper"
name = "mamex"
eta = "paper"
hypotheses = "linear"
instances = "linear"

[[learner]]
id = "fixed"
name = "mamex"
eta = 0.3
instances = "wrong"
"""


def test_failures_and_what_does_not_apply_are_told_apart(tmp_path: Path) -> None:
    rows = np.full((1, 2, 4, 2), 0.5)
    game = MarkovGame(rows, np.zeros((2, 1, 2, 4)), (2, 2))
    stays = np.broadcast_to(np.eye(2)[:, None, :], (2, 1, 2, 4, 2))
    models = ModelClass(stays, truth=None)  # the state moves, no model says so
    save(Instance(game, PurePolicies.all(game), models), tmp_path / "wrong.npz")
    (tmp_path / "odd.toml").write_text(ODD)
    path = run_suite(tmp_path / "odd.toml", tmp_path / "odd.sqlite", workers=2, quiet=True)
    cells = {cell.learner: cell for cell in load_results(path).cells}
    assert cells["fixed"].status == "failed"
    assert "probability zero under every model" in cells["fixed"].reason
    assert cells["fixed"].bounds is not None  # shown as not applicable, with the reason
    assert np.isnan(cells["fixed"].bounds.explicit).all()
    assert "does not hold the true model" in cells["fixed"].bounds.note
    assert cells["tuned"].status == "not applicable"
    assert cells["tuned"].reason.startswith("eta cannot be tuned: ")
    assert cells["paper"].status == "done"
    assert load_results(path).instance("wrong").family == "file"
    assert not inspect(path).findings
    # the same name, another file: nothing is mixed
    save(Instance(game, PurePolicies.all(game), ModelClass(rows[None])), tmp_path / "wrong.npz")
    with pytest.raises(ResultsError, match=r"holds results of another 'wrong.npz'"):
        run_suite(tmp_path / "odd.toml", path, quiet=True)


def test_everything_stored_is_recomputed(finished: tuple[Path, Path], capsys: Any) -> None:
    found = verify(finished[1])
    assert not found.findings
    assert found.counts["runs"] == 33
    assert found.counts["bracket certificates"] == 3
    assert "everything agrees to 1e-9" in capsys.readouterr().out


TAMPERED = [
    ("gaps", "run/needle/mamex/nash/1", 0, "gaps of profiles"),
    ("curve_output_gap", "run/cube@40/mamex/ce/0", 3, "gaps of outputs"),
    ("unrestricted_gaps", "run/cube@40/mamex/nash/1", 1, "gaps against all policies"),
    ("curve_unrestricted_regret", "run/cube@90/mamex/nash/0", 7, "points of curves"),
    ("curve_regret", "run/needle/mamex/ce/1", 5, "points of curves"),
    ("profiles_weights", "run/cube@90/mamex/ce/2", 0, "a profile is missing or no distribution"),
    ("lengths", "run/cube@90/uniform/cce/2", 0, "segments do not add up to 90"),
    ("gaps", "run/needle/rival/ce/1", 0, "gaps of profiles"),
    ("explicit", "cell/needle/mamex/ce", 4, "points of bounds"),
    ("trivial", "cell/needle/mamex/ce", 4, "points of bounds"),
]


def test_tampering_is_found(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """One number in each of ten arrays, and a forged upper end: each is named."""
    path = tmp_path / "tampered.sqlite"
    shutil.copy(finished[1], path)
    raw = sqlite3.connect(path)
    raw.execute("drop trigger arrays_update")
    raw.execute("drop trigger prepared_update")
    where = "where owner = ? and name = ?"
    for name, owner, entry, _ in TAMPERED:
        (data,) = raw.execute(f"select data from arrays {where}", (owner, name)).fetchone()
        array = unpack(data)
        array.flat[entry] += 1 if array.dtype.kind == "i" else 1e-6
        raw.execute(f"update arrays set data = ? {where}", (pack(array), owner, name))
    forged = "bracket/cube@40/models"
    (text,) = raw.execute("select header from prepared where owner = ?", (forged,)).fetchone()
    header = json.loads(text)
    header["summary"]["upper"] *= 0.5
    for agent in header["bracket"]["agents"]:
        agent["upper"] *= 0.5
    row = (json.dumps(header), forged)
    raw.execute("update prepared set header = ? where owner = ?", row)
    raw.commit()
    raw.close()
    found = inspect(path)
    for _, owner, _, finding in TAMPERED:
        assert any(line.startswith(owner) and finding in line for line in found.findings), owner
    assert any(line.startswith(f"{forged}: ") for line in found.findings)
    suspects = {owner for _, owner, _, _ in TAMPERED} | {forged}
    assert {line.split(": ")[0].split(" ")[0] for line in found.findings} <= suspects | {
        "cell/cube@40/mamex/nash",  # bounds that rest on the forged end
        "cell/cube@40/mamex/ce",
    }
    with pytest.raises(ResultsError, match="disagree, first"):
        verify(path, quiet=True)


FORGED = [
    ("cells", "instance='needle' and learner='mamex'", "seeds", 1, "seeds is not what the suite"),
    ("cells", "instance='needle' and learner='mamex'", "expected", "violated", "expected is not"),
    ("instances", "id='needle'", "horizon", 99, "horizon should be"),
    ("instances", "id='needle'", "value_bound", 99.0, "value bounds is stored as 99"),
    ("prepared", "owner='cell/needle/mamex/ce'", "bounds/failure_probability", 0.5, "settings"),
    ("prepared", "owner='cell/needle/mamex/ce'", "bounds/nonvacuous_from", 3.0, "settings"),
    ("prepared", "owner='bracket/needle/models'", "summary/c", 99.0, "constants[0]"),
    ("prepared", "owner='bracket/needle/models'", "summary/method", "magic", "method or episodes"),
    ("runs", "instance='needle' and learner='mamex'", "eta", 99.0, "values of eta"),
]


@pytest.mark.parametrize(("table", "where", "key", "value", "finding"), FORGED)
def test_forged_headers_are_found(
    finished: tuple[Path, Path],
    tmp_path: Path,
    table: str,
    where: str,
    key: str,
    value: Any,
    finding: str,
) -> None:
    path = tmp_path / "forged.sqlite"
    shutil.copy(finished[1], path)
    raw = sqlite3.connect(path)
    raw.execute(f"drop trigger {table}_update")
    (row, text) = raw.execute(f"select rowid, header from {table} where {where}").fetchone()
    header = json.loads(text)
    inner, *rest = key.split("/")
    if rest:
        header[inner][rest[0]] = value
    else:
        header[key] = value
    raw.execute(f"update {table} set header = ? where rowid = ?", (json.dumps(header), row))
    raw.commit()
    raw.close()
    assert any(finding in line for line in inspect(path).findings)


@pytest.mark.parametrize("header", ["[1", "[1]", "{}"])
def test_damaged_headers_are_refused_by_all_and_changed_by_none(
    finished: tuple[Path, Path], tmp_path: Path, header: str
) -> None:
    """Neither reading nor verifying nor resuming fails otherwise, and the file stays as it is."""
    suite, good = finished
    path = tmp_path / good.name
    shutil.copy(good, path)
    raw = sqlite3.connect(path)
    raw.execute("drop trigger cells_update")
    raw.execute("update cells set header = ?", (header,))
    raw.commit()
    raw.close()
    before = path.read_bytes()
    for read in (load_results, inspect, lambda p: run_suite(suite, p, quiet=True)):
        with pytest.raises(ResultsError, match="is damaged"):
            read(path)
    assert path.read_bytes() == before


def test_runs_that_are_missing_and_rows_that_are_lost_are_told(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "short.sqlite"
    shutil.copy(finished[1], path)
    raw = sqlite3.connect(path)
    raw.execute("drop trigger runs_delete")
    raw.execute("drop trigger arrays_update")
    raw.execute("delete from runs where instance = 'needle' and learner = 'mamex' and seed = 1")
    owner = "run/needle/mamex/ce/0"
    where = "where owner = ? and name = 'gaps'"
    (data,) = raw.execute(f"select data from arrays {where}", (owner,)).fetchone()
    raw.execute(f"update arrays set data = ? {where}", (pack(unpack(data)[:-1]), owner))
    raw.commit()
    raw.close()
    found = inspect(path)
    assert any("runs are missing" in note for note in found.notes)
    assert any(line.startswith(owner) and "has shape" in line for line in found.findings)


def test_progress_says_what_is_left() -> None:
    said: list[str] = []
    progress = Progress(False, said.append)
    progress.begin(10, 2)
    progress.count(4)
    progress.show(90.0, 1)
    progress.end()
    assert "10 runs on 2 workers" in said[0]
    assert "4 of 10 runs, 0:00 passed, about 1:30 left" in said[1]
    assert "4 runs in 0:00" in said[2]
    quiet: list[str] = []
    silent = Progress(True, quiet.append)
    silent.begin(1, 1)
    silent.show(None, 0)
    silent.end()
    assert quiet == []
