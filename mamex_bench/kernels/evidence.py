"""Regularised payoffs: what the data leave possible, for each agent and joint pure policy.

Every kind of evidence is a named tuple of arrays with three operations, chosen by its type at
compile time:

    record(evidence, states, actions)            one more trajectory; cost independent of the past
    payoffs(evidence, entries, out)              sup_f { V_f^{i,pi} - eta L^i(f, pi) } at the wanted
                                                 entries i * M + pi, up to one common constant
    focused_payoffs(evidence, focus, out)        the same numbers at entries that are asked for
                                                 again and again, for less work where possible

`sign` -1 turns the supremum of V - eta L into the infimum of V + eta L. `mode` says how the data
and the value are traded off: see REGULARISED and the two that follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from mamex_bench.kernels._jit import jit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REGULARISED = 0  # sup over all hypotheses of V - eta L
LIKELIEST = 1  # extreme V (by sign) over the hypotheses of least loss
LIKELIEST_MEAN = 2  # mean V over the hypotheses of least loss

# Stands for -log 0: far beyond any sum of finite losses, yet its own sums stay finite.
IMPOSSIBLE = 1e150
# Losses this close count as tied where only the least loss matters.
TIE = 1e-9


@jit
def add(sums: Floats, errors: Floats, index: int, term: float) -> None:
    """sums[index] += term with Kahan's running compensation, so that 1e6 terms lose no digit."""
    corrected = term - errors[index]
    total = sums[index] + corrected
    errors[index] = (total - sums[index]) - corrected
    sums[index] = total


class Focus(NamedTuple):
    """Entries that are asked for again and again, and which models can matter at each.

    entries (E,): positions i * M + pi; base (E,): payoffs when the focus was last set;
    near (E * F,), values (E * F,): models within `slack` of the maximum, and their values, those
    of entry e from first[e] to first[e+1] (E+1,); margin (F,): how far a model falls short at
    least, where it is not near; penalty (F,): penalties when the focus was set; ready (1,): 1 once
    it was. Other kinds of evidence than models use `entries` alone.
    """

    entries: Ints
    base: Floats
    near: NDArray[np.int32]
    values: Floats
    first: Ints
    margin: Floats
    penalty: Floats
    ready: Ints
    slack: float


# --- a finite class of models -------------------------------------------------------------------


class Models(NamedTuple):
    """Evidence on F models.

    values (F, n * M): sign * V_f; log_loss (H, S, A, S, F): -log P_f, IMPOSSIBLE where P_f = 0;
    losses, errors (F,): running sums; spread (F, F): max over (i, pi) of V_f - V_g at [g, f], NaN
    until needed; live (F,): first `state[0]` entries are the models not pruned, state[1] is the
    model of least loss; eta, sign, mode (1,).
    """

    values: Floats
    log_loss: Floats
    losses: Floats
    errors: Floats
    spread: Floats
    live: Ints
    state: Ints
    eta: Floats
    sign: Floats
    mode: Ints


@jit
def models_record(evidence: Models, states: Ints, actions: Ints) -> None:
    """L(f) += - sum_h log P_f(s_{h+1} | s_h, a_h); then prune.

    f is dropped while eta (L(f) - L(g)) > max_{i,pi} (V_f - V_g), g of least loss: it attains no
    maximum. Its loss is kept up to date and it may come back.
    """
    losses, errors = evidence.losses, evidence.errors
    F = losses.shape[0]
    for h in range(actions.shape[0]):
        terms = evidence.log_loss[h, states[h], actions[h], states[h + 1]]
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
        if eta * (losses[f] - losses[g]) <= spread[f]:
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
    E = entries.shape[0]
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
                out[e] += row[entries[e]] / count
            continue
        penalty = 0.0
        if mode == REGULARISED:
            penalty = evidence.eta[0] * (evidence.losses[f] - evidence.losses[g])
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
    if evidence.mode[0] != REGULARISED:
        models_payoffs(evidence, focus.entries, out)
        return
    eta, sign, losses = evidence.eta[0], evidence.sign[0], evidence.losses
    E = focus.entries.shape[0]
    if focus.ready[0] == 1:
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
def models_set_focus(evidence: Models, focus: Focus) -> None:
    """Look at every live model at the focus, and note which of them are near the maximum."""
    E = focus.entries.shape[0]
    count = evidence.state[0]
    models_payoffs(evidence, focus.entries, focus.base)
    least = evidence.losses[evidence.state[1]]
    focus.margin[:] = -np.inf
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
    focus.ready[0] = 1


# --- a finite class of action values, tabular completion ------------------------------------------


class TabularValues(NamedTuple):
    """Evidence on finitely many action values per agent, any target function allowed.

    tables (sum F_i, H, S, A): the hypotheses f; first (n+1,): agent i's begin at first[i];
    start (sum F_i, M): sign * E_rho f_0(s, pi_0(s)); joint (M, H, S): joint actions;
    reward (n, H, S, A); visits (H, S, A); onward (H, S, A, S): next-state counts;
    losses, errors (sum F_i, M); weight (H,): 1, or 0 for a step that is ignored.
    """

    tables: Floats
    first: Ints
    start: Floats
    joint: Ints
    reward: Floats
    visits: Floats
    onward: Floats
    losses: Floats
    errors: Floats
    weight: Floats
    eta: Floats
    sign: Floats
    mode: Ints


