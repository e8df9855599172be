"""Pairs left out, dynamic programming over counts, and bounds by how policies overlap."""

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
from mamex_bench.complexity import _check, _counts, _spans, _thinning
from mamex_bench.complexity._discrepancy import ModelDiscrepancy, discrepancies
from mamex_bench.errors import InputError, NotApplicableError, ResultsError
from mamex_bench.reference import decoupling as reference
from mamex_bench.reference import decoupling_counts as counting
from mamex_bench.reference import decoupling_spans as overlapping


@pytest.mark.parametrize("kind", ["models", "values"])
@pytest.mark.parametrize("seed", range(3))
def test_counts_give_the_value_of_all_sequences(kind, seed):
    """With pairs left out and with all of them, fast and slow."""
    instance = tiny(seed, kind=kind, hypotheses=4)
    for i, discrepancy in enumerate(discrepancies(instance)):
        definition = reference.Definition(instance, None, i)
        thinned = _thinning.thin(discrepancy)
        classes = [_counts.Rows.of(x) for x in (discrepancy, thinned.discrepancy)]
        for K in (1, 2, 4):
            A, B = reference.all_sums(definition, K).T
            for mu in (0.01, 0.4, 3.0, 50.0):
                exact = (A - B / mu).max()
                assert counting.largest_value(definition, mu, K) == pytest.approx(exact, rel=1e-12)
                for rows in classes:
                    if rows is None:
                        assert exact == 0.0
                        continue
                    value, witness = rows.solve(mu, K, 12.0)
                    assert value == pytest.approx(exact, rel=1e-12, abs=1e-15)
                    # The sequence attains it.
                    if rows is classes[1]:
                        witness = thinned.witness(witness)
                    a, b = definition.sequence_sums(
                        witness.hypotheses, witness.policies, witness.counts
                    )
                    assert a - b / mu == pytest.approx(exact, rel=1e-9, abs=1e-14)
                    assert witness.length <= K


def test_counts_are_right_beyond_what_can_be_enumerated():
    """Random tables, more plays than brute force could try; the slow code goes level by level."""
    rng = np.random.default_rng(5)
    errors, own = rng.random((3, 4)), 0.05 + 0.4 * rng.random((3, 4))
    rows = _counts.Rows.of(ModelDiscrepancy(errors, own))

    class Twin:
        shared = True

        def __init__(self):
            self.errors = errors

        def losses(self, members, policy):
            return own[members]

    for K, mu in ((7, 2.0), (25, 6.0), (25, 0.2)):
        found = rows.solve(mu, K, 6.0)[0]
        assert found == pytest.approx(counting.largest_value(Twin(), mu, K), rel=1e-12)


@given(st.integers(0, 10_000))
def test_states_are_counted(seed):
    rng = np.random.default_rng(seed)
    limits = rng.integers(0, 4, size=int(rng.integers(1, 5)))
    K = int(rng.integers(1, 8))
    ways = np.empty((limits.size + 1, K + 1))
    _counts.kernel.count_ways(limits, ways)
    every = np.indices(tuple(limits + 1)).reshape(limits.size, -1).sum(axis=0)
    assert ways[0, K] == (every <= K).sum()


@pytest.mark.parametrize("kind", ["models", "values"])
def test_pairs_that_are_left_out_are_replaced(kind):
    for seed in range(4):
        instance = tiny(seed, kind=kind, policies=3, hypotheses=6)
        for i, discrepancy in enumerate(discrepancies(instance)):
            thinned = _thinning.thin(discrepancy)
            if thinned.replaced is None:
                continue
            definition = reference.Definition(instance, None, i)
            assert counting.unreplaced(definition, thinned.replaced, 1e-8) == ""
            whole, rest = (_counts.Rows.of(x) for x in (discrepancy, thinned.discrepancy))
            assert rest.errors.size < whole.errors.size
            for mu in (0.1, 1.0, 20.0):
                value = whole.solve(mu, 6, 12.0)[0]
                assert rest.solve(mu, 6, 12.0)[0] == pytest.approx(value, rel=1e-10)


