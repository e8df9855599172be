"""What is stored of a run: products as factors, packed arrays, sums over visits, repeated runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from games import random_game
from hypothesis import given, settings
from hypothesis import strategies as st
from layered_games import layered_policies, random_layered_game
from test_runs import Wanderer, small_instance

import mamex_bench as mb
from mamex_bench.experiments import run_suite
from mamex_bench.experiments.verify import inspect
from mamex_bench.experiments.verify_again import history_ends
from mamex_bench.model.profiles import ClassProfile
from mamex_bench.runs import factors
from mamex_bench.runs.archive import Archive, Archivist
from mamex_bench.runs.packing import pack, unpack
from mamex_bench.runs.record import checkpoints
from mamex_bench.runs.results import load_results
from mamex_bench.runs.run import run
from mamex_bench.runs.store import RunKey, Store
from mamex_bench.runs.stored import read_run, stored_run

# --- arrays ---


def bits(rows: Any) -> Any:
    return np.ascontiguousarray(rows, dtype=np.float64).view(np.uint64)


@given(
    st.lists(
        st.lists(st.floats(0.0, 1.0, allow_subnormal=True), min_size=5, max_size=5),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=60)
def test_rows_of_any_numbers_come_back_bit_for_bit(rows):
    array = np.array(rows)
    coded = factors.encode(array, (2, 3))
    np.testing.assert_array_equal(bits(factors.decode(coded, (2, 3))), bits(array))


def test_exponential_weights_leave_small_errors():
    rng = np.random.default_rng(0)
    losses, rows = np.zeros(12), []
    for _ in range(400):
        weights = np.exp(-0.02 * losses)
        rows.append(weights / weights.sum())
        v = rng.choice(12, p=rows[-1])
        losses[v] += rng.random() / rows[-1][v]
    array = np.array(rows)
    coded = factors.encode(array, (12,))
    np.testing.assert_array_equal(bits(factors.decode(coded, (12,))), bits(array))
    size = len(pack(coded["errors"])) + len(pack(coded["ratios"]))
    assert size < 0.35 * array.nbytes
    assert len(pack(array)) > 0.6 * array.nbytes


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 3)),
        np.array(3.5),
        np.array([7]),
        np.arange(5, dtype=np.int32),
        np.frombuffer(b"abc", np.uint8),
        np.array([[True, False]]),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    ],
    ids=str,
)
def test_packed_arrays_come_back(array):
    again = unpack(pack(array))
    assert (again.shape, again.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(again, array)
    assert again.flags.writeable


@pytest.mark.parametrize("data", [b"", b"nonsense", pack(np.arange(9.0))[:-5]])
def test_damaged_bytes_are_no_array(data):
    with pytest.raises(ValueError, match="no packed array"):
        unpack(data)


def test_bytes_that_are_too_few_for_the_shape_are_no_array():
    import zlib

    short = zlib.compress(zlib.decompress(pack(np.arange(9.0)))[:-8])
    with pytest.raises(ValueError, match=r"64 bytes for shape \(9,\)"):
        unpack(short)


# --- profiles ---


def product(instance: mb.Instance, seed: int) -> ClassProfile:
    rng = np.random.default_rng(seed)
    own = [rng.dirichlet(np.ones(m)) for m in instance.policies.counts]
    return ClassProfile.product(instance.policies, own, "cce")


def filed(profiles: list[ClassProfile]) -> Archive:
    archivist = Archivist()
    for profile in profiles:
        archivist.add(profile)
    archive = archivist.close()
    return Archive.from_arrays("class", "cce", archive.arrays())


def test_products_are_kept_as_their_factors():
    instance = small_instance()
    profiles = [product(instance, seed) for seed in range(20)]
    archive = filed(profiles)
    assert archive.products
    assert "weights" not in archive.arrays()
    for row, profile in enumerate(profiles):
        again = archive.profile(row, instance.policies)
        np.testing.assert_array_equal(bits(again.distribution), bits(profile.distribution))
        assert again.factors is not None
        np.testing.assert_array_equal(again.factors[1], profile.factors[1])
    np.testing.assert_array_equal(
        np.concatenate(list(archive.blocks())), [profile.distribution for profile in profiles]
    )


def test_one_profile_that_is_no_product_makes_all_of_them_whole():
    instance = small_instance()
    x = np.zeros(instance.policies.counts)
    x[0, 0] = x[1, 1] = 0.5
    profiles = [
        *(product(instance, k) for k in range(3)),
        ClassProfile(instance.policies, x, "cce"),
    ]
    profiles.append(product(instance, 9))
    archive = filed(profiles)
    assert not archive.products
    for row, profile in enumerate(profiles):
        np.testing.assert_array_equal(bits(archive.dense(row)), bits(profile.distribution))


def test_a_product_is_the_outer_product_of_its_factors():
    instance = small_instance()
    profile = product(instance, 0)
    outer = np.multiply.outer(*profile.factors)
    np.testing.assert_array_equal(bits(profile.distribution), bits(outer))
    assert ClassProfile(instance.policies, outer, "cce").factors is None
    with pytest.raises(mb.MamexBenchError, match=r"factors\[1\] must be an array"):
        ClassProfile.product(instance.policies, [[1.0, 0.0, 0.0], "x"], "cce")


class Repeater(Wanderer):
    """A new object of the same profile in every episode."""

    def choose(self) -> Any:
        return self._make(self.episode // 10)


@pytest.mark.parametrize("kind", ["class", "markov"])
def test_equal_profiles_in_a_row_are_one_segment(kind):
    instance = small_instance()
    result = run(instance, Repeater(instance, 40, "cce", kind), 40, seed=0)
    assert list(result.lengths) == [10, 10, 10, 10]


# --- runs ---


@pytest.mark.parametrize("name", ["exp3_self_play", "mamex", "optimistic_vi_tuned"])
@pytest.mark.parametrize("concept", ["cce", "ce"])
def test_a_run_comes_back_from_its_file(tmp_path, name, concept):
    instance = mb.catalogue.make("needle", arms=3)
    learner = mb.learners.make(name, instance, concept=concept, episodes=50)
    result = run(instance, learner, 50, seed=2)
    key, times = RunKey("i", "l", concept, 2), checkpoints(50)
    with Store.create(tmp_path / "r.sqlite", {}, {}, {}) as store:
        store.add_runs([(key, stored_run(result))])
        again = read_run(store, key, result.archive.kind, times)
    assert again.archive.products == (name == "exp3_self_play")
    np.testing.assert_array_equal(again.lengths, result.lengths)
    kept = result.archive.kept
    np.testing.assert_array_equal(again.gaps, result.gaps[kept])
    np.testing.assert_array_equal(again.class_gaps, result.class_gaps[kept])
    np.testing.assert_array_equal(again.unrestricted_gaps, result.unrestricted_gaps[:, kept])
    for row in range(len(result.archive)):
        np.testing.assert_array_equal(
            bits(again.archive.dense(row)), bits(result.archive.dense(row))
        )
    assert set(again.curves) == set(result.curves())
    for curve, values in result.curves(times).items():
        np.testing.assert_array_equal(again.curves[curve], values)


def test_ends_of_an_interval_come_back_as_two(tmp_path, monkeypatch):
    instance = small_instance(4)
    few = replace(instance.all_policies, nodes=2, _forms={}, _ends={})
    monkeypatch.setitem(instance.__dict__, "all_policies", few)
    result = run(instance, Wanderer(instance, 40), 40, seed=0)
    low, high = result.unrestricted_gaps
    assert (low < high).any()
    key = RunKey("i", "l", "cce", 0)
    with Store.create(tmp_path / "r.sqlite", {}, {}, {}) as store:
        store.add_runs([(key, stored_run(result))])
        again = read_run(store, key, "class", checkpoints(40))
    np.testing.assert_array_equal(again.unrestricted_gaps, [low, high])
    for name in ("unrestricted_regret", "unrestricted_gap"):
        np.testing.assert_array_equal(again.curves[name], result.curves()[name])


# --- outputs that depend on the history ---


@pytest.mark.parametrize("concept", ["cce", "ce", "nash"])
@pytest.mark.parametrize("layered", [False, True])
def test_sums_over_visits_give_both_ends_of_certified_outputs(concept, layered):
    if concept == "nash":
        base = random_game(5, (3, 2), 2, 3)
        paid = np.stack([base.reward[0], 1.0 - base.reward[0]])
        game: Any = mb.MarkovGame(base.transition, paid, base.action_counts, base.initial)
    elif layered:
        game = random_layered_game(3)
    else:
        game = random_game(5, (2, 3), 3, 3)
    if layered and concept != "nash":
        instance = mb.Instance(game, layered_policies(game, seed=0))
    else:
        instance = mb.Instance(game, mb.PurePolicies.sample(game, (2, 2), seed=0))
    learner = mb.learners.make("v_learning_tuned", instance, concept=concept, episodes=60)
    run(instance, learner, 60, seed=1)
    output = learner.output_profile()
    ends = output.gap_interval(instance)
    assert (ends[0] < ends[1]).any()
    np.testing.assert_allclose(history_ends(output, instance), ends, atol=1e-11)


def test_marginals_beyond_reach_have_ends_that_add_up(monkeypatch):
    base = random_game(5, (3, 2), 2, 3)
    paid = np.stack([base.reward[0], 1.0 - base.reward[0]])
    game = mb.MarkovGame(base.transition, paid, base.action_counts, base.initial)
    instance = mb.Instance(game, mb.PurePolicies.sample(game, (2, 2), seed=0))
    learner = mb.learners.make("v_learning_tuned", instance, concept="nash", episodes=60)
    run(instance, learner, 60, seed=1)
    output = learner.output_profile()
    assert output.affordable(instance)
    monkeypatch.setattr("mamex_bench.model.history.PAIRS", 10)
    assert not output.affordable(instance)
    ends = output.gap_interval(instance)
    np.testing.assert_allclose(history_ends(output, instance), ends, atol=1e-11)


# --- runs that are repeated ---

SUITE = """
episodes = 300
seeds = 2

