"""Evidence on a finite class of models: likelihoods, pruning, and payoffs at a focus."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit
from mamex_bench.kernels.evidence import (
    IMPOSSIBLE,
    LIKELIEST_MEAN,
    REGULARISED,
    TIE,
    Focus,
    add,
    operations,
)
from mamex_bench.kernels.layers import Layers, position

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


# Setting a focus costs about as much as this many plain looks: a profile must outlive them first.
LOOKS = 8


class Models(NamedTuple):
    """Evidence on F models.

    values (F, n * M): sign * V_f; log_loss (nnz, F): -log P_f of every entry, IMPOSSIBLE where
    P_f = 0; reward_loss (n, N A, 2, F): the same of rewards 0 and 1 of every row, or (0, 0, 2, F)
    when rewards are known; losses, errors (F,): running sums; spread (F, F): max over (i, pi) of
    V_f - V_g at [g, f], NaN until needed; live (F,): first `state[0]` entries are the models not
    pruned, state[1] is the model of least loss; eta, sign, mode (1,).
    """

    layers: Layers
    values: Floats
    log_loss: Floats
    reward_loss: Floats
    losses: Floats
    errors: Floats
    spread: Floats
    live: Ints
    state: Ints
    eta: Floats
    sign: Floats
    mode: Ints


@jit
def models_record(evidence: Models, states: Ints, actions: Ints, rewards: Floats) -> None:
    """L(f) += - sum_h [ log P_f(s_{h+1} | s_h, a_h) + sum_i log Bern(r_{i,h}; m_{f,i}(s_h, a_h)) ],
    the second sum when rewards are random; then prune.

    What is no entry of its row has probability zero under every model.

    f is dropped while eta (L(f) - L(g)) > max_{i,pi} (V_f - V_g), g of least loss: it attains no
    maximum. Its loss is kept up to date and it may come back.
    """
    losses, errors, layers = evidence.losses, evidence.errors, evidence.layers
    F = losses.shape[0]
    for h in range(actions.shape[0]):
        row = states[h] * layers.actions + actions[h]
        for i in range(evidence.reward_loss.shape[0]):
            terms = evidence.reward_loss[i, row, 1 if rewards[i, h] > 0.0 else 0]
            for f in range(F):
                add(losses, errors, f, terms[f])
        entry = position(layers, row, states[h + 1])
        if entry < 0:
            losses += IMPOSSIBLE
            continue
        terms = evidence.log_loss[entry]
        for f in range(F):
            add(losses, errors, f, terms[f])
    models_prune(evidence)


@jit
def models_prune(evidence: Models) -> None:
    """Find the model of least loss and list the models that can still attain a maximum."""
    losses, live, state = evidence.losses, evidence.live, evidence.state
    F = losses.shape[0]
    g = 0
    for f in range(1, F):
        if losses[f] < losses[g]:
            g = f
    state[1] = g
    count = 0
    if evidence.mode[0] != REGULARISED:
        for f in range(F):
            if losses[f] - losses[g] <= TIE:
                live[count] = f
                count += 1
        state[0] = count
        return
    spread = evidence.spread[g]
    if np.isnan(spread[0]):
        models_spread(evidence.values, g, spread)
    eta = evidence.eta[0]
    for f in range(F):
        # However small eta is, a model that excludes what was seen is out.
        if losses[f] < IMPOSSIBLE and eta * (losses[f] - losses[g]) <= spread[f]:
            live[count] = f
            count += 1
    state[0] = count


@jit
def models_spread(values: Floats, g: int, out: Floats) -> None:
    """out[f] = max over agents and joint policies of V_f - V_g."""
    for f in range(values.shape[0]):
        widest = -np.inf
        for c in range(values.shape[1]):
            difference = values[f, c] - values[g, c]
            if difference > widest:
                widest = difference
        out[f] = widest


@jit
def models_payoffs(evidence: Models, entries: Ints, out: Floats) -> None:
    """sup_f { V_f - eta (L(f) - min L) } over the live models."""
    E = out.shape[0]
    everything = entries.shape[0] == 0
    g, count = evidence.state[1], evidence.state[0]
    mode, sign = evidence.mode[0], evidence.sign[0]
    mean = mode == LIKELIEST_MEAN
    for e in range(E):
        out[e] = 0.0 if mean else -np.inf
    for j in range(count):
        f = evidence.live[j]
        row = evidence.values[f]
        if mean:
            for e in range(E):
                out[e] += row[e if everything else entries[e]] / count
            continue
        penalty = 0.0
        if mode == REGULARISED:
            penalty = evidence.eta[0] * (evidence.losses[f] - evidence.losses[g])
        # Two loops, so that the one over everything runs at full vector width.
        if everything:
            for e in range(E):
                value = row[e] - penalty
                if value > out[e]:
                    out[e] = value
        else:
            for e in range(E):
                value = row[entries[e]] - penalty
                if value > out[e]:
                    out[e] = value
    for e in range(E):
        out[e] *= sign


@jit
def models_focused(evidence: Models, focus: Focus, out: Floats) -> None:
    """`models_payoffs` at the focus, looking only at the models that were near the maximum.

    When the focus was set, payoffs were b_e = max_f { V_f - p_f }, and where f is not near it
    fell short by at least m_f. With penalties q_f now, and u_e the maximum over the models near
    at e, such an f attains no maximum while

        b_e - m_f + p_f - q_f <= u_e   for all e,   that is   m_f + q_f - p_f >= max_e (b_e - u_e).

    If that fails for a live model, the focus is set anew. Either way the numbers are the same.
    """
    focus.looks[0] += 1
    if evidence.mode[0] != REGULARISED or focus.looks[0] < LOOKS:
        models_plain_look(evidence, focus.entries, out)
        return
    eta, sign, losses = evidence.eta[0], evidence.sign[0], evidence.losses
    E = focus.entries.shape[0]
    if focus.looks[0] > LOOKS:
        least = losses[evidence.state[1]]
        drop = -np.inf
        for e in range(E):
            best = -np.inf
            for k in range(focus.first[e], focus.first[e + 1]):
                value = focus.values[k] - eta * (losses[focus.near[k]] - least)
                if value > best:
                    best = value
            drop = max(drop, focus.base[e] - best)
            out[e] = sign * best
        enough = True
        for j in range(evidence.state[0]):
            f = evidence.live[j]
            grown = eta * (losses[f] - least) - focus.penalty[f]
            # Models that were pruned when the focus was set have margin minus infinity.
            if focus.margin[f] + grown < drop:
                enough = False
                break
        if enough:
            return
    models_set_focus(evidence, focus)
    for e in range(E):
        out[e] = sign * focus.base[e]


@jit
def models_plain_look(evidence: Models, entries: Ints, out: Floats) -> None:
    """`models_payoffs`; where many are asked for, all in order are had for less than these."""
    C = evidence.values.shape[1]
    if 4 * entries.shape[0] < C:
        models_payoffs(evidence, entries, out)
        return
    everything = np.empty(C)
    models_payoffs(evidence, entries[:0], everything)
    for e in range(entries.shape[0]):
        out[e] = everything[entries[e]]


@jit
def models_set_focus(evidence: Models, focus: Focus) -> None:
    """Look at every live model at the focus, and note which of them are near the maximum."""
    E = focus.entries.shape[0]
    count = evidence.state[0]
    models_payoffs(evidence, focus.entries, focus.base)
    least = evidence.losses[evidence.state[1]]
    focus.margin[:] = -np.inf
    # Unset memory may hold -inf: margin - penalty would be NaN, and a model's return unseen.
    focus.penalty[:] = 0.0
    for j in range(count):
        f = evidence.live[j]
        focus.penalty[f] = evidence.eta[0] * (evidence.losses[f] - least)
        focus.margin[f] = np.inf
    for e in range(E):
        focus.base[e] *= evidence.sign[0]
    # Model by model, since a model's values lie together: first count, then fill.
    sizes = np.zeros(E, np.int64)
    for j in range(count):
        f = evidence.live[j]
        row = evidence.values[f]
        for e in range(E):
            short = focus.base[e] - (row[focus.entries[e]] - focus.penalty[f])
            if short <= focus.slack:
                sizes[e] += 1
            elif short < focus.margin[f]:
                focus.margin[f] = short
    focus.first[0] = 0
    for e in range(E):
        focus.first[e + 1] = focus.first[e] + sizes[e]
        sizes[e] = focus.first[e]
    for j in range(count):
        f = evidence.live[j]
        row = evidence.values[f]
        for e in range(E):
            value = row[focus.entries[e]]
            if focus.base[e] - (value - focus.penalty[f]) <= focus.slack:
                focus.near[sizes[e]] = f
                focus.values[sizes[e]] = value
                sizes[e] += 1


operations(models_record, models_payoffs, Models, models_focused)