def test_replacements_that_lose_something_are_found():
    instance = tiny(1, hypotheses=6, policies=3)
    definition = reference.Definition(instance, None, 0)
    M, F = definition.errors.shape
    flat = np.arange(M * F).reshape(M, F)
    assert counting.unreplaced(definition, flat, 1e-8) == ""
    order = np.argsort(definition.errors.ravel())
    small, large = order[definition.errors.ravel()[order] > 1e-9][0], order[-1]
    for change, word in (({large: small}, "smaller"), ({large: -1}, "out"), ({small: 0}, "kept")):
        forged = flat.ravel().copy()
        for pair, target in change.items():
            forged[pair] = target
        if word == "kept":
            forged[0] = 1
        assert counting.unreplaced(definition, forged.reshape(M, F), 1e-8) != ""
    # A pair that costs more, or a policy that reveals more.
    errors = np.array([[0.5, 0.5]])
    costly = ModelDiscrepancy(errors, np.array([[0.1, 0.3]]))
    definition.errors, definition.table = errors, costly.own
    assert "costs more" in counting.unreplaced(definition, np.array([[1, 1]]), 1e-8)
    assert counting.unreplaced(definition, np.array([[0, 0]]), 1e-8) == ""
    definition.errors = np.array([[0.5, 0.0], [0.5, 0.5]])
    definition.table = np.array([[0.1, 0.0], [0.1, 0.2]])
    assert "reveals more" in counting.unreplaced(definition, np.array([[2, -1], [2, 3]]), 1e-8)


@pytest.mark.parametrize(
    ("family", "hypotheses", "K"),
    [("bellman_complete", "values", 8), ("linear_game", "models", 6), ("lock", "models", 5)],
)
def test_exact_where_vectors_of_counts_are_few(family, hypotheses, K):
    if family == "lock":
        instance = catalogue.make("combination_lock", length=2, slip=0.1)
    else:
        instance = catalogue.make(family)
    bracket = complexity.decoupling(instance, K, hypotheses, exact=True)
    assert bracket.upper <= 1.01 * bracket.lower
    complexity.check_bracket(instance, bracket)
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    assert again.upper == bracket.upper
    assert again.upper_value(2.0, 5) == bracket.upper_value(2.0, 5)


def test_tampering_with_exact_values_is_caught():
    instance = catalogue.make("bellman_complete")
    bracket = complexity.decoupling(instance, 6, "values", exact=True)
    i, agent = next((i, a) for i, a in enumerate(bracket.agents) if a.counts is not None)
    complexity.check_bracket(instance, bracket)
    low = dataclasses.replace(agent.counts, values=agent.counts.values * 0.999)
    with pytest.raises(ResultsError, match="by counts"):
        complexity.check_bracket(instance, tampered(bracket, i, counts=low))
    # V grows with K: a certificate of K speaks of no longer sequence.
    assert agent.counts.value(1.0, 7) == np.inf
    longer = dataclasses.replace(agent.counts, episodes=12)
    with pytest.raises(ResultsError, match="by counts"):
        complexity.check_bracket(instance, tampered(bracket, i, counts=longer))
    moved = np.where(agent.replaced >= 0, agent.replaced.max(), -1)
    with pytest.raises(ResultsError, match="replace"):
        complexity.check_bracket(instance, tampered(bracket, i, replaced=moved))


def test_exact_method_refuses_what_is_too_large():
    instance = catalogue.make("hypercube")
    with pytest.raises(NotApplicableError, match=r"10,000,000.*without exact=True"):
        complexity.decoupling(instance, 20_000, exact=True)
    with pytest.raises(InputError, match="episodes"):
        complexity.decoupling(instance, 0, exact=True)


