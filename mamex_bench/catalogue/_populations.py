"""Policy classes for games that nobody designed: populations that hold an equilibrium.

Regret over a class means little if no equilibrium of the game lives in the class: then all of its
policies may be exploitable, and "no regret" is agreement among the exploitable. A closure is a
class of at most `size` pure Markov policies per agent together with a distribution over them, an
approximate equilibrium against *all* policies, history-dependent ones included, and its exact gap.

What limits it: an equilibrium of a game with many steps mixes in many states, and a mixture over m
pure policies carries log m of chance in all. An opponent that watches learns which policy was
drawn, and from then on knows what comes. So the gap falls slowly with the size wherever much
mixing is needed, and it is stated rather than assumed away. In matching pennies for H rounds 2^H
policies are needed, and m of them guarantee (H - log2 m)/2 less than the value.

**Construction.** Let sigma be the Markov equilibrium that backward induction finds.

1. *Trees.* If the tree of quantiles of sigma (`_behaviour`) has at most `size` leaves per agent,
   its leaves with their weights play sigma exactly: the gap is that of sigma, of order 1e-12. For
   Nash there is a tree for every agent, for CE and CCE one of joint moves. A CE told its whole
   policy at the start may know too much: then the gap says so, and step 3 follows.
2. *Two agents, constant sum.* There the product of the agents' minimax policies is an equilibrium
   of every concept, with the same gap (in a product nobody learns from a recommendation), and
   steps 1 and 2 look for products alone. From a pool of trees that spend their leaves on the first
   steps, or on later ones only, and of samples of sigma, rows are chosen for each agent so that
   the opponent's best response among all of its policies gets little. For chosen rows the least
   exploitable mixture is the solution of a matrix game whose columns are such best responses,
   generated until they add nothing (a cutting plane for each, finitely many). Then the row of the
   pool that does best against the mixture of columns joins, until `size` is reached or no row of
   the pool is an improvement. The two gaps add up to how far the class is from the value.
3. *Everything else: a double oracle.* Solve the class's normal form for the concept, let each
   agent answer with a pure Markov policy (`markov_response`: exact where every state has one
   history, else a policy that no sweep improves; for CE an answer to each recommendation), add
   what improves, repeat. When no answer improves, samples of sigma join. Of all the equilibria met
   the one of least unrestricted gap is kept.

4. *Filling.* What is left of `size` goes in turn to uniformly random policies, to samples of sigma
   and to pure Markov responses to a random member of the others' classes. An equilibrium alone
   would be a class in which nobody can be wrong.

Policies use one action of each kind in states where several do the same (`plain_actions`), so that
they do not give themselves away by actions that mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mamex_bench.catalogue._behaviour import (
    joint_tree,
    own_behaviour,
    own_tree,
    plain_actions,
    sampled,
)
from mamex_bench.catalogue._generators import stream
from mamex_bench.catalogue._least_exploitable import CLOSED, Selection
from mamex_bench.equilibria.backward_induction import BackwardInduction, backward_induction
from mamex_bench.equilibria.oracle import solve
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.concepts import concept_code
from mamex_bench.model.evaluation import payoffs
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Known
from mamex_bench.model.policies import PurePolicies
from mamex_bench.model.profiles import ClassProfile
from mamex_bench.model.unrestricted import (
    NODE_LIMIT,
    deviation_weights,
    markov_response,
    others_tables,
    unrestricted_value_bounds,
    unrestricted_values,
)

JOINT_LIMIT = 10_000_000  # joint policies of a class
LEAF_LIMIT = 4096  # leaves of a tree, where fewer policies exist than were asked for
SAMPLES = 2  # samples in the pool, in multiples of the size
SOURCE = "computed: catalogue/_populations"


@dataclass(frozen=True, eq=False, repr=False)
class Closure:
    """A policy class that holds an approximate equilibrium of the game, and how good it is.

    Attributes:
        policies: the class.
        profile: the distribution over it of least unrestricted gap that was found.
        gaps: (2, n): lower and upper ends of what each agent could gain by any policy at all, in
            rewards of [0, 1] per step; equal unless the game was too large to say.
        values: (n,), what the profile gives, in the game's own units.
        equilibrium: the equilibrium of backward induction; its `value` is in the same units.
        method: "tree", "least exploitable" or "double oracle".
    """

    policies: PurePolicies
    profile: ClassProfile
    gaps: Floats
    values: Floats
    equilibrium: BackwardInduction
    method: str

    @property
    def gap(self) -> float:
        """The largest gap, at most."""
        return float(self.gaps[1].max())

    def known(self) -> dict[str, Known]:
        """The gap and the values, as an instance states them."""
        found = {"unrestricted_gap": Known(self.gap, f"{SOURCE}, {self.method}")}
        for i, (own, value) in enumerate(zip(self.values, self.equilibrium.value)):
            found[f"class_value_{i}"] = Known(float(own), f"{SOURCE}, agent {i} in own units")
            found[f"equilibrium_value_{i}"] = Known(
                float(value), f"computed: backward induction, agent {i} in own units"
            )
        return found

    def __repr__(self) -> str:
        sizes = " x ".join(map(str, self.policies.counts))
        return f"Closure({self.profile.concept}, {sizes}, by {self.method}, gap {self.gap:.3g})"


def closure(
    game: Game, size: int, concept: str = "nash", seed: int = 0, limit: int = NODE_LIMIT
) -> Closure:
    """At most `size` pure Markov policies per agent that hold an approximate equilibrium.

    seed: of the samples. limit: of nodes in exact best responses; beyond it the gap is an interval
    and only step 3 of the construction is tried.
    """
    most = _most(game, positive_integer(size, "size"))
    if most**game.agents > JOINT_LIMIT:
        raise InputError(
            f"size is {size}: {most:,} policies for each of {game.agents} agents are more than "
            f"{JOINT_LIMIT:,} joint policies"
        )
    concept_code(concept)
    found = backward_induction(game, concept)
    # Joint policies may outnumber those of one agent, but a tree beyond this is no small class.
    leaves = min(size, max(most, LEAF_LIMIT))
    maker = _Maker(game, most, leaves, concept, seed, limit, found)
    first = maker.trees()
    if first is not None and first.gap <= CLOSED:
        return first
    if maker.zero_sum:
        try:
            return maker.least_exploitable()
        except InputError:
            pass  # beyond the limit; the interval of the double oracle's result says so
    second = maker.double_oracle()
    return second if first is None or second.gap < first.gap else first


def constant_sum(game: Game) -> bool:
    """Whether the agents' rewards, in own units, add up to a constant in each layer."""
    total = (
        np.tensordot(game.units.scale, game.rewards, 1).max(axis=1),
        np.tensordot(game.units.scale, game.rewards, 1).min(axis=1),
    )
    first = game.layers.first[: game.horizon]
    spread = np.maximum.reduceat(total[0], first) - np.minimum.reduceat(total[1], first)
    return bool((spread <= 1e-12).all()) and bool(np.ptp(game.units.scale) <= 1e-12)


