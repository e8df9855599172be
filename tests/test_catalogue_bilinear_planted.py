"""Planted failures: every statement of the low-rank families' certificates fails somewhere."""

from __future__ import annotations

import numpy as np
import pytest
from games import random_policies

from mamex_bench import catalogue
from mamex_bench.catalogue._generators import value_class_of
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance


def failing(name, instance):
    """The statements of the certificate that fail."""
    return [c.statement for c in catalogue.certify(name, instance) if not c.holds]


def changed(instance, transition=None, reward=None, hypotheses=None, policies=None, initial=None):
    """The instance with some parts replaced; a class of models keeps its truth at index 0."""
    game = instance.game
    other = MarkovGame(
        game.transition if transition is None else transition,
        game.reward if reward is None else reward,
        game.action_counts,
        game.initial if initial is None else initial,
    )
    classes = dict(instance.hypotheses)
    for name, each in classes.items():
        if isinstance(each, ModelClass) and transition is not None:
            classes[name] = ModelClass(np.concatenate([transition[None], each.transitions[1:]]), 0)
    classes.update(hypotheses or {})
    return Instance(other, policies or instance.policies, classes, instance.name, instance.known)


def leaky(transition, seed=0, share=0.2):
    """Transitions mixed with unstructured ones."""
    rng = np.random.default_rng(seed)
    noise = rng.dirichlet(np.ones(transition.shape[-1]), size=transition.shape[:-1])
    return (1 - share) * transition + share * noise


def product_of(chance, rest):
    """Transitions of bit 0 with chance (..., S, A) and of the other bits with rest (..., S)."""
    both = np.stack([1.0 - chance, chance], axis=-1)
    return np.einsum("...i,...k->...ik", both, rest).reshape(*chance.shape, -1)


def forgetful(instance):
    """The same unknown bit, known bits that are drawn afresh: K_a is not invertible."""
    models = instance.hypothesis().transitions
    half = models.shape[-1] // 2
    chance = models[..., half:].sum(axis=-1)
    rest = np.broadcast_to(np.full(half, 1.0 / half), (*chance.shape, half))
    transitions = product_of(chance, rest)
    return changed(instance, transitions[0], hypotheses={"models": ModelClass(transitions, 0)})


def mistaken(instance):
    """Models that are right about the unknown bit and wrong about a known one: no misfit."""
    truth = instance.game.transition
    wrong = truth[..., np.arange(truth.shape[-1]) ^ 1]
    return changed(instance, hypotheses={"models": ModelClass([truth, wrong], 0)})


def seeing(instance):
    """Policies that see the state, more than the proved rank."""
    policies = random_policies(instance.game, 4, most=9)
    classes = dict(instance.hypotheses)
    for name, each in instance.hypotheses.items():
        if isinstance(each, ValueClass):
            classes[name] = (
                value_class_of(instance.game, policies)
                if each.features is None
                else ValueClass([v[-2:] for v in each.per_agent], each.features)
            )
    return Instance(instance.game, policies, classes, known=instance.known)


def scattering(instance):
    """From the first state on, joint actions lead surely to states of their own."""
    S, A = instance.game.states, instance.game.actions
    after = (np.arange(S)[:, None] * A + np.arange(A) + 1) % S
    transition = np.broadcast_to(np.eye(S)[after], instance.game.transition.shape)
    return changed(instance, transition, initial=np.eye(S)[0])


def wild(instance):
    """Value hypotheses linear in nothing."""
    rng, shape = np.random.default_rng(0), (30, *instance.game.reward.shape[1:])
    values = ValueClass([rng.random(shape) for _ in range(instance.game.agents)])
    return changed(instance, hypotheses={"values_linear": values})


def leaking(share):
    return lambda instance: changed(instance, leaky(instance.game.transition, share=share))


def flattened(instance):
    """The action of all agents is 0, whatever they do, and the state hardly matters."""
    P = instance.game.transition
    return changed(instance, np.broadcast_to(P[:, :1, :1], P.shape))


def unrewarded(instance):
    reward = np.random.default_rng(0).random(instance.game.reward.shape)
    return changed(instance, reward=reward)


def swollen(instance):
    linear = instance.hypothesis("linear")
    return changed(instance, hypotheses={"linear": LinearValueClass(3.0 * linear.features)})


def off_models(instance):
    models = instance.hypothesis("models").transitions
    return changed(instance, hypotheses={"models": ModelClass([models[0], *leaky(models[1:])], 0)})


BROKEN = {
    "low_bellman_rank": ({}, [leaking(1e-3), leaking(0.3), scattering]),
    "low_occupancy": ({}, [leaking(0.2), seeing, flattened]),
    "linear_qv": ({}, [leaking(0.2), flattened, seeing, unrewarded]),
    "factored": ({}, [off_models, mistaken, forgetful]),
    "linear_game": ({}, [leaking(0.2), unrewarded, swollen, off_models]),
    "linear_game of own actions": (
        {"features": "independent", "policies": 8},
        [leaking(0.2), unrewarded, swollen, off_models, seeing, wild],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_statement_can_fail(case):
    name, (parameters, breaks) = case.split(" ")[0], BROKEN[case]
    instance = catalogue.make(name, seed=1, **parameters)
    statements = {c.statement for c in catalogue.certify(name, instance)}
    caught = [set(failing(name, broken(instance))) for broken in breaks]
    assert all(caught)
    assert set().union(*caught) >= statements


def test_the_claim_on_the_bellman_rank_is_made_where_it_is_proved():
    # Rewards that ignore state and action span too few functions of the state.
    instance = catalogue.make("factored", seed=1)
    statement = "Bellman rank at the last but one step for agent 0, against occupancies"
    assert statement in [c.statement for c in catalogue.certify("factored", instance)]
    flat = np.broadcast_to(instance.game.reward[..., :1, :1], instance.game.reward.shape)
    checks = catalogue.certify("factored", changed(instance, reward=flat))
    assert statement not in [c.statement for c in checks]
