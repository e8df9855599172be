"""Multi-agent decision-estimation coefficient, in offset and in constrained form.

Foster, Foster, Golowich and Rakhlin (2023), "On the complexity of multi-agent decision making",
arXiv 2305.00684, for a finite class of models M, a reference model Mbar and the joint policies:

    offset       inf_p    sup_M { E_p h^M - gamma E_p D^2(M, Mbar) },
    constrained  inf_p,q  sup_M { E_p h^M : E_q D^2(M, Mbar) <= eps^2 },

h^M(pi) the SUM over agents of what each gains by its best deviation under M, D^2 the squared
Hellinger distance of whole trajectories without a factor 1/2, D^2 = sum (sqrt p - sqrt q)^2. The
joint policy drawn is observed, so that D^2 of a mixture is the mean over its joint policies, and
since gains are convex, p may be taken for one decision:

    "cce"   deviations do not see the draw,  "ce"  they see the own policy drawn,
    "nash"  decisions are joint pure policies alone: p mixes over them, each with its own gains.

Not to deviate is a deviation too: no gain is negative. The coefficient of the class is the largest
over its members Mbar (they take their convex hull, of which the members give a lower bound). The
offset form is a linear program, solved as a matrix game by growing sets of rows and columns; the
constrained form is a mixed-integer one (which models are ruled out is binary). The supremum over no
model counts as 0.

What bounds it, the decoupling coefficient among others, and what it says of regret:
theory/relations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._offset import OffsetGame
from mamex_bench.complexity._residuals import finite_models
from mamex_bench.complexity._result import Measurement, positive, timed
from mamex_bench.equilibria import CONCEPTS
from mamex_bench.errors import ConvergenceError, InputError, NotApplicableError
from mamex_bench.model._arrays import Floats, Ints, positive_integer
from mamex_bench.model.instance import Instance
from mamex_bench.model.structure import policy_tables

Form = Literal["offset", "constrained"]
VARIANTS = ({"form": "offset"}, {"form": "constrained"})
DEFINITION = (
    "multi-agent decision-estimation coefficient, Foster et al. 2023 (arXiv 2305.00684), {} form, "
    "{}, reference {}"
)
# Numbers of one program, some ten seconds, and of the programs of several references; nodes of a
# branch and bound; members of which each is the reference of a program of its own.
ENTRY_LIMIT = 3_000_000
WORK_LIMIT = 2_000_000
NODE_LIMIT = 200
REFERENCES = 16
# What the two ends of the offset form may differ by, in units of the largest penalty.
TOLERANCE = 1e-11


@timed
def measure(
    instance: Instance,
    form: Form = "offset",
    concept: str = "cce",
    gamma: float = 1.0,
    epsilon: float = 0.5,
    reference: int | Literal["truth", "members"] = "members",
    hypotheses: str | None = None,
    limit: int = REFERENCES,
) -> Measurement:
    """The coefficient at `gamma` (offset) or `epsilon` (constrained).

    reference: Mbar: "truth", also of a class without it; the index of a member; or "members", the
    largest value over all of them. Of more than `limit` members (of fewer, where a program has more
    than 1e5 numbers) so many, evenly spread, give the lower end, and the program without any
    information the upper. The certificate has the `decision` (over joint policies; for the
    constrained form `exploration` too) and the `reference` of the largest value found, None for the
    truth.

    Raises InputError for values out of range, NotApplicableError for a class that is not one of
    models and for programs of more than 3e6 numbers.
    """
    offset, radius = positive(gamma, "gamma"), positive(epsilon, "epsilon")
    if form not in ("offset", "constrained"):
        raise InputError(f"form is {form!r}: expected 'offset' or 'constrained'")
    if concept not in CONCEPTS:
        raise InputError(f"concept is {concept!r}: expected one of {', '.join(CONCEPTS)}")
    plain = dense_instance(instance)
    models = finite_models(plain, hypotheses, "the decision-estimation coefficient")
    members = references(reference, models.size)
    if form == "offset":
        payoffs = instance.model_payoffs(hypotheses)
        _limit(payoffs.size, instance.name)
        game = OffsetGame(payoffs, instance.policies.counts, concept)
        numbers = payoffs.size
    else:
        program = _program(plain, hypotheses, concept)
        numbers = program.rows.nnz
    most = min(positive_integer(limit, "limit"), max(1, WORK_LIMIT // numbers))
    partly = len(members) > most
    if partly:
        members = [members[k] for k in np.linspace(0, len(members) - 1, most).astype(int)]
    found = []
    for member in members:
        kernel = plain.dense.transition if member is None else models.transitions[member]
        distances = hellinger(plain, hypotheses, kernel)
        if form == "offset":
            found.append(_offset(game, offset * distances))
        else:
            found.append(_constrained(program, distances, radius**2))
    best = int(np.argmax([upper for _, upper, _ in found]))
    upper = found[best][1]
    method = "linear programs" if form == "offset" else "mixed-integer programs"
    if partly:
        payoffs = instance.model_payoffs(hypotheses)
        uninformed = OffsetGame(payoffs, instance.policies.counts, concept)
        upper = _offset(uninformed, np.zeros(distances.shape))[1]
        method = f"{len(members)} references; no information"
    strength = {"gamma": offset} if form == "offset" else {"epsilon": radius}
    return Measurement(
        "decision_estimation",
        instance.name,
        max(lower for lower, _, _ in found),
        upper,
        method,
        DEFINITION.format(form, concept, reference),
        {
            "form": form,
            "concept": concept,
            **strength,
            "reference": reference,
            "hypotheses": hypotheses,
        },
        {**found[best][2], "reference": members[best]},
    )


def hellinger(instance: Instance, hypotheses: str | None, kernel: Floats) -> Floats:
    """(F, M): D^2 of the trajectories of every model and `kernel` under every joint policy.

    D^2 = 2 - 2 B_1, B_h(s) = sum_s' sqrt(P_f P)(s' | s, pi_h(s)) B_{h+1}(s'), B_{H+1} = 1.
    """
    game, tables = instance.dense, policy_tables(instance)
    models = finite_models(instance, hypotheses, "the decision-estimation coefficient")
    F, S, A = models.size, game.states, game.actions
    roots = np.sqrt(models.transitions * kernel)
    out = np.empty((F, len(tables)))
    for members in np.array_split(np.arange(len(tables)), max(1, len(tables) * F * S * A // 10**6)):
        affinity = np.ones((F, S, members.size))
        for h in range(game.horizon - 1, -1, -1):
            after = (roots[:, h].reshape(F, S * A, S) @ affinity).reshape(F, S, A, -1)
            played = tables[members, h].T[None, :, None]
            affinity = np.take_along_axis(after, played, axis=2)[:, :, 0]
        out[:, members] = 2.0 - 2.0 * np.einsum("s,fsp->fp", game.initial, affinity)
    # Identical models: only rounding is left.
    return np.where(np.abs(out) < 1e-13, 0.0, out)


class _Program:
    """Rows over the variables (decision p, gains t): sum of the rows' gains bounds E_p h^M.

    Attributes:
        policies: M, length of p.
        gains: number of t.
        rows, model: matrix (R, M + gains) with rows (.) <= 0, and (gains,) the model of each t.
    """

    def __init__(self, policies: int, rows: Any, model: Ints) -> None:
        self.policies, self.rows, self.model = policies, rows, model
        self.gains = model.size


def _program(instance: Instance, hypotheses: str | None, concept: str) -> _Program:
    """t >= what a deviation gains under p, one t per model, agent and (CE) policy drawn."""
    sparse, _ = _scipy()

    counts, M = instance.policies.counts, instance.policies.size
    payoffs = instance.model_payoffs(hypotheses)
    F, n, _ = payoffs.shape
    if concept == "nash":
        # h^M(pi) is a number for each pure pi: one row per model, no choice of deviations.
        tensor = payoffs.reshape(F, n, *counts)
        h = np.zeros((F, M))
        for i in range(n):
            own = tensor[:, i]
            h += (own.max(axis=1 + i, keepdims=True) - own).reshape(F, M)
        _limit(h.size, instance.name)
        rows = sparse.hstack([sparse.csr_matrix(h), -sparse.identity(F)], format="csr")
        return _Program(M, rows, np.arange(F))
    entries = F * M * sum(counts)
    _limit(entries, instance.name)
    blocks, model, column = [], [], 0
    members = np.indices(counts).reshape(n, M)
    for f in range(F):
        for i in range(n):
            own = payoffs[f, i].reshape(counts)
            # (m_i, M): what pi gains under a deviation to policy d
            against = np.moveaxis(own, i, 0)
            gain = np.stack(
                [(np.expand_dims(against[d], i) - own).reshape(M) for d in range(counts[i])]
            )
            drawn = range(counts[i]) if concept == "ce" else (None,)
            for c in drawn:
                kept = gain if c is None else np.where(members[i] == c, gain, 0.0)
                blocks.append((kept, column))
                model.append(f)
                column += 1
    rows = sparse.vstack(
        [
            sparse.hstack(
                [
                    sparse.csr_matrix(gain),
                    sparse.csr_matrix(
                        (-np.ones(len(gain)), (np.arange(len(gain)), np.full(len(gain), k))),
                        shape=(len(gain), column),
                    ),
                ]
            )
            for gain, k in blocks
        ],
        format="csr",
    )
    return _Program(M, rows, np.array(model))


def _offset(game: OffsetGame, penalty: Floats) -> tuple[float, float, dict[str, Floats]]:
    """min_p max_f { h^f(p) - penalty_f . p }, (F, M), solved to its rounding."""
    found = game.solve(penalty, TOLERANCE * max(1.0, float(penalty.max())))
    return found.lower + 0.0, found.upper + 0.0, {"decision": found.distribution}


def _constrained(
    program: _Program, distances: Floats, square: float
) -> tuple[float, float, dict[str, Floats]]:
    """min z >= 0: z >= sum_i t_{f,i} - B b_f, b_f = 1 only where <q, D_f> >= eps^2; p, q."""
    sparse, optimize = _scipy()

    F, M = distances.shape
    T = program.gains
    # Gains are at most the largest entry of the deviations' rows, summed over a model's t.
    largest = max(float(program.rows[:, :M].max()), 0.0)
    B = largest * float(np.bincount(program.model, minlength=F).max())
    size = M + T + M + F + 1
    gains = sparse.csr_matrix((np.ones(T), (program.model, np.arange(T))))
    empty = sparse.csr_matrix
    above = sparse.hstack(
        [empty((F, M)), gains, empty((F, M)), -B * sparse.identity(F), -np.ones((F, 1))]
    )
    ruled = sparse.hstack(
        [
            empty((F, M + T)),
            sparse.csr_matrix(distances),
            -square * sparse.identity(F),
            empty((F, 1)),
        ]
    )
    deviations = sparse.hstack([program.rows, empty((program.rows.shape[0], size - M - T))])
    sums = np.zeros((2, size))
    sums[0, :M], sums[1, M + T : 2 * M + T] = 1.0, 1.0
    low, high = np.zeros(size), np.ones(size)
    high[M : M + T], high[-1] = np.inf, np.inf
    integer = np.zeros(size)
    integer[2 * M + T : -1] = 1.0
    solution = optimize.milp(
        np.eye(1, size, size - 1)[0],
        integrality=integer,
        bounds=optimize.Bounds(low, high),
        constraints=[
            optimize.LinearConstraint(sparse.vstack([deviations, above], format="csr"), ub=0.0),
            optimize.LinearConstraint(ruled.tocsr(), lb=0.0),
            optimize.LinearConstraint(sums, lb=1.0, ub=1.0),
        ],
        options={"node_limit": NODE_LIMIT, "mip_rel_gap": 1e-9},
    )
    if solution.x is None:
        raise ConvergenceError(f"the program of the constrained form: {solution.message}")
    upper = float(solution.fun)
    bound = solution.mip_dual_bound
    lower = min(upper, max(0.0, float(bound))) if bound is not None else 0.0
    data = {"decision": solution.x[:M], "exploration": solution.x[M + T : 2 * M + T]}
    return lower, upper, data


def _scipy() -> tuple[Any, Any]:
    """scipy.sparse and scipy.optimize, imported late; their stubs know too few combinations."""
    return import_module("scipy.sparse"), import_module("scipy.optimize")


def references(reference: int | str, size: int) -> Sequence[int | None]:
    """The members of `size` that "members" or an index means; [None] for "truth"."""
    if reference == "truth":
        return [None]
    if reference == "members":
        return list(range(size))
    whole = isinstance(reference, int) and not isinstance(reference, bool)
    if not whole or not 0 <= int(reference) < size:
        raise InputError(
            f"reference is {reference!r}: expected 'truth', 'members' or an index below {size}"
        )
    return [int(reference)]


def _limit(entries: int, name: str) -> None:
    if entries > ENTRY_LIMIT:
        raise NotApplicableError(
            f"the program of {name!r} has {entries:,} numbers: the decision-estimation coefficient "
            f"is computed up to {ENTRY_LIMIT:,}, so give fewer policies or models"
        )
