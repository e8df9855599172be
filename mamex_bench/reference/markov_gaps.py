"""Deviation gains of a Markov joint policy, recursively from the definition: slow, independent."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from mamex_bench.model.game import MarkovGame
from mamex_bench.model.policies import PurePolicies

Floats = npt.NDArray[np.float64]


def _next_value(game: MarkovGame, h: int, s: int, a: int, value: list[float]) -> float:
    return sum(float(game.transition[h, s, a, t]) * value[t] for t in range(game.states))


def _deviated(game: MarkovGame, action: int, agent: int, own: int) -> int:
    parts = list(game.action_table[action])
    parts[agent] = own
    return int(np.ravel_multi_index(parts, game.action_counts))


def policy_value(game: MarkovGame, joint: Floats, agent: int) -> float:
    """Return of one agent when all follow `joint (H, S, A)`."""
    value = [0.0] * game.states
    for h in reversed(range(game.horizon)):
        value = [
            sum(
                float(joint[h, s, a])
                * (float(game.reward[agent, h, s, a]) + _next_value(game, h, s, a, value))
                for a in range(game.actions)
            )
            for s in range(game.states)
        ]
    return float(np.dot(game.initial, value))


def best_response_value(game: MarkovGame, joint: Floats, agent: int, swap: bool) -> float:
    """Most that the agent can get against the others' part of `joint`.

    With swap, the deviation at each step and state depends on the agent's recommended action.
    """
    value = [0.0] * game.states
    for h in reversed(range(game.horizon)):
        updated = []
        for s in range(game.states):
            groups: dict[int, list[int]] = {}
            for a in range(game.actions):
                key = int(game.action_table[a, agent]) if swap else 0
                groups.setdefault(key, []).append(a)
            total = 0.0
            for members in groups.values():
                answers = []
                for b in range(game.action_counts[agent]):
                    answer = 0.0
                    for a in members:
                        cell = _deviated(game, a, agent, b)
                        gain = float(game.reward[agent, h, s, cell])
                        gain += _next_value(game, h, s, cell, value)
                        answer += float(joint[h, s, a]) * gain
                    answers.append(answer)
                total += max(answers)
            updated.append(total)
        value = updated
    return float(np.dot(game.initial, value))


def fixed_deviation_value(game: MarkovGame, joint: Floats, agent: int, table: Floats) -> float:
    """Return of an agent that plays `table (H, S)` while the others follow `joint`."""
    moved = np.zeros_like(joint)
    cells = itertools.product(range(game.horizon), range(game.states), range(game.actions))
    for h, s, a in cells:
        moved[h, s, _deviated(game, a, agent, int(table[h, s]))] += joint[h, s, a]
    return policy_value(game, moved, agent)


def gaps(game: MarkovGame, joint: Floats, concept: str) -> Floats:
    """(n,): gain of the best deviation among all policies; per-state swap for "ce"."""
    return np.array(
        [
            best_response_value(game, joint, i, concept == "ce") - policy_value(game, joint, i)
            for i in range(game.agents)
        ]
    )


def class_gaps(game: MarkovGame, joint: Floats, policies: PurePolicies) -> Floats:
    """(n,): gain of the best fixed deviation inside the class, signed."""
    return np.array(
        [
            max(fixed_deviation_value(game, joint, i, table) for table in tables)
            - policy_value(game, joint, i)
            for i, tables in enumerate(policies.tables)
        ]
    )
