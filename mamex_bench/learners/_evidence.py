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
        ignored_step: a step whose data are thrown away, or None.
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
    if isinstance(classes, ModelClass):
        return _models(instance, name, classes, settings)
    weight = np.ones(instance.game.horizon)
    if settings.ignored_step is not None:
        weight[settings.ignored_step] = 0.0
    if isinstance(classes, ValueClass):
        return _values(instance, classes, joint, settings, weight)
    return _linear(instance, classes, joint, settings, weight)


def _models(instance: Instance, name: str, classes: ModelClass, settings: Settings) -> Evidence:
    F, layers = classes.size, instance.game.layers
    innermost = classes.probabilities.T
    with np.errstate(divide="ignore"):
        losses = -np.log(innermost)
    log_loss = np.ascontiguousarray(np.where(innermost > 0.0, losses, IMPOSSIBLE))
    if settings.ignored_step is not None:
        begin, end = layers.first[settings.ignored_step : settings.ignored_step + 2]
        log_loss[layers.rows[begin * layers.actions] : layers.rows[end * layers.actions]] = 0.0
    evidence = models.Models(
        layers=layers,
        values=settings.sign * instance.model_payoffs(name).reshape(F, -1),
        log_loss=log_loss,
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
            reward=game.rewards,
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
        reward=game.rewards,
        gram=np.tile(ridge * np.eye(d), (H, 1, 1)),
        inverse=np.tile(np.eye(d) / ridge, (H, 1, 1)),
        response=np.zeros((game.agents, H, d)),
        onward=np.zeros((int(first[-1]), d)),
        weight=weight,
    )
