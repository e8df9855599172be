"""Policy classes that hold an equilibrium: what they state is true, and small where it must be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from games import random_game, random_policies, seeds
from hypothesis import given, settings
from scipy.optimize import linprog
from test_unrestricted import pennies

from mamex_bench import catalogue
from mamex_bench.catalogue import _populations as populations
from mamex_bench.catalogue._behaviour import own_behaviour, own_tree, plain_actions, sampled
from mamex_bench.catalogue._generators import value_class_of
from mamex_bench.catalogue._layered_nets import layered_net, layered_star_known
from mamex_bench.catalogue._least_exploitable import Selection
from mamex_bench.catalogue._nets import star_known
from mamex_bench.catalogue._populations import closure, constant_sum
from mamex_bench.equilibria import backward_induction
from mamex_bench.errors import InputError
from mamex_bench.model.evaluation import evaluate, payoffs, start_values
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.instance import Instance, realizable
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile


def zero_sum(seed, counts=(2, 2), states=3, horizon=3):
    game = random_game(seed, counts, states, horizon)
    reward = np.stack([game.reward[0], 1.0 - game.reward[0]])
    return MarkovGame(game.transition, reward, counts, game.initial)


def stated(found, game):
    """What a closure states, computed again from its policies and distribution alone."""
    instance = Instance(game, found.policies)
    gaps = found.profile.unrestricted_gaps(instance)
    np.testing.assert_allclose(found.gaps, [gaps, gaps], atol=1e-12)
    played = (instance.payoffs * found.profile.distribution).reshape(game.agents, -1).sum(axis=1)
    np.testing.assert_allclose(found.values, game.units.to_own(played), atol=1e-12)
    if found.profile.concept == "nash" and game.agents == 2:
        x = found.profile.distribution
        np.testing.assert_allclose(x, np.outer(x.sum(axis=1), x.sum(axis=0)), atol=1e-12)
    for own in found.policies.tables:
        assert len(np.unique(own.reshape(len(own), -1), axis=0)) == len(own)
    return gaps


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("bits", [1, 2, 3])
def test_pennies_need_two_to_the_rounds(rounds, bits):
    """m policies guarantee (H - log2 m)/2 less than the value, and no class of m does better."""
    game = pennies(rounds)
    found = closure(game, 2**bits)
    stated(found, game)
    assert max(found.policies.counts) <= 2**bits
    missing = max(rounds - bits, 0) / 2
    # What each agent guarantees: the other's best response leaves it.
    guaranteed = rounds - (found.values + found.gaps[1])[::-1]
    np.testing.assert_allclose(guaranteed, rounds / 2 - missing, atol=1e-9)
    assert (found.gap <= 1e-9) == (bits >= rounds)
    assert found.method == ("tree" if bits >= rounds else "least exploitable")


@pytest.mark.parametrize("seed", range(4))
def test_zero_sum_classes_approach_the_value(seed):
    game = zero_sum(seed, (2, 3), 3, 4)
    value = backward_induction(game, "nash").value
    shortfalls, misses = [], []
    for size in (2, 4, 8, 16):
        found = closure(game, size)
        gaps = stated(found, game)
        shortfalls.append(gaps.sum())
        assert found.policies.counts == (size, size)
        # The value lies between what each agent guarantees and what the other concedes.
        guaranteed = game.horizon - (found.values + gaps)[::-1]
        assert (guaranteed <= value + 1e-9).all()
        # Within the class play is worth the value up to the gaps.
        solved = populations.solve(payoffs(game, found.policies), "nash")
        misses.append(np.abs(solved.value - value).max())
        assert misses[-1] <= gaps.sum() + 1e-9
    # Until rounding, ever less is missing, and never what two random policies miss.
    assert all(b <= a + 1e-9 for a, b in itertools.pairwise(shortfalls))
    assert shortfalls[-1] <= 0.3 * shortfalls[0] + 1e-9


@pytest.mark.parametrize("concept", ["ce", "cce"])
def test_zero_sum_classes_do_for_every_concept(concept):
    """The product of minimax policies: nobody learns from a recommendation."""
    for seed in range(3):
        game = zero_sum(seed, (2, 3), 2, 3)
        found = closure(game, 8, concept)
        assert found.method in ("tree", "least exploitable")
        gaps = stated(found, game)
        alike = ClassProfile(found.policies, found.profile.distribution, "nash")
        instance = Instance(game, found.policies)
        np.testing.assert_allclose(gaps, alike.unrestricted_gaps(instance), atol=1e-12)
        nash = closure(game, 8)
        assert gaps.sum() <= nash.gaps[1].sum() + 0.05


def test_goofspiel_is_played_perfectly_by_few():
    for cards, size in ((3, 4), (4, 16)):
        game = catalogue.make("goofspiel", cards=cards, policies=2, models=2).game.layered()
        found = closure(game, size)
        assert stated(found, game).max() <= 1e-9
        np.testing.assert_allclose(found.values, 0.0, atol=1e-9)
        assert payoffs(game, found.policies)[0].std() > 0.0  # a class in which one can be wrong
        known = found.known()
        assert known["unrestricted_gap"].value <= 1e-9
        assert known["class_value_0"].value == pytest.approx(known["equilibrium_value_0"].value)


@pytest.mark.parametrize("concept", ["nash", "cce", "ce"])
@pytest.mark.parametrize("counts", [(2, 2), (2, 3), (2, 2, 2), (3,)])
def test_general_sum_gaps_are_as_stated(concept, counts):
    for seed in range(2):
        game = random_game(seed, counts, 2, 3, sparse=seed == 1)
        small, large = closure(game, 2, concept, seed), closure(game, 12, concept, seed)
        for found in (small, large):
            gaps = stated(found, game)
            assert found.profile.concept == concept
            inside = found.profile.gaps(Instance(game, found.policies))
            assert (inside <= gaps + 1e-12).all()
            if found.method == "tree":
                assert gaps.max() <= 1e-9
        assert large.gap <= small.gap + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_classes_large_enough_hold_the_support_exactly(seed):
    """One state, two steps: the tree of quantiles is small, whatever the equilibrium mixes."""
    game = random_game(seed, (3, 3), 1, 2)
    for concept in ("nash", "cce"):
        found = closure(game, 25, concept, seed)
        assert found.method == "tree"
        assert stated(found, game).max() <= 1e-9
        played = start_values(game, evaluate(game, found.equilibrium.policy.joint))
        np.testing.assert_allclose(found.values, played, atol=1e-12)


def test_trees_act_out_the_behaviour_and_shifted_weights_do_not():
    game = zero_sum(1)
    joint = backward_induction(game, "nash").policy.joint.reshape(-1, game.actions)
    leaves, exact = own_tree(game, joint, 0, 64)
    assert exact
    assert 1 < len(leaves) <= 64
    weights = np.array([leaf.weight for leaf in leaves])
    assert weights.sum() == pytest.approx(1.0)
    behaviour = own_behaviour(game, joint, 0)
    for s in np.flatnonzero(game.initial > 0.0):
        first = np.bincount([leaf.moves[s] for leaf in leaves], weights, minlength=2)
        np.testing.assert_allclose(first, behaviour[s], atol=1e-12)
    tables = np.stack([leaf.moves for leaf in leaves]).reshape(-1, *game.table_shape)
    other = np.zeros((1, *game.table_shape), dtype=int)
    policies = PurePolicies([tables, other])
    value = backward_induction(game, "nash").value
    for x, holds in ((weights, True), (weights[::-1].copy(), False)):
        profile = ClassProfile(policies, x[:, None], "cce")
        instance = Instance(game, policies)
        conceded = profile.unrestricted_gaps(instance)[1] + (instance.payoffs[1] @ [1.0]) @ x
        assert (conceded <= value[1] + 1e-9) == holds
    assert not own_tree(game, joint, 0, len(leaves) - 1)[1]
    assert len(own_tree(game, joint, 0, len(leaves) - 1)[0]) <= len(leaves) - 1
    coarse, exact = own_tree(game, joint, 0, 64, coarse=1)
    assert len(coarse) == 1
    assert not exact


def test_mixtures_are_the_least_exploitable_of_their_rows():
    """Against a linear program over all 2^9 deterministic functions of histories."""
    game = zero_sum(3, (2, 2), 2, 2)
    game = MarkovGame(game.transition, game.reward, (2, 2))  # starts in state 0
    rng = np.random.default_rng(0)
    pool = rng.integers(2, size=(5, 4))
    selection = Selection(game, 0, pool, np.zeros(4, dtype=int), 5, 10_000)
    selection.answer(np.arange(5), np.full(5, 0.2))
    exploited, x, _ = selection.mixture(np.arange(5), 1.0)
    histories = [(), *itertools.product(range(4), range(2))]
    columns = []
    for actions in itertools.product(range(2), repeat=len(histories)):
        policy, against = dict(zip(histories, actions)), []
        for own in pool.reshape(5, 2, 2):
            a = 2 * own[0, 0] + policy[()]
            total = game.reward[1, 0, 0, a]
            for t in range(2):
                b = 2 * own[1, t] + policy[int(a), t]
                total += game.transition[0, 0, a, t] * game.reward[1, 1, t, b]
            against.append(total)
        columns.append(against)
    U = np.array(columns)
    cost = np.array([0.0] * 5 + [1.0])
    solved = linprog(
        cost,
        A_ub=np.column_stack([U, -np.ones(len(U))]),
        b_ub=np.zeros(len(U)),
        A_eq=[[1.0] * 5 + [0.0]],
        b_eq=[1.0],
        bounds=[(0, None)] * 5 + [(None, None)],
    )
    assert exploited == pytest.approx(solved.fun, abs=1e-8)
    assert (U @ x).max() == pytest.approx(solved.fun, abs=1e-8)


@given(seed=seeds)
@settings(max_examples=20)
def test_plain_actions_are_the_least_of_those_that_do_the_same(seed):
    rng = np.random.default_rng(seed)
    game = random_game(seed, (3, 2), 2, 2)
    transition, reward = game.transition.copy(), game.reward.copy()
    for h, s in np.ndindex(2, 2):
        source = rng.integers(3, size=3)  # own action b of agent 0 does what source[b] does
        for b in range(3):
            for c in range(2):
                transition[h, s, 2 * b + c] = game.transition[h, s, 2 * source[b] + c]
                reward[:, h, s, 2 * b + c] = game.reward[:, h, s, 2 * source[b] + c]
    copied = MarkovGame(transition, reward, (3, 2), game.initial)
    for each in (copied, copied.layered()):
        least = plain_actions(each)
        for x, (h, s) in enumerate(np.ndindex(2, 2)):
            for b in range(3):
                same = [
                    c
                    for c in range(3)
                    if (
                        transition[h, s, 2 * b : 2 * b + 2] == transition[h, s, 2 * c : 2 * c + 2]
                    ).all()
                    and (
                        reward[:, h, s, 2 * b : 2 * b + 2] == reward[:, h, s, 2 * c : 2 * c + 2]
                    ).all()
                ]
                assert least[0][x, b] == min(same)
        np.testing.assert_array_equal(least[1], np.tile([0, 1], (4, 1)))
    found = closure(copied, 4)
    for own, least in zip(found.policies.tables, plain_actions(copied)):
        flat = own.reshape(len(own), -1)
        np.testing.assert_array_equal(least[np.arange(4), flat], flat)


def test_samples_never_take_impossible_moves():
    behaviour = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [1 / 3, 2 / 3, 0.0]])
    for u in (0.0, 0.4999, 0.5, np.nextafter(1.0, 0.0)):
        moves = sampled(behaviour, np.full(3, u))
        assert (behaviour[np.arange(3), moves] > 0.0).all()


def test_closures_are_reproducible_full_and_seeded():
    game = random_game(2, (2, 3), 3, 3)
    first, again, other = closure(game, 10), closure(game, 10), closure(game, 10, seed=1)
    assert first.policies.counts == (10, 10)
    for a, b in zip(first.policies.tables, again.policies.tables):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first.policies.tables, other.policies.tables))
    np.testing.assert_array_equal(first.profile.distribution, again.profile.distribution)
    few = closure(random_game(0, (2, 1), 1, 1), 10)  # there are only two and one
    assert few.policies.counts == (2, 1)
    assert repr(first).startswith("Closure(nash, 10 x 10, by ")


def test_beyond_the_limit_the_gap_is_an_interval():
    game = zero_sum(5, (3, 3), 3, 4)
    exact, rough = closure(game, 6), closure(game, 6, limit=2)
    assert exact.method == "least exploitable"
    assert rough.method == "double oracle"
    assert (rough.gaps[0] <= rough.gaps[1] + 1e-12).all()
    assert (rough.gaps[0] < rough.gaps[1]).any()
    gaps = rough.profile.unrestricted_gaps(Instance(game, rough.policies))
    assert (rough.gaps[0] <= gaps + 1e-12).all()
    assert (gaps <= rough.gaps[1] + 1e-12).all()


def test_errors_and_constant_sums():
    game = pennies(2)
    with pytest.raises(InputError, match="size is 0"):
        closure(game, 0)
    with pytest.raises(InputError, match="unknown concept 'ne'"):
        closure(game, 2, "ne")
    assert constant_sum(game)
    reward = game.reward.copy()
    reward[:, 1] *= 0.5  # another constant in the second step
    assert constant_sum(MarkovGame(game.transition, reward, (2, 2)))
    reward[0, 0, 0, 0] = 0.5
    assert not constant_sum(MarkovGame(game.transition, reward, (2, 2)))


# --- hypotheses on the entries of a layered game ---


def rows_of(game, values):
    return np.split(values, game.layers.rows[1:-1])


@pytest.mark.parametrize("seed", range(3))
def test_layered_nets_lie_at_the_stated_distances(seed):
    game = random_game(seed, (2, 2), 4, 3, sparse=seed == 1).layered()
    models = layered_net(game, 6, seed, (0.05, 0.3))
    assert models.truth == 0
    np.testing.assert_array_equal(models.transitions[0], game.probability)
    longest = 0.0
    for f, delta in enumerate(np.geomspace(0.05, 0.3, 5), start=1):
        reached = 0
        for p, q in zip(rows_of(game, game.probability), rows_of(game, models.transitions[f])):
            D = np.sqrt(max(1.0 - np.sqrt(p * q).sum(), 0.0))
            assert delta + 1e-7 >= D
            assert (p.size > 1) or q[0] == 1.0
            reached += abs(D - delta) < 1e-7
            longest = max(longest, D)
        assert reached > (0.2 if seed == 1 else 0.5) * sum(
            p.size > 1 for p in rows_of(game, game.probability)
        )
    radius = layered_star_known(game, models).value
    assert radius == pytest.approx(np.sqrt(2) * np.sin(np.arccos(1 - longest**2) / 4), abs=1e-9)
    again = layered_net(game, 6, seed, (0.05, 0.3))
    np.testing.assert_array_equal(models.transitions, again.transitions)


def test_layered_and_dense_radii_agree():
    game = random_game(0, (2, 2), 3, 2)
    models = catalogue.complete(game, "all", {"net": 5, "floor": 0.0}).hypothesis()
    flat = game.layered()
    same = type(models)(models.probabilities, truth=0)
    assert layered_star_known(flat, same).value == pytest.approx(star_known(models).value)


def test_layered_values_hold_every_policy_and_more():
    game = random_game(1, (2, 2), 3, 3)
    policies = random_policies(game, 1, 3)
    layered = game.layered()
    flat = PurePolicies([t.reshape(len(t), -1) for t in policies.tables])
    values = value_class_of(layered, flat, distractors=4, seed=2)
    instance = Instance(layered, flat, values)
    assert realizable(instance)
    dense = catalogue.complete(game, "all").game  # the same game, dense
    assert dense is game
    alone = value_class_of(layered, flat)
    assert [a - b for a, b in zip(values.sizes, alone.sizes)] == [4, 4]
    for every, members in zip(values.flat, alone.flat):
        extra = every[len(members) :]
        assert (extra <= members.max(axis=0) + 1e-12).all()
        assert (extra >= members.min(axis=0) - 1e-12).all()


def test_layered_hypotheses_are_refused_by_name():
    certain = pennies(2).layered()
    with pytest.raises(InputError, match=r"every transition of the game is certain"):
        layered_net(certain, 4)
    assert layered_net(certain, 1).size == 1
    game = random_game(0).layered()
    for message, options in [
        ("size is 0", {"size": 0}),
        ("floor is 0.05: expected 0, a layered game", {"size": 3, "floor": 0.05}),
        ("distance is", {"size": 3, "distance": [0.5, 0.1]}),
        ("size is 100000000: that many models of 162 transitions", {"size": 10**8}),
    ]:
        with pytest.raises(InputError, match=message):
            layered_net(game, **options)
    policies = PurePolicies.sample(game, [2, 2], 0)
    with pytest.raises(InputError, match="distractors is -1"):
        value_class_of(game, policies, distractors=-1)
    with pytest.raises(InputError, match="policies has 4900 joint members"):
        value_class_of(game, PurePolicies.sample(game, [70, 70], 0))


def test_a_layered_game_is_completed(tmp_path):
    game = random_game(4, (2, 2), 3, 3).layered()
    policies = {"closure": 5, "concept": "ce"}
    for hypotheses in ({"net": 4}, {"values": "all", "distractors": 1}):
        instance = catalogue.complete(game, policies, hypotheses, "mine")
        assert instance.name == "mine"
        assert instance.policies.counts == (5, 5)
        assert "unrestricted_gap" in instance.known
        assert realizable(instance)
