"""Measuring an atlas: laws that are known, what is kept, and what is computed anew."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.data import Atlas
from mamex_bench.experiments.atlas.plan import parse_plan
from mamex_bench.experiments.atlas.run import run_atlas
from mamex_bench.experiments.atlas.tasks import performing, sources
from mamex_bench.experiments.atlas.tasks.task import Task
from mamex_bench.reporting.atlas import words

KNOWN_LAWS = """
episodes = 100_000
[[measure]]
id = "single"
name = "single_agent_decoupling"
[[measure]]
id = "be"
name = "bellman_eluder_dimension"
options = { scale = 0.03 }
[[game]]
id = "blind"
family = "blind_step"
parameters = { arms = 3 }
[[game]]
id = "matrix"
family = "matrix_game"
[[game]]
id = "lost"
family = "misspecified"
[[game]]
id = "impossible"
family = "near_duplicates"
parameters = { models = 8, policies = 2, episodes = 400, spread = [0.7, 90.0] }
[[sweep]]
id = "needle"
family = "needle"
parameter = "arms"
values = [2, 4, 8]
fixed = { truth = "none" }
bounds = ["known", "bilinear"]
measures = ["single", "be"]
[[sweep]]
id = "lock"
family = "combination_lock"
parameter = "length"
values = [1, 2, 3]
bounds = ["known"]
[[sweep]]
id = "lock_policies"
family = "combination_lock"
parameter = "length"
values = [1, 2, 3]
axis = "policies"
[[sweep]]
id = "blind_length"
family = "blind_step"
parameter = "K"
values = [100, 1_000, 10_000]
measures = ["be"]
[[sweep]]
id = "safe"
family = "safe_arm"
parameter = "arms"
values = [2, 4, 8]
measures = ["single"]
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory):
    """A cache directory of its own for what atlases keep; kernels stay where they are."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performing, "user_cache_directory", lambda: folder)
        yield folder


@pytest.fixture(scope="module")
def laws(kept: Path) -> Atlas:
    text = KNOWN_LAWS.replace("spread = [0.7, 90.0]", "spread = [0.7, 10.0]")
    return run_atlas(parse_plan(text, "laws.toml", "laws"), workers=0)


def of(atlas: Atlas, id: str):
    return next(sweep for sweep in atlas.sweeps if sweep.spec.id == id)


def test_the_needle_grows_in_proportion_to_its_arms(laws: Atlas) -> None:
    found = of(laws, "needle")
    free = answers.law(found, free=True)
    assert free is not None
    assert free.holds(1.0)
    assert free.high - free.low < 1e-5
    curve = answers.curve(found, free=True)
    np.testing.assert_allclose(curve.lower[0], [1.0, 2.0, 4.0], rtol=1e-5)
    at_k = answers.law(found)
    assert at_k is not None
    assert 0.97 < at_k.low <= at_k.high < 1.0 + 1e-3  # K is finite
    at, proved = answers.bound_curve(found, "known")
    np.testing.assert_allclose(proved, at / 2.0)
    assert (answers.bound_curve(found, "bilinear")[1] > proved).all()


def test_the_lock_grows_with_its_length_and_hardly_with_its_policies(laws: Atlas) -> None:
    by_length = answers.law(of(laws, "lock"), free=True)
    by_policies = answers.law(of(laws, "lock_policies"), free=True)
    assert by_length is not None
    assert by_policies is not None
    assert by_length.holds(1.0)  # 3 L / 2
    assert 0.3 < by_policies.low <= by_policies.high < 0.45  # log of |Pi| = 4^L
    assert [point.at for point in of(laws, "lock_policies").points] == [4.0, 16.0, 64.0]


def test_the_blind_step_is_infinite_without_k_and_linear_in_k(laws: Atlas) -> None:
    row = next(row for row in laws.games if row.id == "blind")
    assert row.coefficient.unbounded
    assert row.coefficient.free == (np.inf, np.inf)
    law = answers.law(of(laws, "blind_length"))
    assert law is not None
    assert law.holds(1.0)
    assert law.high - law.low < 1e-9
    assert answers.law(of(laws, "blind_length"), free=True) is None
    parted = answers.separations(laws, "be")
    assert [(each.sweep.spec.id, each.growing.measure) for each in parted] == [
        ("blind_length", "decoupling")
    ]


def test_the_safe_arm_has_a_single_agent_coefficient_of_zero(laws: Atlas) -> None:
    single = answers.curve(of(laws, "safe"), "single")
    assert (single.upper == 0.0).all()
    assert single.verdict == "flat"
    assert answers.curve(of(laws, "safe")).verdict == "grows"
    text = words.several(laws)
    assert text.startswith("No. ")
    assert "safe_arm, arms from 2 to 8" in text


def test_what_does_not_apply_has_a_reason(laws: Atlas) -> None:
    row = next(row for row in laws.games if row.id == "lost")
    assert not row.coefficient.known
    assert "misspecified" in row.coefficient.reason
    assert np.isnan(row.coefficient.lower)
    assert row.readings["be"].known
    values = next(r for r in laws.games if r.id == "matrix" and r.hypotheses == "values")
    assert values.regret == ()
    assert values.label == "matrix, values"


def test_an_interrupted_atlas_goes_on_where_it_stopped(kept: Path, monkeypatch, laws) -> None:
    plan = parse_plan(KNOWN_LAWS.replace("90.0", "10.0").replace("100_000", "20_000"), "m", "m")
    computed, limit = count(), [12]
    original = performing.answer

    def counted(task):
        if next(computed) >= limit[0]:
            raise KeyboardInterrupt
        return original(task)

    monkeypatch.setattr(performing, "answer", counted)
    with pytest.raises(KeyboardInterrupt):
        run_atlas(plan, workers=0)
    computed, limit[0] = count(), 10**9
    first = run_atlas(plan, workers=0)
    rest = next(computed)
    computed = count()
    again = run_atlas(plan, workers=0)
    assert next(computed) == 0
    assert first == again
    computed = count()
    fresh = run_atlas(plan, workers=0, use_cache=False)
    assert next(computed) >= rest + 12
    assert fresh == first  # times are shown, not compared


def test_a_damaged_outcome_is_computed_anew(kept: Path) -> None:
    task = Task.of("facts", "needle", {"arms": 3}, episodes=10)
    first = performing.perform(task)
    path = kept / "atlas" / f"{performing.key(task)}.json"
    path.write_text("{")
    assert performing.perform(task)["policies"] == first["policies"] == 6
    assert path.read_text() != "{"


def test_an_answer_rests_on_its_own_sources_alone() -> None:
    def files(root: str) -> set[str]:
        found, waiting = set(), list(sources._files(f"mamex_bench.{root}"))
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting += sources._imports(path) - found
        return {path.name for path in found}

    rank = files("complexity.bilinear_rank")
    assert {"bilinear_rank.py", "_residuals.py", "instance.py"} <= rank
    assert not {"_bracket.py", "witness_rank.py", "mamex.py"} & rank
    eluder = files("complexity.bellman_eluder_dimension")
    assert {"_eluder.py", "eluder_dimension.py", "structure.py"} <= eluder
    assert "_bracket.py" not in eluder  # which the package imports when it is asked for it
    assert "decoupling.py" in files("complexity._bracket")  # its kernels
    assert {"mamex.py", "_bracket.py"} <= files("learners.mamex")


def test_what_is_for_readers_alone_recomputes_nothing(tmp_path: Path) -> None:
    def version(text: str) -> str:
        path = tmp_path / "measure.py"
        path.write_text(text)
        for each in (sources._tree, sources._meaning, sources.version):
            each.cache_clear()
        return sources.version((str(path),), ())

    first = version('"""One."""\ndef f(x):\n    """Two."""\n    return x + 1\n')
    assert version("# Three.\ndef f(x):\n    return (x\n        + 1)\n") == first
    assert version('"""One."""\ndef f(x):\n    """Two."""\n    return x + 2\n') != first
    assert version('"""One."""\ndef g(x):\n    """Two."""\n    return x + 1\n') != first


def test_worker_processes_measure_the_same() -> None:
    text = '[[measure]]\nid = "coverability"\n[[game]]\nid = "lock"\nfamily = "combination_lock"\n'
    plan = parse_plan(text + "parameters = { length = 2 }", "m", "m")
    here = run_atlas(plan, workers=0, use_cache=False)
    assert run_atlas(plan, workers=1, use_cache=False) == here
