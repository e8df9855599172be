"""Instances whose truth is chosen: another member of a class, or an arm of a needle."""

from __future__ import annotations

from mamex_bench import catalogue
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance


def with_truth(instance, member):
    """The same class, another member in the truth's place."""
    game, models = instance.game, instance.hypothesis()
    other = MarkovGame(models.transitions[member], game.reward, game.action_counts, game.initial)
    return Instance(other, instance.policies, ModelClass(models.transitions, member), instance.name)


def needles(truth="none", arms=64):
    return catalogue.make("needle", arms=arms, truth=truth, dummy_actions=1)
