"""Minimax regret: a class whose value is known, the bound of MAMEX, invariances, bad input."""

from __future__ import annotations

import pytest
from planted_truths import needles, with_truth

import mamex_bench as mb
from mamex_bench import bounds, catalogue, complexity
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance


@pytest.mark.parametrize("episodes", [1, 3, 8, 40])
def test_minimax_regret_of_the_needle(episodes):
    # Arms without replacement, in random order: under each model the paying arm is still to be
    # found in episode k with probability (M - k) / M, and arms are alike.
    M = 64
    exact = sum((M - k) / M for k in range(1, episodes + 1))
    found = complexity.measure("minimax_regret", needles(), episodes=episodes, reference=0)
    assert found.lower <= exact + 1e-9
    assert found.upper == pytest.approx(episodes * (1 - 1 / M))
    assert found.certificate["largest_gain"] == 1.0
    if episodes == 1:
        assert found.value == pytest.approx(exact)
        return
    # k (1 - k / gamma) (1 - (1 + 2 gamma) / M) at the best power of two.
    gamma = found.certificate["gamma"]
    assert found.certificate["estimation"] == pytest.approx(1 - (1 + 2 * gamma) / M)
    best = max(
        k * (1 - k / 2**j) * (1 - (1 + 2 * 2**j) / M)
        for j in range(1, 10)
        for k in range(1, episodes + 1)
    )
    assert found.lower == pytest.approx(best)
    # Without the factor 1 - B K / gamma the lower end would be wrong.
    options = {"gamma": 0.25, "reference": "truth"}
    small = complexity.measure("decision_estimation", needles(), **options).lower
    assert episodes == 3 or episodes * small > exact


def test_minimax_regret_does_not_know_the_truth():
    for truth in ("none", "last"):
        found = complexity.measure("minimax_regret", needles(truth), episodes=8, limit=2)
        assert found.lower == pytest.approx(1.9375)
        assert found.certificate["reference"] == 0
    # Where the last arm pays it gives all models away: the first episode is left.
    told = complexity.measure("minimax_regret", needles("last"), episodes=8, reference="truth")
    assert told.lower == pytest.approx(63 / 64)
    assert told.certificate["gamma"] == 0.0


def test_minimax_regret_grows_with_the_episodes():
    floors = [
        complexity.measure("minimax_regret", needles(), episodes=K, reference=0).lower
        for K in (1, 4, 16, 64)
    ]
    assert floors == sorted(floors)
    # gamma dec_gamma / (4 B) at gamma = 16.
    assert floors[-1] == pytest.approx(4.0 * (1.0 - 33.0 / 64.0))


def test_minimax_regret_follows_scale_and_class():
    instance = needles(arms=40)
    game, models = instance.game, instance.hypothesis()
    half = mb.MarkovGame(game.transition, game.reward / 2.0, game.action_counts, game.initial)
    options = {"episodes": 4, "reference": 0}
    whole = complexity.measure("minimax_regret", instance, **options)
    assert whole.certificate["gamma"] > 0.0
    for other, factor in (
        (Instance(half, instance.policies, models), 0.5),
        (
            Instance(
                game, instance.policies, ModelClass(models.transitions[[0, *range(40, 0, -1)]])
            ),
            1,
        ),
    ):
        found = complexity.measure("minimax_regret", other, **options)
        assert found.lower == pytest.approx(factor * whole.lower)
        assert found.upper == pytest.approx(factor * whole.upper)
    fewer = Instance(game, instance.policies, ModelClass(models.transitions[:20]))
    found = complexity.measure("minimax_regret", fewer, **options)
    assert found.lower < whole.lower
    assert found.upper < whole.upper


@pytest.mark.parametrize(("arms", "episodes", "share"), [(2, 1, 0.2), (16, 8, 0.01)])
def test_minimax_regret_is_below_the_bound_of_mamex(arms, episodes, share):
    # One eta for all truths, the worst member as truth.
    instance, eta = needles(arms=arms), 0.01
    worst = 0.0
    for member in range(arms + 1):
        moved = with_truth(instance, member)
        bound = bounds.regret(
            moved,
            concept="cce",
            episodes=episodes,
            eta=eta,
            coefficient=complexity.decoupling(moved, episodes),
            epsilon_sum=0.0,
        )
        worst = max(worst, instance.game.agents * bound.explicit)
    found = complexity.measure("minimax_regret", instance, episodes=episodes)
    assert share * worst < found.lower <= worst


def test_minimax_regret_says_what_it_cannot_do():
    instance = catalogue.make("needle", arms=3)
    for options, words in (
        ({"episodes": 0}, "episodes is 0"),
        ({"concept": "nash"}, "concept is 'nash': expected 'cce' or 'ce'"),
        ({"reference": 9}, "reference is 9: expected 'truth', 'members' or an index below 4"),
        ({"limit": 0}, "limit is 0"),
    ):
        with pytest.raises(InputError, match=words):
            complexity.measure("minimax_regret", instance, **options)
    values = catalogue.make("bellman_complete")
    with pytest.raises(NotApplicableError, match="minimax regret"):
        complexity.measure("minimax_regret", values, hypotheses="values")
