"""The envelope over several groups of one family: the worst instance at each K."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from mamex_bench.reporting.estimates import families_of_groups, worst_of_groups


def record(identity, family, group):
    return SimpleNamespace(id=identity, family=family, group=group)


def cell(instance, episodes, level, learner="mamex"):
    regret = np.full((4, 2, 2), level / 2.0)
    return SimpleNamespace(instance=instance, episodes=episodes, learner=learner, regret=regret)


INSTANCES = [
    record("narrow@10", "cube", "narrow"),
    record("narrow@100", "cube", "narrow"),
    record("wide@10", "cube", "wide"),
    record("wide@100", "cube", "wide"),
    record("wide@1000", "cube", "wide"),
    record("lock", "lock", "lock"),
    record("one@10", "other", "one"),
    record("one@100", "other", "one"),
]


def test_families_with_several_groups_are_found() -> None:
    assert families_of_groups(INSTANCES) == {"cube": ["narrow", "wide"]}


def test_the_worst_instance_is_taken_where_every_group_has_one() -> None:
    cells = [
        cell("narrow@10", 10, 5.0),
        cell("wide@10", 10, 4.0),
        cell("narrow@100", 100, 6.0),
        cell("wide@100", 100, 9.0),
        cell("wide@1000", 1000, 30.0),
        cell("narrow@10", 10, 1.0, "uniform"),
        cell("wide@10", 10, 2.0, "uniform"),
    ]
    worst = worst_of_groups(cells, INSTANCES, ["narrow", "wide"])
    assert [(c.learner, c.instance) for c in worst] == [
        ("mamex", "narrow@10"),
        ("mamex", "wide@100"),
        ("uniform", "wide@10"),
    ]
