"""The bracket of the decoupling coefficient against brute force, closed forms and tampering."""

import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mamex_bench import catalogue, complexity
from mamex_bench.complexity import _bracket, _clusters, _lower, _upper
from mamex_bench.complexity._discrepancy import ModelDiscrepancy, discrepancies
from mamex_bench.errors import InputError, NotApplicableError, ResultsError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance, policy_action_values
from mamex_bench.model.policies import PurePolicies
from mamex_bench.reference import decoupling as reference


def tiny(seed, agents=2, kind="models", policies=2, hypotheses=3):
    """A random game of two states and two steps with few policies and hypotheses."""
    rng = np.random.default_rng(seed)
    S, H, A = 2, 2, 2**agents
    models = rng.dirichlet(np.full(S, 0.5), size=(hypotheses, H, S, A))
    game = MarkovGame(models[0], rng.random((agents, H, S, A)), (2,) * agents)
    chosen = PurePolicies.sample(game, (policies,) * agents, seed)
    if kind == "models":
        return Instance(game, chosen, ModelClass(models, 0))
    true = [policy_action_values(game, chosen.joint_actions(game, q)) for q in range(chosen.size)]
    # The truths of two joint policies and distractors: few, so that brute force can finish.
    values = [
        np.stack([Q[i] for Q in true[:2]] + [rng.random((H, S, A)) for _ in range(hypotheses - 2)])
        for i in range(agents)
    ]
    return Instance(game, chosen, ValueClass(values))


GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_decoupling.json").read_text())


@pytest.fixture(scope="module")
def golden():
    """Three models, four joint policies, three states, two steps; K = 4."""
    models = np.array(GOLDEN["models"])
    game = MarkovGame(models[GOLDEN["truth"]], GOLDEN["reward"], GOLDEN["action_counts"])
    policies = PurePolicies([np.array(table) for table in GOLDEN["policies"]])
    return Instance(game, policies, ModelClass(models, GOLDEN["truth"]))


@pytest.fixture(scope="module")
def lock():
    return catalogue.make("combination_lock", length=3)


def shuffled(instance, seed):
    """The same instance with hypotheses, policies and agents in another order."""
    rng = np.random.default_rng(seed)
    game, models = instance.game, instance.hypothesis()
    agents = rng.permutation(game.agents)
    counts = [game.action_counts[i] for i in agents]
    code = np.arange(game.actions).reshape(game.action_counts).transpose(agents).ravel()
    order = rng.permutation(models.size)
    moved = MarkovGame(
        game.transition[:, :, code], game.reward[agents][:, :, :, code], counts, game.initial
    )
    tables = [rng.permutation(instance.policies.tables[i]) for i in agents]
    truth = int(np.flatnonzero(order == models.truth)[0])
    transitions = models.transitions[order][:, :, :, code]
    return Instance(moved, PurePolicies(tables), ModelClass(transitions, truth))


@pytest.mark.parametrize("agents", [1, 2, 3])
@pytest.mark.parametrize("kind", ["models", "values"])
def test_every_sequence_lies_inside_the_interval(agents, kind):
    for seed in range(2 if agents < 3 else 1):
        instance = tiny(seed, agents, kind, policies=2 if agents < 3 else 1)
        for K in (1, 3):
            bracket = complexity.decoupling(instance, K)
            for i, (low, high) in enumerate(bracket.per_agent):
                definition = reference.Definition(instance, None, i)
                exact = reference.brute_force(definition, K, 6.0 * instance.game.horizon)
                assert low == pytest.approx(exact, rel=1e-9, abs=1e-12)
                assert low <= high * (1 + 1e-12)
            complexity.check_bracket(instance, bracket)


@pytest.mark.parametrize("kind", ["models", "values"])
def test_upper_value_covers_every_sequence_at_every_mu_and_length(kind):
    instance = tiny(5, 2, kind)
    bracket = complexity.decoupling(instance, 4)
    for mu in (0.01, 0.3, 2.0, 40.0):
        for i, agent in enumerate(bracket.agents):
            definition = reference.Definition(instance, None, i)
            for K in (1, 2, 3):
                A, B = reference.all_sums(definition, K).T
                assert (A - B / mu).max() <= agent.upper_value(mu, K) * (1 + 1e-12) + 1e-15
        curve = bracket.upper_value_curve(mu, [1, 2, 3, 4])
        assert (np.diff(curve) >= -1e-12).all()
        assert curve[-1] == bracket.upper_value(mu)


