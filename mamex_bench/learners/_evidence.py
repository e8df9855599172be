"""From an instance's hypotheses to the evidence that kernels keep on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.kernels import linear_evidence as linear
from mamex_bench.kernels import model_evidence as models
from mamex_bench.kernels import value_evidence as values
from mamex_bench.kernels.evidence import IMPOSSIBLE, LIKELIEST, LIKELIEST_MEAN, REGULARISED
from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.model.hypotheses import (
    Hypotheses,
    LinearValueClass,
    ModelClass,
    ValueClass,
    linear_coefficients,
)
from mamex_bench.model.instance import Instance

Evidence = models.Models | values.TabularValues | linear.LinearCompletion | linear.Linear

MODES = ("model-based", "model-free")


@dataclass(frozen=True)
class Settings:
    """How data and value are traded off.

    Attributes:
        eta: weight of the loss.
        sign: 1 for sup { V - eta L }, -1 for inf { V + eta L }.
        mode: REGULARISED, or LIKELIEST / LIKELIEST_MEAN (least loss first, then the extreme or
            the mean value).
        ignored_step: a step whose data are thrown away, or None; those that the hypotheses
            ignore are thrown away too.
    """

    eta: float
    sign: float = 1.0
    mode: int = REGULARISED
    ignored_step: int | None = None


def select(instance: Instance, hypotheses: str | None, mode: str | None) -> str:
    """Name of the class to use: the named one, else the first that fits the mode."""
    if mode is not None and mode not in MODES:
        raise InputError(f"mode is {mode!r}: expected one of {', '.join(MODES)}")

    def fits(classes: Hypotheses) -> bool:
        return mode is None or isinstance(classes, ModelClass) == (mode == "model-based")

    if hypotheses is not None:
        if not fits(instance.hypothesis(hypotheses)):
            raise InputError(
                f"mode {mode!r} does not fit {hypotheses!r} of instance {instance.name!r}, "
                f"which is {instance.hypotheses[hypotheses]!r}"
            )
        return hypotheses
    instance.hypothesis()
    for name, classes in instance.hypotheses.items():
        if fits(classes):
            return name
    present = ", ".join(f"{k} ({v!r})" for k, v in instance.hypotheses.items())
    raise InputError(f"instance {instance.name!r} has no class for mode {mode!r}: only {present}")


def joint_table(instance: Instance) -> Ints:
    """(M, N): joint action of every joint pure policy, C order, in every state."""
    policies, game = instance.policies, instance.game
    members = np.unravel_index(np.arange(policies.size), policies.counts)
    table = np.zeros((policies.size, policies.flat.shape[1]), dtype=np.int64)
    for stride, member, first in zip(game.strides, members, policies.offsets):
        table += stride * policies.flat[first + member]
    return table


def gather(instance: Instance, name: str, joint: Ints, settings: Settings) -> Evidence:
    """Fresh evidence, no data yet, on the named hypotheses."""
    classes = instance.hypothesis(name)
    weight = np.ones(instance.game.horizon)
    if not isinstance(classes, LinearValueClass):
        weight[list(classes.ignored_steps)] = 0.0
    if settings.ignored_step is not None:
        weight[settings.ignored_step] = 0.0
    if isinstance(classes, ModelClass):
        return _models(instance, name, classes, settings, weight)
    if isinstance(classes, ValueClass):
        return _values(instance, classes, joint, settings, weight)
    return _linear(instance, classes, joint, settings, weight)


def _models(
    instance: Instance, name: str, classes: ModelClass, settings: Settings, weight: Floats
) -> Evidence:
    F, layers = classes.size, instance.game.layers
    log_loss = _log_loss(classes.probabilities.T)
    reward_loss = np.empty((0, 0, 2, F))
    if classes.means is not None:
        means = classes.means.reshape(F, instance.game.agents, -1)
        reward_loss = _log_loss(np.moveaxis(np.stack([1.0 - means, means], axis=-1), 0, -1))
    for h in np.flatnonzero(weight == 0.0):
        begin, end = layers.first[h : h + 2] * layers.actions
        log_loss[layers.rows[begin] : layers.rows[end]] = 0.0
        reward_loss[:, begin:end] = 0.0
    evidence = models.Models(
        layers=layers,
        values=settings.sign * instance.model_payoffs(name).reshape(F, -1),
        log_loss=log_loss,
        reward_loss=reward_loss,
        losses=np.zeros(F),
        errors=np.zeros(F),
        spread=np.full((F, F), np.nan),
        live=np.zeros(F, dtype=np.int64),
        state=np.zeros(2, dtype=np.int64),
        eta=np.array([settings.eta]),
        sign=np.array([settings.sign]),
        mode=np.array([settings.mode], dtype=np.int64),
    )
    models.models_prune(evidence)
    return evidence


def _log_loss(probabilities: Floats) -> Floats:
    """-log p, or IMPOSSIBLE where p = 0."""
    with np.errstate(divide="ignore"):
        losses = -np.log(probabilities)
    return np.ascontiguousarray(np.where(probabilities > 0.0, losses, IMPOSSIBLE))


def _values(
    instance: Instance, classes: ValueClass, joint: Ints, settings: Settings, weight: Floats
) -> Evidence:
    game = instance.game
    tables, features = np.concatenate(classes.flat), classes.flat_features
    first = np.concatenate([[0], np.cumsum(classes.sizes)]).astype(np.int64)
    states = np.arange(game.initial.size)
    # E_rho f(x, pi(x)) for every hypothesis and joint policy
    begun = [tables[:, states, table[: states.size]] @ game.initial for table in joint]
    start = np.stack(begun, axis=1)
    common = {
        "tables": tables,
        "first": first,
        "start": settings.sign * start,
        "joint": joint,
        "losses": np.zeros(start.shape),
        "eta": np.array([settings.eta]),
        "sign": np.array([settings.sign]),
        "mode": np.array([settings.mode], dtype=np.int64),
    }
    if features is None:
        return values.TabularValues(
            layers=game.layers,
            reward=np.zeros(game.rewards.shape) if game.random_rewards else game.rewards,
            surplus=np.zeros(game.rewards.shape),
            visits=np.zeros(game.rewards.shape[1:]),
            onward=np.zeros(game.layers.following.size),
            errors=np.zeros(start.shape),
            weight=weight,
            **common,
        )
    evidence = linear.LinearCompletion(
        theta=linear_coefficients(tables, features, game.layers.first),
        data=_regression(instance, features, classes.ridge, weight),
        **common,
    )
    linear.completion_losses(evidence)
    return evidence


def _linear(
    instance: Instance, classes: LinearValueClass, joint: Ints, settings: Settings, weight: Floats
) -> Evidence:
    if settings.mode == LIKELIEST:
        raise NotApplicableError("a linear class has no ties to break: use a finite class")
    eta = np.inf if settings.mode == LIKELIEST_MEAN else settings.eta
    return linear.Linear(
        data=_regression(instance, classes.flat_features, classes.ridge, weight),
        initial=instance.game.initial,
        joint=joint,
        eta=np.array([eta]),
        sign=np.array([settings.sign]),
    )


def _regression(
    instance: Instance, features: Floats, ridge: float, weight: Floats
) -> linear.Regression:
    game, d = instance.game, features.shape[-1]
    H, first = game.horizon, game.layers.first
    return linear.Regression(
        begins=first,
        features=features,
        gram=np.tile(ridge * np.eye(d), (H, 1, 1)),
        inverse=np.tile(np.eye(d) / ridge, (H, 1, 1)),
        response=np.zeros((game.agents, H, d)),
        onward=np.zeros((int(first[-1]), d)),
        weight=weight,
    )
