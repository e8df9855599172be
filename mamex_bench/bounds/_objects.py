"""Regret bounds of MAMEX as objects, and what they need of a decoupling bracket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mamex_bench.model._arrays import Floats, Ints
from mamex_bench.words import html_table


class Coefficient(Protocol):
    """What a bound needs of a decoupling bracket."""

    @property
    def upper(self) -> float:
        """Certified upper end of d(K)."""

    def upper_value(self, mu: float, episodes: int | None = None) -> float:
        """V_up(mu) >= V(mu) for every agent and sequences of at most that many episodes."""

    def upper_value_curve(self, mu: float, lengths: Any) -> Floats:
        """V_up(mu) for each length."""


@dataclass(frozen=True)
class RegretBounds:
    """Bounds on the regret of MAMEX over K episodes.

    Attributes:
        concept: "nash", "ce" or "cce"; the bounds are alike.
        episodes: K.
        agents: n.
        eta: of the learner.
        explicit: on E Reg_i(K), for each agent; n times it, on the signed sum over agents. NaN
            when not applicable.
        explicit_probability: on every Reg_i(K) at once, but for `failure_probability`.
        failure_probability: 2 delta, for the delta asked for.
        paper_shape: on the signed sum over agents: leading order, constant 1; no claim at finite K.
        trivial: R_true K, for each agent.
        nonvacuous_from: K from which the explicit bound, eta tuned to each K, is below the
            trivial one; None when beyond 1e12.
        terms: the parts of `explicit`, which it is the sum of.
        note: why a bound is NaN, or "".
    """

    concept: str
    episodes: int
    agents: int
    eta: float
    explicit: float
    explicit_probability: float
    failure_probability: float
    paper_shape: float
    trivial: float
    nonvacuous_from: float | None
    terms: dict[str, float]
    note: str

    @property
    def applicable(self) -> bool:
        return not self.note

    @property
    def vacuous(self) -> bool:
        """Whether the explicit bound in expectation says no more than the trivial one."""
        return self.applicable and self.explicit >= self.trivial

    def __repr__(self) -> str:
        if not self.applicable:
            body = f"explicit not applicable: {self.note}"
        else:
            state = ", vacuous" if self.vacuous else ""
            body = (
                f"per agent: {self.explicit:.4g} in expectation{state}, "
                f"{self.explicit_probability:.4g} but for probability {self.failure_probability:g}"
            )
        head = f"RegretBounds({self.concept}, K={self.episodes:,}, eta={self.eta:.4g}"
        tail = f"paper-shape for {self.agents} agents {self.paper_shape:.4g}"
        return f"{head}; {body}; trivial {self.trivial:.4g}; {tail})"

    def _repr_html_(self) -> str:
        least = "beyond 10¹²" if self.nonvacuous_from is None else f"{self.nonvacuous_from:,.0f}"
        rows = {
            "η": f"{self.eta:.6g}",
            "explicit, on each agent's mean": f"{self.explicit:.6g}",
            f"explicit, but for probability {self.failure_probability:g}": (
                f"{self.explicit_probability:.6g}"
            ),
            "trivial, each agent": f"{self.trivial:.6g}",
            "paper shape, all agents (not a bound)": f"{self.paper_shape:.6g}",
            "informative from K =": least,
            **({"note": self.note} if self.note else {}),
        }
        return html_table(f"Regret bounds, {self.concept}, K = {self.episodes:,}", rows)


@dataclass(frozen=True, eq=False)
class RegretCurve:
    """The bounds of `RegretBounds` along a run: arrays over checkpoints, for one eta.

    Attributes:
        checkpoints: (P,) episodes.
        explicit, explicit_probability, trivial: (P,) per agent.
        paper_shape: (P,) for the sum over agents.
        agents, eta, failure_probability, nonvacuous_from, note: as in `RegretBounds`.
    """

    checkpoints: Ints
    agents: int
    eta: float
    explicit: Floats
    explicit_probability: Floats
    paper_shape: Floats
    trivial: Floats
    failure_probability: float
    nonvacuous_from: float | None
    note: str

    def __repr__(self) -> str:
        return (
            f"RegretCurve(K={int(self.checkpoints[-1]):,}, eta={self.eta:.4g}, per agent "
            f"{self.explicit[-1]:.4g}, trivial {self.trivial[-1]:.4g})"
        )

    def _repr_html_(self) -> str:
        shown = np.unique(np.linspace(0, self.checkpoints.size - 1, 6).round().astype(int))
        rows = {
            f"K = {self.checkpoints[k]:,}": (
                f"{self.explicit[k]:.6g}, trivial {self.trivial[k]:.6g}"
            )
            for k in shown
        }
        return html_table(f"Explicit bound per agent, η = {self.eta:.6g}", rows)