def test_a_search_that_may_do_little_widens(monkeypatch):
    instance = catalogue.make("bellman_complete")
    full = complexity.decoupling(instance, 6, "values")
    monkeypatch.setattr(_counts, "QUICK_WORK", 0.0)
    less = complexity.decoupling(instance, 6, "values")
    assert all(agent.counts is None for agent in less.agents)
    assert less.lower <= full.lower * (1 + 1e-9)
    assert less.upper >= full.upper * (1 - 1e-9)
    assert less.lower <= full.upper * (1 + 1e-9)
    monkeypatch.setattr(_thinning, "WORK_LIMIT", -1.0)
    whole = complexity.decoupling(instance, 6, "values")
    assert all(agent.replaced is None for agent in whole.agents)
    assert whole.lower <= full.upper * (1 + 1e-9)
    assert full.lower <= whole.upper * (1 + 1e-9)


@given(st.integers(0, 10_000))
def test_exact_values_between_their_points(seed):
    """The chord lies above V, and V itself has the shape that the theory says."""
    rng = np.random.default_rng(seed)
    rows = _counts.Rows.of(ModelDiscrepancy(rng.random((2, 3)), rng.random((2, 3)) ** 2))
    mus = np.geomspace(0.05, 40.0, 15)
    V = np.array([rows.solve(float(mu), 6, 6.0)[0] for mu in mus])
    assert (np.diff(V) >= -1e-12).all()
    assert (np.diff(V / mus) <= 1e-12).all()
    slopes = np.diff(V) / np.diff(1.0 / mus)
    assert (np.diff(slopes[::-1]) >= -1e-9).all()
    few = _counts.Counts(mus[::4], V[::4], 6)
    bounds = [few.value(float(mu), 6) for mu in mus]
    assert (np.array(bounds) >= V * (1 - 1e-12)).all()
    assert counting.interpolated(mus[::4], V[::4], 0.3) == pytest.approx(few.value(0.3, 6))
    assert few.value(1e3, 6) >= rows.solve(1e3, 6, 6.0)[0]
    assert few.value(1e-3, 6) >= rows.solve(1e-3, 6, 6.0)[0]


@pytest.mark.parametrize("arms", [2, 5, 33, 128])
def test_needles_within_a_hundredth(arms):
    bracket = complexity.decoupling(catalogue.make("needle", arms=arms, truth="none"), 50_000)
    assert bracket.upper <= 1.01 * bracket.lower


def test_the_lock_with_slip_is_closed():
    """Interval ratio 3.3 while pairs that others replace are kept."""
    instance = catalogue.make("combination_lock", length=2, agents=3, slip=0.1)
    bracket = complexity.decoupling(instance, 20_000)
    assert bracket.upper <= 1.002 * bracket.lower
    complexity.check_bracket(instance, bracket)


def bandit(dimension, arms, members, seed=0):
    """One state and step, linear values on the sphere."""
    rng = np.random.default_rng(seed)
    x, theta = rng.normal(size=(arms, dimension)), rng.normal(size=(members, dimension))
    x /= np.linalg.norm(x, axis=1)[:, None]
    theta /= np.linalg.norm(theta, axis=1)[:, None]
    theta[0] = 0.0
    values = 0.5 + 0.5 * (theta @ x.T)
    game = mb.MarkovGame(np.ones((1, 1, arms, 1)), np.full((1, 1, 1, arms), 0.5), (arms,))
    values = mb.ValueClass([values.reshape(members, 1, 1, arms)])
    return mb.Instance(game, mb.PurePolicies.all(game), values)


def contexts(states, members, seed=0):
    """Uniform contexts, two actions, all policies; values -1/2, 0 or 1/2 above the truth."""
    rng = np.random.default_rng(seed)
    uniform = np.full(states, 1.0 / states)
    game = mb.MarkovGame(
        np.full((1, states, 2, states), 1.0 / states),
        np.full((1, 1, states, 2), 0.5),
        (2,),
        initial=uniform,
    )
    values = 0.5 + 0.5 * rng.choice([-1, 0, 1], size=(members, 1, states, 2))
    values[0] = 0.5
    return mb.Instance(game, mb.PurePolicies.all(game), mb.ValueClass([values]))


@pytest.fixture(scope="module")
def spread():
    """A bandit that the elliptical bound wins on, with its bracket."""
    instance = bandit(2, 24, 128)
    return instance, complexity.decoupling(instance, 20_000)


