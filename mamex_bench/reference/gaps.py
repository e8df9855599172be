"""Deviation gains by plain enumeration, straight from the definitions: slow and independent."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt


def external_gap(
    payoffs: npt.NDArray[np.float64], distribution: npt.NDArray[np.float64], agent: int
) -> float:
    """max_v E_x U_i(v, x_-i) - E_x U_i(x): the gap of Nash and of CCE.

    `payoffs (n, m_0, ..., m_{n-1})`, `distribution (m_0, ..., m_{n-1})`.
    """
    value = 0.0
    deviating = [0.0] * distribution.shape[agent]
    for cell in itertools.product(*map(range, distribution.shape)):
        weight = float(distribution[cell])
        value += weight * float(payoffs[(agent, *cell)])
        for v in range(len(deviating)):
            moved = (*cell[:agent], v, *cell[agent + 1 :])
            deviating[v] += weight * float(payoffs[(agent, *moved)])
    return max(deviating) - value


def swap_gap(
    payoffs: npt.NDArray[np.float64], distribution: npt.NDArray[np.float64], agent: int
) -> float:
    """max over maps phi of E_x U_i(phi(x_i), x_-i) - E_x U_i(x): the gap of CE.

    The best phi treats each recommendation on its own, so its gain is a sum of maxima.
    """
    total = 0.0
    others = [range(m) for j, m in enumerate(distribution.shape) if j != agent]
    for recommended in range(distribution.shape[agent]):
        values = []
        for v in range(distribution.shape[agent]):
            value = 0.0
            for rest in itertools.product(*others):
                cell = (*rest[:agent], recommended, *rest[agent:])
                moved = (*rest[:agent], v, *rest[agent:])
                value += float(distribution[cell]) * float(payoffs[(agent, *moved)])
            values.append(value)
        total += max(values) - values[recommended]
    return total


def gaps(
    payoffs: npt.NDArray[np.float64], distribution: npt.NDArray[np.float64], concept: str
) -> npt.NDArray[np.float64]:
    """Gap of every agent, `(n,)`, for concept "nash", "ce" or "cce"."""
    of_agent = swap_gap if concept == "ce" else external_gap
    return np.array([of_agent(payoffs, distribution, i) for i in range(payoffs.shape[0])])
