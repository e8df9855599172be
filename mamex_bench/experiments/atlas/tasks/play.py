"""Regret of a learner on an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mamex_bench import learners
from mamex_bench.experiments.atlas.tasks.instances import instance_of
from mamex_bench.experiments.atlas.tasks.task import Outcome


def regret(
    family: str,
    parameters: Mapping[str, Any],
    episodes: int,
    learner: str,
    concept: str,
    options: Mapping[str, Any],
    seeds: int,
) -> Outcome:
    """Final regret, summed over agents, of each seed."""
    from mamex_bench.runs.run import run

    instance = instance_of(family, parameters, episodes)
    chosen, finals, classes = dict(options), [], None
    for seed in range(seeds):
        player = learners.make(learner, instance, concept=concept, episodes=episodes, **chosen)
        if player.eta is not None and "eta" in learners.options(learner):
            chosen["eta"] = player.eta  # tuned once
        classes = getattr(player, "hypotheses", None)
        played = run(instance, player, episodes, seed, suite="atlas", instance_id=instance.name)
        finals.append(float(np.asarray(played.regret).sum()))
    return {
        "regret": finals,
        "return_range": instance.return_range,
        "agents": instance.game.agents,
        "hypotheses": classes,
        "eta": chosen.get("eta"),
    }
