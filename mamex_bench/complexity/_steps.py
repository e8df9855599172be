"""Upper end for models: every step of the game by itself.

Errors and losses are sums over steps, e = sum_h e_h and D = sum_h D_h with

    e_h(f, pi) = E_pi [(P_f - P*) V_f^pi](s_h, a_h),      D_h(q; f) = E_q D_H^2(P_f, P*)(s_h, a_h),

so V(mu) <= sum_h V_h(mu), V_h that of the pairs with e_h and D_h alone. Many pairs are alike at one
step, so few are left there once those go that others replace; and where hypotheses and policies
combine steps freely, little is lost. Proof: theory/decoupling_bracket.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mamex_bench.complexity import _exchange, _potential_search, _thinning, _upper
from mamex_bench.complexity._discrepancy import ModelDiscrepancy, occupancies
from mamex_bench.complexity._potential import ROUNDING, Potential
from mamex_bench.complexity._upper import Partition
from mamex_bench.kernels import decoupling as loss_kernel
from mamex_bench.kernels import decoupling_steps as kernel
from mamex_bench.model._arrays import Flags, Floats, Ints
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance

# Multiply-adds behind the errors, numbers in the tables of all steps.
WORK_LIMIT = 1e9
NUMBER_LIMIT = 20_000_000
# Pairs above which comparing those of every step would take longer than all the rest.
MOST_PAIRS = 10_000
# What the pairs of all steps may be, as a share of those of the game.
ALIKE = 0.5


@dataclass(frozen=True, eq=False)
class Step:
    """What bounds V_h(mu) at one step.

    Attributes:
        partitions, potentials, replaced: as in `AgentBracket`, for e_h and D_h.
        largest: the largest e_h.
    """

    partitions: tuple[Partition, ...]
    potentials: tuple[Potential, ...]
    replaced: Ints | None
    largest: float

    def value(self, mu: float, episodes: float) -> float:
        """Certified upper bound of V_h(mu) over sequences of at most `episodes` pairs."""
        crude = episodes * self.largest
        return min(crude, _upper.value((*self.partitions, *self.potentials), mu, episodes))


@dataclass(frozen=True, eq=False)
class Steps:
    """A certificate: one bound per step, None where no pair has a positive e_h."""

    parts: tuple[Step | None, ...]
    name = "steps by themselves"

    def value(self, mu: float, episodes: float) -> float:
        """Certified upper bound of V(mu) over sequences of at most `episodes` pairs."""
        return sum(part.value(mu, episodes) for part in self.parts if part is not None)


def step_discrepancies(
    instance: Instance, agent: int, name: str, kept: Flags
) -> list[ModelDiscrepancy]:
    """e_h and D_h of every step, errors 0 but at the pairs that are kept; none where not for use.

    That is for classes of action values, models with rewards of their own, losses that leave a step
    out, games of one step, and tables that are too large. kept (M, F).
    """
    classes, game = instance.hypothesis(name), instance.game
    if not isinstance(classes, ModelClass) or classes.means is not None or classes.ignored_steps:
        return []
    M, F, H = instance.policies.size, classes.size, game.horizon
    P, layers = classes.probabilities, game.layers
    if M * F * P.shape[1] / game.actions > WORK_LIMIT or H * M * F > NUMBER_LIMIT or H == 1:
        return []
    visits, cells = occupancies(instance)
    truth, reward = P[classes.truth], game.rewards[agent].ravel()
    errors = np.empty((H, M, F))
    kernel.step_errors(layers, truth, P, reward, visits, cells, kept, errors)
    errors[errors <= ROUNDING] = 0.0
    squares = np.empty((layers.rows.size - 1, F))
    loss_kernel.hellinger_squares(layers.rows, P, truth, squares)
    found = []
    for h in range(H):
        alone, rows = np.zeros_like(squares), slice(*(layers.first[h : h + 2] * game.actions))
        alone[rows] = squares[rows]
        table = np.empty((M, F))
        loss_kernel.losses(visits, cells, np.arange(M), alone, table)
        found.append(ModelDiscrepancy(errors[h], table))
    return found


def steps(
    instance: Instance,
    agent: int,
    name: str,
    positive: Flags,
    replaced: Ints | None,
    grid: Floats,
    episodes: int,
    burn: float,
) -> Steps | None:
    """The certificate for sequences of kept pairs; None where it is not for use.

    Nor where the pairs of the steps are not far fewer than those of the game. positive (M, F):
    pairs of positive error.
    """
    kept = positive
    if replaced is not None:
        kept = kept & (replaced == np.arange(replaced.size).reshape(replaced.shape))
    if np.count_nonzero(kept) > MOST_PAIRS:
        return None
    parts: list[Step | None] = []
    room = ALIKE * np.count_nonzero(kept)
    alone: list[_thinning.Thinned | None] = []
    for each in step_discrepancies(instance, agent, name, kept):
        alone.append(_thinning.thin(each) if each.errors.any() else None)
        room -= 0 if alone[-1] is None else np.count_nonzero(alone[-1].discrepancy.errors)
        if room < 0.0:
            return None
    for thinned in alone:
        if thinned is None:
            parts.append(None)
            continue
        rest = thinned.discrepancy
        witness = _exchange.search(rest, grid, episodes, burn)
        partitions = _upper.partitions(rest, grid, episodes, burn)
        potentials = _potential_search.potentials(rest, partitions, witness, grid, episodes, burn)
        parts.append(
            Step(
                tuple(replace(x, labels=thinned.clusters(x.labels)) for x in partitions),
                tuple(replace(x, labels=thinned.groups(x.labels)) for x in potentials),
                thinned.replaced,
                float(rest.errors.max()),
            )
        )
    return Steps(tuple(parts)) if any(parts) else None
