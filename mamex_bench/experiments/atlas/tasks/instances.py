"""The instance that a task is about, and its sizes."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mamex_bench import catalogue
from mamex_bench.experiments.atlas.tasks.task import Outcome
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance

CACHED_INSTANCES = 4


_instances: OrderedDict[str, Instance] = OrderedDict()


def instance_of(family: str, parameters: Mapping[str, Any], episodes: int) -> Instance:
    """The member; a family with a parameter `episodes` is made for this K unless it is given."""
    chosen = dict(parameters)
    if "episodes" in catalogue.parameters(family):
        chosen.setdefault("episodes", episodes)
    name = json.dumps([family, chosen], sort_keys=True)
    if name not in _instances:
        _instances[name] = catalogue.make(family, **chosen)
        while len(_instances) > CACHED_INSTANCES:
            _instances.popitem(last=False)
    _instances.move_to_end(name)
    return _instances[name]


def facts(family: str, parameters: Mapping[str, Any], episodes: int) -> Outcome:
    """Sizes, known constants, and the hypothesis classes by name."""
    instance = instance_of(family, parameters, episodes)
    game = instance.game
    return {
        "name": instance.name,
        "agents": game.agents,
        "states": int(game.states),
        "horizon": game.horizon,
        "actions": list(game.action_counts),
        "policies": int(instance.policies.size),
        "return_range": instance.return_range,
        "known": {name: float(each.value) for name, each in instance.known.items()},
        "classes": {name: _class(each) for name, each in instance.hypotheses.items()},
    }


def _class(hypotheses: Any) -> dict[str, Any]:
    kinds = {ModelClass: "models", ValueClass: "values", LinearValueClass: "linear"}
    return {"kind": kinds[type(hypotheses)], "size": class_size(hypotheses)}


def class_size(hypotheses: Any) -> int | None:
    """Models, or action values of the agent that has most; None for a linear class."""
    if isinstance(hypotheses, ModelClass):
        return int(hypotheses.size)
    return max(hypotheses.sizes) if isinstance(hypotheses, ValueClass) else None
