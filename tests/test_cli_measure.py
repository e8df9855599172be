"""`mamex-bench measure`: a row per measure, read back until something changes."""

import pytest
from command_line import one_sentence, run

import mamex_bench as mb


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMEX_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "measures"


def test_measure_prints_a_row_per_measure_and_variant(capsys, own_cache):
    code, out, _ = run(capsys, "measure", "needle", "--set", "arms=3", "--episodes", "10")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:]]
    assert {row[0] for row in rows} == set(mb.complexity.names())
    assert ["bellman_rank", "kind=Q", "3"] in [row[:3] for row in rows]
    assert ["bellman_rank", "kind=V", "1"] in [row[:3] for row in rows]
    assert "cached" not in out


def test_measures_are_read_back_until_the_instance_or_the_estimator_changes(
    capsys, own_cache, monkeypatch
):
    from mamex_bench.complexity import _cache

    arguments = ["measure", "needle", "--measure", "bellman_rank", "--set"]
    first = run(capsys, *arguments, "arms=3")[1]
    assert "cached" not in first
    assert len(list(own_cache.iterdir())) == 2
    again = run(capsys, *arguments, "arms=3")[1]
    assert again.count("  cached ") == 2
    assert "cached" not in run(capsys, *arguments, "arms=3", "--no-cache")[1]
    assert "cached" not in run(capsys, *arguments, "arms=4")[1]
    monkeypatch.setattr(_cache, "estimator_version", lambda: "another")
    assert "cached" not in run(capsys, *arguments, "arms=3")[1]
    for path in own_cache.iterdir():
        path.write_text("{", encoding="utf-8")
    assert "cached" not in run(capsys, *arguments, "arms=3")[1]


def test_what_does_not_apply_says_so_in_its_row(capsys, own_cache):
    code, out, _ = run(
        capsys, "measure", "small_eluder", "--measure", "witness_rank", "--measure", "coverability"
    )
    assert code == 0
    words = " ".join(out.split())
    assert "witness_rank - 0.0" in words
    assert "the witness rank is defined for models" in words


def test_an_unknown_measure_is_named_before_anything_is_measured(capsys, own_cache):
    code, out, err = run(capsys, "measure", "needle", "--measure", "decoupled")
    assert (code, out) == (2, "")
    assert one_sentence(err)
    assert "'decoupled'" in err


def test_a_cache_that_cannot_be_written_costs_nothing_else(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MAMEX_BENCH_CACHE", str(tmp_path / "file"))
    assert run(capsys, "measure", "needle", "--measure", "coverability")[0] == 0
