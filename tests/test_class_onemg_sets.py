"""ONEMG's confidence sets: what is looked at lazily is what looking at everything gives."""

from __future__ import annotations

import numpy as np
import pytest

import mamex_bench as mb
from mamex_bench.kernels import nash_regression as kernel
from mamex_bench.learners._exploiter import Exploiter
from mamex_bench.model.simulator import Simulator

SMALL = {"zero_sum": True, "states": 3, "actions": 2, "horizon": 3, "policies": 3, "models": 40}


def learner_of(name: str, episodes: int, **options: float) -> Exploiter:
    instance = mb.catalogue.make("linear_mixture", seed=2, **SMALL)
    learner = mb.learners.make(name, instance, concept="nash", episodes=episodes, **options)
    assert isinstance(learner, Exploiter)
    return learner


@pytest.mark.parametrize("name", ["onemg", "onemg_tuned"])
def test_the_fused_loop_is_bit_identical(name: str) -> None:
    K = 400
    runs = [
        mb.run(learner.instance, learner, K, seed=3, fused=fused, block=block)
        for fused, block in ((True, 4096), (True, 7), (False, 1))
        for learner in (learner_of(name, K),)
    ]
    least = 2 if name == "onemg" else 4  # profiles, two of them are one for each agent
    assert len(set(map(tuple, runs[0].regret))) >= least
    for other in runs[1:]:
        np.testing.assert_array_equal(runs[0].regret, other.regret)
        np.testing.assert_array_equal(runs[0].lengths, other.lengths)
        assert runs[0].diagnostics["left"] == other.diagnostics["left"]


def excesses(learner: Exploiter, targets: kernel.Targets) -> np.ndarray:
    """(F,): from all episodes, one by one."""
    history, k = learner._history, learner.episode
    game, P = learner.instance.game, history.probability
    F, H = targets.worth.size, game.horizon
    losses = np.zeros((F, H, F))
    for states, actions in zip(history.states[:k], history.actions[:k], strict=True):
        for h in range(H):
            row = states[h] * game.actions + actions[h]
            entries = slice(game.layers.rows[row], game.layers.rows[row + 1])
            W = targets.values[game.layers.following[entries]]  # (successors, F)
            losses[:, h] += (W.T @ P[entries] - targets.values[states[h + 1]][:, None]) ** 2
    own = np.einsum("fhf->fh", losses)
    return (own - losses.min(axis=2) - learner.beta).max(axis=1)


@pytest.mark.parametrize("scale", [0.05, 0.01])
def test_what_is_selected_is_best_among_all_that_fit(scale: float) -> None:
    """After blocks of episodes, so that witnesses are followed, fail and are appointed anew."""
    learner = learner_of("onemg_tuned", 900, scale=scale)
    learner.begin(np.random.default_rng(1))
    simulator, rng = Simulator(learner.instance.game), np.random.default_rng(0)
    sizes = set()
    width = learner.instance.game.rewards.shape[1] + simulator.uniforms
    for block in (1, 2, 5, 20, 60, 150):
        learner.advance(simulator, rng.random((block, width)))
        for targets in (*learner._nash, *(t for a in learner._answers for t, _ in a.values())):
            beyond = excesses(learner, targets)
            inside = np.flatnonzero(beyond <= max(beyond.min(), 1e-10))
            sizes.add(inside.size)
            out = np.empty(beyond.size, dtype=np.int64)
            best = targets.worth[inside].max()
            tied = out[: kernel.select(learner._history, targets, out)].copy()
            assert set(tied) == set(inside[targets.worth[inside] >= best - 1e-12])
            for f in range(beyond.size):
                assert kernel.stays(learner._history, targets, f) == (f in tied)
            assert set(out[: kernel.members(learner._history, targets, out)]) == set(inside)
            # Leads are those of the witnesses, and bound the excess from below.
            appointed = targets.step >= 0
            assert (targets.lead[appointed] <= beyond[appointed] + 1e-9).all()
            assert (targets.apart[:, ~appointed] == 0.0).all()
    assert len(sizes) > 4
    assert min(sizes) < 20


def test_an_empty_set_falls_back_on_the_least_excess() -> None:
    """Where no model is left, those of least excess are: here the truth is none of them."""
    learner = learner_of("onemg_tuned", 60, scale=1e-12)
    game, hypotheses = learner.instance.game, learner.instance.hypothesis()
    others = [f for f in range(hypotheses.size) if f != hypotheses.truth]
    models = mb.ModelClass(hypotheses.transitions[others], None)
    instance = mb.Instance(game, learner.instance.policies, models)
    lost = mb.learners.make("onemg_tuned", instance, concept="nash", episodes=60, scale=1e-12)
    assert isinstance(lost, Exploiter)
    run = mb.run(instance, lost, 60, seed=1)
    again = mb.learners.make("onemg_tuned", instance, concept="nash", episodes=60, scale=1e-12)
    np.testing.assert_array_equal(
        run.regret, mb.run(instance, again, 60, seed=1, fused=False).regret
    )
    for targets in lost._nash:
        beyond = excesses(lost, targets)
        assert beyond.min() > 1e-6
        out = np.empty(beyond.size, dtype=np.int64)
        assert kernel.select(lost._history, targets, out) == 1
        assert beyond[out[0]] == pytest.approx(beyond.min(), abs=1e-9)
        assert not kernel.stays(lost._history, targets, int(out[0]))
