"""Groups of pairs under a kernel, ends without K, and what the coefficient must do when scaled."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_decoupling import tampered, tiny

import mamex_bench as mb
from mamex_bench import catalogue, complexity
from mamex_bench.complexity import (
    _bracket,
    _groups,
    _lower,
    _potential,
    _potential_search,
    _semidefinite,
    _upper,
)
from mamex_bench.complexity._discrepancy import ModelDiscrepancy, discrepancies
from mamex_bench.errors import ResultsError
from mamex_bench.kernels.decoupling_potential import assign, levied
from mamex_bench.reference import decoupling as reference


def everything(discrepancy):
    """All pairs, to begin the search for groups with."""
    return tuple(np.nonzero(discrepancy.errors > 0.0))


@pytest.mark.parametrize("kind", ["models", "values"])
@pytest.mark.parametrize("levy", [0.0, 0.05])
def test_groups_bound_every_sequence(kind, levy, monkeypatch):
    """Few groups too: then several pairs share one, and some have none."""
    for seed, room in ((1, 100), (2, 4)):
        monkeypatch.setattr(_groups, "MOST_GROUPS", room)
        instance = tiny(seed, kind=kind)
        for i, discrepancy in enumerate(discrepancies(instance)):
            definition = reference.Definition(instance, None, i)
            for mu in (0.05, 0.7, 6.0, 80.0):
                built = _groups.build(discrepancy, levy, mu, 5, everything(discrepancy), 0.0)
                if built is None:
                    continue
                found = built[0]
                assert reference.shortfall(definition, found.labels, found.factors, levy) <= 1e-12
                for K in (1, 3):
                    A, B = reference.all_sums(definition, K).T
                    bound, x, _ = found.solution(mu, K)
                    assert (A - B / mu).max() <= bound * (1 + 1e-9)
                    stored = found.factors, found.tops, found.idle, found.levy
                    twin = reference.potential_value(*stored, x, mu, K)
                    assert twin == pytest.approx(bound, rel=1e-8)
                    any_x = np.random.default_rng(seed).random(x.size) * mu
                    twin = reference.potential_value(*stored, any_x, mu, K)
                    assert (A - B / mu).max() <= twin * (1 + 1e-9)


def test_vectors_for_one_mu_close_what_those_for_all_leave_open():
    """K = 200 plays are worth something, which vectors for every K do not know."""
    rng, G, mu, K = np.random.default_rng(2), 24, 50.0, 200
    x = rng.random((G, 4))
    limits = (x @ x.T) ** 2 * (0.5 + rng.random((G, G)))
    limits = np.minimum(limits, limits.T)
    np.fill_diagonal(limits, (x @ x.T).diagonal() ** 2)
    tops = 0.02 + rng.random(G)
    groups = _groups.Groups(np.arange(G)[None], tops, 0.0, 0.0, limits)
    first = groups.certificate(400), groups
    second = _potential_search.refined(first, mu, K)[0]
    assert second.value(mu, K) <= 0.99 * first[0].value(mu, K)
    assert (second.kernel - limits * (1 + 1e-9)).max() <= 0.0


def test_all_sequences_up_to_length_five_lie_in_the_interval():
    instance = tiny(4, agents=1, hypotheses=4)
    definition = reference.Definition(instance, None, 0)
    for K in range(1, 6):
        bracket = complexity.decoupling(instance, K)
        exact = reference.brute_force(definition, K, 12.0)
        assert bracket.lower * (1 - 1e-9) <= exact <= bracket.upper * (1 + 1e-9)
        assert exact <= bracket.k_free[1] * (1 + 1e-9)


@given(st.integers(0, 10_000))
def test_factors_stay_below_the_limits(seed):
    """Entry by entry, zeros included; and x of the certificate is no better than its bound."""
    rng = np.random.default_rng(seed)
    G = int(rng.integers(1, 9))
    limits = rng.random((G, G)) * (rng.random((G, G)) < 0.6) * 10.0 ** rng.integers(-6, 3)
    limits = np.minimum(limits, limits.T)
    np.fill_diagonal(limits, 0.1 + rng.random(G))
    weighted = _semidefinite.admissible(limits, weight=rng.random(G) * (rng.random(G) < 0.7))
    assert (weighted @ weighted.T - limits * (1 + 1e-9)).max() <= 0.0
    Z = _semidefinite.admissible(limits)
    assert (Z @ Z.T - limits * (1 + 1e-9)).max() <= 0.0
    ones = np.ones(G)
    found = _potential.Potential(np.zeros((1, 1)), Z, ones, 0.0, 0.0)
    for _ in range(20):
        x = rng.random(G) * 3.0
        assert x.sum() - x @ limits @ x / 2.0 <= found.value(1e9, np.inf) / 1e9 * (1 + 1e-6)


@given(st.integers(0, 10_000))
def test_the_levy_is_the_best_one(seed):
    rng = np.random.default_rng(seed)
    push, tops = rng.random(4) - 0.1, 0.1 + rng.random(4)
    weight, idle, K = 1.0 + rng.random(4), 0.1 * float(rng.random()), 30.0
    found = levied(push, weight, tops, 2.0, idle, K)
    high = max(idle, float((weight * tops).max()))
    least = np.inf
    for level in np.linspace(idle, high, 3001):
        need = weight - level / tops
        if (push[need > 1e-12] > 0.0).all():
            reached = push > 0.0
            tau = max(0.0, float((need[reached] / push[reached]).max(initial=0.0)))
            least = min(least, K * level + tau**2 * 2.0)
    assert found <= least * (1 + 1e-9)
    assert found >= least * (1 - 1e-2)


def test_pairs_go_to_the_group_that_they_fit():
    kernel = np.array([[1.0, 0.0], [0.0, 1.0]])
    rows, own = np.array([[0.9, 0.0], [0.0, 2.0]]), np.array([1.0, 0.5])
    groups, slack = np.empty(2, dtype=np.int64), np.empty(2)
    assign(rows, own, kernel, groups, slack)
    assert groups.tolist() == [0, 1]
    assert slack.tolist() == [0.9, 0.5]


def test_groups_close_what_clusters_leave_open():
    instance = catalogue.make("gridworld")
    bracket = complexity.decoupling(instance, 2000, "models")
    assert "groups" in bracket.method
    assert bracket.upper <= 1.05 * bracket.lower
    clusters = max(
        _upper.coefficient(a.partitions, a.grid, 2000, 6.0 * bracket.horizon)[0]
        for a in bracket.agents
    )
    assert clusters >= 1.3 * bracket.upper
    assert bracket.k_free[0] <= bracket.k_free[1] <= 1.1 * bracket.k_free[0]
    complexity.check_bracket(instance, bracket)


@pytest.fixture(scope="module")
def grouped():
    instance = catalogue.make("linear_game", policies=2, distractors=3, models=8)
    bracket = complexity.decoupling(instance, 500, "values")
    i = next(i for i, agent in enumerate(bracket.agents) if agent.potentials)
    return instance, bracket, i


def test_tampering_with_groups_is_caught(grouped):
    instance, bracket, i = grouped
    complexity.check_bracket(instance, bracket)
    agent = bracket.agents[i]
    p = agent.potentials[0]
    shifted = np.where(p.labels >= 0, (p.labels + 1) % p.tops.size, -1)
    forgeries = [
        dataclasses.replace(p, factors=p.factors * 1.01),
        dataclasses.replace(p, tops=p.tops * 0.9),
        dataclasses.replace(p, labels=shifted),
        dataclasses.replace(p, labels=np.where(p.labels == 0, -1, p.labels)),
        dataclasses.replace(p, levy=-1.0),
        dataclasses.replace(p, labels=p.labels[:, :-1]),
    ]
    for forged in forgeries:
        broken = tampered(bracket, i, potentials=(forged, *agent.potentials[1:]))
        with pytest.raises(ResultsError, match="groups"):
            complexity.check_bracket(instance, broken)
    low, high = agent.free
    with pytest.raises(ResultsError, match="upper end"):
        complexity.check_bracket(instance, tampered(bracket, i, free=(low, 0.9 * high)))
    with pytest.raises(ResultsError, match="lower end"):
        complexity.check_bracket(instance, tampered(bracket, i, free=(1.1 * low, high)))
    with pytest.raises(ResultsError, match="unseen"):
        complexity.check_bracket(instance, tampered(bracket, i, unseen=(0, 0)))


def test_groups_are_stored_and_older_brackets_are_read(grouped):
    instance, bracket, _ = grouped
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    assert again.k_free == bracket.k_free
    assert again.upper_value(3.0, 70) == bracket.upper_value(3.0, 70)
    complexity.check_bracket(instance, again)
    for entry in header["agents"]:
        for name in ("potentials", "free", "free_mu"):
            del entry[name]
    kept = {k: v for k, v in arrays.items() if not k.startswith(("groups", "tops", "free"))}
    older = complexity.Bracket.from_arrays(header, kept)
    assert older.k_free == (bracket.lower, np.inf)
    assert older.upper_value(3.0, 70) >= bracket.upper_value(3.0, 70)


def test_coefficient_without_length():
    bracket = complexity.decoupling(catalogue.make("needle", arms=6, truth="none"), 50)
    assert bracket.k_free[0] == pytest.approx(3.0, rel=1e-3)
    assert bracket.k_free[1] == pytest.approx(3.0, rel=1e-9)
    lines = np.array([1.0, 0.5]), np.array([1.0, 0.0]), np.array([0, 2])
    flat = _upper.Partition(np.zeros(1, dtype=np.int64), *lines)
    assert flat.value(2.0, np.inf) == np.inf
    steep = _upper.Partition(np.zeros(1, dtype=np.int64), lines[0], lines[1] + 0.1, lines[2])
    assert steep.value(2.0, np.inf) == steep.value(2.0, 10**9)
    hull = [(steep.height, steep.slope)]
    assert reference.cluster_value(hull, 2.0, np.inf) == pytest.approx(steep.value(2.0, np.inf))


def test_a_pair_that_nothing_reveals_makes_it_infinite_and_rounding_does_not():
    errors = np.array([[0.0, 0.5, 0.7], [0.1, 0.2, 0.3]])
    planted = ModelDiscrepancy(errors, np.array([[0.0, 0.0, 0.0], [0.2, 0.2, 0.2]]))
    found = _bracket.bracket_agent(planted, 40, 2, 6.0)
    assert found.unseen == (2, 0)
    assert found.free == (np.inf, np.inf)
    assert found.lower >= 40 * 0.7 / 12.0 * (1 - 1e-9)
    noise = ModelDiscrepancy(np.array([[1e-16, 0.3]]), np.array([[0.0, 0.1]]))
    found = _bracket.bracket_agent(noise, 40, 2, 6.0)
    assert found.unseen is None
    assert found.free[0] < np.inf


def test_a_search_without_room_widens_and_never_narrows(grouped, monkeypatch):
    instance, full, _ = grouped
    for name, value in (("MOST_GROUPS", 2), ("LOSS_LIMIT", -1.0), ("ITERATIONS", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(_groups, name, value)
            less = complexity.decoupling(instance, 500, "values")
        assert less.upper >= full.upper * (1 - 1e-2)
        assert less.upper >= full.lower
        assert less.k_free[1] >= full.k_free[0]
        complexity.check_bracket(instance, less)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_scaled_rewards(share):
    """Models: e scales, D does not: d is share^2 times that of the burn-in share * 6.

    Action values: e scales, D does by share^2: d is that of the burn-in 6 / share.
    """
    for kind, burn, factor in (("models", 6.0 * share, share**2), ("values", 6.0 / share, 1.0)):
        whole = tiny(7, kind=kind)
        game, classes = whole.game, whole.hypothesis()
        small = mb.MarkovGame(game.transition, share * game.reward, game.action_counts)
        if kind == "values":
            classes = mb.ValueClass([share * values for values in classes.per_agent])
        scaled = complexity.decoupling(mb.Instance(small, whole.policies, classes), 3)
        other = complexity.decoupling(whole, 3, burn_in=burn)
        assert scaled.lower == pytest.approx(factor * other.lower, rel=1e-9)
        assert scaled.lower <= factor * other.upper * (1 + 1e-9)
        assert factor * other.lower <= scaled.upper * (1 + 1e-9)


def test_larger_classes_and_their_intervals():
    """The coefficient of a part is at most that of the whole: so lower(part) <= upper(whole)."""
    for seed in range(3):
        large = tiny(seed, policies=3, hypotheses=5)
        models = large.hypothesis()
        fewer = mb.Instance(large.game, large.policies, mb.ModelClass(models.transitions[:3], 0))
        tables = [table[:2] for table in large.policies.tables]
        narrow = mb.Instance(large.game, mb.PurePolicies(tables), models)
        whole = complexity.decoupling(large, 200)
        for part in (fewer, narrow):
            inside = complexity.decoupling(part, 200)
            assert inside.lower <= whole.upper * (1 + 1e-9)
            assert inside.k_free[0] <= whole.k_free[1] * (1 + 1e-9)


def test_exact_values_have_their_shape():
    """V nondecreasing in mu, convex in 1/mu, V/mu nonincreasing; V_up above it everywhere."""
    instance = tiny(9)
    definition = reference.Definition(instance, None, 0)
    bracket = complexity.decoupling(instance, 3)
    A, B = reference.all_sums(definition, 3).T
    inverse = np.linspace(0.02, 8.0, 60)
    V = np.array([(A - B * t).max() for t in inverse])
    assert (np.diff(V) <= 1e-12).all()
    assert (np.diff(V, 2) >= -1e-12).all()
    assert (np.diff(V * inverse) >= -1e-12).all()
    up = np.array([bracket.agents[0].upper_value(1.0 / t, 3) for t in inverse])
    assert (up >= V * (1 - 1e-9)).all()


def test_without_k_a_found_sequence_is_stretched():
    discrepancy = discrepancies(catalogue.make("needle", arms=4, truth="none"))[0]
    grid = np.geomspace(0.06, 600.0, 9)
    witness = _lower.search(discrepancy, grid, 10_000, 6.0)
    longer = _lower.unlimited(discrepancy, witness, grid, 10_000, 6.0)
    assert longer.length > 10_000
    assert witness.value < longer.value <= 2.0
