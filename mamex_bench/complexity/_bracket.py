"""The interval around the multi-agent decoupling coefficient, with both certificates.

d(K) is the least d such that for all agents i, mu > 0 and sequences of at most K pairs (f_k, pi_k)

    sum_k e(f_k, pi_k) <= (1/mu) sum_k sum_{s<k} D(pi_s; f_k, pi_k) + mu d + 6 d H ,

hence d(K) = sup over i and mu of V(mu) / (mu + 6 H), V(mu) the supremum over sequences of the left
side minus the double sum over mu. (The burn-in constant 6 is a parameter.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.complexity import (
    _counts,
    _exchange,
    _lower,
    _potential,
    _potential_search,
    _spans,
    _steps,
    _thinning,
    _upper,
)
from mamex_bench.complexity._counts import Counts
from mamex_bench.complexity._discrepancy import Discrepancy, discrepancies
from mamex_bench.complexity._lower import Witness
from mamex_bench.complexity._potential import Potential
from mamex_bench.complexity._spans import Span
from mamex_bench.complexity._steps import Steps
from mamex_bench.complexity._upper import Partition
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, frozen, positive_integer
from mamex_bench.model.instance import Instance

GRID_POINTS = 25
# Ends this far apart are worth a look at how policies overlap.
WIDE = 1.05


@dataclass(frozen=True, eq=False)
class AgentBracket:
    """One agent's interval.

    Attributes:
        lower, upper: the ends.
        witness: the sequence behind the lower end.
        partitions: the clusterings behind the upper end.
        potentials: groups of pairs under a kernel, behind it too.
        grid: the mu of the chord rule.
        largest_error: E, the largest e(f, pi).
        method: what gave the upper end.
        unseen: a pair (f, pi) with e > 0 that its own policy never reveals, or None.
        free: ends of the coefficient without K, the supremum over K; both `inf` with `unseen`.
        free_witness: the sequence behind the lower of them; None with `unseen`.
        free_grid: the mu of the chord rule for the upper of them.
        replaced: (M, F), pi' F + f' of the pair that replaces each pair of positive error, itself
            where it is kept, -1 for the others; None when all are kept. Partitions and potentials
            speak of the pairs that are kept.
        counts: V(mu) at some mu by going through vectors of counts, or None.
        spans: what the policies' overlap says, where that lowers the upper end.
        steps: what the steps of the game say, each by itself, where that does.
    """

    lower: float
    upper: float
    witness: Witness
    partitions: tuple[Partition, ...]
    grid: Floats
    largest_error: float
    method: str
    unseen: tuple[int, int] | None
    potentials: tuple[Potential, ...] = ()
    free: tuple[float, float] = (0.0, np.inf)
    free_witness: Witness | None = None
    free_grid: Floats = field(default_factory=lambda: frozen(np.empty(0)))
    replaced: Ints | None = None
    counts: Counts | None = None
    spans: tuple[Span, ...] = ()
    steps: Steps | None = None

    @property
    def certificates(self) -> tuple[_upper.Certificate, ...]:
        """All that bounds V(mu)."""
        more = (each for each in (self.steps, self.counts) if each is not None)
        return (*self.partitions, *self.potentials, *self.spans, *more)

    def upper_value(self, mu: float, episodes: int) -> float:
        """Certified upper bound of V(mu) for sequences of at most `episodes` pairs."""
        crude = episodes * self.largest_error
        return min(crude, _upper.value(self.certificates, mu, episodes))


@dataclass(frozen=True, eq=False, repr=False)
class Bracket:
    """An interval that holds the decoupling coefficient d(K), each end with its certificate.

    Attributes:
        instance: name of the instance.
        hypotheses: name of the hypothesis class; it decides the discrepancy.
        episodes: K, the greatest length of a sequence.
        horizon: H.
        burn_in: the constant 6 of the definition.
        agents: one interval per agent.
    """

    instance: str
    hypotheses: str
    episodes: int
    horizon: int
    burn_in: float
    agents: tuple[AgentBracket, ...]

    @property
    def lower(self) -> float:
        """Lower end of the coefficient, the largest over agents."""
        return max(agent.lower for agent in self.agents)

    @property
    def upper(self) -> float:
        """Upper end of the coefficient, the largest over agents."""
        return max(agent.upper for agent in self.agents)

    @property
    def per_agent(self) -> list[tuple[float, float]]:
        """(lower, upper) of each agent."""
        return [(agent.lower, agent.upper) for agent in self.agents]

    @property
    def witness(self) -> tuple[int, Witness]:
        """(agent, sequence) behind the lower end."""
        i = int(np.argmax([agent.lower for agent in self.agents]))
        return i, self.agents[i].witness

    @property
    def k_free(self) -> tuple[float, float]:
        """(lower, upper) of the supremum over K of the coefficient; `inf` if `unbounded`."""
        return (
            max(agent.free[0] for agent in self.agents),
            max(agent.free[1] for agent in self.agents),
        )

    @property
    def method(self) -> str:
        """What gave the upper end."""
        i = int(np.argmax([agent.upper for agent in self.agents]))
        return self.agents[i].method

    @property
    def unbounded(self) -> tuple[int, int, int] | None:
        """(agent, f, pi) with e > 0 and D(pi; f, pi) = 0: then d(K) grows as K e / (6 H)."""
        for i, agent in enumerate(self.agents):
            if agent.unseen is not None:
                return (i, *agent.unseen)
        return None

    def upper_value(self, mu: float, episodes: int | None = None) -> float:
        """Certified upper bound of V(mu), the largest over agents.

        mu: positive. episodes: greatest length of a sequence; K when None. Any length will do:
        what certifies V_up holds for all of them.
        """
        if not mu > 0.0 or not np.isfinite(mu):
            raise InputError(f"mu is {mu!r}: expected a positive number")
        length = self.episodes if episodes is None else positive_integer(episodes, "episodes")
        return max(agent.upper_value(mu, length) for agent in self.agents)

    def upper_value_curve(self, mu: float, lengths: ArrayLike) -> Floats:
        """`upper_value` at each of `lengths`, (P,)."""
        return np.array([self.upper_value(mu, int(k)) for k in np.asarray(lengths).ravel()])

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """(header that JSON can hold, arrays by name): everything, certificates included."""
        from mamex_bench.complexity._bracket_storage import pack

        return pack(self)

    @classmethod
    def from_arrays(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Bracket:
        """The inverse of `to_arrays`."""
        from mamex_bench.complexity._bracket_storage import unpack

        return unpack(header, arrays)

    def plot(self, ax: Any = None) -> Any:
        """V_up(mu) / (mu + 6 H) against mu, and the interval; returns the axes."""
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        burn = self.burn_in * self.horizon
        mus = np.geomspace(self.horizon * 0.06, self.horizon * 600.0, 60)
        curve = [self.upper_value(float(mu)) / (mu + burn) for mu in mus]
        ax.plot(mus, curve, color="C0", label="certified, at each mu")
        ax.axhspan(self.lower, self.upper, color="C1", alpha=0.2, lw=0.0, label="interval")
        agent, witness = self.witness
        if witness.mu > 0.0:
            label = f"witness, {witness.length:,} pairs, agent {agent}"
            ax.plot([witness.mu], [self.lower], "o", color="C1", label=label)
        ax.set_xscale("log")
        ax.set_ylim(bottom=0.0)
        ax.set_xlabel("mu")
        ax.set_ylabel("V(mu) / (mu + burn-in)")
        ax.set_title(f"Decoupling coefficient of {self.instance}, K = {self.episodes:,}")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        return (
            f"Bracket({self.lower:.6g} <= d({self.episodes:,}) <= {self.upper:.6g} on "
            f"{self.instance!r}, hypotheses {self.hypotheses!r}; upper end: {self.method})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>agent {i}</th><td>{a.lower:.6g}</td><td>{a.upper:.6g}</td>"
            f"<td>{a.witness.length:,} pairs at mu = {a.witness.mu:.4g}</td>"
            f"<td>{a.method}</td></tr>"
            for i, a in enumerate(self.agents)
        )
        return (
            f"<table><caption>Decoupling coefficient of {self.instance}, K = {self.episodes:,}"
            "</caption><tr><th></th><th>lower</th><th>upper</th><th>witness</th>"
            f"<th>upper end by</th></tr>{rows}</table>"
        )


def decoupling(
    instance: Instance,
    episodes: int,
    hypotheses: str | None = None,
    burn_in: float = 6.0,
    exact: bool = False,
) -> Bracket:
    """Bracket the multi-agent decoupling coefficient d(K), K = episodes.

    The discrepancy follows the hypotheses: Hellinger for models, squared Bellman residuals for
    action values. exact: ends within 1 %, by going through vectors of counts where the interval is
    wider: all of them by dynamic programming, or with bounds that close most of them (K <= 200).

    Raises NotApplicableError for a misspecified class of models, for an unbounded linear class and
    for one too large for the exact method, InputError for K < 1.
    """
    length = positive_integer(episodes, "episodes")
    if not burn_in > 0.0 or not np.isfinite(burn_in):
        raise InputError(f"burn_in is {burn_in!r}: expected a positive number")
    instance.hypothesis(hypotheses)
    name = next(iter(instance.hypotheses)) if hypotheses is None else hypotheses
    H = instance.game.horizon
    agents = tuple(
        bracket_agent(
            each,
            length,
            H,
            burn_in,
            exact,
            partial(_steps.steps, instance, i, name, each.errors > 0.0),
            partial(_spans.spans, instance, i, name, each.errors > 0.0),
        )
        for i, each in enumerate(discrepancies(instance, name))
    )
    return Bracket(instance.name, name, length, H, float(burn_in), agents)


def bracket_agent(
    discrepancy: Discrepancy,
    episodes: int,
    horizon: int,
    burn_in: float,
    exact: bool = False,
    apart: Callable[[Ints | None, Floats, int, float], Steps | None] | None = None,
    overlap: Callable[[Ints | None], tuple[Span, ...]] | None = None,
) -> AgentBracket:
    """One agent's interval; `apart` and `overlap` are asked for certificates while it is wide."""
    # Rounding that its own policy does not reveal is no error.
    noise = (discrepancy.own == 0.0) & (discrepancy.errors > 0.0)
    noise &= discrepancy.errors <= _potential.ROUNDING
    if noise.any():
        discrepancy = replace(discrepancy, errors=np.where(noise, 0.0, discrepancy.errors))
    thinned = _thinning.thin(discrepancy)
    rest = thinned.discrepancy
    burn = burn_in * horizon
    grid = horizon * np.geomspace(0.06, 600.0, GRID_POINTS)
    witness = _exchange.search(rest, grid, episodes, burn)
    partitions = _upper.partitions(rest, grid, episodes, burn)
    upper, method, used = _upper.coefficient(partitions, grid, episodes, burn)
    steps = None
    if apart is not None and upper > WIDE * witness.value:
        steps = apart(thinned.replaced, grid, episodes, burn)
    others: tuple[_upper.Certificate, ...] = () if steps is None else (steps,)
    known = (*partitions, *others)
    potentials = _potential_search.potentials(rest, known, witness, grid, episodes, burn)
    others = (*potentials, *others)
    largest = max(float(rest.errors.max()), 0.0)
    upper, method, used = _upper.coefficient(partitions, grid, episodes, burn, others)
    spans: list[Span] = []
    if overlap is not None and upper > WIDE * witness.value:
        for each in overlap(thinned.replaced):
            ends = _upper.coefficient(partitions, grid, episodes, burn, (*others, each))
            if ends[0] < upper:
                upper, method, used = ends
                spans.append(each)
                others = (*others, each)
    counts = None
    if exact or not upper <= _counts.CLOSE * witness.value:
        every = (*partitions, *others)
        counts, witness = _counts.search(rest, witness, every, grid, episodes, burn, exact)
    if counts is not None:
        mus = np.unique(np.concatenate([grid, counts.mus]))
        ends = _upper.coefficient(partitions, mus, episodes, burn, (*others, counts))
        if ends[0] < upper:
            upper, method, used = ends
        else:
            counts = None
    crude = episodes * largest / burn
    if crude < upper:
        upper, method = crude, "K E / (6 H)"
    unseen = _unseen(rest)
    free, free_witness, free_grid = (np.inf, np.inf), None, frozen(np.empty(0))
    if unseen is None:
        free_witness = _lower.unlimited(rest, witness, grid, episodes, burn)
        lasting: list[_upper.Certificate] = [*potentials, *([] if steps is None else [steps])]
        most, _, free_grid = _upper.coefficient(partitions, grid, np.inf, burn, lasting)
        free = free_witness.value, most
        free_witness = thinned.witness(free_witness)
    else:
        unseen = int(thinned.hypotheses[unseen[0]]), int(thinned.policies[unseen[1]])
    return AgentBracket(
        witness.value,
        upper,
        thinned.witness(witness),
        tuple(replace(part, labels=thinned.clusters(part.labels)) for part in partitions),
        used,
        largest,
        method,
        unseen,
        tuple(replace(each, labels=thinned.groups(each.labels)) for each in potentials),
        free,
        free_witness,
        free_grid,
        thinned.replaced,
        counts,
        tuple(spans),
        steps,
    )


def _unseen(discrepancy: Discrepancy) -> tuple[int, int] | None:
    """The pair (f, pi) of largest error that its own policy never reveals; rounding is no error."""
    errors = np.where(discrepancy.own == 0.0, discrepancy.errors, 0.0)
    policy, hypothesis = np.unravel_index(int(errors.argmax()), errors.shape)
    if errors[policy, hypothesis] <= _potential.ROUNDING:
        return None
    return int(hypothesis), int(policy)
