"""Small parts of instances: few policies and hypotheses, the truth among them."""

from __future__ import annotations

import numpy as np

from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance
from mamex_bench.model.policies import PurePolicies


def spread(size, most):
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))


def reduced(instance, policies=3, hypotheses=6):
    """The same game with fewer policies per agent and members per class, evenly spread."""
    fewer = PurePolicies([t[spread(len(t), policies)] for t in instance.policies.tables])
    classes = {}
    for name, each in instance.hypotheses.items():
        if isinstance(each, ModelClass):
            kept = spread(each.size, hypotheses)
            if each.truth is not None:
                kept = np.unique(np.append(kept, each.truth))
            truth = None if each.truth is None else int(np.flatnonzero(kept == each.truth)[0])
            rewards = None if each.rewards is None else each.rewards[kept]
            classes[name] = ModelClass(each.transitions[kept], truth, rewards, each.ignored_steps)
        elif isinstance(each, ValueClass):
            some = [values[spread(len(values), hypotheses)] for values in each.per_agent]
            completion = "tabular" if each.features is None else each.features
            classes[name] = ValueClass(some, completion, each.ridge, each.ignored_steps)
        else:
            assert isinstance(each, LinearValueClass)
            classes[name] = each
    return Instance(instance.game, fewer, classes, instance.name, instance.known)
