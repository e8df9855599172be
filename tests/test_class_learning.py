"""Learners on finite hypothesis classes learn; one with one thing broken is caught."""

from __future__ import annotations

import numpy as np
import pytest
from class_games import case

import mamex_bench as mb
from mamex_bench.kernels.posterior import posterior_draw
from mamex_bench.learners import _exploiter, posterior_sampling
from mamex_bench.learners._confidence_sets import ConfidenceSets
from mamex_bench.learners._exploiter import Exploiter
from mamex_bench.learners._finite_models import FiniteModels
from mamex_bench.learners._maximise_to_explore import MaximiseToExplore
from mamex_bench.learners.vmg import ValueIncentivised

# Largest share of uniform play's gap that may be left: the mean over the second half of the
# episodes; for VMG of its equilibria, one episode in n + 1; for ONEMG the output's at the end.
LEVELS: dict[str, tuple[str, int, dict[str, float]]] = {
    "posterior_sampling": ("nash", 800, {"random": 0.02, "needle": 1e-9, "lock": 1e-9}),
    "optimistic_mle": ("nash", 3000, {"grid": 1e-9, "needle": 1e-9, "lock": 1e-9}),
    "optimistic_mle_tuned": ("nash", 800, {"random": 0.02, "needle": 1e-9, "lock": 1e-9}),
    "golf": ("nash", 30_000, {"chicken": 1e-9, "rps": 1e-9, "linear": 1e-9}),
    "golf_tuned": ("nash", 2000, {"eluder": 0.02, "link": 0.02, "linear": 0.02}),
    "vmg": ("nash", 900, {"random": 0.02, "needle": 1e-9, "lock": 1e-9}),
    "e2d": ("ce", 400, {"random": 0.1, "needle": 1e-9, "lock": 1e-9}),
    "e2d_tuned": ("ce", 400, {"random": 0.1, "needle": 1e-9, "lock": 1e-9}),
    "onemg": ("nash", 1500, {"inspection": 1e-9, "golden": 1e-9, "goofspiel": 1e-9}),
    "onemg_tuned": ("nash", 500, {"inspection": 1e-9, "golden": 1e-9, "goofspiel": 1e-9}),
    "mex": ("nash", 400, {"alone": 0.02, "mixture": 0.02, "lock alone": 1e-9}),
}


def share_left(name: str, game: str, seed: int = 0, fused: bool = True) -> float:
    """Gap left, as a share of uniform play's."""
    instance = case(game)
    concept, episodes, _ = LEVELS[name]
    learner = mb.learners.make(name, instance, concept=concept, episodes=episodes)
    run = mb.run(instance, learner, episodes, seed=seed, fused=fused)
    if isinstance(learner, Exploiter):
        A = instance.game.actions
        blind = mb.MarkovProfile(np.full((*instance.game.table_shape, A), 1.0 / A), concept)
        left = learner.output_profile().gaps(instance).max()
        return float(left / blind.gaps(instance).max())
    uniform = mb.learners.make("uniform", instance, concept=concept, episodes=1).choose()
    executed = np.repeat(run.gaps.max(axis=1), run.lengths)
    if isinstance(learner, ValueIncentivised):
        executed = executed[:: instance.game.agents + 1]
    return float(executed[len(executed) // 2 :].mean() / uniform.gaps(instance).max())


@pytest.mark.parametrize("name", LEVELS)
def test_it_learns(name: str) -> None:
    for game, level in LEVELS[name][2].items():
        assert share_left(name, game) <= level, game


def roll_models(self: FiniteModels) -> None:
    """The payoffs of each model belong to another one."""
    self.payoffs = np.roll(self.payoffs, 1, axis=0)


@pytest.mark.parametrize("name", LEVELS)
def test_a_planted_break_is_caught_by_the_same_levels(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posterior sampling with shuffled weights, confidence sets and MEX without optimism, VMG and
    E2D with the payoffs of other models, ONEMG with the strategies of other models."""
    fused = True
    if name == "posterior_sampling":
        fused = False

        def shuffled(losses: np.ndarray, uniform: float) -> int:
            return posterior_draw(np.roll(losses, 1), uniform)

        monkeypatch.setattr(posterior_sampling, "posterior_draw", shuffled)
    elif name in ("vmg", "e2d", "e2d_tuned"):
        begin = FiniteModels.__init__

        def broken(self: FiniteModels, *args: object) -> None:
            begin(self, *args)  # type: ignore[arg-type]
            roll_models(self)

        monkeypatch.setattr(FiniteModels, "__init__", broken)
    elif name.startswith("onemg"):
        solve = _exploiter.nash_values
        solved: list[object] = []

        def late(game: mb.MarkovGame, P: np.ndarray) -> object:
            solved.append(solve(game, P))
            return solved[max(len(solved) - 2, 0)]

        monkeypatch.setattr(_exploiter, "nash_values", late)
    else:
        owner = MaximiseToExplore if name == "mex" else ConfidenceSets
        gather = owner._gather

        def pessimistic(self: MaximiseToExplore, settings: object) -> object:
            evidence = gather(self, settings)  # type: ignore[arg-type]
            inner = next((e for e in evidence if isinstance(e, tuple) and len(e) > 8), evidence)
            values = inner.values if hasattr(inner, "values") else inner.start
            values[:] = -values
            return evidence

        monkeypatch.setattr(owner, "_gather", pessimistic)
    assert any(
        share_left(name, game, fused=fused) > 1.2 * level + 0.01
        for game, level in LEVELS[name][2].items()
    )
