"""Value-targeted regression over a finite class of models: which targets the data still allow.

A target is a value function W_f, one for each of F models P_g. With

    losses[f, h, g] = sum over visits at step h of (P_g W_f (x, a) - W_f(x'))^2,
    excess[f] = max_h { losses[f, h, f] - min_g losses[f, h, g] - beta_h },

f is in the confidence set when its excess is at most 0. Rewards that are known cancel from Bellman
errors r + P_g W_f - (r + W_f(x')), and nothing follows the last step.

What is wanted is the member of greatest worth, so only models of greater worth must be shown to be
outside. For that one witness will do, a step h and a rival g: losses[f, h, f] - losses[f, h, g] -
beta_h > 0 bounds the excess from below, and takes one difference of two squares per episode to keep
up to date. When a witness fails, rivals that served others are tried; all losses of f are
computed only where none of these will do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.layers import Layers, position
from mamex_bench.kernels.plans import play

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIE = 1e-12
CLEAR = 1e-9  # a witness must lead by more than what rounding could have given it


class History(NamedTuple):
    """Models and data.

    probability (nnz, F), and models (F, nnz), the same; used (H,): 0 or 1; states (K, H+1),
    numbered across layers, and actions (K, H) of the episodes so far, of which there are
    episodes[0]; counts (nnz,): how often each entry was taken. beta (H,).
    """

    layers: Layers
    probability: Floats
    models: Floats
    used: Floats
    states: Ints
    actions: Ints
    counts: Floats
    episodes: Ints
    beta: Floats


class Targets(NamedTuple):
    """One value function per model, and what is known of its excess.

    values (N + ends, F): W, zero after the end. worth (F,); order (F,): by worth, greatest first.
    losses (F, H, F): row f counts in the first seen[f] episodes. step, lead (F,): step of the
    witness of f, -1 for none, and by how much it leads (0 without one) in the first led[0]
    episodes. apart, total (N A, F): P_f W_f - P_g W_f and P_f W_f + P_g W_f at the rows of its
    step, g its rival; apart is zero at other rows.
    rivals (R,): those that served last, -1 for none.
    shown (1,), expected (N A, F), known (N A,): P_g W_f for all g, f = shown[0], at the rows known.
    """

    values: Floats
    worth: Floats
    order: Ints
    losses: Floats
    seen: Ints
    step: Ints
    lead: Floats
    led: Ints
    apart: Floats
    total: Floats
    rivals: Ints
    shown: Ints
    expected: Floats
    known: NDArray[np.bool_]


@jit
def predictions(history: History, targets: Targets, f: int, row: int) -> Floats:
    """P_g W_f at a row for all g, kept for the f that was asked for last."""
    layers = history.layers
    if targets.shown[0] != f:
        targets.shown[0] = f
        targets.known[:] = False
    out = targets.expected[row]
    if targets.known[row]:
        return out
    targets.known[row] = True
    out[:] = 0.0
    for entry in range(layers.rows[row], layers.rows[row + 1]):
        target = targets.values[layers.following[entry], f]
        for g in range(out.shape[0]):
            out[g] += history.probability[entry, g] * target
    return out


@jit
def _add_episodes(history: History, targets: Targets, f: int) -> None:
    """Count in the episodes that row f has not seen."""
    losses = targets.losses[f]
    for k in range(targets.seen[f], history.episodes[0]):
        for h in range(losses.shape[0] - 1):
            if history.used[h] == 0.0:
                continue
            row = history.states[k, h] * history.layers.actions + history.actions[k, h]
            expected = predictions(history, targets, f, row)
            y = targets.values[history.states[k, h + 1], f]
            for g in range(expected.shape[0]):
                losses[h, g] += (expected[g] - y) * (expected[g] - y)


@jit
def _add_counts(history: History, targets: Targets, f: int) -> None:
    """Row f from how often each entry was taken."""
    layers, counts, A = history.layers, history.counts, history.layers.actions
    losses = targets.losses[f]
    losses[:] = 0.0
    for h in range(losses.shape[0] - 1):
        if history.used[h] == 0.0:
            continue
        for row in range(layers.first[h] * A, layers.first[h + 1] * A):
            begin, end = layers.rows[row], layers.rows[row + 1]
            if counts[begin:end].sum() == 0.0:
                continue
            expected = predictions(history, targets, f, row)
            for entry in range(begin, end):
                times = counts[entry]
                if times > 0.0:
                    y = targets.values[layers.following[entry], f]
                    for g in range(expected.shape[0]):
                        losses[h, g] += times * (expected[g] - y) * (expected[g] - y)


@jit
def _least(row: Floats) -> float:
    """The least entry, by four minima in turn: one alone waits for itself."""
    a = b = c = d = np.inf
    whole = row.shape[0] - row.shape[0] % 4
    for g in range(0, whole, 4):
        a = row[g] if row[g] < a else a
        b = row[g + 1] if row[g + 1] < b else b
        c = row[g + 2] if row[g + 2] < c else c
        d = row[g + 3] if row[g + 3] < d else d
    for g in range(whole, row.shape[0]):
        a = row[g] if row[g] < a else a
    return min(min(a, b), min(c, d))


@jit
def excess(history: History, targets: Targets, f: int) -> tuple[float, int]:
    """excess[f], and the step that it is due to; brings row f up to date."""
    losses, episodes = targets.losses[f], history.episodes[0]
    H = losses.shape[0]
    if (episodes - targets.seen[f]) * H > history.layers.rows.shape[0]:
        _add_counts(history, targets, f)
    else:
        _add_episodes(history, targets, f)
    targets.seen[f] = episodes
    worst, step = -np.inf, 0
    for h in range(H):
        beyond = losses[h, f] - _least(losses[h]) - history.beta[h]
        if beyond > worst:
            worst, step = beyond, h
    return worst, step


@jit
def follow(history: History, targets: Targets) -> None:
    """Bring all leads up to date: with p = P_f W_f and q = P_g W_f, g the rival of f,

    (p - y)^2 - (q - y)^2 = (p - q) (p + q - 2 y).
    """
    lead = targets.lead
    for k in range(targets.led[0], history.episodes[0]):
        for h in range(history.used.shape[0] - 1):
            if history.used[h] == 0.0:
                continue
            row = history.states[k, h] * history.layers.actions + history.actions[k, h]
            apart, total = targets.apart[row], targets.total[row]
            y = targets.values[history.states[k, h + 1]]
            for f in range(lead.shape[0]):
                lead[f] += apart[f] * (total[f] - 2.0 * y[f])
    targets.led[0] = history.episodes[0]


@jit
def _dismiss(history: History, targets: Targets, f: int) -> None:
    """Leave f without a witness."""
    layers, A, h = history.layers, history.layers.actions, targets.step[f]
    if h >= 0:
        for row in range(layers.first[h] * A, layers.first[h + 1] * A):
            targets.apart[row, f] = 0.0
    targets.step[f] = -1
    targets.lead[f] = 0.0


@jit
def _appoint(history: History, targets: Targets, f: int, h: int, g: int, lead: float) -> None:
    """Have the rival g at step h be the witness of f."""
    layers, A = history.layers, history.layers.actions
    own, other = history.models[f], history.models[g]
    _dismiss(history, targets, f)
    for row in range(layers.first[h] * A, layers.first[h + 1] * A):
        p = 0.0
        q = 0.0
        for entry in range(layers.rows[row], layers.rows[row + 1]):
            target = targets.values[layers.following[entry], f]
            p += own[entry] * target
            q += other[entry] * target
        targets.apart[row, f] = p - q
        targets.total[row, f] = p + q
    targets.step[f] = h
    targets.lead[f] = lead


@jit
def _lead_of(history: History, targets: Targets, f: int, h: int, g: int) -> float:
    """losses[f, h, f] - losses[f, h, g] - beta_h, from how often each entry was taken."""
    layers, counts, A = history.layers, history.counts, history.layers.actions
    own, other = history.models[f], history.models[g]
    lead = -history.beta[h]
    for row in range(layers.first[h] * A, layers.first[h + 1] * A):
        begin, end = layers.rows[row], layers.rows[row + 1]
        if counts[begin:end].sum() == 0.0:
            continue
        p = 0.0
        q = 0.0
        for entry in range(begin, end):
            target = targets.values[layers.following[entry], f]
            p += own[entry] * target
            q += other[entry] * target
        for entry in range(begin, end):
            y = targets.values[layers.following[entry], f]
            lead += counts[entry] * (p - q) * (p + q - 2.0 * y)
    return lead


@jit
def _try_rivals(history: History, targets: Targets, f: int) -> bool:
    """Whether one of the rivals that served last is a witness of f; the best is appointed."""
    best, step, rival = CLEAR, -1, -1
    for g in targets.rivals:
        if g >= 0 and g != f:
            for h in range(history.used.shape[0] - 1):
                if history.used[h] > 0.0:
                    lead = _lead_of(history, targets, f, h, g)
                    if lead > best:
                        best, step, rival = lead, h, g
    if step >= 0:
        _appoint(history, targets, f, step, rival, best)
    return step >= 0


@jit
def is_outside(history: History, targets: Targets, f: int) -> bool:
    """Whether model f is outside the confidence set, when leads are up to date."""
    if targets.lead[f] > CLEAR or _try_rivals(history, targets, f):
        return True
    beyond, step = excess(history, targets, f)
    if beyond <= TIE:
        _dismiss(history, targets, f)
        return False
    rival = int(np.argmin(targets.losses[f, step]))
    _appoint(history, targets, f, step, rival, beyond)
    if not (targets.rivals == rival).any():
        targets.rivals[1:] = targets.rivals[:-1].copy()
        targets.rivals[0] = rival
    return True


@jit
def members(history: History, targets: Targets, out: Ints) -> int:
    """Write the confidence set to `out`, by worth, and say how many; if it is empty, the models of
    least excess."""
    F = out.shape[0]
    beyond = np.empty(F)
    for f in range(F):
        beyond[f] = excess(history, targets, f)[0]
    bar = max(beyond.min(), TIE)
    count = 0
    for f in targets.order:
        if beyond[f] <= bar:
            out[count] = f
            count += 1
    return count


@jit
def select(history: History, targets: Targets, out: Ints) -> int:
    """Write the members of greatest worth to `out`, and say how many are tied."""
    count = 0
    follow(history, targets)
    for f in targets.order:
        if count > 0 and targets.worth[f] < targets.worth[out[0]] - TIE:
            break
        if targets.lead[f] <= CLEAR and not is_outside(history, targets, f):
            out[count] = f
            count += 1
    if count == 0:
        every = members(history, targets, out)
        while count < every and targets.worth[out[count]] >= targets.worth[out[0]] - TIE:
            count += 1
    return count


@jit
def stays(history: History, targets: Targets, f: int) -> bool:
    """Whether f, selected before, is among the members of greatest worth; False also where the set
    is empty."""
    follow(history, targets)
    for other in targets.order:
        if targets.worth[other] <= targets.worth[f] + TIE:
            break
        # The first half stands here too because the call costs a hundred times what it does.
        if targets.lead[other] <= CLEAR and not is_outside(history, targets, other):
            return False
    return excess(history, targets, f)[0] <= TIE


@jit
def record(history: History) -> None:
    """One more episode, which stands in its place in `states` and `actions` already."""
    k, layers = history.episodes[0], history.layers
    for h in range(history.actions.shape[1]):
        row = history.states[k, h] * layers.actions + history.actions[k, h]
        history.counts[position(layers, row, history.states[k, h + 1])] += 1.0
    history.episodes[0] = k + 1


@jit
def advance(
    history: History,
    main: tuple[Targets, Targets],
    exploiter: tuple[Targets, Targets],
    chosen: Ints,
    joint: Floats,
    cumulative: Floats,
    cumulative_initial: Floats,
    draws: Floats,
) -> int:
    """Play on, the agents in turn, while both would choose the same again; returns the episodes.

    chosen (2, 2): by agent whose turn it is the models of main agent and exploiter, -1 before her
    first turn, of which the first episode's are known to be right; joint (2, N, A): what is played.
    draws (B, N + 1 + H) and sampling tables as in `plans.play`.
    """
    for k in range(draws.shape[0]):
        episode = history.episodes[0]
        agent = episode % 2
        if k > 0:
            f, g = chosen[agent]
            if f < 0 or not stays(history, main[agent], f):
                return k
            if not stays(history, exploiter[agent], g):
                return k
        play(
            history.layers,
            joint[agent],
            cumulative,
            cumulative_initial,
            draws[k],
            history.states[episode],
            history.actions[episode],
        )
        record(history)
    return draws.shape[0]
