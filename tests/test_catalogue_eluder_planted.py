"""Families of function approximation: every check of every certificate can fail."""

from __future__ import annotations

import numpy as np
from eluder_games import failing, small

from mamex_bench.catalogue._generators import dirichlet_rows, stream
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass, ValueClass
from mamex_bench.model.instance import Instance, Known


def changed(instance, *, transition=None, reward=None, classes=None, known=None):
    """The instance with other arrays or constants, checked by nothing but the certificate."""
    game = instance.game
    if transition is not None or reward is not None:
        game = MarkovGame(
            game.transition if transition is None else transition,
            game.reward if reward is None else reward,
            game.action_counts,
            game.initial,
            game.units,
        )
    constants = {**instance.known}
    for key, value in (known or {}).items():
        constants[key] = Known(value, "planted")
    hypotheses = {**instance.hypotheses, **(classes or {})}
    if transition is not None:
        hypotheses = {
            k: ModelClass(c.transitions, None) if isinstance(c, ModelClass) else c
            for k, c in hypotheses.items()
        }
    return Instance(game, instance.policies, hypotheses, instance.name, constants)


def noise(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def other_rows(transition, share=0.3):
    mixed = (1 - share) * transition + share * dirichlet_rows(
        stream(0, "test"), transition.shape[:-1], transition.shape[-1]
    )
    return mixed / mixed.sum(axis=-1, keepdims=True)


def bent_values(instance, name, size=0.05):
    """The named class with some hypotheses of agent 0 moved a little, each its own way."""
    classes = instance.hypothesis(name)
    arrays = [np.array(each) for each in classes.per_agent]
    arrays[0][-4:] += size * noise(arrays[0][-4:].shape)
    return ValueClass(arrays)


def models_with(instance, edit):
    models = np.array(instance.hypothesis("models").transitions)
    edit(models)
    return {"models": ModelClass(models / models.sum(axis=-1, keepdims=True), None)}


def test_bellman_complete_certificates_fail_when_broken():
    name = "bellman_complete"
    instance = small(name, seed=1)
    # Unrestricted transitions: targets leave the span, for policies of the class and beyond.
    broken = changed(instance, transition=other_rows(instance.game.transition))
    found = failing(name, broken)
    assert "distance of Bellman targets from the features' span" in found
    assert "the same for every policy, in the class or not" in found
    assert "largest rank of a step's transitions" in found
    # A game that is linear after all.
    phi = instance.hypothesis("values_linear").features
    mu = dirichlet_rows(stream(0, "test"), (3, 3), 9)
    linear = np.einsum("hsaj,hjt->hsat", phi, mu)
    found = failing(name, changed(instance, transition=linear / linear.sum(-1, keepdims=True)))
    assert "least rank of a step's transitions" in found
    for key, statement in [
        ("dimension", "rank of the values of a step"),
        ("dimension", "rank of the mean Bellman errors"),
        ("weight_norm", "largest |theta_h - theta(T f)|"),
        ("bellman_eluder_bound", "Bellman-eluder dimension (occupancy) at scale 0.1"),
    ]:
        value = {"dimension": 2, "weight_norm": 1.0, "bellman_eluder_bound": 1}[key]
        assert statement in failing(name, changed(instance, known={key: value}))


def test_generalised_linear_certificates_fail_when_broken():
    name = "generalised_linear"
    instance = small(name, seed=1)
    found = failing(name, changed(instance, classes={"values": bent_values(instance, "values")}))
    assert "rank of the values before the link" in found
    found = failing(name, changed(instance, transition=other_rows(instance.game.transition)))
    assert "distance of Bellman targets from the class of their step" in found
    # The link's steepness, and with it every slope, misstated.
    found = failing(name, changed(instance, known={"steepness": 1.0}))
    assert found == {"least slope of the link"}
    found = failing(name, changed(instance, known={"steepness": 3.0}))
    assert found == {"largest slope of the link"}
    # A class linear in d dimensions.
    values = np.array(instance.hypothesis("values").per_agent[0])
    u = np.log(values[:, -1] / (1 - values[:, -1])) / 8
    straight = np.repeat((0.5 + u)[:, None], 3, axis=1)
    found = failing(name, changed(instance, classes={"values": ValueClass([straight, straight])}))
    assert "rank of the values less 1/2" in found
    found = failing(name, changed(instance, known={"bellman_eluder_bound": 2}))
    assert found == {"Bellman-eluder dimension (dirac) at scale 0.1"}


def test_small_eluder_certificates_fail_when_broken():
    name = "small_eluder"
    instance = small(name, seed=1)
    found = failing(name, changed(instance, classes={"values": bent_values(instance, "values")}))
    assert "widest to narrowest difference of values" in found
    assert "widest to narrowest Bellman residual" in found
    # Rewards without the order: the last step's residual is not zero, nor are signs kept.
    broken = changed(instance, reward=noise(instance.game.reward.shape))
    found = failing(name, broken)
    assert {"Bellman residual of the last step", "widest to narrowest Bellman residual"} <= found
    # One cell for each hypothesis: every cell is a surprise.
    values = np.zeros((5, *instance.game.reward.shape[1:]))
    for k in range(4):
        values[k + 1, :, 0, k] = 0.5
    found = failing(name, changed(instance, classes={"values": ValueClass([values, values])}))
    assert "eluder dimension, step 0, scale 0.001" in found
    assert "rank of values, step H-2" in found
    found = failing(name, changed(instance, known={"bellman_eluder_bound": 1}))
    assert found == {"Bellman-eluder dimension (occupancy) at scale 0.001"}


def test_hypercube_certificates_fail_when_broken():
    name = "hypercube"
    instance = small(name, seed=1)

    def curve(models):  # two corners exchanged: mean and extremes stay, linearity goes
        models[5, 0, 0, [0, 1, 2, 3]] = models[5, 0, 0, [2, 3, 0, 1]]

    def steer(models):
        models[5, 1, 1, 0, 2] += 0.05

    def dummy(models):
        models[5, 1, 1, 0, [2, -1]] = models[5, 1, 1, 0, [-1, 2]]

    assert "rank of the models of a step" in failing(
        name, changed(instance, classes=models_with(instance, curve))
    )
    found = failing(name, changed(instance, classes=models_with(instance, steer)))
    assert "largest steering of a model's step" in found
    assert "mean over actions of the chance, off 1/H" in found
    assert "what the dummy changes" in failing(
        name, changed(instance, classes=models_with(instance, dummy))
    )
    assert failing(name, changed(instance, known={"value": 0.9})) == {"best return of agent 0"}
    found = failing(name, changed(instance, known={"delta": 0.1}))
    assert "least steering of a model's step" in found


def test_linear_mixture_certificates_fail_when_broken():
    name = "linear_mixture"
    instance = small(name, seed=1)

    def astray(models):
        models[3] = other_rows(models[3])

    def empty(models):
        models[..., 0] = 0.0

    found = failing(name, changed(instance, classes=models_with(instance, astray)))
    assert {
        "rank of the models, all steps together",
        "rank of their differences from the truth",
    } <= found
    found = failing(name, changed(instance, classes=models_with(instance, empty)))
    assert "least probability of any model" in found
    found = failing(name, changed(instance, known={"covering_radius": 0.01}))
    assert found == {"distance of random mixtures from the nearest model"}


def test_two_sided_hypercube_certificates_fail_when_broken():
    name = "two_sided_hypercube"
    instance = small(name, seed=1)

    def meddle(models):  # agent 1's first action helps on agent 0's chain
        models[3, 0, 0, 0, [1, 4]] = models[3, 0, 0, 0, [4, 1]]

    found = failing(name, changed(instance, classes=models_with(instance, meddle)))
    assert {
        "what an agent changes on the other's chain",
        "rank of the models of a step",
        "steering of agent 0, off 0.009129",
    } <= found
    reward = np.array(instance.game.reward)
    reward[0, 0, 0] = noise(reward.shape[-1])
    found = failing(name, changed(instance, reward=reward))
    assert {
        "sum of both agents' rewards, off 1",
        "interaction of the two policies' returns",
    } <= found
    assert {"maximin in own units", "minimax in own units"} == failing(
        name, changed(instance, known={"value": 0.1})
    )
    assert "steering of agent 1, off 0.1" in failing(
        name, changed(instance, known={"steering_1": 0.1})
    )