@pytest.mark.parametrize("kind", ["models", "values"])
def test_errors_and_losses_are_those_of_the_definition(kind):
    instance = tiny(3, 2, kind, hypotheses=4)
    every = np.arange(instance.policies.size)
    for i, found in enumerate(discrepancies(instance)):
        definition = reference.Definition(instance, None, i)
        np.testing.assert_allclose(found.errors, definition.errors, atol=1e-13)
        for policy in every:
            expected = definition.losses(every, int(policy))
            np.testing.assert_allclose(found.losses(every, int(policy)), expected, atol=1e-13)
            np.testing.assert_allclose(found.own[policy], expected[policy], atol=1e-13)
            some = found.losses(every, int(policy), np.array([2, 0]))
            np.testing.assert_allclose(some, expected[:, [2, 0]], atol=1e-13)


def test_worked_case_of_four_episodes(golden):
    K, stated = GOLDEN["episodes"], GOLDEN["coefficient"]
    bracket = complexity.decoupling(golden, K)
    exact = [
        reference.brute_force(reference.Definition(golden, None, i), K, 12.0) for i in range(2)
    ]
    # The stated value comes from a numerical search over mu, good to 1e-7.
    assert max(exact) == pytest.approx(stated, rel=1e-7)
    assert bracket.lower == pytest.approx(max(exact), rel=1e-12)
    assert max(exact) <= bracket.upper <= 1.1 * max(exact)


@pytest.mark.parametrize("arms", [2, 9, 64])
def test_needle_has_its_closed_form(arms):
    """V(mu) = M (mu + 1) / 2 at whole mu while K allows; M / 2 is approached from below."""
    instance = catalogue.make("needle", arms=arms, truth="none")
    bracket = complexity.decoupling(instance, 200_000)
    for mu in (1.0, 7.0, 50.0):
        assert bracket.upper_value(mu) == pytest.approx(arms * (mu + 1.0) / 2.0, rel=1e-12)
    assert bracket.upper <= arms / 2.0 * (1 + 1e-12)
    assert bracket.lower >= 0.98 * arms / 2.0
    assert bracket.upper <= 1.01 * bracket.lower


def test_lock_is_exact_where_plain_greedy_loses(lock):
    """The coefficient of the lock is L (A - 1) / 2; plain greedy plays what reveals all."""
    bracket = complexity.decoupling(lock, 100_000)
    assert bracket.upper <= 1.02 * bracket.lower
    assert bracket.lower == pytest.approx(4.5, rel=0.02)
    complexity.check_bracket(lock, bracket)


@pytest.mark.parametrize("hypotheses", ["models", "values", "values_linear"])
def test_catalogue_game_with_models_and_with_values(hypotheses):
    instance = catalogue.make("linear_game", policies=2, distractors=3, models=8)
    bracket = complexity.decoupling(instance, 50, hypotheses)
    assert bracket.hypotheses == hypotheses
    assert 0.0 < bracket.lower <= bracket.upper
    check = complexity.check_bracket(instance, bracket)
    assert max(check.lower) == pytest.approx(bracket.lower, rel=1e-9)


@given(st.integers(0, 10_000))
def test_upper_value_has_the_shape_of_the_theory(seed):
    """V is nondecreasing in mu and in K, V/mu nonincreasing in mu; so is its bound."""
    rng = np.random.default_rng(seed)
    errors, own = rng.normal(size=(5, 4)), rng.random((5, 4)) ** 3
    discrepancy = ModelDiscrepancy(errors, own)
    labels = rng.integers(0, 3, size=5)
    part, _ = _upper.certify(discrepancy, np.unique(labels, return_inverse=True)[1])
    mus = np.geomspace(0.05, 50.0, 12)
    values = np.array([[part.value(mu, k) for k in (1, 3, 10, 1000)] for mu in mus])
    assert (np.diff(values, axis=0) >= -1e-12).all()
    assert (np.diff(values, axis=1) >= -1e-12).all()
    assert (np.diff(values / mus[:, None], axis=0) <= 1e-12).all()


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_largest_sum_is_the_sum_of_the_largest(seed, K):
    rng = np.random.default_rng(seed)
    discrepancy = ModelDiscrepancy(rng.normal(size=(6, 5)), 0.02 + rng.random((6, 5)))
    labels = np.array([0, 0, 1, 1, 1, 2])
    part = _upper.certify(discrepancy, labels)[0]
    mu = float(rng.uniform(0.2, 20.0))
    terms = []
    for c in range(3):
        members = np.flatnonzero(labels == c)
        e, m = discrepancy.errors[members].max(axis=0), discrepancy.own[members].min(axis=0)
        for use in range(1, K + 1):
            terms.append(max(0.0, (e - (use - 1) / mu * m).max()))
    expected = np.sort(terms)[::-1][:K].sum()
    assert part.value(mu, K) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    pieces = [(part.height[a:b], part.slope[a:b]) for a, b in zip(part.offsets, part.offsets[1:])]
    assert reference.cluster_value(pieces, mu, K) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    whole = _upper.coefficient((part,), np.geomspace(0.1, 100.0, 9), 10**7, 6.0)[0]
    assert whole <= max(part.integral, part.total_height / 6.0) * (1 + 1e-9)


