"""How fast empirical losses single out the truth: the constants c, U0 and U1 of each class.

With probability at least 1 - delta, for all episodes k <= K, agents i, hypotheses f and joint pure
policies pi, and some L0_k that depends on neither f nor pi,

    (i)   L_k(f*_{i,pi}, pi) <= L0_k + U0(delta),
    (ii)  L_k(f, pi)         >= L0_k + c sum_{s<k} l^s(f, pi) - U1(delta).

For every k and i, the largest excesses W0 and W1 in (i) and (ii), over f and pi, have expectations
of at most the *expected* U0 and U1, which know no delta.

Statements and proofs: theory/regret_in_expectation.md and theory/regret_in_probability.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self
from weakref import WeakKeyDictionary

import numpy as np

from mamex_bench.errors import NotApplicableError
from mamex_bench.model._arrays import Floats, positive_integer
from mamex_bench.model.evaluation import reachable_states
from mamex_bench.model.game import Game
from mamex_bench.model.hypotheses import (
    Hypotheses,
    LinearValueClass,
    ModelClass,
    ValueClass,
    linear_coefficients,
)
from mamex_bench.model.instance import Instance, realizable

# Of each squared-loss increment; 1 - exp(-u/2) >= MODEL_FREE_RATE * u on [0, 1].
MODEL_FREE_RATE = float(-np.expm1(-0.5))
MODEL_BASED_RATE = 2.0
COMPLETENESS_TOLERANCE = 1e-8


@dataclass(frozen=True, kw_only=True)
class Concentration(ABC):
    """The constants of one hypothesis class on one instance, for runs of at most K episodes.

    Attributes:
        c: rate, the factor in front of the accumulated discrepancy.
        R: every value of every hypothesis, and of the truth, lies in [0, R].
        return_range: R_true, no gap inside the policy class exceeds it.
        horizon, agents: H and n.
        episodes: K.
        kind: the theorem in use, in words.
    """

    c: float
    R: float
    return_range: float
    horizon: int
    agents: int
    episodes: int
    kind: str

    @abstractmethod
    def radii(self, delta: float) -> tuple[float, float]:
        """(U0, U1), for the agent with the largest sum; delta in (0, 1)."""

    @abstractmethod
    def expected_radii(self) -> tuple[float, float]:
        """(U0, U1) in expectation, for the agent with the largest sum."""

    def U(self, delta: float) -> float:
        """U0 + U1, but for probability delta."""
        return sum(self.radii(delta))

    @property
    def expected_U(self) -> float:
        """U0 + U1, in expectation."""
        return sum(self.expected_radii())

    def at(self, episodes: int) -> Self:
        """The same class for runs of another length."""
        return replace(self, episodes=positive_integer(episodes, "episodes"))

    def __str__(self) -> str:
        U0, U1 = self.expected_radii()
        return (
            f"{self.kind}: c = {self.c:.4g}, U0 + U1 = {U0:.4g} + {U1:.4g} in expectation, "
            f"{self.U(0.05):.4g} but for probability 0.05, at K = {self.episodes:,}"
        )


@dataclass(frozen=True, kw_only=True)
class ModelConcentration(Concentration):
    """Maximum likelihood over |F| models, truth among them.

    Attributes:
        size: |F|.
        steps: H', the steps at which the models are not all alike and which the loss does not
            ignore; the others say nothing.
    """

    size: int
    steps: int

    def radii(self, delta: float) -> tuple[float, float]:
        # U0 = 0,  U1 = 2 H' log(|F| / delta)
        return 0.0, 2.0 * self.steps * float(np.log(self.size / delta))

    def expected_radii(self) -> tuple[float, float]:
        # U0 = 0,  U1 = 2 H' log |F|
        return 0.0, 2.0 * self.steps * float(np.log(self.size))


@dataclass(frozen=True, kw_only=True)
class ValueConcentration(Concentration):
    """Squared Bellman error over finitely many action values, truth among them.

    Attributes:
        sizes: |F_i|, per agent.
        joint_policies: |Pi|.
        step_bounds: (n, H), B_h per agent.
        random_cells: (H,), state-action pairs that the policy class reaches and whose reward, or
            next state that matters, is random; elsewhere the truth's targets carry no noise.

    Steps that the loss ignores have step bounds, cells and norms of 0.
        ranks: (H,), ranks of the features; None for tabular completion.
        feature_norms: (H,), largest |phi_h|.
        truth_norms: (n, H), at least |theta*_h| for every joint policy.
        target_norms: (n, H), largest |theta(T_h f_{h+1})|.
        ridge: lambda.
    """

    sizes: tuple[int, ...]
    joint_policies: int
    step_bounds: Floats
    random_cells: Floats
    ranks: Floats | None = None
    feature_norms: Floats | None = None
    truth_norms: Floats | None = None
    target_norms: Floats | None = None
    ridge: float = 1.0

    def radii(self, delta: float) -> tuple[float, float]:
        # Half of delta for each of (i) and (ii), shared by the agents, steps and cells.
        n, H = self.agents, self.horizon
        cells = max(float(self.random_cells.sum()), 1.0)
        first = np.log(2 * n * (cells if self.ranks is None else H) / delta)
        return self._largest(float(first), float(np.log(2 * n / delta)))

    def expected_radii(self) -> tuple[float, float]:
        # U0: E X <= a + b when P(X > a + b t) <= exp(-t).  U1: E max log M <= log sum E M.
        return self._largest(1.0, 0.0)

    def _largest(self, first: float, second: float) -> tuple[float, float]:
        radii = [(self._U0(i, first), self._U1(i, second)) for i in range(self.agents)]
        return max(radii, key=sum)

    def _U0(self, i: int, log: float) -> float:
        B, M = self.step_bounds[i], self.joint_policies
        if self.ranks is None:
            # U0 = sum_h N_h (B_h^2 / 2) (log(2 K |Pi|) + log)
            tail = np.log(2 * self.episodes * M) + log
            return float((self.random_cells * B**2 / 2).sum() * tail)
        assert self.feature_norms is not None
        assert self.truth_norms is not None
        # log det(Lambda_h / lambda) <= r log(1 + K L^2 / (lambda r))
        r = np.maximum(self.ranks, 1.0)
        determinant = r * np.log1p(self.episodes * self.feature_norms**2 / (self.ridge * r))
        # U0 = sum_h [ (B_h/2) sqrt(log det + 2 log |Pi| + 2 log) + sqrt(lambda) |theta*_h| ]^2
        noise = (self.random_cells > 0) * B / 2 * np.sqrt(determinant + 2 * np.log(M) + 2 * log)
        return float(((noise + np.sqrt(self.ridge) * self.truth_norms[i]) ** 2).sum())

    def _U1(self, i: int, log: float) -> float:
        # U1 = sum_h B_h^2 (log(|F_i| |Pi|) + log) + lambda sum_h |theta(T_h f_{h+1})|^2
        count = np.log(self.sizes[i] * self.joint_policies) + log
        U1 = float((self.step_bounds[i] ** 2).sum() * count)
        if self.target_norms is None:
            return U1
        return U1 + float(self.ridge * (self.target_norms[i] ** 2).sum())


_cache: WeakKeyDictionary[Instance, dict[int, Concentration | NotApplicableError]] = (
    WeakKeyDictionary()
)


def concentration(
    instance: Instance, hypotheses: str | None = None, episodes: int = 1
) -> Concentration:
    """The constants of the named class (default: the instance's first).

    Raises NotApplicableError, with the reason, when the theorem's assumptions fail: the class does
    not hold the truth, the completion misses a target, or no radius is proved (linear classes).
    """
    classes = instance.hypothesis(hypotheses)
    known = _cache.setdefault(instance, {})
    if id(classes) not in known:
        try:
            known[id(classes)] = _build(instance, classes, hypotheses)
        except NotApplicableError as error:
            known[id(classes)] = error
    found = known[id(classes)]
    if isinstance(found, NotApplicableError):
        raise NotApplicableError(str(found))
    return found.at(episodes)


def _build(instance: Instance, classes: Hypotheses, name: str | None) -> Concentration:
    if isinstance(classes, LinearValueClass):
        raise NotApplicableError(
            "no explicit bound for the closed form over unconstrained linear values: its "
            "decoupling coefficient is infinite"
        )
    if not realizable(instance, name):
        held = "the true model" if isinstance(classes, ModelClass) else "Q of every joint policy"
        raise NotApplicableError(f"the hypothesis class does not hold {held}")
    game = instance.game
    R, R_true, H, n = instance.value_bound(name), instance.return_range, game.horizon, game.agents
    if isinstance(classes, ModelClass):
        return ModelConcentration(
            c=MODEL_BASED_RATE,
            R=R,
            return_range=R_true,
            horizon=H,
            agents=n,
            episodes=1,
            kind="maximum likelihood over finitely many models",
            size=classes.size,
            steps=_steps(game, classes),
        )
    heard = np.ones(H)
    heard[list(classes.ignored_steps)] = 0.0
    tabular = ValueConcentration(
        c=MODEL_FREE_RATE,
        R=R,
        return_range=R_true,
        horizon=H,
        agents=n,
        episodes=1,
        kind="squared Bellman error, tabular completion",
        sizes=classes.sizes,
        joint_policies=instance.policies.size,
        step_bounds=classes.step_bounds(game) * heard,
        random_cells=random_cells(instance) * heard,
    )
    if classes.features is None:
        return tabular
    features = classes.flat_features
    assert features is not None
    target_norms = _target_norms(instance, classes, features)
    truth_norms = np.zeros((n, H))
    first = game.layers.first
    for i, values in enumerate(classes.flat):
        # Every Q^{i,pi} is a member, so the largest norm of any member will do.
        theta = linear_coefficients(values, features, first)
        truth_norms[i] = np.linalg.norm(theta, axis=2).max(axis=0)
    spans = [phi.reshape(-1, phi.shape[2]) for phi in np.split(features, first[1:H])]
    return replace(
        tabular,
        kind="squared Bellman error, linear completion",
        ranks=np.array([float(np.linalg.matrix_rank(span)) for span in spans]),
        feature_norms=np.array([np.linalg.norm(span, axis=1).max() for span in spans]),
        truth_norms=truth_norms * heard,
        target_norms=target_norms * heard,
        ridge=classes.ridge,
    )


def _steps(game: Game, classes: ModelClass) -> int:
    """Number of layers in which models differ, of those that the loss does not ignore."""
    layers = game.layers
    varies = np.ptp(classes.probabilities, axis=0) > 0.0
    differs = np.logical_or.reduceat(varies, layers.rows[:-1])
    if classes.means is not None:
        differs |= (np.ptp(classes.means, axis=0) > 0.0).any(axis=0).reshape(-1)
    steps = np.logical_or.reduceat(differs, layers.first[: game.horizon] * layers.actions)
    steps[list(classes.ignored_steps)] = False
    return int(steps.sum())


def random_cells(instance: Instance) -> Floats:
    """(H,): pairs (s, a) reachable under the policy class whose target is random.

    That of the last step is the reward; at the others the next state may be random too. Rewards are
    if they are not known and their mean is neither 0 nor 1.
    """
    game, policies = instance.game, instance.policies
    layers, H = game.layers, game.horizon
    states = reachable_states(game).reshape(-1, 1)
    played = np.ones((states.size, 1), dtype=bool)
    for table, count in zip(np.split(policies.flat, policies.offsets[1:-1]), game.action_counts):
        own = np.zeros((states.size, count), dtype=bool)
        own[np.arange(states.size), table] = True
        played = (played[:, :, None] & own[:, None]).reshape(states.size, -1)
    noisy = (np.maximum.reduceat(game.probability, layers.rows[:-1]) < 1.0).reshape(played.shape)
    noisy[layers.first[H - 1] :] = False
    if game.random_rewards:
        noisy |= ((game.rewards > 0.0) & (game.rewards < 1.0)).any(axis=0)
    random = (states & played & noisy).sum(axis=1)
    cells: Floats = np.add.reduceat(random, layers.first[:H]).astype(np.float64)
    return cells


def _target_norms(instance: Instance, classes: ValueClass, features: Floats) -> Floats:
    """(n, H): largest |theta| of T_h^{i,pi} f_{h+1} over the class, of least norm.

    Checks completeness for every hypothesis and joint policy, and raises NotApplicableError when a
    target is farther than 1e-8 from the span of the features (N, A, d).
    """
    from scipy.sparse import csr_array

    game, policies = instance.game, instance.policies
    layers, H, A = game.layers, game.horizon, game.actions
    norms = np.zeros((game.agents, H))
    tables = np.stack([policies.joint_actions(game, m) for m in range(policies.size)])
    tables = tables.reshape(policies.size, -1)
    for h in range(H):
        here, after = (slice(layers.first[g], layers.first[g + 1]) for g in (h, h + 1))
        basis = features[here].reshape(-1, features.shape[2])
        inverse = np.linalg.pinv(basis)
        rows = layers.rows[here.start * A : here.stop * A + 1]
        entries = slice(rows[0], rows[-1])
        P = csr_array(
            (game.probability[entries], layers.following[entries] - after.start, rows - rows[0]),
            shape=(rows.size - 1, after.stop - after.start),
        )
        # After the last step nothing follows, whatever is played.
        plays = np.unique(tables[:, after], axis=0) if h + 1 < H else np.zeros((1, 1), dtype=int)
        for i, values in enumerate(classes.flat):
            reward = game.rewards[i, here].reshape(-1)
            for f in range(values.shape[0]):
                # v(s') = f_{h+1}(s', pi_{h+1}(s')), one column per distinct pi_{h+1}
                later = values[f, after] if h + 1 < H else np.zeros((P.shape[1], 1))
                v = later[np.arange(P.shape[1]), plays].T
                target = reward[:, None] + P @ v
                theta = inverse @ target
                residual = float(np.abs(basis @ theta - target).max())
                if residual > COMPLETENESS_TOLERANCE:
                    raise NotApplicableError(
                        f"the linear completion is not complete: a target of agent {i} at step "
                        f"{h} is {residual:.3g} away from the features' span"
                    )
                norms[i, h] = max(norms[i, h], float(np.linalg.norm(theta, axis=0).max()))
    return norms
