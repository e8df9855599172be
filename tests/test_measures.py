"""Measures beside the decoupling coefficient: known values, brute force, invariances, bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from games import random_game, random_policies
from hypothesis import given, settings
from hypothesis import strategies as st
from layered_games import two_forms
from reduced import reduced

from mamex_bench import catalogue, complexity
from mamex_bench.catalogue import _dimensions
from mamex_bench.catalogue._generators import model_net, value_class_of
from mamex_bench.catalogue.factored import test_functions as factored_tests
from mamex_bench.complexity import _eluder, _residuals, covering_number
from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._result import Measurement
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model import structure
from mamex_bench.model.evaluation import policy_action_values
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies

MEASURES = [name for name in complexity.names() if name != "decoupling"]


def mixed(seed=3, models=4, distractors=2):
    game = random_game(seed, (2, 2), states=2, horizon=2)
    policies = random_policies(game, seed + 2, most=3)
    classes = {
        "models": model_net(game, models, 1, (0.1, 0.4)),
        "values": value_class_of(game, policies, distractors, 1),
    }
    return Instance(game, policies, classes)


def needle(arms=4, truth="last"):
    return catalogue.make("needle", arms=arms, truth=truth)


def value(name, instance, **options):
    return complexity.measure(name, instance, **options).value


# --- known values ------------------------------------------------------------------------------


def test_on_a_needle_everything_counts_the_arms():
    instance = needle(5)
    for family in ("occupancy", "dirac"):
        assert value("bellman_eluder_dimension", instance, family=family) == 5
    assert value("eluder_dimension", instance) == 5
    assert value("bellman_rank", instance, kind="Q") == 5
    assert value("bellman_rank", instance, kind="V") == 1
    assert value("bilinear_rank", instance) == 5
    assert value("witness_rank", instance) == 5
    assert value("covering_number", instance) == value("bracketing_number", instance) == 6
    # Two actions of the dummy: every joint policy covers a cell of its own.
    assert value("coverability", instance) == pytest.approx(10)


def test_without_an_arm_that_pays_the_last_pair_shows_in_the_single_agent_coefficient():
    # theory: V(mu) = M (mu + 1) / 2 at whole mu, as long as K allows, for one agent too.
    instance = needle(6, "none")
    short, long = (
        complexity.measure("single_agent_decoupling", instance, episodes=K) for K in (200, 5000)
    )
    assert short.lower <= short.upper < long.lower <= long.upper <= 3.0
    assert long.lower > 2.7
    found = long
    assert found.certificate["bracket"].upper_value(2.0, 10_000) == pytest.approx(9.0)


@pytest.mark.parametrize("arms", [2, 5])
@pytest.mark.parametrize("gamma", [0.5, 2.0, 9.0])
def test_the_offset_form_on_a_needle(arms, gamma):
    # h = 1 - p_m for the agent that chooses, D^2 = 2 at the arm: p is uniform, at least 0.
    instance = needle(arms, "none")
    expected = max(0.0, 1.0 - 1.0 / arms - 2.0 * gamma / arms)
    found = value("decision_estimation", instance, gamma=gamma, reference="truth")
    assert found == pytest.approx(expected, abs=1e-7)


def test_the_constrained_form_on_a_needle():
    # q rules out the arms with 2 q_m > eps^2; among the r others p is uniform.
    instance = needle(6, "none")
    for ruled in range(6):
        epsilon = np.sqrt(2.0 / (ruled + 0.5))
        found = value(
            "decision_estimation",
            instance,
            form="constrained",
            epsilon=min(float(epsilon), 5.0),
            reference="truth",
        )
        assert found == pytest.approx(1.0 - 1.0 / (6 - ruled), abs=1e-6)


def test_structure_that_families_prove():
    rank = complexity.measure(
        "bilinear_rank", catalogue.make("linear_mixture", dimension=3, models=12)
    )
    assert rank.value <= 3
    complete = catalogue.make("bellman_complete")
    assert value("bellman_rank", complete) == complete.known["bilinear_rank"].value
    low = catalogue.make("low_bellman_rank")
    assert value("bellman_rank", low, kind="V") == low.known["bellman_rank"].value
    eluder = catalogue.make("small_eluder")
    assert value("eluder_dimension", eluder, scale=1e-3) == eluder.known["eluder_bound"].value
    factored = catalogue.make("factored", models=10)
    found = complexity.measure("witness_rank", factored, tests=factored_tests(factored))
    assert found.upper <= factored.known["witness_rank"].value


def test_trajectories_are_as_far_apart_as_their_distributions():
    instance = mixed()
    game, models = instance.game, instance.hypothesis("models")
    found = complexity.registry.load("decision_estimation").hellinger(
        instance, "models", models.transitions[2]
    )
    tables = structure.policy_tables(instance)
    for f, pi in ((0, 0), (1, 1), (3, len(tables) - 1)):
        total = 0.0
        for path in itertools.product(range(game.states), repeat=game.horizon + 1):
            p = q = game.initial[path[0]]
            for h in range(game.horizon):
                a = tables[pi, h, path[h]]
                p *= models.transitions[f, h, path[h], a, path[h + 1]]
                q *= models.transitions[2, h, path[h], a, path[h + 1]]
            total += (np.sqrt(p) - np.sqrt(q)) ** 2
        assert found[f, pi] == pytest.approx(total, abs=1e-12)
    assert (found[2] == 0.0).all()


# --- against the definition --------------------------------------------------------------------


def longest(sizes, scale):
    """dim_DE by trying all sequences, at every scale that matters."""
    G, M = sizes.shape
    best = 0
    starts = np.sqrt([sum(c) for g in sizes for k in range(M + 1) for c in
                      itertools.combinations(np.square(g), k)])  # fmt: skip
    for each in np.unique(np.maximum(starts, scale)):
        for length in range(best + 1, M + 1):
            for sequence in itertools.permutations(range(M), length):
                sums = np.zeros(G)
                for x in sequence:
                    if not ((sums <= each**2 + 1e-15) & (sizes[:, x] > each)).any():
                        break
                    sums = sums + sizes[:, x] ** 2
                else:
                    best = length
                    break
            if best < length:
                break
    return best


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_ends_hold_the_dimension_of_all_sequences(seed):
    rng = np.random.default_rng(seed)
    sizes = np.round(np.abs(rng.normal(size=(4, 4))), 1) * (rng.random((4, 4)) < 0.7)
    exact = longest(sizes, 0.3)
    assert _eluder.dimension(sizes, 0.3).upper == exact == _eluder.dimension(sizes, 0.3).lower
    loose = _eluder.dimension(sizes, 0.3, limit=1)
    assert loose.lower <= exact <= loose.upper


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([1, 1000]))
def test_greedy_sequences_are_sequences_of_the_definition(seed, limit):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 12))
    x, w = np.linalg.svd(means, full_matrices=False)[2], means
    reach = np.linalg.norm(w, axis=1).max() * np.linalg.norm(x[:3], axis=0).max()
    ends = _eluder.dimension(means, 0.2, limit, (3, float(reach)))
    sums = np.zeros(30)
    assert ends.sequence.scale >= 0.2
    for point in ends.sequence.points:
        assert (
            (sums <= ends.sequence.scale**2) & (np.abs(means[:, point]) > ends.sequence.scale)
        ).any()
        sums += means[:, point] ** 2
    assert len(ends.sequence.points) == ends.lower <= ends.upper


@pytest.mark.parametrize("name", ["models", "values"])
@pytest.mark.parametrize("family", ["occupancy", "dirac"])
def test_bellman_eluder_dimensions_are_those_of_the_listed_residuals(name, family):
    instance = mixed(models=3, distractors=0)
    best = 0
    for agent in range(2):
        residuals = structure.bellman_residuals(instance, agent, name)
        means = structure.mean_bellman_errors(instance, agent, name)
        for h in range(2):
            table = means[h].T if family == "occupancy" else residuals[h].reshape(-1, 8)
            best = max(best, _dimensions.distributional_eluder_dimension(table, 0.05).dimension)
    found = complexity.measure(
        "bellman_eluder_dimension", instance, scale=0.05, family=family, hypotheses=name
    )
    assert found.value == best > 0
    rough = complexity.measure(
        "bellman_eluder_dimension", instance, scale=0.05, family=family, hypotheses=name, limit=1
    )
    assert rough.lower <= best <= rough.upper
    assert not rough.exact


@pytest.mark.parametrize("name", ["models", "values"])
@pytest.mark.parametrize("kind", ["Q", "V"])
def test_ranks_are_those_of_the_listed_matrices(name, kind, monkeypatch):
    instance = mixed()
    monkeypatch.setattr(_residuals, "BLOCK", 200)  # several blocks
    assert value("bellman_rank", instance, kind=kind, hypotheses=name) == structure.bellman_rank(
        instance, name, kind
    )
    factored = _residuals.factored_residuals(instance, name, kind)
    for agent in range(2):
        for h, matrix in enumerate(structure.mean_bellman_errors(instance, agent, name, kind)):
            each = factored[agent][h]
            assert each.rank == structure.numerical_rank(matrix)
            assert np.abs(matrix).max() <= each.feature * each.weight + 1e-12


def test_bilinear_ranks_are_those_of_the_listed_matrices():
    instance = mixed()
    joint = [
        np.hstack(pair)
        for pair in zip(*(structure.mean_bellman_errors(instance, i, "models") for i in (0, 1)))
    ]
    expected = max(map(structure.numerical_rank, joint))
    assert value("bilinear_rank", instance, loss="residual") == expected
    # loss "model": rows (i, g, pi), columns f, by hand
    game, models = instance.game, instance.hypothesis("models")
    rolls, rows = structure.state_action_occupancies(instance), []
    for i in range(2):
        for g in range(models.size):
            for pi, table in enumerate(structure.policy_tables(instance)):
                world = MarkovGame(models.transitions[g], game.reward, (2, 2), game.initial)
                Q = policy_action_values(world, table)
                V = Q[i, 1, np.arange(2), table[1]]
                change = (models.transitions[:, 0] - game.transition[0]) @ V
                rows.append(change.reshape(models.size, -1) @ rolls[0, pi])
    expected = structure.numerical_rank(np.array(rows))
    found = complexity.measure("bilinear_rank", instance)
    assert found.certificate["ranks"].tolist() == [expected, 0]
    reach = found.certificate["features"][0] * found.certificate["weights"][0]
    assert np.abs(rows).max() <= reach + 1e-12


def test_witness_ranks_lie_between_triangle_and_listed_ranks():
    instance = mixed()
    found = complexity.measure("witness_rank", instance)
    R = instance.value_bound("models")
    misfits = structure.witnessed_misfits(
        instance, [structure.WitnessTests.everything(instance, R)]
    )
    ranks = [structure.numerical_rank(each) for each in misfits]
    assert found.certificate["misfit_ranks"].tolist() == ranks
    assert 1 <= found.lower <= found.upper <= max(ranks)
    q, f = complexity.measure("witness_rank", needle(5)).certificate["triangle"]
    W = complexity.registry.load("witness_rank").misfit_matrices(needle(5), None, None)[0]
    triangle = W[np.ix_(q, f)]
    assert (np.diag(triangle) > 0.0).all()
    assert not np.triu(triangle, 1).any()


def test_tests_that_see_nothing_do_not_witness():
    instance = mixed()
    blind = structure.WitnessTests(np.zeros((2, 4), dtype=int), np.zeros(2, dtype=int))
    with pytest.raises(NotApplicableError, match="with kappa 0 at most"):
        complexity.measure("witness_rank", instance, tests=[blind])


def test_coverability_is_the_least_ratio_of_all_covers():
    instance = mixed()
    found = complexity.measure("coverability", instance)
    rolls = structure.state_action_occupancies(instance)
    mu = found.certificate["distributions"].reshape(2, -1)
    np.testing.assert_allclose(mu.sum(axis=1), 1.0)
    ratios = np.divide(rolls, mu[:, None], out=np.zeros_like(rolls), where=rolls > 0.0)
    assert ratios.max() == pytest.approx(found.value)
    for seed in range(20):
        other = np.random.default_rng(seed).dirichlet(np.ones(8), size=2)
        assert (rolls / other[:, None]).max(axis=(1, 2)).max() >= found.value - 1e-12


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_covers_are_least(seed):
    points = np.random.default_rng(seed).random((8, 2))
    matrix = np.abs(points[:, None] - points).max(axis=2)
    least = next(
        k
        for k in range(1, 9)
        for chosen in itertools.combinations(range(8), k)
        if (matrix[:, chosen] <= 0.3).any(axis=1).all()
    )
    lower, upper, members, _ = covering_number.cover(matrix, 0.3)
    assert lower == upper == least == members.size


def test_brackets_are_least():
    instance = mixed(models=6)
    models = instance.hypothesis("models").transitions.reshape(6, -1, 2)

    def parts(items):
        if not items:
            yield []
            return
        for rest in parts(items[1:]):
            yield [[items[0]], *rest]
            for k in range(len(rest)):
                yield [*rest[:k], [items[0], *rest[k]], *rest[k + 1 :]]

    for scale in (0.2, 0.5, 0.9):
        least = min(
            len(each)
            for each in parts(list(range(6)))
            if all(np.ptp(models[part], axis=0).sum(axis=1).max() <= scale for part in each)
        )
        assert value("bracketing_number", instance, scale=scale) == least


@pytest.mark.parametrize("concept", ["nash", "ce", "cce"])
def test_the_offset_form_is_the_least_over_a_grid_of_decisions(concept):
    game = random_game(5, (2, 2), states=1, horizon=1)
    game = MarkovGame(np.ones((2, 2, 4, 2)) / 2, np.round(np.random.default_rng(0).random(
        (2, 2, 2, 4)), 1), (2, 2))  # fmt: skip
    models = model_net(game, 3, 1, (0.2, 0.5))
    policies = PurePolicies([np.array([[[0, 0], [0, 1]], [[1, 0], [1, 1]]])] * 2)
    instance = Instance(game, policies, models)
    found = complexity.measure(
        "decision_estimation", instance, concept=concept, gamma=0.2, reference=0
    )
    module = complexity.registry.load("decision_estimation")
    D = module.hellinger(instance, None, models.transitions[0])
    U = instance.model_payoffs().reshape(3, 2, 2, 2)

    def worst(p):
        x, scores = p.reshape(2, 2), []
        for f in range(3):
            gains = 0.0
            for i in range(2):
                own, weight = np.moveaxis(U[f, i], i, 0), np.moveaxis(x, i, 0)
                if concept == "nash":
                    gains += float((weight * (own.max(axis=0) - own)).sum())
                elif concept == "cce":
                    gains += max(0.0, *(float((weight * (own[d] - own)).sum()) for d in (0, 1)))
                else:
                    gains += sum(
                        max(float((weight[c] * (own[d] - own[c])).sum()) for d in (0, 1))
                        for c in (0, 1)
                    )
            scores.append(gains - 0.2 * float(p @ D[f]))
        return max(scores)

    steps = [np.array(c) / 12 for c in itertools.product(range(13), repeat=4) if sum(c) == 12]
    best = min(worst(p) for p in steps)
    assert found.value <= best + 1e-9
    assert worst(found.certificate["decision"]) == pytest.approx(found.value, abs=1e-7)
    assert best - found.value < 0.05


def test_greedy_pairs_alone_are_bracketed():
    instance = reduced(catalogue.make("random_game"), 3, 5)
    whole = complexity.measure("single_agent_decoupling", instance, episodes=30)
    some = complexity.measure("single_agent_decoupling", instance, episodes=30, limit=2)
    bracket = complexity.decoupling(instance, 30)
    assert some.lower <= whole.upper
    assert whole.lower <= some.upper
    assert whole.lower <= bracket.upper
    assert some.upper <= bracket.upper * (1 + 1e-6)
    alone = Instance(
        MarkovGame(instance.game.transition[:, :, :2], instance.game.reward[:1, :, :, :2], (2,)),
        PurePolicies([instance.policies.tables[0] % 2]),
    )
    models = ModelClass(instance.hypothesis().transitions[:, :, :, :2], 0)
    alone = Instance(alone.game, alone.policies, models)
    assert complexity.measure("single_agent_decoupling", alone).certificate["problems"] == [1]


# --- invariances -------------------------------------------------------------------------------

EXACT = [
    ("bellman_eluder_dimension", {"scale": 0.2}),
    ("bellman_eluder_dimension", {"scale": 0.2, "family": "dirac"}),
    ("bellman_rank", {"kind": "Q"}),
    ("bellman_rank", {"kind": "V"}),
    ("bilinear_rank", {}),
    ("bilinear_rank", {"loss": "residual"}),
    ("bracketing_number", {}),
    ("coverability", {}),
    ("covering_number", {}),
    ("decision_estimation", {"reference": "truth"}),
    ("decision_estimation", {"form": "constrained", "reference": "truth"}),
    ("eluder_dimension", {"scale": 0.2}),
    ("witness_rank", {}),
]


def permuted(instance, rng):
    """Policies and models in another order, agents exchanged."""
    game, models = instance.game, instance.hypothesis("models")
    swap = np.arange(4).reshape(2, 2).T.ravel()  # joint actions
    order = rng.permutation(models.size)
    transitions = models.transitions[order][:, :, :, swap]
    other = MarkovGame(
        game.transition[:, :, swap], game.reward[::-1, :, :, swap], (2, 2), game.initial
    )
    tables = [t[rng.permutation(len(t))] for t in instance.policies.tables[::-1]]
    truth = int(np.flatnonzero(order == models.truth)[0])
    return Instance(other, PurePolicies(tables), {"models": ModelClass(transitions, truth)})


@pytest.mark.parametrize(("name", "options"), EXACT)
def test_order_and_numbering_change_nothing(name, options):
    instance = mixed(seed=8)
    first = complexity.measure(name, instance, **options)
    again = complexity.measure(name, permuted(instance, np.random.default_rng(1)), **options)
    assert again.upper == pytest.approx(first.upper, abs=1e-7)
    if name != "witness_rank":
        assert first.exact
        assert again.exact


MONOTONE = [each for each in EXACT if each[0] not in ("covering_number", "witness_rank")]


@pytest.mark.parametrize(("name", "options"), MONOTONE)
def test_more_hypotheses_never_lower_a_measure(name, options):
    # (Covers by members of the class itself can need fewer when a member between is added.)
    instance = mixed(seed=11, models=5)
    models, last = instance.hypothesis("models"), -np.inf
    for size in (2, 3, 5):
        fewer = ModelClass(models.transitions[:size], models.truth)
        found = value(name, Instance(instance.game, instance.policies, fewer), **options)
        assert found >= last - 1e-7
        last = found


@pytest.mark.parametrize(
    ("name", "options"), [each for each in MONOTONE if each[0] != "decision_estimation"]
)
def test_more_policies_never_lower_a_measure(name, options):
    # (More decisions can only lower a decision-estimation coefficient: deviations aside.)
    game = random_game(4, (2, 2), states=2, horizon=2)
    policies, last = PurePolicies.sample(game, [4, 3], 0), -np.inf
    models = model_net(game, 3, 1, (0.1, 0.4))
    for size in (1, 2, 4):
        fewer = PurePolicies([t[:size] for t in policies.tables])
        found = value(name, Instance(game, fewer, models), **options)
        assert found >= last - 1e-7
        last = found


def test_layered_games_are_measured_as_their_dense_form():
    twin, instance = two_forms(2)
    back = dense_instance(twin)
    np.testing.assert_array_equal(back.game.transition, instance.game.transition)
    np.testing.assert_array_equal(back.hypothesis().transitions, instance.hypothesis().transitions)
    for mine, theirs in zip(back.policies.tables, instance.policies.tables):
        np.testing.assert_array_equal(mine, theirs)
    for name, options in EXACT:
        first = complexity.measure(name, instance, **options)
        again = complexity.measure(name, twin, **options)
        assert again.upper == pytest.approx(first.upper, abs=1e-7), name
    twin, _ = two_forms(2, "values")
    assert complexity.measure("eluder_dimension", twin).lower >= 1


# --- what they return and refuse ---------------------------------------------------------------


def test_a_measurement_speaks_for_itself():
    found = complexity.measure("bellman_rank", needle(3))
    assert isinstance(found, Measurement)
    assert repr(found).startswith("bellman_rank('needle(arms=3")
    assert found.seconds > 0.0
    assert "Jin et al. 2021" in found._repr_html_()
    loose = Measurement("m", "<i>", 1.0, 2.0, "half", "none")
    assert loose.interval == "[1, 2]"
    assert "&lt;i&gt;" in loose._repr_html_()
    with pytest.raises(InputError, match=r"m of '<i>' is known only to lie in \[1, 2\]"):
        loose.value  # noqa: B018
    with pytest.raises(AssertionError):
        Measurement("m", "x", 2.0, 1.0, "wrong", "none")


@pytest.mark.parametrize("name", MEASURES)
def test_linear_classes_are_refused(name):
    game = random_game(0, (2, 2), states=2, horizon=2)
    policies = PurePolicies.sample(game, [2, 2], 0)
    instance = Instance(game, policies, LinearValueClass(np.ones((2, 2, 4, 1))))
    if name == "coverability":
        complexity.measure(name, instance)
        return
    with pytest.raises(NotApplicableError, match="linear"):
        complexity.measure(name, instance)


@pytest.mark.parametrize(
    ("error", "message", "name", "options"),
    [
        (InputError, "scale is 0: expected a positive number", "eluder_dimension", {"scale": 0}),
        (InputError, "scale is 'x'", "bellman_eluder_dimension", {"scale": "x"}),
        (InputError, "family is 'point'", "bellman_eluder_dimension", {"family": "point"}),
        (InputError, "scale is -1: expected", "covering_number", {"scale": -1}),
        (InputError, "scale is 3: expected a number in (0, 2]", "bracketing_number", {"scale": 3}),
        (InputError, "kind is 'q': expected 'Q' or 'V'", "bellman_rank", {"kind": "q"}),
        (InputError, "loss is 'hinge'", "bilinear_rank", {"loss": "hinge"}),
        (InputError, "kappa is 2: expected a number in (0, 1]", "witness_rank", {"kappa": 2}),
        (InputError, "kappa is 0: expected a positive", "witness_rank", {"kappa": 0}),
        (InputError, "episodes is 0: expected a whole", "single_agent_decoupling", {"episodes": 0}),
        (InputError, "burn_in is -6", "single_agent_decoupling", {"burn_in": -6}),
        (InputError, "gamma is 0: expected a positive", "decision_estimation", {"gamma": 0}),
        (InputError, "epsilon is 0", "decision_estimation", {"epsilon": 0}),
        (InputError, "form is 'x'", "decision_estimation", {"form": "x"}),
        (InputError, "concept is 'x'", "decision_estimation", {"concept": "x"}),
        (InputError, "reference is 9: expected", "decision_estimation", {"reference": 9}),
        (NotApplicableError, "defined for models", "witness_rank", {"hypotheses": "values"}),
        (NotApplicableError, "defined for models", "bracketing_number", {"hypotheses": "values"}),
        (NotApplicableError, "defined for models", "decision_estimation", {"hypotheses": "values"}),
        (
            NotApplicableError,
            "defined for models",
            "bilinear_rank",
            {"hypotheses": "values", "loss": "model"},
        ),
        (InputError, "has no hypotheses 'x'", "eluder_dimension", {"hypotheses": "x"}),
    ],
)
def test_bad_input_is_named(error, message, name, options):
    with pytest.raises(error) as caught:
        complexity.measure(name, mixed(), **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_without_truth_is_refused_where_the_truth_counts():
    instance = mixed()
    models = ModelClass(instance.hypothesis("models").transitions[1:], None)
    lost = Instance(instance.game, instance.policies, models)
    with pytest.raises(NotApplicableError, match="misspecified"):
        complexity.measure("single_agent_decoupling", lost)
    assert value("decision_estimation", lost, reference="truth") >= -1e3
    assert value("bellman_rank", lost) >= 1


def test_what_is_too_large_is_refused_with_its_limit(monkeypatch):
    instance = mixed()
    monkeypatch.setattr(_residuals, "WORK_LIMIT", 10)
    for name in ("bellman_rank", "bilinear_rank", "witness_rank", "bellman_eluder_dimension"):
        with pytest.raises(NotApplicableError, match="at most 10, so give fewer"):
            complexity.measure(name, instance)
    for name, limit, message in (
        ("decision_estimation", "ENTRY_LIMIT", "is computed up to 10, so give fewer"),
        ("eluder_dimension", "TABLE_LIMIT", "needs a smaller class"),
        ("covering_number", "MEMBER_LIMIT", "of at most 3"),
    ):
        module = complexity.registry.load(name)
        monkeypatch.setattr(module, limit, 3 if limit == "MEMBER_LIMIT" else 10)
        with pytest.raises(NotApplicableError, match=message):
            complexity.measure(name, instance)


def test_of_many_references_some_are_solved_and_the_rest_bounded():
    instance = mixed(models=6)
    every = complexity.measure("decision_estimation", instance, gamma=0.3)
    some = complexity.measure("decision_estimation", instance, gamma=0.3, limit=2)
    assert every.exact
    assert some.lower <= every.value + 1e-9
    assert every.value <= some.upper + 1e-9


def test_value_classes_have_numbers_too():
    instance = mixed()
    for name in ("eluder_dimension", "covering_number", "bellman_eluder_dimension"):
        found = complexity.measure(name, instance, hypotheses="values", scale=0.05)
        assert found.lower >= 1
    one = ValueClass([v[:1] for v in instance.hypothesis("values").per_agent])
    alone = Instance(instance.game, instance.policies, one)
    assert value("eluder_dimension", alone) == 0
    assert value("covering_number", alone) == 1


def test_models_of_random_rewards_are_refused_where_rewards_would_count():
    base = mixed()
    game, models = base.game, base.hypothesis("models")
    paid = MarkovGame(
        game.transition, game.reward, game.action_counts, game.initial, random_rewards=True
    )
    rewards = np.broadcast_to(game.reward, (models.size, *game.reward.shape))
    instance = Instance(paid, base.policies, ModelClass(models.transitions, models.truth, rewards))
    for name in MEASURES:
        if name in ("coverability", "single_agent_decoupling"):
            assert complexity.measure(name, instance).upper > 0.0
            continue
        with pytest.raises(NotApplicableError, match="have rewards of their own"):
            complexity.measure(name, instance)
