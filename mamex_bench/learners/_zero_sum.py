"""Games in which what one of two agents gains the other loses, as far as known rewards tell."""

from __future__ import annotations

from mamex_bench.errors import NotApplicableError
from mamex_bench.model.game import Game
from mamex_bench.model.instance import Instance
from mamex_bench.model.returns import extreme_returns


def constant_sum(game: Game) -> bool:
    """One agent, or two whose known rewards have the same total along every path."""
    if game.agents != 2 or game.random_rewards:
        return game.agents == 1
    low, high = extreme_returns(game, game.rewards.sum(axis=0, keepdims=True))
    return bool(high[0] - low[0] <= 1e-9)


def insist_on_two_players(name: str, instance: Instance) -> None:
    """Raises NotApplicableError unless the game is one of two players with constant sum."""
    if instance.game.agents != 2 or not constant_sum(instance.game):
        raise NotApplicableError(
            f"{name} needs two agents whose known rewards sum to a constant along every path, "
            f"unlike instance {instance.name!r}"
        )
