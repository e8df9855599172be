"""Goofspiel, the game of pure strategy: equal hands bid for prizes that lie open in a known order.

Definition. Each of two agents holds the cards 1, ..., N; the prizes 1, ..., N come in descending or
ascending order. At every trick both play a card at once, unseen; the higher one wins the prize,
equal cards discard it. What counts at the end: "points", the difference of the prizes won, or
"win", the sign of that difference. The last trick, which is forced, is counted with the one before
it, so H = N - 1. A card that is no longer in the hand means the lowest that is. States: both hands,
and for "win" the difference of the scores; a state belongs to one step, all are numbered in a row.

Value. The game is symmetric and zero-sum: exchanging the agents turns every outcome into its
negative, so the value v to agent 0 satisfies v = -v, and v = 0. Later states are worth something,
and equilibria are mixed: Rhoads and Bartholdi 2012 solve the game with shuffled prizes and up to 13
cards by linear programs.

Policies. All up to equivalence if few, else a sample around an equilibrium (`_classics`).
Hypotheses: which action plays which card at the first trick, N^2 models.
"""

from __future__ import annotations

import numpy as np

from mamex_bench.catalogue._certificate import Check
from mamex_bench.catalogue._classics import (
    population,
    relabelled,
    relabelled_known,
    value_checks,
)
from mamex_bench.catalogue._generators import at_least
from mamex_bench.errors import InputError
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.model.instance import Instance, Known

SOURCE = "symmetric zero-sum game, proved in the docstring of goofspiel"
CARD_LIMIT = 4
Hand = tuple[int, ...]
# Both hands, and by how much agent 0 leads; the lead stays 0 where it does not count.
State = tuple[Hand, Hand, int]


def make(
    *,
    seed: int = 0,
    cards: int = 3,
    order: str = "descending",
    returns: str = "points",
    policies: int = 16,
    models: int = 16,
) -> Instance:
    """Goofspiel with few cards.

    Arguments:
        seed: draws the order of the models, and policies and models where not all are taken.
        cards: N, from 2 to 4.
        order: of the prizes, "descending" or "ascending".
        returns: "points" or "win".
        policies: per agent, all up to equivalence if no more than this, else so many.
        models: all relabellings of the first trick if no more than this, else so many.
    """
    N = at_least(cards, 2, "cards")
    if N > CARD_LIMIT:
        raise InputError(f"cards is {cards}: expected at most {CARD_LIMIT}, transitions are dense")
    if order not in ("descending", "ascending"):
        raise InputError(f"order is {order!r}: expected 'descending' or 'ascending'")
    if returns not in ("points", "win"):
        raise InputError(f"returns is {returns!r}: expected 'points' or 'win'")
    prizes = range(N, 0, -1) if order == "descending" else range(1, N + 1)
    game = enumerate_game(list(prizes), win=returns == "win")
    return Instance(
        game,
        population(game, policies, seed, "goofspiel"),
        relabelled(game, live=1, limit=models, seed=seed, family="goofspiel"),
        name=f"goofspiel(cards={N}, {order}, {returns})",
        known={
            "value": Known(0.0, SOURCE),
            "layered_states": Known(game.states, "enumeration"),
            "covering_radius": relabelled_known(game, 1, models),
        },
    )


def enumerate_game(prizes: list[int], win: bool) -> MarkovGame:
    """All tricks but the last as a game; own units are points, or -1, 0, 1."""
    N = len(prizes)
    hand, H = tuple(range(1, N + 1)), N - 1
    layers: list[list[State]] = [[(hand, hand, 0)]]
    moves: dict[tuple[State, int, int], tuple[State, float]] = {}
    for h in range(H):
        following: dict[State, None] = {}
        for state in layers[h]:
            for a, b in np.ndindex(N, N):
                after, pay = _trick(state, a + 1, b + 1, prizes[h:], win)
                moves[state, a, b] = after, pay
                following[after] = None
        layers.append(list(following))
    number = {state: k for k, state in enumerate(s for layer in layers[:H] for s in layer)}
    S, high = len(number), 1.0 if win else float(max(abs(pay) for _, pay in moves.values()))
    transition = np.broadcast_to(np.eye(S)[:, None], (H, S, N * N, S)).copy()
    share = np.full((H, S, N * N), 0.5)
    for h, layer in enumerate(layers[:H]):
        for state in layer:
            for a, b in np.ndindex(N, N):
                after, pay = moves[state, a, b]
                share[h, number[state], a * N + b] = (1.0 + pay / high) / 2.0
                transition[h, number[state], a * N + b] = np.eye(S)[number.get(after, 0)]
    units = Units(np.full(2, 2.0 * high), np.full(2, -H * high))
    return MarkovGame(transition, np.stack([share, 1.0 - share]), (N, N), units=units)


def _trick(state: State, a: int, b: int, prizes: list[int], win: bool) -> tuple[State, float]:
    """The state after a trick and what agent 0 gets; the forced last trick follows at once."""
    hands, lead = state[:2], state[2]
    played = [card if card in hand else hand[0] for hand, card in zip(hands, (a, b))]
    pay = prizes[0] * int(np.sign(played[0] - played[1]))
    rest = [tuple(c for c in hand if c != card) for hand, card in zip(hands, played)]
    if len(prizes) == 2:
        pay += prizes[1] * int(np.sign(rest[0][0] - rest[1][0]))
        return ((), (), 0), float(np.sign(lead + pay) if win else pay)
    if win:
        return (rest[0], rest[1], lead + pay), 0.0
    return (rest[0], rest[1], 0), float(pay)


def certify(instance: Instance) -> list[Check]:
    """The value, and that exchanging the agents exchanges their rewards at the first trick."""
    game = instance.game
    first = game.reward[:, 0, 0].reshape(2, *game.action_counts)
    skew = float(np.abs(first[0] - first[1].T).max())
    return [
        *value_checks(instance),
        Check("exchange of the agents at the first trick", skew, "==", 0.0),
    ]