[[instance]]
id = "cube"
family = "hypercube"
parameters = { dimension = 3, horizon = 2 }
concept = "cce"

[[learner]]
id = "v"
name = "v_learning_tuned"
concept = "cce"

[[learner]]
id = "exp3"
name = "exp3_self_play"
concept = "cce"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    (folder / "stored.toml").write_text(SUITE)
    return run_suite(folder / "stored.toml", folder / "stored.sqlite", workers=1, quiet=True)


def tampered(finished: Path, path: Path, owner: str, name: str, entry: int) -> sqlite3.Connection:
    shutil.copy(finished, path)
    raw = sqlite3.connect(path)
    raw.execute("drop trigger arrays_update")
    where = "where owner = ? and name = ?"
    (data,) = raw.execute(f"select data from arrays {where}", (owner, name)).fetchone()
    array = unpack(data)
    array.flat[entry] += 1 if array.dtype.kind == "i" else 1e-6
    raw.execute(f"update arrays set data = ? {where}", (pack(array), owner, name))
    raw.commit()
    return raw


def test_what_is_not_stored_is_run_again(finished):
    found = inspect(finished)
    assert not found.findings
    assert found.counts["repeated runs"] == 1  # of v_learning, the first of two seeds
    assert any("further Markov profiles are not stored" in note for note in found.notes)
    points = checkpoints(300).size  # of two runs of exp3_self_play, all curves but one
    assert found.counts["points of curves"] == 2 * 7 * points
    with Store.open(finished) as store:
        arrays = store.arrays("run/cube/exp3/cce/0")
    assert "profiles_ratios" in arrays
    for cell in load_results(finished).cells:
        assert cell.unrestricted == "exact"
        assert (cell.unrestricted_regret[0] >= cell.class_regret - 1e-9).all()


