"""The types of the model floor: what they compute, and what they refuse in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from games import games, random_game, random_policies, seeds
from hypothesis import given

from mamex_bench.errors import InputError, MamexBenchError
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance, Known, policy_action_values, realizable
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile, MarkovProfile

H, S, A = 2, 3, 4


def arrays():
    """Transition, reward and initial of a valid game with 2 x 2 actions."""
    transition = np.full((H, S, A, S), 1.0 / S)
    reward = np.full((2, H, S, A), 0.5)
    return transition, reward, np.full(S, 1.0 / S)


def game():
    transition, reward, initial = arrays()
    return MarkovGame(transition, reward, (2, 2), initial)


def tables(m=2, high=2):
    return np.random.default_rng(0).integers(high, size=(m, H, S))


def refused(message, build):
    """The error is ours, one sentence without a line break, and names the culprit."""
    with pytest.raises(MamexBenchError) as caught:
        build()
    text = str(caught.value)
    assert message in text
    assert "\n" not in text


# --- games ---


def broken_game(**changes):
    transition, reward, initial = arrays()
    parts = {"transition": transition, "reward": reward, "initial": initial}
    counts, units = changes.pop("action_counts", (2, 2)), changes.pop("units", None)
    for name, change in changes.items():
        if callable(change):
            change(parts[name])
        else:
            parts[name] = change
    return MarkovGame(parts["transition"], parts["reward"], counts, parts["initial"], units)


def put(where, value):
    return lambda array: array.__setitem__(where, value)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (
            "transition[1, 2, 3, 0] is nan: expected finite",
            {"transition": put((1, 2, 3, 0), np.nan)},
        ),
        ("transition[0, 0, 0] sums to 1.16666666667", {"transition": put((0, 0, 0, 0), 0.5)}),
        (
            "transition[0, 1, 0, 2] is -0.1: expected no neg",
            {"transition": put((0, 1, 0, 2), -0.1)},
        ),
        ("transition[0, 0, 0] sums to 1.00000001", {"transition": put((0, 0, 0, 0), 1 / 3 + 1e-8)}),
        (
            "transition has shape (2, 3, 4, 2): expected (H,",
            {"transition": np.full((2, 3, 4, 2), 0.5)},
        ),
        ("transition has shape (2, 3): expected 4 dim", {"transition": np.ones((2, 3))}),
        (
            "transition has shape (0, 3, 4, 3): expected no empty",
            {"transition": np.ones((0, 3, 4, 3))},
        ),
        ("transition must be an array of numbers", {"transition": [["a"]]}),
        ("reward[0, 1, 2, 3] is inf: expected finite", {"reward": put((0, 1, 2, 3), np.inf)}),
        ("reward[1, 0, 0, 0] is nan", {"reward": put((1, 0, 0, 0), np.nan)}),
        ("reward[1, 0, 0, 0] is 1.5: expected [0, 1]", {"reward": put((1, 0, 0, 0), 1.5)}),
        ("reward[1, 0, 0, 0] is -1: expected [0, 1]", {"reward": put((1, 0, 0, 0), -1.0)}),
        (
            "reward has shape (1, 2, 3, 4): expected (n, H, S, A) = (2, ",
            {"reward": np.ones((1, 2, 3, 4))},
        ),
        (
            "initial has shape (2,): expected one entry per first state = (3,)",
            {"initial": np.full(2, 0.5)},
        ),
        ("initial sums to 1.33333333333", {"initial": put(0, 2 / 3)}),
        (
            "4 joint actions: expected the product of action_counts (2, 3)",
            {"action_counts": (2, 3)},
        ),
        ("action_counts is 0: expected a whole number", {"action_counts": (4, 0)}),
        ("action_counts is 2.0: expected a whole number", {"action_counts": (2.0, 2)}),
        ("action_counts is empty", {"action_counts": ()}),
        ("action_counts is 4: expected one entry", {"action_counts": 4}),
        (
            "units.scale is [1. 0.]: expected positive",
            {"units": Units(np.array([1.0, 0.0]), np.zeros(2))},
        ),
        ("units.offset has shape (1,)", {"units": Units(np.ones(2), np.zeros(1))}),
    ],
)
def test_malformed_games_are_refused(message, changes):
    refused(message, lambda: broken_game(**changes))


def test_rows_may_miss_one_by_a_billionth():
    game = broken_game(transition=put((0, 0, 0, 0), 1 / 3 + 5e-10))
    assert game.transition[0, 0, 0, 0] == 1 / 3 + 5e-10


def test_a_game_keeps_private_read_only_copies():
    transition, reward, initial = arrays()
    own = MarkovGame(transition, reward, (2, 2), initial)
    transition[0, 0, 0] = 0.0
    assert own.transition[0, 0, 0].sum() == pytest.approx(1.0)
    for array in (own.transition, own.reward, own.initial, own.strides, own.cumulative_transition):
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        own.reward = reward


def test_the_first_state_is_the_start_by_default():
    transition, reward, _ = arrays()
    np.testing.assert_array_equal(MarkovGame(transition, reward, (2, 2)).initial, [1, 0, 0])


def test_joint_actions_count_the_first_agent_slowest():
    own = random_game(0, (2, 3, 2))
    np.testing.assert_array_equal(own.strides, [6, 2, 1])
    np.testing.assert_array_equal(own.action_table @ own.strides, np.arange(12))
    np.testing.assert_array_equal(own.action_table[7], [1, 0, 1])


def test_units_map_returns_agent_by_agent():
    units = Units(np.array([2.0, 3.0]), np.array([-1.0, 0.5]))
    np.testing.assert_allclose(units.to_own([[1.0, 2.0], [0.0, 1.0]]), [[1.0, 3.0], [0.5, 3.5]])


@given(games())
def test_inverse_transform_tables_end_at_one_and_skip_the_impossible(own):
    table = own.cumulative_transition
    assert (table[..., -1] == 1.0).all()
    assert (np.diff(table, axis=-1) >= 0.0).all()
    # A draw u picks the first entry above u: never one of probability zero.
    jumps = np.diff(table, axis=-1, prepend=0.0)
    assert (jumps[own.transition == 0.0] == 0.0).all()


# --- policies ---


@pytest.mark.parametrize(
    ("message", "build"),
    [
        (
            "policies[0] has type float64: expected integers",
            lambda: PurePolicies([np.ones((1, H, S))]),
        ),
        (
            "policies[1] has shape (3, 2, 2): expected (m_i, H, S)",
            lambda: PurePolicies([tables(), np.ones((3, 2, 2), int)]),
        ),
        (
            "policies[0] has shape (3,): expected 3 or 2 dimensions",
            lambda: PurePolicies([np.ones(3, int)]),
        ),
        (
            "policies[0] has shape (2, 3): expected (m_i, H, S) = (2, 2, 3)",
            lambda: Instance(game(), PurePolicies([np.ones((2, 3), int)] * 2)),
        ),
        ("policies[0] holds a negative action", lambda: PurePolicies([tables() - 1])),
        ("policies is empty", lambda: PurePolicies([])),
        (
            "policies[1] holds action 2: agent 1 has 2 actions",
            lambda: Instance(game(), PurePolicies([tables(), tables() * 0 + 2])),
        ),
        (
            "policies for 1 agent: the game has 2",
            lambda: Instance(game(), PurePolicies([tables()])),
        ),
        (
            "policies[0] has shape (1, 1, 3)",
            lambda: Instance(game(), PurePolicies([np.zeros((1, 1, 3), int)] * 2)),
        ),
        ("counts has 1 entries: expected 2", lambda: PurePolicies.sample(game(), [3], 0)),
        ("counts is 0: expected a whole number", lambda: PurePolicies.sample(game(), [3, 0], 0)),
        (
            "agent 0 has 2^24 pure policies",
            lambda: PurePolicies.all(random_game(0, (2,), states=6, horizon=4)),
        ),
    ],
)
def test_malformed_policies_are_refused(message, build):
    refused(message, build)


def test_all_policies_are_all_of_them_once():
    own = random_game(0, (2, 3), states=2, horizon=2)
    policies = PurePolicies.all(own)
    assert policies.counts == (16, 81)
    for table, actions in zip(policies.tables, own.action_counts):
        assert len(np.unique(table.reshape(len(table), -1), axis=0)) == actions**4
        assert table.max() == actions - 1


def test_sampled_policies_are_distinct_and_of_their_seed():
    own = random_game(0, (2, 3), states=2, horizon=2)
    first, again = (PurePolicies.sample(own, [10, 200], seed=4) for _ in range(2))
    assert first.counts == (10, 81)
    assert len(np.unique(first.tables[0].reshape(10, -1), axis=0)) == 10
    np.testing.assert_array_equal(first.stacked, again.stacked)
    other = PurePolicies.sample(own, [10, 200], seed=5)
    assert (first.tables[0] != other.tables[0]).any()


@given(games(), seeds)
def test_joint_tables_hold_every_agents_own_actions(own, seed):
    policies = random_policies(own, seed)
    for index, members in enumerate(np.ndindex(*policies.counts)):
        actions = own.action_table[policies.joint_actions(own, index)]
        for i, member in enumerate(members):
            np.testing.assert_array_equal(actions[..., i], policies.tables[i][member])
    assert policies.size == index + 1


# --- hypotheses ---


def one_model():
    return arrays()[0][None]


@pytest.mark.parametrize(
    ("message", "build"),
    [
        ("truth is 1: expected an index below 1", lambda: ModelClass(one_model(), truth=1)),
        ("truth is -1: expected an index below 1", lambda: ModelClass(one_model(), truth=-1)),
        ("truth is 0.0: expected an index or None", lambda: ModelClass(one_model(), truth=0.0)),
        ("transitions[0, 0, 0, 0] sums to 0.333", lambda: ModelClass(one_model() / 3)),
        ("transitions has shape (2, 3, 4, 3): expected 5", lambda: ModelClass(arrays()[0])),
        (
            "transitions has shape (1, 1, 3, 4, 3)",
            lambda: Instance(game(), PurePolicies([tables()] * 2), ModelClass(one_model()[:, :1])),
        ),
        (
            "transitions[0] is named the truth but differs",
            lambda: Instance(
                random_game(0, (2, 2), S, H), PurePolicies([tables()] * 2), ModelClass(one_model())
            ),
        ),
        ("per_agent is empty", lambda: ValueClass([])),
        (
            "per_agent[1][0, 0, 0, 0] is nan",
            lambda: ValueClass([np.ones((1, H, S, A)), np.full((1, H, S, A), np.nan)]),
        ),
        (
            "per_agent[0][0, 0, 0, 0] is -1: expected [0, inf]",
            lambda: ValueClass([-np.ones((1, H, S, A))]),
        ),
        (
            "per_agent[1] has shape (1, 2, 3, 5)",
            lambda: ValueClass([np.ones((1, H, S, A)), np.ones((1, H, S, 5))]),
        ),
        (
            "per_agent has 1 entries: expected 2",
            lambda: Instance(
                game(), PurePolicies([tables()] * 2), ValueClass([np.ones((1, H, S, A))])
            ),
        ),
        (
            "completion is 'linear': expected 'tabular' or features",
            lambda: ValueClass([np.ones((1, H, S, A))], "linear"),
        ),
        (
            "completion has shape (1, 3, 4, 2)",
            lambda: ValueClass([np.ones((1, H, S, A))], np.ones((1, S, A, 2))),
        ),
        (
            "per_agent[0] at step 0 is not linear",
            lambda: Instance(
                game(),
                PurePolicies([tables()] * 2),
                ValueClass(
                    [np.random.default_rng(0).random((1, H, S, A))] * 2, np.ones((H, S, A, 1))
                ),
            ),
        ),
        (
            "ridge is 0.0: expected a positive number",
            lambda: ValueClass([np.ones((1, H, S, A))], ridge=0.0),
        ),
        (
            "radius is -1: expected a positive number",
            lambda: LinearValueClass(np.ones((H, S, A, 2)), radius=-1),
        ),
        ("features[0, 0, 0, 0] is inf", lambda: LinearValueClass(np.full((H, S, A, 2), np.inf))),
        (
            "features has shape (2, 3, 5, 2): expected (H, S, A, d)",
            lambda: Instance(
                game(), PurePolicies([tables()] * 2), LinearValueClass(np.ones((H, S, 5, 2)))
            ),
        ),
    ],
)
def test_malformed_hypotheses_are_refused(message, build):
    refused(message, build)


def test_a_value_class_is_realizable_when_it_holds_every_policys_values():
    own = random_game(1, (2, 2), states=2, horizon=2)
    policies = random_policies(own, 2)
    every = np.stack(
        [policy_action_values(own, policies.joint_actions(own, k)) for k in range(policies.size)]
    )
    whole = ValueClass([every[:, 0], every[:, 1]])
    assert realizable(Instance(own, policies, whole))
    distance = np.abs(every[:, 1] - every[-1, 1]).max(axis=(1, 2, 3))
    others = every[distance > 1e-6, 1]
    assert len(others)
    assert not realizable(Instance(own, policies, ValueClass([every[:, 0], others])))


def test_step_bounds_hold_values_and_targets():
    own = random_game(1, (2, 2), states=2, horizon=3)
    values = np.zeros((1, 3, 2, 4))
    values[0, 1] = 5.0
    bounds = ValueClass([values, values + 0.25]).step_bounds(own)
    np.testing.assert_allclose(bounds[0, 0], own.reward[0, 0].max() + 5.0)
    np.testing.assert_allclose(bounds[0, 1], 5.0)
    np.testing.assert_allclose(bounds[1, 2], max(0.25, own.reward[1, 2].max()))


# --- instances and profiles ---


def test_hypotheses_are_found_by_name_and_the_first_is_the_default():
    models, linear = ModelClass(one_model()), LinearValueClass(np.ones((H, S, A, 2)))
    policies = PurePolicies([tables()] * 2)
    both = Instance(game(), policies, {"a": linear, "b": models}, name="pair")
    assert both.hypothesis() is linear
    assert both.hypothesis("b") is models
    assert Instance(game(), policies, models).hypothesis("models") is models
    refused("'pair' has no hypotheses 'c': choose one of a, b", lambda: both.hypothesis("c"))
    refused("has no hypotheses", lambda: Instance(game(), policies).hypothesis())
    refused("are not a class of models", lambda: both.model_payoffs("a"))


def test_an_instance_shows_itself():
    own = Instance(
        game(), PurePolicies([tables()] * 2), ModelClass(one_model()), "mine", {"v": Known(2, "me")}
    )
    assert repr(own) == (
        "Instance('mine', MarkovGame(2 agents, 3 states, horizon 2, actions 2 x 2), "
        "PurePolicies(2 x 2), models: ModelClass(1 model, truth 0))"
    )
    assert "<caption>mine</caption>" in own._repr_html_()
    assert "2 (me)" in own._repr_html_()


def test_the_value_bound_covers_hypotheses_and_the_truth():
    game = random_game(3)
    policies = random_policies(game, 0)
    zeros = np.zeros((1, *game.reward.shape[1:]))
    low = Instance(game, policies, ValueClass([zeros] * 2)).value_bound()
    assert low >= Instance(game, policies).payoffs.max() > 0.0
    assert Instance(game, policies, ValueClass([zeros, zeros + 9.0])).value_bound() == 9.0


def test_the_value_bound_covers_every_model():
    rng = np.random.default_rng(0)
    models = rng.dirichlet(np.ones(S) / 4, size=(5, H, S, A))
    reward = rng.random((2, H, S, A))
    own = MarkovGame(models[0], reward, (2, 2))
    instance = Instance(own, PurePolicies.all(own), ModelClass(models))
    bound = instance.value_bound()
    assert (instance.model_payoffs() <= bound + 1e-12).all()
    # Some model's last step alone is worth as much as the largest reward.
    assert bound >= reward[:, -1].max()
    # Attained: greedily good for one agent at some state, found by the slow way.
    best = 0.0
    for i in range(2):
        V = reward[i, 1].max(axis=1)
        best = max(best, (reward[i, 0] + models[:, 0] @ V).max())
    assert bound == pytest.approx(max(best, reward[:, 1].max()), abs=1e-12)


@pytest.mark.parametrize(
    ("message", "build"),
    [
        (
            "unknown concept 'nah'",
            lambda: ClassProfile(PurePolicies([tables()]), np.ones(2) / 2, "nah"),
        ),
        (
            "distribution has shape (3,): expected (m_0",
            lambda: ClassProfile(PurePolicies([tables()]), np.ones(3) / 3, "ce"),
        ),
        (
            "distribution sums to 2",
            lambda: ClassProfile(PurePolicies([tables()]), np.ones(2), "ce"),
        ),
        (
            "distribution[0] is nan",
            lambda: ClassProfile(PurePolicies([tables()]), np.full(2, np.nan), "ce"),
        ),
        ("joint[0, 0] sums to 4", lambda: MarkovProfile(np.ones((H, S, A)), "ce")),
    ],
)
def test_malformed_profiles_are_refused(message, build):
    refused(message, build)


def test_class_profiles_sample_their_distribution():
    policies = PurePolicies([tables(3), tables(2)])
    x = np.array([[0.0, 0.25], [0.5, 0.0], [0.25, 0.0]])
    profile = ClassProfile(policies, x, "cce")
    rng = np.random.default_rng(0)
    drawn = np.bincount([profile.sample(rng) for _ in range(4000)], minlength=6) / 4000
    np.testing.assert_allclose(drawn, x.reshape(-1), atol=0.03)
    assert (drawn[x.reshape(-1) == 0.0] == 0.0).all()
    table = profile.play(game(), rng)
    assert table.shape == (H, S)


def test_errors_of_this_package_are_value_errors_too():
    assert issubclass(InputError, MamexBenchError)
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("counts", [(2,), (2, 3), (2, 2, 2)])
def test_an_instance_draws_its_welfare(counts: tuple[int, ...]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    game = MarkovGame(
        np.full((1, 1, int(np.prod(counts)), 1), 1.0),
        np.random.default_rng(0).random((len(counts), 1, 1, int(np.prod(counts)))),
        counts,
    )
    instance = Instance(game, PurePolicies.all(game), name="drawn")
    ax = instance.plot()
    welfare = instance.payoffs.sum(axis=0)
    shown = ax.images[0].get_array() if len(counts) == 2 else ax.lines[0].get_ydata()
    assert np.allclose(np.sort(np.ravel(shown)), np.sort(welfare, axis=None))
    assert ax.get_title() == "drawn"
    plt.close("all")
