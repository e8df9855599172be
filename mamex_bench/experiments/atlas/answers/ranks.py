"""Ranks, and how well one order of games agrees with another when values are intervals.

Kendall's correlation with regret y, conditional on its ties (Somers' D): over pairs of games whose
regrets differ,

    tau = (agreeing pairs - opposite pairs) / pairs,

a pair that x ties counting as neither. It is a sum over pairs, so that with x_i known to lie in
[lower_i, upper_i] each pair is certain or open, and tau lies between its values with every open
pair opposite and with every open pair agreeing, whatever the values between the ends, mixed choices
included. Not every choice of signs of open pairs need come from values, so that these ends may be
wider than the set of values of tau, never narrower.
Source: Somers, A new asymmetric measure of association for ordinal variables, 1962.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mamex_bench.model._arrays import Floats


class Agreement(NamedTuple):
    """Pairs of games, each (N, N): 1 agrees with regret, -1 opposite, 0 neither.

    low, high: with every open pair opposite, agreeing; middle: at the middles of the intervals;
    counted: 1 where regrets differ.
    """

    low: Floats
    middle: Floats
    high: Floats
    counted: Floats


def agreement(lower: Floats, middle: Floats, upper: Floats, regret: Floats) -> Agreement:
    """How N games with x_i in [lower_i, upper_i] and known regret are ordered, pair by pair."""
    y = signs(regret, regret)
    # sign(x_i - x_j) is at least that of lower_i - upper_j and at most that of upper_i - lower_j.
    ends = y * signs(lower, upper), y * signs(upper, lower)
    return Agreement(np.minimum(*ends), y * signs(middle, middle), np.maximum(*ends), np.abs(y))


def signs(first: Floats, second: Floats) -> Floats:
    """(N, N): sign of first_i - second_j; values that agree to twelve digits are equal."""
    both = np.concatenate([first, second])
    finite = both[np.isfinite(both)]
    unit = max(float(np.abs(finite).max(initial=0.0)), 1e-300)
    with np.errstate(invalid="ignore"):
        differences = first[:, None] - second[None, :]
    return np.sign(np.nan_to_num(np.round(differences / unit, 12), posinf=1.0, neginf=-1.0))


def taus(found: Agreement, copies: Floats) -> Floats:
    """(3, R): tau's low end, middle and high end in samples that hold game i copies[r, i] times.

    NaN in samples without two games of different regret.
    """
    pairs = [((copies @ each) * copies).sum(axis=1) for each in found]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.array(pairs[:3]) / pairs[3]


def ranks(values: Floats) -> Floats:
    """Ranks from 1, ties at their mean; values that agree to twelve digits tie."""
    return signs(values, values).sum(axis=1) / 2.0 + (values.size + 1) / 2.0


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN when one side is constant."""
    a, b = (ranks(each) - (each.size + 1) / 2.0 for each in (first, second))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0.0 else float("nan")