@pytest.mark.parametrize(
    ("owner", "name", "entry", "finding"),
    [
        ("run/cube/v/cce/0", "curve_regret", 31, "curve regret"),
        ("run/cube/v/cce/0", "lengths", 31, "segments do not add up"),
        ("run/cube/v/cce/0", "profiles_kept", 31, "of no segment of its own"),
        ("run/cube/v/cce/0", "offered_ends", 0, "gaps of learners' own outputs"),
        ("run/cube/exp3/cce/1", "unrestricted_gaps", 40, "gaps against all policies"),
        ("run/cube/exp3/cce/1", "curve_unrestricted_gap", 9, "points of curves"),
        ("run/cube/exp3/cce/1", "profiles_ratios", 3, "profile"),
    ],
)
def test_tampering_is_found(finished, tmp_path, owner, name, entry, finding):
    path = tmp_path / "tampered.sqlite"
    tampered(finished, path, owner, name, entry).close()
    findings = inspect(path).findings
    assert findings
    assert all(line.startswith(owner) for line in findings)
    assert any(finding in line for line in findings)


def test_how_many_profiles_are_kept_is_no_part_of_a_run(finished, monkeypatch):
    usual = inspect(finished)
    monkeypatch.setattr("mamex_bench.runs.archive.MARKOV_LIMIT", 16)
    found = inspect(finished)
    assert not found.findings
    assert not any("took another way" in note for note in found.notes)
    assert found.counts["repeated runs"] == usual.counts["repeated runs"] > 0


def test_elsewhere_another_way_is_told_and_no_finding(finished, tmp_path):
    path = tmp_path / "elsewhere.sqlite"
    raw = tampered(finished, path, "run/cube/v/cce/0", "curve_regret", 31)
    raw.execute("drop trigger events_update")
    (text,) = raw.execute("select header from events where kind = 'started'").fetchone()
    header = json.loads(text) | {"numpy": "0.0"}
    raw.execute("update events set header = ? where kind = 'started'", (json.dumps(header),))
    raw.commit()
    raw.close()
    found = inspect(path)
    assert not found.findings
    assert "repeated runs" not in found.counts
    assert any("took another way" in note for note in found.notes)
