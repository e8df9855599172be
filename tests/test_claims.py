"""Claims have teeth: planted violations are caught, noise at the boundary is not."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from mamex_bench import claims
from mamex_bench.errors import InputError
from mamex_bench.runs.results import BoundArrays, Cell, InstanceRecord, Results

K = 1000


def bound_arrays(explicit=400.0, probability=500.0, trivial=2.0 * K, **changes):
    at = np.array([0.1, 1.0])
    made = BoundArrays(
        explicit=explicit * at,
        explicit_probability=probability * at,
        paper_shape=at,
        trivial=trivial * at,
        agents=2,
        failure_probability=0.1,
        nonvacuous_from=123.0,
    )
    return replace(made, **changes)


def cell(final, *, concept="nash", bounds="default", output=None, **changes):
    """A finished cell; `final` (N, n) is the regret after K episodes."""
    final = np.asarray(final, dtype=float)
    N = final.shape[0]
    regret = np.stack([0.1 * final, final], axis=1)
    positive = np.maximum(regret, 0.0)
    worst = regret.max(axis=2) / np.array([K / 10, K])
    made = Cell(
        instance="game",
        learner="mamex",
        learner_name="mamex",
        concept=concept,
        episodes=K,
        eta=0.1,
        options={},
        status="done",
        reason="",
        profile_kind="class",
        expected=None,
        seeds=tuple(range(N)),
        checkpoints=np.array([K // 10, K]),
        regret=regret,
        class_regret=regret,
        positive_regret=positive,
        gap=worst,
        output_gap=worst if output is None else output,
        best_gap=worst,
        diagnostics={"epsilon_sum": np.full(N, 0.5)},
        seconds=np.ones(N),
        bounds=bound_arrays() if bounds == "default" else bounds,
    )
    return replace(made, **changes)


def results(*cells, instances=()):
    return Results("test", "t", "d", K, 0.05, tuple(instances), cells, {}, "")


def verdict(claim, *args, **kwargs):
    found = claims.judge(claim, results(cell(*args, **kwargs)))
    assert len(found) == 1
    return found[0]


def split(total, N=20):
    """N seeds with the given sum over two agents."""
    return np.full((N, 2), total / 2)


def noisy(mean, N=20, seed=0):
    return np.random.default_rng(seed).uniform(0.8, 1.2, size=(N, 2)) * mean / 2


# Regret in expectation


def test_a_planted_violation_of_the_mean_is_caught():
    found = verdict("regret_in_expectation", noisy(900.0), expected="violated")
    assert found.status == "violated"
    assert found.expected == "violated"
    assert found.as_expected
    assert found.numbers["exact_low"] > found.numbers["bound"] == 400.0
    unexpected = verdict("regret_in_expectation", noisy(900.0))
    assert unexpected.status == "violated"
    assert not unexpected.as_expected


def test_one_agent_alone_can_violate_the_bound():
    """Agent 0 loses 350 on average, the bound per agent is 200; the sum 350 is below its 400."""
    final = noisy(700.0)
    final[:, 1] = 0.0
    for concept in ("nash", "ce", "cce"):
        found = verdict("regret_in_expectation", final, concept=concept)
        assert found.status == "violated"
        assert "for agent 0" in found.statement
        assert found.numbers["mean"] < found.numbers["bound"]


def test_a_small_mean_holds_and_says_what_was_seen():
    found = verdict("regret_in_expectation", noisy(100.0))
    assert found.status == "holds"
    # The sum and two agents are judged: three intervals share the 5 %.
    assert found.numbers["level"] == pytest.approx(1 - 0.05 / 3)
    assert "no violation seen in 20 runs" in found.statement
    assert found.numbers["ratio"] == pytest.approx(found.numbers["mean"] / 400.0)


def test_a_mean_at_the_bound_is_inconclusive():
    assert verdict("regret_in_expectation", noisy(405.0)).status == "inconclusive"
    assert verdict("regret_in_expectation", noisy(395.0)).status == "inconclusive"


def test_lopsided_regret_whose_mean_is_the_bound_is_rarely_called_violated():
    """Each run costs 2000 with probability 0.2, else 0: mean 400 = bound. Bootstrap alone fails."""
    rng = np.random.default_rng(3)
    alarms, bootstrap = 0, 0
    runs = 120
    for _ in range(runs):
        final = np.repeat(2000.0 * (rng.random((20, 1)) < 0.2), 2, axis=1) / 2
        found = verdict("regret_in_expectation", final)
        alarms += found.status == "violated"
        bootstrap += found.numbers["bootstrap_low"] > 400.0
    assert alarms / runs <= 0.025 + 0.04
    assert bootstrap > alarms


def test_the_positive_parts_are_judged_for_cce():
    """Signed regret 0, but each agent gains 900 in some episodes: the bound covers those."""
    made = cell(split(0.0), concept="cce", positive_regret=np.full((20, 2, 2), 900.0))
    (found,) = claims.judge("regret_in_expectation", results(made))
    assert found.status == "violated"
    assert found.numbers["mean"] == 0.0
    assert found.numbers["positive_parts"] == 1800.0


def test_negative_regret_holds():
    assert verdict("regret_in_expectation", split(-500.0), concept="cce").status == "holds"


def test_a_bound_above_the_trivial_one_is_vacuous():
    bounds = bound_arrays(explicit=2.5 * K, probability=2.5 * K)
    for claim in ("regret_in_expectation", "regret_in_probability"):
        assert verdict(claim, split(1900.0), bounds=bounds).status == "vacuous"
    found = verdict("regret_in_expectation", split(1900.0), bounds=bounds)
    assert "from K = 123 on" in found.statement


def test_few_seeds_decide_nothing_unless_runs_are_deterministic():
    assert verdict("regret_in_expectation", split(1800.0, 5)).status == "inconclusive"
    certain = {"deterministic": np.ones(5)}
    found = verdict("regret_in_expectation", split(100.0, 5), diagnostics=certain)
    assert found.status == "holds"


@pytest.mark.parametrize("claim", ["regret_in_expectation", "regret_in_probability"])
def test_what_cannot_be_judged_says_why(claim):
    astray = bound_arrays(explicit=np.nan, note="the class does not hold the true model")
    cases = {
        "does not hold": {"bounds": astray},
        "over the policy class": {"profile_kind": "markov"},
        "inexact by 3": {"diagnostics": {"epsilon_sum": np.full(20, 3.0)}},
        "inexact by nan": {"diagnostics": {"epsilon_sum": np.array([np.nan] + [0.5] * 19)}},
        "no such concept": {"status": "not applicable", "reason": "no such concept"},
    }
    for words, change in cases.items():
        found = verdict(claim, split(1800.0), **change)
        assert found.status == "not applicable"
        assert words in found.statement
    missing = verdict(claim, split(1800.0), status="missing", reason="3 of 20 seeds have been run")
    assert missing.status == "inconclusive"
    # No theorem about this learner, no verdict.
    assert claims.judge(claim, results(cell(split(1.0), bounds=None))) == ()


# Regret in probability


def test_too_many_runs_beyond_the_bound_are_caught():
    final = np.full((20, 2), 10.0)
    final[:8, 0] = 260.0  # bound per agent 250
    found = verdict("regret_in_probability", final, expected="violated")
    assert found.status == "violated"
    assert found.expected == "violated"
    assert found.numbers["beyond"] == 8
    assert found.numbers["fraction_low"] > 0.1


@pytest.mark.parametrize(("beyond", "status"), [(0, "holds"), (2, "holds"), (4, "inconclusive")])
def test_a_few_runs_beyond_the_bound_are_no_violation(beyond, status):
    final = np.full((20, 2), 10.0)
    final[:beyond, 1] = 260.0
    found = verdict("regret_in_probability", final, expected="violated")
    assert found.status == status
    # Only the mean must catch a planted learner.
    assert found.expected is None


def test_a_bound_in_probability_at_the_trivial_one_is_vacuous():
    final, trivial = np.full((20, 2), 10.0), 2.0 * K
    for bound, status in ((trivial, "vacuous"), (trivial * (1 - 1e-12), "holds")):
        made = bound_arrays(probability=bound, trivial=trivial)
        assert verdict("regret_in_probability", final, bounds=made).status == status


def test_a_run_at_the_bound_is_not_beyond_it():
    assert verdict("regret_in_probability", np.full((20, 2), 250.0)).numbers["beyond"] == 0


# Online to batch


def test_online_to_batch_holds_at_equality_and_breaks_beyond():
    for concept in ("cce", "ce"):
        found = verdict("online_to_batch", noisy(100.0), concept=concept)
        assert found.status == "holds"
        assert found.numbers["seeds"] == 20
        made = cell(noisy(100.0), concept=concept)
        made = replace(made, output_gap=made.output_gap + 1e-7)
        (found,) = claims.judge("online_to_batch", results(made))
        assert found.status == "violated"


def test_online_to_batch_for_nash_has_two_sides():
    final = np.tile([[60.0, 30.0]], (20, 1))
    between = np.full((20, 2), 0.07)
    assert verdict("online_to_batch", final, output=between).status == "holds"
    for wrong in (0.05, 0.0901):
        found = verdict("online_to_batch", final, output=np.full((20, 2), wrong))
        assert found.status == "violated"
        assert found.expected is None


def test_online_to_batch_of_negative_regret():
    """A CCE mixture of profiles with gap -1/2 has a gap of at most -1/2."""
    final = np.full((20, 2), -K / 2.0)
    assert verdict("online_to_batch", final, concept="cce").status == "holds"
    off = np.full((20, 2), -0.4)
    assert verdict("online_to_batch", final, concept="cce", output=off).status == "violated"


def test_no_output_no_verdict():
    found = verdict("online_to_batch", noisy(1.0), output=np.full((20, 2), np.nan))
    assert found.status == "not applicable"


# Decoupling bracket


def record(lower, upper, known=None, **more):
    return InstanceRecord(
        id="game",
        group="game",
        family="needle",
        parameters={},
        description="",
        agents=2,
        states=3,
        horizon=2,
        action_counts=(2, 2),
        policy_counts=(2, 2),
        hypotheses={},
        known={} if known is None else {"decoupling": (known, "proved")},
        return_range=1.0,
        value_bound=1.0,
        bracket={"lower": lower, "upper": upper, "episodes": K, "method": "2 clusters", **more},
        structure="",
        episodes=K,
    )


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (record(1.0, 2.0), "holds"),
        (record(1.0, 1.0 - 1e-13), "holds"),
        (record(1.0, 2.0, known=1.5), "holds"),
        (record(1.0, 2.0, known=3.0), "holds"),
        (record(1000.0, 1000.0 * (1 - 0.5e-9)), "holds"),
        (record(1000.0, 1000.0 * (1 - 1.5e-9)), "violated"),
        (record(1.0, 0.999), "violated"),
        (record(1.0, 2.0, known=0.9), "violated"),
        (record(-0.1, 2.0), "violated"),
        (record(1.0, np.nan), "violated"),
        (record(1.0, 2.0, checked=False), "violated"),
    ],
)
def test_brackets(made, status):
    (found,) = claims.judge("decoupling_bracket", results(instances=[made]))
    assert found.status == status


def test_no_bracket_no_verdict():
    made = replace(record(1.0, 2.0), bracket=None)
    assert claims.judge("decoupling_bracket", results(instances=[made])) == ()


# All of them


def test_every_claim_is_judged_and_has_a_page():
    from pathlib import Path

    made = results(cell(noisy(100.0)), instances=[record(1.0, 2.0)])
    found = claims.judge_all(made)
    assert sorted({v.claim for v in found}) == claims.names()
    assert claims.judge_all(made) == found
    assert pickle.loads(pickle.dumps(found)) == found
    for name in claims.names():
        assert (Path(__file__).parents[1] / "theory" / f"{name}.md").is_file()
    with pytest.raises(InputError, match="unknown claim"):
        claims.judge("sublinear", made)
