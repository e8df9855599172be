"""The interval around the multi-agent decoupling coefficient, with both certificates.

d(K) is the least d such that for all agents i, mu > 0 and sequences of at most K pairs (f_k, pi_k)

    sum_k e(f_k, pi_k) <= (1/mu) sum_k sum_{s<k} D(pi_s; f_k, pi_k) + mu d + 6 d H ,

hence d(K) = sup over i and mu of V(mu) / (mu + 6 H), V(mu) the supremum over sequences of the left
side minus the double sum over mu. (The burn-in constant 6 is a parameter.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mamex_bench.complexity import _lower, _potential, _upper
from mamex_bench.complexity._discrepancy import Discrepancy, discrepancies
from mamex_bench.complexity._lower import Witness
from mamex_bench.complexity._potential import Potential
from mamex_bench.complexity._upper import Partition
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, frozen, positive_integer
from mamex_bench.model.instance import Instance

GRID_POINTS = 25


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

    @property
    def certificates(self) -> tuple[Partition | Potential, ...]:
        """All that bounds V(mu)."""
        return (*self.partitions, *self.potentials)

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
        arrays: dict[str, np.ndarray] = {}
        header: dict[str, Any] = {
            "instance": self.instance,
            "hypotheses": self.hypotheses,
            "episodes": self.episodes,
            "horizon": self.horizon,
            "burn_in": self.burn_in,
            "agents": [],
        }
        for i, agent in enumerate(self.agents):
            w = agent.witness
            arrays[f"witness{i}"] = np.stack([w.hypotheses, w.policies, w.counts])
            arrays[f"grid{i}"] = agent.grid
            for j, part in enumerate(agent.partitions):
                arrays[f"labels{i}.{j}"] = part.labels
                arrays[f"lines{i}.{j}"] = np.stack([part.height, part.slope])
                arrays[f"offsets{i}.{j}"] = part.offsets
            for j, each in enumerate(agent.potentials):
                arrays[f"groups{i}.{j}"] = each.labels
                arrays[f"factors{i}.{j}"] = each.factors
                arrays[f"tops{i}.{j}"] = each.tops
            free = agent.free_witness
            if free is not None:
                arrays[f"free_witness{i}"] = np.stack([free.hypotheses, free.policies, free.counts])
            arrays[f"free_grid{i}"] = agent.free_grid
            header["agents"].append(
                {
                    "lower": agent.lower,
                    "upper": agent.upper,
                    "mu": w.mu,
                    "partitions": len(agent.partitions),
                    "largest_error": agent.largest_error,
                    "method": agent.method,
                    "unseen": agent.unseen,
                    "potentials": [[each.levy, each.idle] for each in agent.potentials],
                    "free": [_number(end) for end in agent.free],
                    "free_mu": None if free is None else free.mu,
                }
            )
        return header, arrays

    @classmethod
    def from_arrays(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Bracket:
        """The inverse of `to_arrays`."""
        agents = []
        for i, entry in enumerate(header["agents"]):
            f, pi, counts = (frozen(row.copy()) for row in arrays[f"witness{i}"])
            witness = Witness(f, pi, counts, entry["mu"], entry["lower"])
            partitions = tuple(
                Partition(
                    frozen(arrays[f"labels{i}.{j}"].copy()),
                    frozen(arrays[f"lines{i}.{j}"][0].copy()),
                    frozen(arrays[f"lines{i}.{j}"][1].copy()),
                    frozen(arrays[f"offsets{i}.{j}"].copy()),
                )
                for j in range(entry["partitions"])
            )
            unseen = entry["unseen"]
            # Brackets that were stored before these existed lack them.
            potentials = tuple(
                Potential(
                    frozen(arrays[f"groups{i}.{j}"].copy()),
                    frozen(arrays[f"factors{i}.{j}"].copy()),
                    frozen(arrays[f"tops{i}.{j}"].copy()),
                    idle,
                    levy,
                )
                for j, (levy, idle) in enumerate(entry.get("potentials", ()))
            )
            low, high = (float(end) for end in entry.get("free", (entry["lower"], "inf")))
            free = None
            if entry.get("free_mu") is not None:
                f, pi, counts = (frozen(row.copy()) for row in arrays[f"free_witness{i}"])
                free = Witness(f, pi, counts, entry["free_mu"], low)
            agents.append(
                AgentBracket(
                    entry["lower"],
                    entry["upper"],
                    witness,
                    partitions,
                    frozen(arrays[f"grid{i}"].copy()),
                    entry["largest_error"],
                    entry["method"],
                    None if unseen is None else (int(unseen[0]), int(unseen[1])),
                    potentials,
                    (low, high),
                    free,
                    frozen(arrays.get(f"free_grid{i}", np.empty(0)).copy()),
                )
            )
        return cls(
            header["instance"],
            header["hypotheses"],
            header["episodes"],
            header["horizon"],
            header["burn_in"],
            tuple(agents),
        )

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
) -> Bracket:
    """Bracket the multi-agent decoupling coefficient d(K), K = episodes.

    The discrepancy follows the hypotheses: Hellinger for models, squared Bellman residuals for
    action values. Raises NotApplicableError for a misspecified class of models and for an unbounded
    linear class, InputError for K < 1.
    """
    length = positive_integer(episodes, "episodes")
    if not burn_in > 0.0 or not np.isfinite(burn_in):
        raise InputError(f"burn_in is {burn_in!r}: expected a positive number")
    instance.hypothesis(hypotheses)
    name = next(iter(instance.hypotheses)) if hypotheses is None else hypotheses
    H = instance.game.horizon
    agents = tuple(
        bracket_agent(each, length, H, burn_in) for each in discrepancies(instance, name)
    )
    return Bracket(instance.name, name, length, H, float(burn_in), agents)


def bracket_agent(
    discrepancy: Discrepancy, episodes: int, horizon: int, burn_in: float
) -> AgentBracket:
    """One agent's interval."""
    # Rounding that its own policy does not reveal is no error.
    noise = (discrepancy.own == 0.0) & (discrepancy.errors > 0.0)
    noise &= discrepancy.errors <= _potential.ROUNDING
    if noise.any():
        discrepancy = replace(discrepancy, errors=np.where(noise, 0.0, discrepancy.errors))
    burn = burn_in * horizon
    grid = horizon * np.geomspace(0.06, 600.0, GRID_POINTS)
    witness = _lower.search(discrepancy, grid, episodes, burn)
    partitions = _upper.partitions(discrepancy, grid, episodes, burn)
    potentials = _potential.potentials(discrepancy, partitions, witness, grid, episodes, burn)
    largest = max(float(discrepancy.errors.max()), 0.0)
    upper, method, used = _upper.coefficient(partitions, grid, episodes, burn, potentials)
    crude = episodes * largest / burn
    if crude < upper:
        upper, method = crude, "K E / (6 H)"
    unseen = _unseen(discrepancy)
    free, free_witness, free_grid = (np.inf, np.inf), None, frozen(np.empty(0))
    if unseen is None:
        free_witness = _lower.unlimited(discrepancy, witness, grid, episodes, burn)
        most, _, free_grid = _upper.coefficient(partitions, grid, np.inf, burn, potentials)
        free = free_witness.value, most
    return AgentBracket(
        witness.value,
        upper,
        witness,
        partitions,
        used,
        largest,
        method,
        unseen,
        potentials,
        free,
        free_witness,
        free_grid,
    )


def _unseen(discrepancy: Discrepancy) -> tuple[int, int] | None:
    """The pair (f, pi) of largest error that its own policy never reveals; rounding is no error."""
    errors = np.where(discrepancy.own == 0.0, discrepancy.errors, 0.0)
    policy, hypothesis = np.unravel_index(int(errors.argmax()), errors.shape)
    if errors[policy, hypothesis] <= _potential.ROUNDING:
        return None
    return int(hypothesis), int(policy)


def _number(value: float) -> float | str:
    """JSON has no infinity."""
    return float(value) if np.isfinite(value) else "inf"