def test_elliptical_wins_on_a_linear_bandit(spread):
    instance, bracket = spread
    assert bracket.method.startswith("elliptical potential")
    without = dataclasses.replace(bracket.agents[0], spans=())
    assert without.upper_value(300.0, 20_000) >= 2.0 * bracket.upper_value(300.0)
    complexity.check_bracket(instance, bracket)
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    complexity.check_bracket(instance, again)
    assert again.upper_value(3.0, 70) == bracket.upper_value(3.0, 70)


def test_occupancies_win_with_contexts():
    """Seven contexts, 128 policies, a rich class."""
    instance = contexts(7, 200)
    bracket = complexity.decoupling(instance, 300)
    assert bracket.method.startswith("occupancies")
    complexity.check_bracket(instance, bracket)
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    assert again.upper_value(3.0, 70) == bracket.upper_value(3.0, 70)
    complexity.check_bracket(instance, again)


def test_tampering_with_overlaps_is_caught(spread):
    instance, bracket = spread
    span = bracket.agents[0].spans[0]
    for change in (
        {"reach": span.reach * 0.9},
        {"weight": span.weight * 0.9},
        {"largest": span.largest * 0.9},
        {"scale": span.scale * 1.1},
        {"bases": tuple(b[:, :1] for b in span.bases)},
    ):
        forged = tampered(bracket, 0, spans=(dataclasses.replace(span, **change),))
        with pytest.raises(ResultsError, match="elliptical"):
            complexity.check_bracket(instance, forged)
    replaced = bracket.agents[0].replaced
    occupancy = overlaps(instance, 0, replaced)[1]
    for change in (
        {"cover": occupancy.cover * 0.9},
        {"top": occupancy.top * 0.9},
        {"weight": occupancy.weight * 0.9},
    ):
        forged = tampered(bracket, 0, spans=(dataclasses.replace(occupancy, **change),))
        with pytest.raises(ResultsError, match="occupancies"):
            complexity.check_bracket(instance, forged)


def overlaps(instance, agent, replaced=None):
    positive = discrepancies(instance)[agent].errors > 0.0
    return _spans.spans(instance, agent, next(iter(instance.hypotheses)), positive, replaced)


@pytest.mark.parametrize("kind", ["models", "values"])
def test_overlaps_bound_every_sequence(kind):
    for seed in range(3):
        instance = tiny(seed, kind=kind)
        for i in range(2):
            definition = reference.Definition(instance, None, i)
            found = overlaps(instance, i)
            assert bool(found) == (definition.errors > 0.0).any()
            if not found:
                continue
            elliptical, occupancy = found
            assert overlapping.common(definition, elliptical.largest, elliptical.scale) == ""
            for K in (1, 3):
                A, B = reference.all_sums(definition, K).T
                for mu in (0.02, 0.5, 5.0, 100.0):
                    V = (A - B / mu).max()
                    numbers = elliptical.weight, elliptical.largest, elliptical.scale, mu, K
                    one = elliptical.value(mu, K)
                    slow = overlapping.elliptical_value(
                        elliptical.bases, elliptical.reach, *numbers
                    )
                    assert one * (1 + 1e-9) >= V
                    assert one == pytest.approx(slow, rel=1e-6, abs=1e-12)
                    numbers = occupancy.weight, occupancy.largest, occupancy.scale, mu, K
                    two = occupancy.value(mu, K)
                    slow = overlapping.occupancy_value(occupancy.cover, occupancy.top, *numbers)
                    assert two * (1 + 1e-9) >= V
                    assert two == pytest.approx(slow, rel=1e-6, abs=1e-12)


def test_overlaps_do_not_apply_where_losses_leave_something_out():
    blind = catalogue.make("blind_step")
    assert overlaps(blind, 0) == ()


