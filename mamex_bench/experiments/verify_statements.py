"""Registered bounds in a results file against the theorems as they are now."""

from __future__ import annotations

from mamex_bench import bounds, learners
from mamex_bench.experiments.suite import Suite
from mamex_bench.experiments.verification import Verification
from mamex_bench.experiments.work import instance_of
from mamex_bench.runs.record import checkpoints
from mamex_bench.runs.statements import statements
from mamex_bench.runs.store import Store


def check_statements(store: Store, suite: Suite, found: Verification) -> None:
    """Every stored one anew; one of a package that is not here goes into the notes."""
    absent = set()
    for owner, header in store.prepared().items():
        stored = statements(store, owner, header)
        if not stored:
            continue
        _, id, learner, concept = owner.split("/")
        spec, K = suite.learner(learner), suite.instance(id).episodes
        now = bounds.of_learner(
            spec.name,
            instance_of(suite, id),
            concept=concept,
            episodes=K,
            checkpoints=checkpoints(K),
            options=learners.options(spec.name) | dict(spec.options),
        )
        known = {each.name: each for each in now}
        for each in stored:
            if each.name not in bounds.names():
                absent.add(each.name)
                continue
            where, other = f"{owner} {each.name}", known.get(each.name)
            said = other and (other.kind, other.source, other.failure_probability)
            told = each.kind, each.source, each.failure_probability
            found.expect("settings", where, said == told, f"it is {told}, the theorem's {said}")
            if other is not None:
                found.compare("points of bounds", where, each.values, other.values)
    for name in sorted(absent):
        found.notes.append(f"bound {name!r} is of a package that is not here: not recomputed")
