"""Best responses among *all* policies of an agent to a distribution over joint pure policies.

A class profile x draws a joint pure policy once per episode. An agent that deviates does not see
what was drawn for the others, but it sees every state and everybody's actions, so what it does may
depend on the whole history. Let q be the others' joint pure policy, w its weights, and C the set of
the q that are consistent with a history s_1, a_1, ..., s_h: those with q_t(s_t) equal to the
others' part of a_t for all t < h.

**The pair (s_h, C) suffices.** Given q, a history has the probability

    rho(s_1) prod_{t<h} 1{q_t(s_t) = a_t^{-i}} beta_t(a_t^i | history) P_t(s_{t+1} | s_t, a_t)

with beta what the agent itself does. The q are deterministic and Markov, so q enters through the
indicators alone, and their product is 1{q in C}: all else is common to every q and cancels in

    P(q | history) = w(q) 1{q in C} / w(C),

which depends on the history through C alone. The others' actions at (s_h, C), the next state and
the next set (the members of C that play what was played) depend on it through (s_h, C) alone as
well: (s_h, C) is the state of a finite-horizon decision process that the agent observes. Its
optimal value is that of the best among all history-dependent and randomised policies, attained by
a deterministic function of (s_h, C). With W(s, C) = w(C) times the value,

    W_h(s, C) = max_b sum_u [ w(C_u) r_h(s, b, u) + sum_s' P_h(s' | s, b, u) W_{h+1}(s', C_u) ],

C_u the members of C with q_h(s) = u, W_{H+1} = 0, and rho W_1(., all q) is the answer.

**Concepts.** Nash and CCE: w is the others' marginal of x. CE: the agent is first told its own
pure policy c, so the answers to the weights x(c, .) add up over c; in both cases x itself is one
of the policies among which the best is taken, hence no gap for "nash" and "ce" is negative, and
every gap is at least the gap inside the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamex_bench.errors import InputError
from mamex_bench.kernels import beliefs as kernel
from mamex_bench.kernels import responses
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.game import Game
from mamex_bench.model.policies import PurePolicies

NODE_LIMIT = 2_000_000
SLACK = 1e-13
SWEEPS = 50


@dataclass(frozen=True, eq=False)
class Response:
    """A best response among all policies of one agent.

    Attributes:
        game: the game.
        agent: who answers.
        value: the most that the agent can get.
        table: (N,), in each state the action that it takes there most often, -1 where it has no
            use for one; a Markov policy, and the response itself where each state is met with one
            set only.
        members: (Q, N), what it answers: joint policies of the others of positive weight.
        beliefs: pairs (state, set of two members or more), as the kernel numbers them.
        chosen: (nodes,), the action at each pair.
        alone: (Q, N), the action where a member is known to have been drawn.
    """

    game: Game
    agent: int
    value: float
    table: Ints
    members: Ints
    beliefs: kernel.Beliefs
    chosen: NDArray[np.int16]
    alone: NDArray[np.int16]

    @property
    def nodes(self) -> int:
        """Number of pairs of a state and a set of two members or more."""
        return self.chosen.size

    def against(self, others: Ints, default: Ints) -> Floats:
        """(Q,): what this response gets against joint policies (Q, N) of the others.

        They need not be those that it answers: from where it knows that it met none of these, it
        plays the Markov policy `default` (N,).
        """
        out = np.empty(others.shape[0])
        kernel.against(
            self.game.layers,
            self.game.probability,
            self.game.rewards[self.agent],
            self.game.initial,
            int(self.game.strides[self.agent]),
            self.beliefs,
            self.chosen,
            self.alone,
            self.members,
            others,
            default,
            out,
        )
        return out


def others_tables(game: Game, policies: PurePolicies, agent: int) -> Ints:
    """(Q, N): what the others play in every state, the agent's own action 0.

    Joint policies of the others in C order, the agent left out.
    """
    tables = np.zeros((1, game.rewards.shape[1]), dtype=np.int64)
    for j, own in enumerate(policies.tables):
        if j != agent:
            played = game.strides[j] * own.reshape(own.shape[0], -1)
            tables = (tables[:, None, :] + played[None, :, :]).reshape(-1, tables.shape[1])
    return tables


def best_response(
    game: Game, agent: int, others: Ints, weights: Floats, limit: int = NODE_LIMIT
) -> Response:
    """The best response of an agent to joint pure policies of the others drawn with weights.

    others: (Q, N) of `others_tables`; weights: (Q,), nonnegative, of any sum.

    Raises:
        InputError: more than `limit` pairs of a state and a set of two or more can be met.
    """
    drawn = weights > 0.0
    others, weights = np.ascontiguousarray(others[drawn]), np.ascontiguousarray(weights[drawn])
    Q, N = others.shape
    stride, count = int(game.strides[agent]), game.action_counts[agent]
    common = (game.layers, game.probability)
    room = min(1 << 17, positive_integer(limit, "limit"))
    while True:
        beliefs = room_for(room, Q)
        nodes = kernel.expand(*common, game.initial, count, stride, others, beliefs)
        if nodes != kernel.FULL:
            break
        if room >= limit:
            raise InputError(
                f"a best response of agent {agent} to {Q} joint policies of the others depends on "
                f"more than {limit:,} pairs of a state and a set of policies still possible: give "
                "a larger limit, or take the interval of ClassProfile.unrestricted_interval"
            )
        room = min(8 * room, limit)
    chosen, alone = np.empty(nodes, dtype=np.int16), np.empty((Q, N), dtype=np.int16)
    votes = np.zeros((2, N, count))
    reward, initial = game.rewards[agent], game.initial
    value = kernel.respond(
        *common, reward, initial, count, stride, weights, others, beliefs, chosen, alone, votes
    )
    met = votes.sum(axis=2) > 0.0
    table = np.where(met[0], votes[0].argmax(axis=1), votes[1].argmax(axis=1))
    table = np.where(met[1], table, -1)
    return Response(game, agent, float(value), table, others, beliefs, chosen, alone)


def markov_response(
    game: Game, agent: int, others: Ints, weights: Floats, start: Ints | None = None
) -> tuple[float, Ints]:
    """(value, table (N,)): a pure Markov policy of the agent that no sweep improves.

    The best pure Markov policy against a mixture is no plain dynamic program: what the agent knows
    of the draw in a state depends on how it came there. A sweep, from the last layer to the first,
    answers the posterior of the draw given that the state is visited. The first sweep (without a
    `start`) takes visits under the agent's uniformly random play: exact in games in which every
    state is reached by one history, since there the posterior does not depend on what the agent
    does, and never needed again. Every later sweep takes visits under the policy itself, and
    raises its exact value against the mixture or leaves it, so that the sweeps end. States that no
    draw of positive weight visits keep their action, -1 without a start.
    """
    drawn = weights > 0.0
    q, w = np.ascontiguousarray(others[drawn]), np.ascontiguousarray(weights[drawn])
    N = others.shape[1]
    stride, count = int(game.strides[agent]), game.action_counts[agent]
    common = (game.layers, game.probability)
    reward, initial = game.rewards[agent], game.initial
    visited = np.zeros((q.shape[0], int(game.layers.first[-1])))
    table = np.full(N, -1, dtype=np.int64) if start is None else start.astype(np.int64)
    value = -np.inf
    for _ in range(SWEEPS):
        responses.visits(*common, initial, count, stride, q, table, visited)
        before, earlier = value, table.copy()
        slack = SLACK * w.sum()
        value = responses.sweep(
            *common, reward, initial, count, stride, q, w, visited, slack, table
        )
        if np.array_equal(earlier, table) or value <= before:
            break
    return float(value), table


def unrestricted_values(
    game: Game,
    policies: PurePolicies,
    distribution: Floats,
    concept: str,
    limit: int = NODE_LIMIT,
) -> Floats:
    """(n,): the most that each agent gets by a deviation of the concept among all its policies."""
    values = np.zeros(game.agents)
    for i in range(game.agents):
        others = others_tables(game, policies, i)
        for weights in deviation_weights(distribution, i, concept):
            values[i] += best_response(game, i, others, weights, limit).value
    return values


def unrestricted_value_bounds(
    game: Game, policies: PurePolicies, distribution: Floats, concept: str
) -> tuple[Floats, Floats]:
    """(n,) and (n,): lower and upper ends of `unrestricted_values`, whatever the size.

    Lower: the better of a pure Markov response and of the class. Upper: the agent is told what
    was drawn for the others.
    """
    low, high = np.zeros(game.agents), np.zeros(game.agents)
    for i in range(game.agents):
        others = others_tables(game, policies, i)
        known = np.array([markov_response(game, i, q[None], np.ones(1))[0] for q in others])
        own = policies.tables[i].reshape(policies.counts[i], -1)
        for weights in deviation_weights(distribution, i, concept):
            high[i] += weights @ known
            found = [markov_response(game, i, others, weights)[0]]
            found += [_value(game, i, others, weights, table) for table in own]
            low[i] += max(found)
    return low, high


def deviation_weights(distribution: Floats, agent: int, concept: str) -> list[Floats]:
    """Weights (Q,) of the others' draws, one set for each piece of advice that agent can get.

    CE: one for each own policy of positive probability; Nash and CCE: one alone.
    """
    told: Floats = np.moveaxis(distribution, agent, 0).reshape(distribution.shape[agent], -1)
    if concept == "ce":
        return [weights for weights in told if weights.any()]
    return [told.sum(axis=0)]


def _value(game: Game, agent: int, others: Ints, weights: Floats, table: Ints) -> float:
    """Exact value of a Markov policy (N,) of the agent against the mixture."""
    stride, count = int(game.strides[agent]), game.action_counts[agent]
    visited = np.zeros((others.shape[0], int(game.layers.first[-1])))
    return responses.sweep(
        game.layers,
        game.probability,
        game.rewards[agent],
        game.initial,
        count,
        stride,
        others,
        np.ascontiguousarray(weights),
        visited,
        0.0,
        table.copy(),
    )


def room_for(nodes: int, policies: int) -> kernel.Beliefs:
    """Empty, for that many nodes and as many sets again, of so many policies."""
    slots = 1 << (2 * nodes - 1).bit_length()
    return kernel.Beliefs(
        words=np.zeros((2 * nodes, -(-policies // 64)), dtype=np.uint64),
        set_slots=_empty(2 * slots),
        node_slots=_empty(slots),
        state=np.empty(nodes, dtype=np.int32),
        belief=np.empty(nodes, dtype=np.int32),
        branch=np.empty(nodes + 1, dtype=np.int64),
        action=np.empty(4 * nodes + 64, dtype=np.int32),
        child=np.empty(4 * nodes + 64, dtype=np.int32),
    )


def _empty(slots: int) -> NDArray[np.int32]:
    return np.full(slots, -1, dtype=np.int32)
