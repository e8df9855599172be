"""A combination lock that opens only when all agents enter the right code together.

Definition. Two states, alive and dead; L steps at which the code's secret joint action keeps the
game alive and every other joint action drops it into the dead state for good; one last step, worth
1 to every agent if alive. With `slip` > 0 the opposite of what the joint action deserves happens
with that probability at each step. Model f is one code; the class holds all A^L codes (A joint
actions), or a sample with the truth. Policies are the open-loop sequences.

Decoupling coefficient without slip. Let code* be the truth. The prediction error of (f, pi) is 1
if pi enters the code of f, f != code*, and 0 otherwise or -1. Let j be the first step at which the
code of f differs from code*, and g its joint action there: there are N = L (A - 1) such pairs
(j, g). Cluster the policies by them.

  * A policy of cluster (j, g) is alive until step j and takes g there: a model of the same cluster
    says that it stays alive, the truth that it dies. So every use of a policy of the cluster costs
    every pair of the cluster at least 1 (squared Hellinger distance 1, then dead), and
    V(mu) <= N sum_{c >= 1} [1 - (c - 1)/mu]_+.
  * A policy of cluster (j', g') with j' < j, or j' = j and g' != g, costs the pairs of (j, g)
    nothing: until step j' model and truth agree, and at j' they agree that it dies. So using the
    clusters in the order of j attains the bound, once K allows.

Hence V(mu) = N (mu + 1) / 2 at integer mu, and the coefficient is N / 2 = L (A - 1) / 2 for
K -> infinity: linear in L, while the number of joint policies is A^L.

Order of the policies. Joint policy 0 enters the right code except that the last agent errs at the
first step: exactly one agent can gain by deviating (by 1, without slip). A learner without
optimism whose ties go to the lowest profile stays there. Where two agents err, nobody gains
alone: that is a Nash equilibrium of value 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mamex_bench.catalogue._generators import at_least, per_agent, stream
from mamex_bench.errors import InputError
from mamex_bench.model._arrays import Ints, positive_integer
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance, Known
from mamex_bench.model.policies import PurePolicies

ALIVE, DEAD = range(2)
SOURCE = "proved in the docstring of combination_lock"
POLICY_LIMIT = 4096


def make(
    *,
    seed: int = 0,
    length: int = 4,
    agents: int = 2,
    actions: int | Sequence[int] = 2,
    models: int = 1024,
    slip: float = 0.0,
) -> Instance:
    """A lock with a random code.

    Arguments:
        seed: draws the code, and which codes the class holds when there are too many.
        length: L, the number of secret joint actions; the horizon is L + 1.
        agents, actions: number of agents; actions per agent, or one number for all.
        models: the class holds every code if there are no more than this, else so many of them.
        slip: probability in [0, 1/2) that a step goes the other way.
    """
    L, n = at_least(length, 1, "length"), positive_integer(agents, "agents")
    counts = per_agent(actions, n, "actions")
    F = positive_integer(models, "models")
    if not 0.0 <= slip < 0.5:
        raise InputError(f"slip is {slip!r}: expected a number in [0, 0.5)")
    for i, m in enumerate(counts):
        if m**L > POLICY_LIMIT:
            raise InputError(
                f"agent {i} has {m}^{L} open-loop sequences: expected at most {POLICY_LIMIT}, "
                "so lower length or actions"
            )
    A = int(np.prod(counts))
    code = stream(seed, "combination_lock", "code").integers(A, size=L)
    codes, truth = _codes(code, A, F, stream(seed, "combination_lock", "class"))

    H = L + 1
    transitions = np.zeros((len(codes), H, 2, A, 2))
    transitions[:, :, DEAD, :, DEAD] = 1.0
    transitions[:, :L, ALIVE, :, ALIVE] = slip
    transitions[:, :L, ALIVE, :, DEAD] = 1.0 - slip
    every = np.arange(len(codes))
    for h in range(L):
        transitions[every, h, ALIVE, codes[:, h]] = (1.0 - slip, slip)
    transitions[:, L, ALIVE, :, ALIVE] = 1.0
    reward = np.zeros((n, H, 2, A))
    reward[:, L, ALIVE] = 1.0

    game = MarkovGame(transitions[truth], reward, counts)
    entered = game.action_table[code].T
    known = {"value": Known((1.0 - slip) ** L, SOURCE)}
    if slip == 0.0 and len(codes) == A**L:
        known["decoupling"] = Known(L * (A - 1) / 2.0, SOURCE)
    return Instance(
        game,
        PurePolicies(
            [
                _sequences(m, entered[i], wrong_first=i == n - 1 and m > 1)
                for i, m in enumerate(counts)
            ]
        ),
        ModelClass(transitions, truth),
        name=f"combination_lock(length={L}, actions={'x'.join(map(str, counts))})",
        known=known,
    )


def _codes(code: Ints, A: int, limit: int, rng: np.random.Generator) -> tuple[Ints, int]:
    """(F, L) codes in increasing order, and the index of `code` among them."""
    L = code.size
    powers = [A ** (L - 1 - h) for h in range(L)]
    own = sum(int(digit) * power for digit, power in zip(code, powers))
    if limit >= A**L:
        chosen = list(range(A**L))
    else:
        drawn = {own}
        while len(drawn) < limit:
            drawn.add(sum(int(rng.integers(A)) * power for power in powers))
        chosen = sorted(drawn)
    table = [[number // power % A for power in powers] for number in chosen]
    return np.array(table, dtype=np.int64), chosen.index(own)


def _sequences(actions: int, right: Ints, wrong_first: bool) -> Ints:
    """(actions^L, L+1, 2): all open-loop sequences, the first the right one or off at step 0.

    Sequence j is the first one plus the digits of j, modulo the number of actions.
    """
    L = right.size
    base = right + np.eye(1, L, dtype=np.int64)[0] * wrong_first
    digits = np.arange(actions**L)[:, None] // actions ** np.arange(L - 1, -1, -1) % actions
    sequences = np.zeros((actions**L, L + 1, 2), dtype=np.int64)
    sequences[:, :L] = ((base + digits) % actions)[:, :, None]
    return sequences
