"""Relations between complexity measures, as data, and their check on an instance.

A relation says `left <= right`; both sides are measured as intervals. It holds when the upper end
of the left is at most the lower end of the right, is violated when the lower end of the left
exceeds the upper end of the right, and is undecided else. One counterexample refutes a conjecture;
a proved relation that is violated is a mistake in the code.
"""

from __future__ import annotations

from collections.abc import Iterable

from mamex_bench.complexity._dense import dense_instance
from mamex_bench.complexity._eluder import LIMIT
from mamex_bench.complexity._relation import Ends, Outcome, Relation, RelationCheck, Subject
from mamex_bench.complexity._relation_list import RELATIONS
from mamex_bench.complexity._result import positive
from mamex_bench.errors import InputError, NotApplicableError
from mamex_bench.model._arrays import positive_integer
from mamex_bench.model.instance import Instance

# Relative and absolute slack of a comparison: what linear programs leave.
RELATIVE, ABSOLUTE = 1e-7, 1e-8


def relations() -> tuple[Relation, ...]:
    """All relations."""
    return RELATIONS


def check_relations(
    instance: Instance,
    episodes: int = 100,
    scale: float = 0.1,
    hypotheses: str | None = None,
    chosen: Iterable[Relation] | None = None,
    limit: int = LIMIT,
) -> list[RelationCheck]:
    """Each relation (all when `chosen` is None) on an instance, K = episodes, eps = scale.

    limit: comparisons of each exact search for an eluder dimension. Where a measure does not apply
    or is too large for its method, the relation does not apply.
    """
    length, epsilon = positive_integer(episodes, "episodes"), positive(scale, "scale")
    work = positive_integer(limit, "limit")
    subject = Subject(dense_instance(instance), length, epsilon, hypotheses, work)
    out = []
    for relation in RELATIONS if chosen is None else chosen:
        try:
            left, right = relation.sides(subject)
        except (NotApplicableError, InputError) as error:
            out.append(RelationCheck(relation, instance.name, "not applicable", reason=str(error)))
        else:
            outcome = _outcome(left, right)
            out.append(RelationCheck(relation, instance.name, outcome, left, right))
    return out


def _outcome(left: Ends, right: Ends) -> Outcome:
    def below(a: float, b: float) -> bool:
        return a <= b + RELATIVE * abs(b) + ABSOLUTE

    if not below(left[0], right[1]):
        return "violated"
    return "holds" if below(left[1], right[0]) else "undecided"
