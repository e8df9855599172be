"""A suite on layered games: it runs, and everything that is stored of it is recomputed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from layered_games import two_forms

from mamex_bench.experiments import run_suite
from mamex_bench.experiments.verify import inspect
from mamex_bench.model.storage import save
from mamex_bench.runs import archive
from mamex_bench.runs.packing import pack, unpack
from mamex_bench.runs.results import load_results

SUITE = """
episodes = 40
seeds = 1

[[instance]]
id = "models"
file = "models.npz"

[[instance]]
id = "values"
file = "values.npz"

[[learner]]
id = "mamex"
concept = ["nash", "ce"]
eta = "tuned"

[[learner]]
id = "rival"
name = "optimistic_vi_tuned_lazy"
concept = ["ce", "cce"]
"""


def test_results_on_layered_games_are_recomputed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("models", "values"):
        save(two_forms(3, kind)[0], tmp_path / f"{kind}.npz")
    (tmp_path / "layered.toml").write_text(SUITE)
    path = run_suite(tmp_path / "layered.toml", tmp_path / "layered.sqlite", workers=1, quiet=True)
    results = load_results(path)
    assert {cell.status for cell in results.cells} == {"done"}
    assert [record.states for record in results.instances] == [7, 7]
    assert {cell.profile_kind for cell in results.cells} == {"class", "markov"}
    found = inspect(path)
    assert not found.findings
    assert found.counts["runs"] == 8
    assert found.counts["bracket certificates"] == 2

    # Markov profiles one at a time; and one stored gap of such a profile is changed.
    monkeypatch.setattr(archive, "BLOCK_NUMBERS", 1)
    raw = sqlite3.connect(path)
    raw.execute("drop trigger arrays_update")
    where = "where owner = 'run/models/rival/ce/0' and name = 'class_gaps'"
    gaps = unpack(raw.execute(f"select data from arrays {where}").fetchone()[0])
    gaps[0, 1] += 1e-6
    raw.execute(f"update arrays set data = ? {where}", (pack(gaps),))
    raw.commit()
    raw.close()
    again = inspect(path)
    assert again.counts == found.counts
    assert len(again.findings) == 1
    assert again.findings[0].startswith("run/models/rival/ce/0: gaps of profiles[0, 1] is stored")