@dataclass(frozen=True, eq=False)
class _Maker:
    """One construction: what it was asked for, and the equilibrium to be acted out."""

    game: Game
    size: int
    leaves: int
    concept: str
    seed: int
    limit: int
    found: BackwardInduction

    @cached_property
    def zero_sum(self) -> bool:
        return self.game.agents == 2 and constant_sum(self.game)

    def joint(self) -> Floats:
        """(N, A): the equilibrium's behaviour."""
        return self.found.policy.joint.reshape(-1, self.game.actions)

    def policies(self, tables: list[Ints]) -> PurePolicies:
        """The class of tables (m_i, N)."""
        return PurePolicies([own.reshape(len(own), *self.game.table_shape) for own in tables])

    def finish(self, tables: list[Ints], distribution: Floats, method: str) -> Closure:
        """Certify a distribution over tables (m_i, N)."""
        game = self.game
        tables, distribution = self.filled(tables, distribution)
        policies = self.policies(tables)
        profile = ClassProfile(policies, distribution, self.concept)
        played = (payoffs(game, policies) * distribution).reshape(game.agents, -1).sum(axis=1)
        ends = self.bounds(policies, distribution) - played
        return Closure(policies, profile, ends, game.units.to_own(played), self.found, method)

    def bounds(self, policies: PurePolicies, distribution: Floats) -> Floats:
        """(2, n): ends of the values of the best deviations; equal within the limit."""
        game, concept = self.game, self.concept
        try:
            exact = unrestricted_values(game, policies, distribution, concept, self.limit)
        except InputError:
            return np.stack(unrestricted_value_bounds(game, policies, distribution, concept))
        return np.stack([exact, exact])

    def filled(self, tables: list[Ints], distribution: Floats) -> tuple[list[Ints], Floats]:
        """Step 4: tables (size, N) for each agent, fewer if there are no more; x padded with 0."""
        game, plain = self.game, plain_actions(self.game)
        rng = stream(self.seed, "closure", "filling")
        grown = []
        for i, own in enumerate(tables):
            others = others_tables(game, self.policies(tables), i)
            known = {table.tobytes(): table for table in own}
            behaviour = own_behaviour(game, self.joint(), i)
            blind = np.full_like(behaviour, 1.0 / behaviour.shape[1])
            for attempt in range(9 * self.size):
                if len(known) == self.size:
                    break
                if attempt % 3 == 2:
                    met = others[rng.integers(len(others))][None]
                    start = sampled(blind, rng.random(len(blind)))
                    table = markov_response(game, i, met, np.ones(1), start)[1]
                else:
                    table = sampled((blind, behaviour)[attempt % 3], rng.random(len(blind)))
                table = _plain(plain[i], table)
                known.setdefault(table.tobytes(), table)
            grown.append(np.stack(list(known.values())))
        x = np.zeros([len(own) for own in grown])
        x[tuple(slice(m) for m in distribution.shape)] = distribution
        return grown, x

    def samples(self, count: int) -> list[list[Ints]]:
        """`count` tables (N,) for each agent, drawn jointly from the equilibrium's behaviour."""
        rng = stream(self.seed, "closure", "samples")
        plain = plain_actions(self.game)
        every = []
        for _ in range(count):
            moves = sampled(self.joint(), rng.random(self.joint().shape[:1]))
            played = self.game.action_table[moves]
            every.append([_plain(own, played[:, i]) for i, own in enumerate(plain)])
        return every

    def trees(self) -> Closure | None:
        """Step 1: the exact trees, if they are small enough."""
        game, plain = self.game, plain_actions(self.game)
        if self.concept == "nash" or self.zero_sum:
            marginals, tables = [], []
            for i in range(game.agents):
                leaves, exact = own_tree(game, self.joint(), i, self.leaves)
                if not exact:
                    return None
                own, place = np.unique(
                    [_plain(plain[i], leaf.moves) for leaf in leaves], axis=0, return_inverse=True
                )
                tables.append(own)
                weights = np.array([leaf.weight for leaf in leaves])
                marginals.append(np.bincount(place.reshape(-1), weights))
            distribution = marginals[0] / marginals[0].sum()
            for weights in marginals[1:]:
                distribution = distribution[..., None] * (weights / weights.sum())
            return self.finish(tables, distribution, "tree")
        leaves, exact = joint_tree(game, self.joint(), self.leaves)
        if not exact:
            return None
        tables, places = [], []
        for i in range(game.agents):
            moves = [_plain(plain[i], game.action_table[leaf.moves, i]) for leaf in leaves]
            own, place = np.unique(moves, axis=0, return_inverse=True)
            tables.append(own)
            places.append(place.reshape(-1))
        distribution = np.zeros([own.shape[0] for own in tables])
        np.add.at(distribution, tuple(places), [leaf.weight for leaf in leaves])
        return self.finish(tables, distribution / distribution.sum(), "tree")

    def least_exploitable(self) -> Closure:
        """Step 2."""
        tables, marginals = [], []
        for agent in range(2):
            pool, trees = self.pool(agent)
            default = own_behaviour(self.game, self.joint(), 1 - agent).argmax(axis=1)
            chosen = Selection(self.game, agent, pool, default, self.size, self.limit)
            rows, weights = chosen.choose(trees)
            tables.append(pool[rows])
            marginals.append(weights / weights.sum())
        return self.finish(tables, np.outer(*marginals), "least exploitable")

    def pool(self, agent: int) -> tuple[Ints, list[tuple[Ints, Floats]]]:
        """(M, N) candidates of an agent; which of them each tree holds, and their weights."""
        game, plain = self.game, plain_actions(self.game)[agent]
        known: dict[bytes, int] = {}
        tables: list[Ints] = []

        def number(table: Ints) -> int:
            key = table.tobytes()
            if key not in known:
                known[key] = len(tables)
                tables.append(table)
            return known[key]

        trees: list[tuple[Ints, Floats]] = []
        for first in sorted({game.horizon * k // 3 for k in range(3)}):
            for coarse in (0, 2, 3):
                leaves, _ = own_tree(game, self.joint(), agent, self.size, first, coarse)
                shares: dict[int, float] = {}
                for leaf in leaves:
                    row = number(_plain(plain, leaf.moves))
                    shares[row] = shares.get(row, 0.0) + leaf.weight
                trees.append((np.array(list(shares)), np.array(list(shares.values()))))
        for drawn in self.samples(SAMPLES * self.size):
            number(drawn[agent])
        return np.stack(tables), trees

    def double_oracle(self) -> Closure:
        """Step 3."""
        game = self.game
        plain, fresh = plain_actions(game), iter(self.samples(4 * self.size))
        tables: list[list[Ints]] = [[] for _ in range(game.agents)]
        fill = [own_behaviour(game, self.joint(), i).argmax(axis=1) for i in range(game.agents)]

        def add(agent: int, table: Ints) -> bool:
            own = _plain(plain[agent], np.where(table < 0, fill[agent], table))
            new = all((own != other).any() for other in tables[agent])
            if new and len(tables[agent]) < self.size:
                tables[agent].append(own)
                return True
            return False

        for i in range(game.agents):
            add(i, fill[i])
        best: tuple[float, Floats] = np.inf, np.ones(1)
        while True:
            policies = self.policies([np.stack(own) for own in tables])
            U = payoffs(game, policies)
            x = solve(U, self.concept).distribution
            played = (U * x).reshape(game.agents, -1).sum(axis=1)
            gap = float((self.bounds(policies, x)[1] - played).max())
            if gap < best[0] - CLOSED:
                best = gap, x
            if gap <= CLOSED:
                break
            added = False
            for i in range(game.agents):
                if len(tables[i]) < self.size:
                    others = others_tables(game, policies, i)
                    told = deviation_weights(x, i, self.concept)
                    answers = [markov_response(game, i, others, weights) for weights in told]
                    if sum(value for value, _ in answers) > played[i] + CLOSED:
                        added |= sum(add(i, table) for _, table in answers) > 0
            while not added:
                drawn = next(fresh, None)
                if drawn is None:
                    break
                added = sum(add(i, table) for i, table in enumerate(drawn)) > 0
            if not added:
                break
        x = best[1]
        # Only what the best of the equilibria was over: later additions did not help.
        kept = [np.stack(own[:m]) for own, m in zip(tables, x.shape)]
        return self.finish(kept, x, "double oracle")


def _most(game: Game, size: int) -> int:
    """The most policies that an agent can have, if that is less than `size`.

    Actions that do the same in a state count once.
    """
    most = 1
    for least in plain_actions(game):
        kinds = (least == np.arange(least.shape[1])).sum(axis=1)
        most = max(most, size if np.log(kinds).sum() > np.log(size) else int(np.prod(kinds)))
    return most


def _plain(least: Ints, table: Ints) -> Ints:
    """The same policy, with the least action of each kind."""
    own: Ints = least[np.arange(table.size), table]
    return own