def test_errors_of_any_size_need_factors_of_their_size():
    """A needle whose arms are worth 5e-10: factors of nothing do not pass for rounding."""
    M, K = 3, 100_000
    game = mb.MarkovGame(np.ones((1, 1, M, 1)), np.zeros((1, 1, 1, M)), (M,))
    values = 5e-10 * np.eye(M + 1, M)[:, None, None]
    policies = mb.PurePolicies([np.arange(M).reshape(M, 1, 1)])
    instance = mb.Instance(game, policies, mb.ValueClass([values]))
    bracket = complexity.decoupling(instance, K)
    assert complexity.check_bracket(instance, bracket).lower[0] > 8e-6
    nothing = dataclasses.replace(
        overlaps(instance, 0)[0],
        bases=(np.zeros((M, 1)),),
        reach=np.zeros(1),
        weight=np.zeros(1),
    )
    forged = tampered(bracket, 0, spans=(nothing,), upper=1e-12, lower=0.0)
    with pytest.raises(ResultsError, match="do not multiply to the means"):
        complexity.check_bracket(instance, forged)


def test_ends_that_are_computed_anew_may_not_cross(monkeypatch):
    instance = tiny(0)
    bracket = complexity.decoupling(instance, 3)
    forged = tampered(bracket, 0, upper=1e-6, lower=0.0)
    monkeypatch.setattr(_check, "_upper", lambda *known: (1e-6, 1e-6))
    with pytest.raises(ResultsError, match=r"computed anew: the ends .* are crossed"):
        complexity.check_bracket(instance, forged)


def test_errors_that_are_rounding_leave_the_slow_bound_as_it_is():
    bases, ones, errors = [np.eye(1)] * 2, np.ones(2), np.array([0.5, 1e-17])
    one = overlapping.elliptical_value(bases[:1], ones, ones, errors[:1], ones, 1.0, 100)
    two = overlapping.elliptical_value(bases, ones, ones, errors, ones, 1.0, 100)
    assert one < two < 3.0 * one


def test_replacements_of_another_shape_are_refused():
    instance = tiny(0)
    bracket = complexity.decoupling(instance, 3)
    forged = tampered(bracket, 0, replaced=np.zeros((1, 1), dtype=np.int32))
    with pytest.raises(ResultsError, match="replacements do not fit the class"):
        complexity.check_bracket(instance, forged)


@given(st.integers(0, 10_000))
def test_what_one_play_earns_grows_no_faster_than_a_logarithm(seed):
    rng = np.random.default_rng(seed)
    E, mu, x = 10.0 ** rng.uniform(-3, 3, size=3)
    e = np.linspace(0.0, E, 101)
    assert (e - e**2 / (x * mu)).max() <= _spans.growth(E, mu) * np.log1p(x) * (1 + 1e-9)
    lam = np.geomspace(1e-9, 1e9, 400)
    kappa, r, reach, weight, K = 10.0 ** rng.uniform(-2, 2, size=5)
    bound = kappa * r * np.log1p(K * reach / (r * lam)) + K * lam * weight / mu
    found = _spans.ridged(kappa, r, reach, weight, mu, K)
    assert found <= bound.min() * (1 + 1e-9)
    assert found >= 0.9 * bound.min()


def test_permuting_changes_no_exact_value():
    """Hypotheses, policies and agents in another order; K at which the method is exact."""
    from test_decoupling import shuffled

    for seed in range(2):
        instance = tiny(seed, hypotheses=5, policies=3)
        first = complexity.decoupling(instance, 6, exact=True)
        second = complexity.decoupling(shuffled(instance, seed), 6, exact=True)
        assert second.lower <= first.upper * (1 + 1e-9)
        assert first.lower <= second.upper * (1 + 1e-9)


def test_more_policies_and_hypotheses_never_lower_the_exact_coefficient():
    for seed in range(2):
        large = tiny(seed, policies=3, hypotheses=5)
        models = large.hypothesis()
        fewer = mb.Instance(large.game, large.policies, mb.ModelClass(models.transitions[:3], 0))
        narrow = mb.Instance(
            large.game, mb.PurePolicies([t[:2] for t in large.policies.tables]), models
        )
        whole = complexity.decoupling(large, 6, exact=True)
        for part in (fewer, narrow):
            inside = complexity.decoupling(part, 6, exact=True)
            assert inside.lower <= whole.upper * (1 + 1e-9)