@given(st.integers(0, 10_000))
def test_chord_rule_bounds_between_grid_points(seed):
    """On V(mu) = sum_p sum_c (e_p - (c-1) m_p / mu)_+, pairs that know nothing of one another."""
    rng = np.random.default_rng(seed)
    e, m, uses = rng.random(4), rng.random(4) ** 2, np.arange(30)

    def ratio(mu):
        terms = e[:, None] - uses * m[:, None] / mu
        return np.maximum(terms, 0.0).sum() / (mu + 6.0)

    mus = np.geomspace(0.05, 200.0, 9)
    values = np.array([ratio(mu) * (mu + 6.0) for mu in mus])
    bound = _upper.chord(mus, values, 6.0)[0]
    assert bound == pytest.approx(reference.chord_bound(mus, values, 6.0), rel=1e-12)
    top = max(ratio(mu) for mu in np.geomspace(1e-3, 1e5, 500))
    assert top <= bound * (1 + 1e-12)
    assert bound <= 1.5 * top


@given(st.floats(0.0, 50.0), st.floats(1e-6, 50.0), st.floats(0.1, 50.0))
def test_best_mu_maximises(cost, total, burn):
    mu, value = _lower.best_mu(total, cost, burn)
    grid = np.geomspace(1e-9, 1e9, 4001)
    values = (total - cost / grid) / (grid + burn)
    assert values.max() <= value * (1 + 1e-9)
    assert value == pytest.approx(reference.sequence_value(total, cost, burn), rel=1e-6)
    if cost > 1e-6:
        assert value == pytest.approx((total - cost / mu) / (mu + burn), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_agents_policies_and_models_changes_nothing(seed):
    instance = tiny(seed)
    first, second = (complexity.decoupling(x, 3) for x in (instance, shuffled(instance, seed)))
    assert first.lower == pytest.approx(second.lower, rel=1e-9)
    assert first.upper == pytest.approx(second.upper, rel=1e-6)


def test_more_hypotheses_or_policies_never_lower_the_coefficient():
    for seed in range(3):
        large = tiny(seed, hypotheses=4)
        models = large.hypothesis()
        fewer = Instance(large.game, large.policies, ModelClass(models.transitions[:3], 0))
        narrow = Instance(large.game, PurePolicies([t[:1] for t in large.policies.tables]), models)
        whole = complexity.decoupling(large, 3)
        for part in (fewer, narrow):
            inside = complexity.decoupling(part, 3)
            # Exhaustive lower ends are the coefficients themselves.
            assert inside.lower <= whole.lower * (1 + 1e-9)
            assert inside.lower <= whole.upper * (1 + 1e-9)


def test_clusters_that_work_is_limited_to_stay_a_partition():
    labels = np.array([0, 1, 1, 1, 1, 0, 2])
    cut = _clusters.limit(labels, 3)
    assert np.bincount(cut).max() <= 3
    assert len(np.unique(cut)) == cut.max() + 1
    assert all(len(set(labels[cut == c])) == 1 for c in np.unique(cut))


def tampered(bracket, agent=0, **changes):
    entry = dataclasses.replace(bracket.agents[agent], **changes)
    agents = list(bracket.agents)
    agents[agent] = entry
    return dataclasses.replace(bracket, agents=tuple(agents))


def test_tampering_with_either_end_is_caught(lock):
    bracket = complexity.decoupling(lock, 300)
    complexity.check_bracket(lock, bracket)
    a = bracket.agents[0]
    w, part = a.witness, a.partitions[0]
    lower_ends = [
        tampered(bracket, lower=a.lower * 1.001),
        tampered(bracket, witness=dataclasses.replace(w, policies=np.roll(w.policies, 1))),
        tampered(bracket, witness=dataclasses.replace(w, counts=w.counts * 50)),
        tampered(bracket, witness=dataclasses.replace(w, hypotheses=w.hypotheses + 10**6)),
    ]
    for forged in lower_ends:
        with pytest.raises(ResultsError, match="lower end"):
            complexity.check_bracket(lock, forged)
    cheap = dataclasses.replace(part, height=part.height * 0.9)
    steep = dataclasses.replace(part, slope=part.slope * 1.1)
    other = dataclasses.replace(part, labels=np.roll(part.labels, 7))
    upper_ends = [
        tampered(bracket, upper=a.upper * 0.999),
        tampered(bracket, largest_error=0.5 * a.largest_error),
        *(tampered(bracket, partitions=(p, *a.partitions[1:])) for p in (cheap, steep, other)),
        tampered(bracket, grid=a.grid[::-1]),
    ]
    for forged in upper_ends:
        with pytest.raises(ResultsError, match="upper end"):
            complexity.check_bracket(lock, forged)
    with pytest.raises(ResultsError, match="agents"):
        complexity.check_bracket(lock, dataclasses.replace(bracket, agents=bracket.agents[:1]))


def test_storage_keeps_everything_and_it_shows_itself(lock):
    bracket = complexity.decoupling(lock, 300)
    header, arrays = bracket.to_arrays()
    again = complexity.Bracket.from_arrays(json.loads(json.dumps(header)), arrays)
    assert (again.lower, again.upper) == (bracket.lower, bracket.upper)
    assert again.upper_value(17.0, 90) == bracket.upper_value(17.0, 90)
    assert repr(again) == repr(bracket)
    assert "agent 1" in bracket._repr_html_()
    ax = Figure().subplots()
    assert bracket.plot(ax) is ax
    curve = ax.lines[0].get_ydata()
    assert curve.max() <= bracket.upper * (1 + 1e-9)
    assert curve.max() >= bracket.lower * (1 - 1e-3)
    complexity.check_bracket(lock, again)


def test_pair_that_nothing_reveals_makes_the_coefficient_grow_with_k():
    discrepancy = ModelDiscrepancy(np.array([[0.0, 0.5]]), np.array([[0.0, 0.0]]))
    for K in (1, 10, 1000):
        found = _bracket.bracket_agent(discrepancy, K, 2, 6.0)
        assert found.unseen == (1, 0)
        assert found.lower == pytest.approx(K * 0.5 / 12.0)
        assert found.upper == pytest.approx(K * 0.5 / 12.0)


def test_class_of_the_truth_alone_costs_nothing():
    whole = tiny(0)
    alone = Instance(whole.game, whole.policies, ModelClass(whole.game.transition[None], 0))
    bracket = complexity.decoupling(alone, 100)
    assert (bracket.lower, bracket.upper) == (0.0, 0.0)
    assert bracket.unbounded is None
    assert bracket.upper_value(3.0) == 0.0
    complexity.check_bracket(alone, bracket)


def test_refusals():
    instance = tiny(0)
    models = instance.hypothesis().transitions
    lost = Instance(instance.game, instance.policies, ModelClass(models, None))
    with pytest.raises(NotApplicableError, match="misspecified"):
        complexity.decoupling(lost, 10)
    features = np.ones((2, 2, 4, 1))
    linear = Instance(instance.game, instance.policies, LinearValueClass(features))
    with pytest.raises(NotApplicableError, match="infinite"):
        complexity.decoupling(linear, 10)
    with pytest.raises(InputError, match="no hypotheses"):
        complexity.decoupling(Instance(instance.game, instance.policies), 10)
    for bad in (0, -3, 2.5, True):
        with pytest.raises(InputError, match="episodes"):
            complexity.decoupling(instance, bad)
    with pytest.raises(InputError, match="burn_in"):
        complexity.decoupling(instance, 10, burn_in=0.0)
    bracket = complexity.decoupling(instance, 10)
    for mu in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="mu"):
            bracket.upper_value(mu)
    with pytest.raises(InputError, match="episodes"):
        bracket.upper_value(1.0, 0)


@pytest.mark.parametrize("first", ["package", "submodule"])
def test_decoupling_is_the_function_in_both_import_orders(first):
    lines = {
        "package": "from mamex_bench import complexity; complexity.decoupling",
        "submodule": "import mamex_bench.complexity.decoupling",
    }
    code = (
        f"{lines[first]}\n"
        "import importlib, inspect\n"
        "module = importlib.import_module('mamex_bench.complexity.decoupling')\n"
        "from mamex_bench import complexity\n"
        "assert inspect.isfunction(complexity.decoupling), complexity.decoupling\n"
        "assert module.measure is complexity.decoupling\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_registry_lists_and_measures():
    assert "decoupling" in complexity.names()
    assert not any(name.startswith("_") for name in complexity.names())
    instance = tiny(1)
    bracket = complexity.measure("decoupling", instance, episodes=2)
    assert bracket.lower == complexity.decoupling(instance, 2).lower
    assert importlib.import_module("mamex_bench.complexity.decoupling").Bracket is (
        complexity.Bracket
    )
    with pytest.raises(InputError, match="decoupling"):
        complexity.measure("nonsense", instance)