@jit
def tabular_record(evidence: TabularValues, states: Ints, actions: Ints) -> None:
    """L(f, pi) gains, in the one cell per step that was visited,

        e^2 - (N-1)/N (d - e)^2,   e = f - y,   d = f - mean of the N-1 earlier targets,

    which is the growth of N (f - mean y)^2 = sum (f - y)^2 - min_g sum (g - y)^2.
    Targets are y = r_h + f_{h+1}(s', pi_{h+1}(s')).
    """
    H = actions.shape[0]
    tables, joint = evidence.tables, evidence.joint
    S, M = tables.shape[2], joint.shape[0]
    n = evidence.reward.shape[0]
    for h in range(H):
        s, a, t = states[h], actions[h], states[h + 1]
        seen = evidence.visits[h, s, a]
        if evidence.weight[h] != 0.0:
            for i in range(n):
                r = evidence.reward[i, h, s, a]
                for f in range(evidence.first[i], evidence.first[i + 1]):
                    own = tables[f, h, s, a]
                    for pi in range(M):
                        y = r
                        mean = r
                        if h + 1 < H:
                            y += tables[f, h + 1, t, joint[pi, h + 1, t]]
                            if seen > 0.0:
                                total = 0.0
                                for u in range(S):
                                    count = evidence.onward[h, s, a, u]
                                    if count > 0.0:
                                        total += count * tables[f, h + 1, u, joint[pi, h + 1, u]]
                                mean += total / seen
                        e = own - y
                        d = own - mean
                        gain = e * e - seen / (seen + 1.0) * (d - e) * (d - e)
                        add(evidence.losses[f], evidence.errors[f], pi, gain)
        evidence.visits[h, s, a] += 1.0
        evidence.onward[h, s, a, t] += 1.0


@jit
def finite_values(
    start: Floats,
    losses: Floats,
    first: Ints,
    settings: tuple[float, float, int],
    entries: Ints,
    out: Floats,
) -> None:
    """sup_f { E_rho f - eta L(f, pi) } over agent i's hypotheses; settings (eta, sign, mode)."""
    eta, sign, mode = settings
    M = start.shape[1]
    for e in range(entries.shape[0]):
        i, pi = entries[e] // M, entries[e] % M
        best = -np.inf
        if mode == REGULARISED:
            for f in range(first[i], first[i + 1]):
                value = start[f, pi] - eta * losses[f, pi]
                if value > best:
                    best = value
            out[e] = sign * best
            continue
        least = np.inf
        for f in range(first[i], first[i + 1]):
            least = min(least, losses[f, pi])
        total, tied = 0.0, 0
        for f in range(first[i], first[i + 1]):
            if losses[f, pi] - least <= TIE:
                total += start[f, pi]
                tied += 1
                best = max(best, start[f, pi])
        out[e] = sign * (total / tied if mode == LIKELIEST_MEAN else best)


@jit
def tabular_payoffs(evidence: TabularValues, entries: Ints, out: Floats) -> None:
    settings = (evidence.eta[0], evidence.sign[0], evidence.mode[0])
    finite_values(evidence.start, evidence.losses, evidence.first, settings, entries, out)


# --- the type of evidence decides which operation runs --------------------------------------------


def record(evidence: Any, states: Ints, actions: Ints) -> None:
    """Add one trajectory: states (H+1,), joint actions (H,). Compiled code only."""
    raise TypeError("record runs inside compiled kernels only")


def payoffs(evidence: Any, entries: Ints, out: Floats) -> None:
    """Regularised payoffs at `entries` (E,), written to `out` (E,). Compiled code only."""
    raise TypeError("payoffs runs inside compiled kernels only")


def focused_payoffs(evidence: Any, focus: Focus, out: Floats) -> None:
    """Regularised payoffs at the focus, written to `out` (E,). Compiled code only."""
    raise TypeError("focused_payoffs runs inside compiled kernels only")


def operations(
    record_kernel: Any, payoffs_kernel: Any, kind: type, focused_kernel: Any = None
) -> None:
    """Register the operations of one kind of evidence."""

    @overload(record)
    def _record(evidence: Any, states: Any, actions: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run(evidence: Any, states: Any, actions: Any) -> Any:
            record_kernel(evidence, states, actions)

        return run

    @overload(payoffs)
    def _payoffs(evidence: Any, entries: Any, out: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run(evidence: Any, entries: Any, out: Any) -> Any:
            payoffs_kernel(evidence, entries, out)

        return run

    @overload(focused_payoffs)
    def _focused_payoffs(evidence: Any, focus: Any, out: Any) -> Any:
        if getattr(evidence, "instance_class", None) is not kind:
            return None

        def run_focused(evidence: Any, focus: Any, out: Any) -> Any:
            focused_kernel(evidence, focus, out)

        def run_all(evidence: Any, focus: Any, out: Any) -> Any:
            payoffs_kernel(evidence, focus.entries, out)

        return run_all if focused_kernel is None else run_focused


operations(models_record, models_payoffs, Models, models_focused)
operations(tabular_record, tabular_payoffs, TabularValues)
