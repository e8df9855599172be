"""Values, deviations and occupancies by plain loops over states and actions: slow, independent.

Values are computed forwards, from the probabilities of being in each state, where the fast code
goes backwards. Best responses come twice: by recursion over own actions, and by trying out every
policy one after the other, which only tiny games allow.

Payoffs of pure policies walk over the rows of any game. What concerns Markov joint policies is for
dense games: give it a layered game's dense form and `rows.padded` tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mamex_bench.model.game import Game, MarkovGame
from mamex_bench.model.policies import PurePolicies
from mamex_bench.reference.rows import Rows, rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def joint_number(actions: Sequence[int], action_counts: Sequence[int]) -> int:
    """Mixed radix, agent 0 slowest: ((a_0 A_1 + a_1) A_2 + a_2) ..."""
    number = 0
    for action, count in zip(actions, action_counts):
        number = number * count + int(action)
    return number


def occupancy(game: MarkovGame, joint: Floats, transition: Floats | None = None) -> Floats:
    """(H, S): probability of each state at each step under a Markov joint policy (H, S, A)."""
    P = game.transition if transition is None else transition
    H, S, A = joint.shape
    visits = np.zeros((H, S))
    for s in range(S):
        visits[0, s] = game.initial[s]
    for h in range(H - 1):
        for s, a, t in itertools.product(range(S), range(A), range(S)):
            visits[h + 1, t] += visits[h, s] * joint[h, s, a] * P[h, s, a, t]
    return visits


def value(game: MarkovGame, joint: Floats, agent: int, transition: Floats | None = None) -> float:
    """Expected return of an agent: the sum over (h, s, a) of occupancy times reward."""
    visits = occupancy(game, joint, transition)
    total = 0.0
    for h, s, a in itertools.product(*map(range, joint.shape)):
        total += float(visits[h, s] * joint[h, s, a] * game.reward[agent, h, s, a])
    return total


def payoffs(game: Game, policies: PurePolicies, transition: Floats | None = None) -> Floats:
    """(n, m_0, ..., m_{n-1}): every joint pure policy on its own, under the game's or a model.

    transition: (H, S, A, S), or (nnz,) for a layered game.
    """
    rows = rows_of(game)
    P = rows.probability if transition is None else transition.reshape(-1)
    tables = [table.reshape(len(table), -1) for table in policies.tables]
    out = np.empty((game.agents, *policies.counts))
    for members in itertools.product(*map(range, policies.counts)):
        played = [table[m] for table, m in zip(tables, members)]
        for agent, total in enumerate(_pure_values(game, rows, P, played)):
            out[(agent, *members)] = total
    return out


def _pure_values(game: Game, rows: Rows, P: Floats, played: Sequence[Ints]) -> list[float]:
    """Returns when agent i plays played[i] (N,), forwards; visits only what can be visited."""
    totals = [0.0] * game.agents
    now = {x: p for x, p in enumerate(game.initial.tolist()) if p > 0.0}
    for _ in range(game.horizon):
        later: dict[int, float] = {}
        for x, probability in now.items():
            a = joint_number([table[x] for table in played], game.action_counts)
            for i in range(game.agents):
                totals[i] += probability * float(rows.reward[i, x, a])
            row = x * game.actions + a
            entries = slice(rows.starts[row], rows.starts[row + 1])
            for y, p in zip(rows.after[entries].tolist(), P[entries].tolist()):
                if p > 0.0:
                    later[y] = later.get(y, 0.0) + probability * p
        now = later
    return totals


def best_response_value(game: MarkovGame, joint: Floats, agent: int, swap: bool = False) -> float:
    """Most that one agent gets against a Markov joint policy, by recursion over its own actions.

    swap: the deviation may depend on the recommended action (per state and step).
    """
    V = [0.0] * game.states
    own = range(game.action_counts[agent])
    for h in range(game.horizon - 1, -1, -1):
        before = []
        for s in range(game.states):
            table = [[0.0 for _ in own] for _ in own]
            for actions in itertools.product(*map(range, game.action_counts)):
                weight = float(joint[h, s, joint_number(actions, game.action_counts)])
                for b in own:
                    moved = (*actions[:agent], b, *actions[agent + 1 :])
                    a = joint_number(moved, game.action_counts)
                    future = sum(float(game.transition[h, s, a, t]) * V[t] for t in range(len(V)))
                    gain = float(game.reward[agent, h, s, a]) + future
                    table[actions[agent]][b] += weight * gain
            if swap:
                before.append(sum(max(row) for row in table))
            else:
                before.append(max(sum(row[b] for row in table) for b in own))
        V = before
    return sum(float(p) * v for p, v in zip(game.initial, V))


def class_deviation_values(
    game: MarkovGame, policies: PurePolicies, joint: Floats, agent: int
) -> Floats:
    """(m_i,): value of each of the agent's class policies while the others play as in `joint`."""
    values = []
    for table in policies.tables[agent]:
        maps = {
            (h, s, c): int(table[h, s])
            for h, s in np.ndindex(*table.shape)
            for c in range(game.action_counts[agent])
        }
        values.append(value(game, _moved(game, joint, agent, maps), agent))
    return np.array(values)


def best_response_by_enumeration(
    game: MarkovGame, joint: Floats, agent: int, swap: bool = False
) -> float:
    """The same as `best_response_value`, by trying every deterministic Markov deviation.

    There are A_i^(H S) of them without swap and (A_i^A_i)^(H S) with it.
    """
    return max(
        value(game, _moved(game, joint, agent, maps), agent)
        for maps in _deviations(game, agent, swap)
    )


Deviation = dict[tuple[int, int, int], int]


def _deviations(game: MarkovGame, agent: int, swap: bool) -> Iterator[Deviation]:
    """All maps (h, s, recommended action) -> action; constant in the last unless swap."""
    count = game.action_counts[agent]
    cells = list(itertools.product(range(game.horizon), range(game.states)))
    recommended = range(count) if swap else range(1)
    keys = [(h, s, c) for h, s in cells for c in recommended]
    for choice in itertools.product(range(count), repeat=len(keys)):
        maps = dict(zip(keys, choice))
        yield {(h, s, c): maps[h, s, c if swap else 0] for h, s in cells for c in range(count)}


def _moved(game: MarkovGame, joint: Floats, agent: int, maps: Deviation) -> Floats:
    """The joint policy when an agent plays maps[h, s, c] where `joint` recommends c."""
    out = np.zeros_like(joint)
    for h, s in itertools.product(range(game.horizon), range(game.states)):
        for actions in itertools.product(*map(range, game.action_counts)):
            answer = maps[h, s, actions[agent]]
            moved = (*actions[:agent], answer, *actions[agent + 1 :])
            a = joint_number(moved, game.action_counts)
            out[h, s, a] += joint[h, s, joint_number(actions, game.action_counts)]
    return out
