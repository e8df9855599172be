"""An instance: a game, its policy classes, hypotheses about it, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, frozen
from mamex_bench.model.all_policies import AllPolicies
from mamex_bench.model.evaluation import checked_payoffs, payoffs, policy_action_values
from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.hypotheses import Hypotheses, ModelClass, ValueClass
from mamex_bench.model.policies import PurePolicies
from mamex_bench.words import html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Known:
    """A number that is known of an instance in advance, and why.

    Attributes:
        value: the number.
        source: the citation, or "proved in the docstring of <family>".
    """

    value: float
    source: str


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Instance:
    """What a learner is set to work on.

    Attributes:
        game: the true game.
        policies: one finite class of pure policies per agent.
        hypotheses: named hypothesis classes, the first the default; may be empty.
        name: what reports call it.
        known: constants known in advance, by name.
    """

    game: Game
    policies: PurePolicies
    hypotheses: Mapping[str, Hypotheses]
    name: str
    known: Mapping[str, Known] = field(default_factory=dict)

    def __init__(
        self,
        game: Game,
        policies: PurePolicies,
        hypotheses: Hypotheses | Mapping[str, Hypotheses] | None = None,
        name: str = "instance",
        known: Mapping[str, Known] | None = None,
    ) -> None:
        if hypotheses is None:
            classes: dict[str, Hypotheses] = {}
        elif isinstance(hypotheses, Mapping):
            classes = dict(hypotheses)
        else:
            classes = {default_name(hypotheses): hypotheses}
        policies.check(game)
        for each in classes.values():
            each.check(game)
        set_ = object.__setattr__
        set_(self, "game", game)
        set_(self, "policies", policies)
        set_(self, "hypotheses", classes)
        set_(self, "name", name)
        set_(self, "known", dict(known or {}))

    def hypothesis(self, name: str | None = None) -> Hypotheses:
        """The named class, or the first; raises InputError that lists the names there are."""
        if not self.hypotheses:
            raise InputError(f"instance {self.name!r} has no hypotheses: give it a class")
        if name is None:
            return next(iter(self.hypotheses.values()))
        if name not in self.hypotheses:
            raise InputError(
                f"instance {self.name!r} has no hypotheses {name!r}: "
                f"choose one of {', '.join(self.hypotheses)}"
            )
        return self.hypotheses[name]

    @property
    def dense(self) -> MarkovGame:
        """The game, where tables over (H, S) are needed; InputError for a layered one."""
        if not isinstance(self.game, MarkovGame):
            raise InputError(f"instance {self.name!r} has a {self.game!r}: expected a MarkovGame")
        return self.game

    @cached_property
    def payoffs(self) -> Floats:
        """(n, m_0, ..., m_{n-1}): true values of every joint pure policy."""
        return frozen(payoffs(self.game, self.policies))

    @cached_property
    def all_policies(self) -> AllPolicies:
        """Every policy of each agent, as deviations from profiles of the class."""
        return AllPolicies(self.game, self.policies, self.payoffs)

    @cached_property
    def return_range(self) -> float:
        """R_true: no gap inside the class exceeds it; max_i (max U_i - min U_i)."""
        U = self.payoffs.reshape(self.game.agents, -1)
        return float((U.max(axis=1) - U.min(axis=1)).max())

    def value_bound(self, name: str | None = None) -> float:
        """R: every value of every hypothesis, and of the truth, lies in [0, R].

        Model classes: the largest value of any joint policy, agent, step, state and model; where
        rewards are random, of r + V_{h+1}(s') too. Value classes: the largest of these for the
        truth and of the hypotheses' own entries.
        """
        classes = self.hypothesis(name)
        bound = self.game.largest_value(self.game.probability[None])
        if isinstance(classes, ModelClass):
            return max(bound, self.game.largest_value(classes.probabilities, classes.means))
        if isinstance(classes, ValueClass):
            return max(bound, *(float(values.max()) for values in classes.per_agent))
        return bound

    def model_payoffs(self, name: str | None = None) -> Floats:
        """(F, n, M): values of every joint pure policy under every model; cached per class."""
        classes = self.hypothesis(name)
        if not isinstance(classes, ModelClass):
            raise InputError(f"hypotheses {name!r} of {self.name!r} are not a class of models")
        cache = self._payoff_cache
        if id(classes) not in cache:
            models = classes.probabilities, classes.means
            values = checked_payoffs(self.game, self.policies, *models)
            cache[id(classes)] = frozen(values)
        return cache[id(classes)]

    @cached_property
    def _payoff_cache(self) -> dict[int, Floats]:
        return {}

    def __repr__(self) -> str:
        parts = ", ".join(f"{k}: {v!r}" for k, v in self.hypotheses.items()) or "no hypotheses"
        return f"Instance({self.name!r}, {self.game!r}, {self.policies!r}, {parts})"

    def _repr_html_(self) -> str:
        game = self.game
        rows = {
            "agents": f"{game.agents}",
            "states": f"{' × '.join(map(str, game.table_shape))}, horizon {game.horizon}",
            "actions": " × ".join(map(str, game.action_counts)),
            "pure policies": " × ".join(map(str, self.policies.counts)),
            **{f"hypotheses “{k}”": repr(v) for k, v in self.hypotheses.items()},
            **{k: f"{v.value:.6g} ({v.source})" for k, v in self.known.items()},
        }
        return html_table(self.name, rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """True welfare of every joint pure policy: a heat map for two agents, else sorted.

        The largest entries are what the agents could reach together; equilibria may lie elsewhere.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots()[1]
        welfare = self.payoffs.sum(axis=0)
        if self.game.agents == 2:
            image = ax.imshow(welfare, cmap="cividis", aspect="auto")
            ax.figure.colorbar(image, ax=ax, label="sum of returns")
            ax.set_xlabel("policy of agent 1")
            ax.set_ylabel("policy of agent 0")
        else:
            ax.plot(np.sort(welfare, axis=None)[::-1])
            ax.set_xlabel("joint pure policy, best first")
            ax.set_ylabel("sum of returns")
        ax.set_title(self.name)
        return ax


def default_name(hypotheses: Hypotheses) -> str:
    """The name under which a single class is filed."""
    if isinstance(hypotheses, ModelClass):
        return "models"
    return "values" if isinstance(hypotheses, ValueClass) else "linear"


def realizable(instance: Instance, name: str | None = None, tolerance: float = 1e-9) -> bool:
    """Whether the class holds the truth.

    Model classes: the true model is a member. Value classes: for every agent and every joint
    pure policy pi, Q^{i,pi} is a member (theory: deviations included).
    """
    classes = instance.hypothesis(name)
    game, policies = instance.game, instance.policies
    if isinstance(classes, ModelClass):
        return classes.truth is not None
    if not isinstance(classes, ValueClass):
        raise InputError("realizability of a linear class is a matter of its radius, not of a list")
    for index in range(policies.size):
        Q = policy_action_values(game, policies.joint_actions(game, index))
        for i, values in enumerate(classes.per_agent):
            distance = np.abs(values - Q[i]).reshape(len(values), -1).max(axis=1)
            if distance.min() > tolerance:
                return False
    return True
