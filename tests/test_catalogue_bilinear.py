"""Families of low rank: their structure re-derived, their constants and their certificates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mamex_bench import catalogue, complexity
from mamex_bench.catalogue import _signals, factored, linear_game, low_occupancy
from mamex_bench.concentration import concentration
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model import structure
from mamex_bench.model.hypotheses import LinearValueClass, ValueClass
from mamex_bench.model.instance import Instance, policy_action_values, realizable
from mamex_bench.reporting import separation
from mamex_bench.structural_bounds import structural_bilinear, structural_witness

FAMILIES = ["low_bellman_rank", "low_occupancy", "linear_qv", "factored", "linear_game"]
MEMBERS = [*((name, {}) for name in FAMILIES), ("linear_game", {"features": "independent"})]
few = settings(max_examples=6)
seeds = st.integers(0, 10**6)


# --- every family ---


VARIANTS = [
    ("low_bellman_rank", {"latents": 5, "emissions": 2, "agents": 1, "policies": 30}),
    ("low_occupancy", {"signals": 3, "controls": 2}),
    ("linear_qv", {"signals": 2, "dimension": 3, "believed": 2, "horizon": 2}),
    ("factored", {"factors": 4, "unknown": 2, "parents": 3, "models": 9}),
    ("linear_game", {"features": "independent"}),
    ("linear_game", {"features": "independent", "signals": 3, "dimension": 1}),
]


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
@pytest.mark.parametrize("seed", range(10))
def test_certificates_hold_on_members_far_from_the_default(name, parameters, seed):
    checks = catalogue.certify(name, catalogue.make(name, seed=seed, **parameters))
    assert not [str(check) for check in checks if not check.holds]
    assert 3 <= len(checks) <= 8


@pytest.mark.parametrize(("name", "parameters"), MEMBERS)
def test_classes_are_realizable_and_complete(name, parameters):
    instance = catalogue.make(name, seed=11, **parameters)
    for key, classes in instance.hypotheses.items():
        if isinstance(classes, LinearValueClass):
            with pytest.raises(NotApplicableError):
                concentration(instance, key)
            continue
        assert realizable(instance, key)
        assert concentration(instance, key, 100).expected_U > 0.0


@pytest.mark.parametrize(("name", "parameters"), MEMBERS)
def test_three_agents_with_unequal_actions_are_certified_too(name, parameters):
    more = {"agents": 3, "actions": [2, 1, 3], "policies": [3, 1, 3], **parameters}
    checks = catalogue.certify(name, catalogue.make(name, seed=2, horizon=2, **more))
    assert all(check.holds for check in checks)


def test_structural_bounds_of_the_known_constants_hold_for_the_coefficient():
    def bracket(name, hypotheses):
        instance = catalogue.make(name)
        constants = {key: each.value for key, each in instance.known.items()}
        return complexity.decoupling(instance, 100, hypotheses).lower, constants

    sizes = {"horizon": 3, "episodes": 100}
    for name in ("low_occupancy", "linear_qv", "linear_game"):
        lower, known = bracket(name, "values")
        bound = structural_bilinear(
            known["bilinear_rank"],
            feature=known["feature_norm"],
            weight=known["weight_norm"],
            residual=known["residual_bound"],
            **sizes,
        )
        assert 0.0 < lower <= bound
    lower, known = bracket("factored", "models")
    bound = structural_witness(
        known["witness_rank"],
        ratio=known["witness_ratio"],
        span=known["test_span"],
        feature=known["feature_norm"],
        weight=known["weight_norm"],
        residual=known["residual_bound"],
        **sizes,
    )
    assert 0.0 < lower <= bound


@pytest.mark.parametrize(("name", "parameters"), MEMBERS)
def test_known_norms_hold(name, parameters):
    # Residuals, and rows and columns of the rank factorisations that are at hand.
    instance = catalogue.make(name, seed=9, **parameters)
    known = {key: each.value for key, each in instance.known.items()}
    for key, classes in instance.hypotheses.items():
        if not isinstance(classes, LinearValueClass):
            for i in range(instance.game.agents):
                for b in structure.bellman_residuals(instance, i, key):
                    assert np.abs(b).max() <= known["residual_bound"]
                for error in structure.mean_bellman_errors(instance, i, key):
                    assert np.abs(error).max() <= known["feature_norm"] * known["weight_norm"]
    if name == "low_occupancy":
        rolls = structure.state_action_occupancies(instance)
        assert np.linalg.norm(rolls, axis=-1).max() <= known["feature_norm"]


@pytest.mark.parametrize(
    ("message", "name", "parameters"),
    [
        ("latents is 0: expected a whole number", "low_bellman_rank", {"latents": 0}),
        ("distance is [0.5]: expected 0 < low", "low_bellman_rank", {"distance": [0.5]}),
        ("distractors is -1: expected a whole number", "low_bellman_rank", {"distractors": -1}),
        ("weight is 1.0: expected a number in", "low_occupancy", {"weight": 1.0}),
        ("controls is 0: expected a whole number", "low_occupancy", {"controls": 0}),
        ("signals is 13: expected at most states = 12", "low_occupancy", {"signals": 13}),
        (
            "states is 4: expected more than dimension x signals = 4",
            "linear_qv",
            {"states": 4, "signals": 2},
        ),
        ("noise is 1.1: expected a number in [0, 1]", "linear_qv", {"noise": 1.1}),
        ("factors is 10: expected at most 9", "factored", {"factors": 10}),
        ("factors is 1: expected at least 2", "factored", {"factors": 1}),
        ("unknown is 4: expected at most factors = 3", "factored", {"unknown": 4}),
        ("horizon is 1: expected at least 2", "factored", {"horizon": 1}),
        ("distance is [0.3, 0.1]: expected 0 < low", "factored", {"distance": [0.3, 0.1]}),
        ("features is 'own': expected 'joint' or", "linear_game", {"features": "own"}),
        ("signals is 2: expected none with features of joint", "linear_game", {"signals": 2}),
    ],
)
def test_wrong_parameters_are_refused(message, name, parameters):
    with pytest.raises(InputError) as caught:
        catalogue.make(name, **parameters)
    assert message in str(caught.value)


# --- block games ---


def test_observations_tell_the_latent_state_and_nothing_else():
    instance = catalogue.make("low_bellman_rank", seed=3, latents=3, emissions=4)
    for P in instance.hypothesis("models").transitions.reshape(24, 3, 3, 4, 4, 3, 4):
        # The same law of s' from every observation of z, and the same emissions of z'.
        np.testing.assert_allclose(P, np.broadcast_to(P[:, :, :1], P.shape), atol=1e-14)
        chances = P / P.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(
            chances, np.broadcast_to(chances[:, :1, :1, :1], P.shape), atol=1e-12
        )


def test_the_bellman_rank_is_attained_and_by_type_v_alone():
    ranks = [
        (
            structure.bellman_rank(instance, "values", "V"),
            structure.bellman_rank(instance, "values", "Q"),
        )
        for instance in (catalogue.make("low_bellman_rank", seed=s, latents=2) for s in range(3))
    ]
    assert all(v == 2 < q for v, q in ranks)


@pytest.mark.parametrize(
    "parameters",
    [{"policies": 1}, {"models": 2}, {"models": 1}, {"latents": 1}, {"emissions": 1}],
    ids=str,
)
def test_no_room_below_the_sizes_is_no_failure(parameters):
    checks = catalogue.certify("low_bellman_rank", catalogue.make("low_bellman_rank", **parameters))
    assert all(check.holds for check in checks)
    assert not any("below policies" in check.statement for check in checks)


# --- low occupancy ---


def test_occupancies_of_policies_outside_the_class_lie_in_the_space():
    # Random policies that see the state, and randomise: the span is over all policies.
    instance = catalogue.make("low_occupancy", seed=5, controls=2, horizon=4)
    game, rng = instance.game, np.random.default_rng(0)
    rows = [[] for _ in range(4)]
    for _ in range(40):
        d = game.initial
        for h in range(4):
            rows[h].append(d)
            play = rng.dirichlet(np.full(game.actions, 0.3), size=game.states)
            d = d @ np.einsum("sa,sat->st", play, game.transition[h])
    assert [structure.numerical_rank(r) for r in rows] == [1, 3, 5, 7]
    assert low_occupancy.occupancy_dimensions(game) == [1, 3, 5, 7]


def test_signals_multiply_the_dimensions():
    instance = catalogue.make("low_occupancy", seed=0, states=14, signals=2, policies=9)
    assert instance.known["bilinear_rank"].value == 3 * 2 * 4
    rank = structure.bellman_rank(instance, "values")
    assert 12 < rank <= 24 < min(instance.policies.size, 14 * 4)


# --- linear Q and V ---


def targets_missed(instance, values, basis):
    """Largest distance of T f_{h+1} from the span of `basis` (H, S A, m), agent 0, all pi."""
    game, states = instance.game, np.arange(instance.game.states)
    most = 0.0
    for table in structure.policy_tables(instance):
        for h in range(game.horizon - 1):
            later = values[:, h + 1, states, table[h + 1]]
            goal = game.reward[0, h, ..., None] + game.transition[h] @ later.T
            flat = goal.reshape(-1, len(values))
            miss = basis[h] @ (np.linalg.pinv(basis[h]) @ flat) - flat
            most = max(most, float(np.abs(miss).max()))
    return most


def test_believed_features_spoil_completeness_and_the_rank_is_attained():
    instance = catalogue.make("linear_qv", seed=4)
    values = instance.hypothesis("values").per_agent[0]
    span = values.transpose(1, 2, 3, 0).reshape(3, 48, -1)
    assert structure.numerical_rank(span[1]) == 12
    assert targets_missed(instance, values, span) > 1e-3
    phi = instance.hypothesis("values_linear").features.reshape(3, 48, -1)
    complete = instance.hypothesis("values_linear").per_agent[0]
    assert targets_missed(instance, complete, phi) < 1e-12
    # (d + b) G A + b G: more than phi, less than min(|Pi|, |F|).
    rank = structure.bellman_rank(instance, "values")
    assert rank == instance.known["bilinear_rank"].value == 13
    assert 8 < rank < min(instance.policies.size, len(values))


def test_without_noise_the_transitions_are_a_linear_games():
    instance = catalogue.make("linear_qv", seed=4, noise=0.0)
    assert max(structure.numerical_rank(P.reshape(48, 12)) for P in instance.game.transition) == 8
    checks = catalogue.certify("linear_qv", instance)
    assert all(check.holds for check in checks)
    # A rank beyond the features' is neither filed nor checked, and is not there.
    assert "transition_rank" not in instance.known
    statement = "rank of the transitions, least over steps"
    assert statement not in [check.statement for check in checks]
    noisy = {**instance.known, **catalogue.make("linear_qv").known}
    claimed = Instance(instance.game, instance.policies, instance.hypotheses, known=noisy)
    failing = [c.statement for c in catalogue.certify("linear_qv", claimed) if not c.holds]
    assert failing == [statement]


def test_signal_policies_act_on_the_signal():
    policies = _signals.signal_policies((2, 3), (5, 6), 2, 7, 3, 0)
    for table, m in zip(policies.tables, (5, 6)):
        assert table.shape == (m, 2, 7)
        for s in range(7):
            np.testing.assert_array_equal(table[:, :, s], table[:, :, s % 3])
        assert len({each.tobytes() for each in table}) == m


# --- factored games ---


def test_transitions_are_products_that_see_their_parents_alone():
    instance = catalogue.make("factored", seed=6, factors=3, unknown=2, parents=2, models=4)
    models = instance.hypothesis().transitions.reshape(4, 3, 2, 2, 2, 4, 2, 2, 2)
    marginals = [models.sum(axis=tuple({6, 7, 8} - {6 + j}))[..., 1] for j in range(3)]
    for bits in itertools.product((0, 1), repeat=3):
        product = 1.0
        for chance, bit in zip(marginals, bits):
            product = product * (chance if bit else 1.0 - chance)
        np.testing.assert_allclose(models[(..., *bits)], product, atol=1e-14)
    # Parents: bits 0, 1 of factor 0; 1, 2 of factor 1; 2 of factor 2, which all models share.
    assert np.ptp(marginals[0], axis=4).max() < 1e-14 < np.ptp(marginals[0], axis=3).max()
    assert np.ptp(marginals[1], axis=2).max() < 1e-14 < np.ptp(marginals[1], axis=4).max()
    assert np.ptp(marginals[2], axis=(0, 2, 3)).max() < 1e-14 < np.ptp(marginals[2], axis=4).max()


def test_misfits_are_inner_products_of_parent_tables():
    instance = catalogue.make("factored", seed=2, factors=3, unknown=2)
    tests, game = factored.test_functions(instance), instance.game
    models = instance.hypothesis().transitions
    for h, misfit in enumerate(structure.witnessed_misfits(instance, tests)):
        total = 0.0
        for each in tests:
            # X_q: chance of each context; W_f: total variation of the bit's law there, times R.
            rolls = structure.state_action_occupancies(instance)[h]
            cells = range(each.context.max() + 1)
            flat = each.context.reshape(-1)
            X = np.stack([rolls[:, flat == c].sum(axis=1) for c in cells], axis=1)
            change = (models[:, h] - game.transition[h]) @ each.label
            first = [int(np.flatnonzero(flat == c)[0]) for c in cells]
            W = each.span * np.abs(change.reshape(len(models), -1)[:, first])
            assert np.linalg.norm(X, axis=1).max() <= 1.0
            total = total + X @ W.T
        np.testing.assert_allclose(misfit, total, atol=1e-13)
        assert structure.numerical_rank(misfit) <= 2 * 4 * 4


def test_witness_rank_stays_and_bellman_rank_doubles():
    rows = factored.separation([2, 3, 4], policies=9, models=20)
    assert [row.witness for row in rows] == [16, 16, 16]
    assert [row.bellman_q for row in rows] == [16, 32, 64]
    assert [row.bellman_v for row in rows] == [4, 8, 16]
    assert [row.policies for row in rows] == [81, 81, 81]


def test_the_figure_shows_the_rows():
    rows = [factored.Separation(m, 2**m, 64, 16, 16 - m, 4 * 2**m, 2**m) for m in (3, 2)]
    drawn = separation.figure(rows)
    (axes,) = drawn.axes
    lines = [line for line in axes.lines if not line.get_label().startswith("_leader")]
    assert [list(line.get_ydata()) for line in lines] == [[16, 32], [4, 8], [14, 13], [64, 64]]
    assert [list(line.get_xdata()) for line in lines] == [[2, 3]] * 4
    assert [text.get_text() for text in axes.texts] == [
        "Bellman, Q-type: 32",
        "Bellman, V-type: 8",
        "witness: 13 (proved: ≤ 16)",
        "joint policies: 64",
    ]
    notebook = separation.plot(rows, Figure().add_subplot())
    assert len(notebook.get_legend().get_texts()) == 4


def test_bellman_rank_over_all_policies_is_as_proved():
    # H = 2, S = 4, A = 2: all 2^8 policies of one agent, rank S (A - 1) + 1.
    instance = catalogue.make("factored", agents=1, factors=2, horizon=2, policies=256, models=12)
    assert instance.policies.size == 256
    assert structure.bellman_rank(instance) == 4 * 1 + 1


# --- linear games with features of own actions ---


@given(seeds, st.integers(1, 3))
@few
def test_marginal_backups_are_linear_in_own_features(seed, signals):
    instance = catalogue.make(
        "linear_game", seed=seed, features="independent", signals=signals, dimension=2, models=2
    )
    game = instance.game
    phi = instance.hypothesis("linear").features
    assert phi.shape[-1] == instance.known["dimension"].value == 2 * signals * 4
    assert instance.known["independent_dimension"].value == 2 * signals * 2
    psi = _signals.without_actions(phi)
    np.testing.assert_array_equal(_signals.with_actions(psi, 4), phi)
    # Marginal Q of agent 1 against the policies of agent 0, solved for theta by least squares.
    for numbers in linear_game.others(instance, 1):
        tables = [instance.policies.joint_actions(game, int(k)) for k in numbers]
        mine, opponent = [t % 2 for t in tables], [t // 2 for t in tables]
        assert all(np.array_equal(opponent[0], each) for each in opponent)
        assert len({m.tobytes() for m in mine}) == len(numbers)
        Q = policy_action_values(game, tables[0])[1]
        for h in range(game.horizon):
            own = np.array(
                [[Q[h, s, opponent[0][h, s] * 2 + b] for b in range(2)] for s in range(6)]
            ).reshape(-1)
            basis = np.array([np.kron(psi[h, s], np.eye(2)[b]) for s in range(6) for b in range(2)])
            theta = np.linalg.lstsq(basis, own, rcond=None)[0]
            np.testing.assert_allclose(basis @ theta, own, atol=1e-9)


@pytest.mark.parametrize("parameters", [{}, {"features": "independent"}])
def test_bilinear_ranks_of_linear_games_are_attained_by_all_linear_functions(parameters):
    instance = catalogue.make("linear_game", seed=3, models=2, **parameters)
    phi = instance.hypothesis("linear").features
    rng, H = np.random.default_rng(0), instance.game.horizon
    theta = rng.random((2, 3 * phi.shape[-1], H, phi.shape[-1]))
    classes = ValueClass([np.einsum("hsad,fhd->fhsa", phi, own) for own in theta])
    linear = Instance(instance.game, instance.policies, classes)
    assert structure.bellman_rank(linear) == instance.known["bilinear_rank"].value
