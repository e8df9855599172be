"""Mixtures of model classes, and zero-sum members of families."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from linear_games import case

import mamex_bench as mb
from mamex_bench.errors import InputError
from mamex_bench.model.mixture import Mixture


@pytest.mark.parametrize("game", ["mixture", "dummy", "both"])
def test_models_are_mixtures_of_their_base_kernels(game: str, tmp_path: Any) -> None:
    for seed in range(3):
        classes = case(game, seed).hypothesis()
        mixed = np.einsum("fhd,dhsat->fhsat", classes.mixture.weights, classes.mixture.basis)
        np.testing.assert_allclose(mixed, classes.transitions, atol=1e-12)
        assert classes.mixture.dimension == case(game, seed).known["mixture_dimension"].value
    path = mb.save(case(game), tmp_path / "game.npz")
    loaded = mb.load(path)
    assert isinstance(loaded, mb.Instance)
    one, two = case(game).hypothesis().mixture, loaded.hypothesis().mixture
    np.testing.assert_array_equal(one.basis, two.basis)
    np.testing.assert_array_equal(one.weights, two.weights)


def test_a_mixture_that_is_none_is_refused() -> None:
    instance = case("mixture")
    classes, mixture = instance.hypothesis(), instance.hypothesis().mixture
    assert repr(mixture) == "Mixture(d=4)"

    def with_mixture(other: Any) -> mb.Instance:
        models = mb.ModelClass(classes.transitions, classes.truth, mixture=other)
        return mb.Instance(instance.game, instance.policies, models)

    moved = mixture.weights.copy()
    moved[3, 2] += [1e-6, 0.0, 0.0, -1e-6]
    with pytest.raises(InputError, match=r"mixture\.weights\[3, 2\] @ basis differ"):
        with_mixture(Mixture(mixture.basis, moved))
    with pytest.raises(InputError, match=r"mixture\.weights has shape \(15, 4, 4\)"):
        with_mixture(Mixture(mixture.basis, mixture.weights[1:]))
    with pytest.raises(InputError, match=r"mixture\.basis has shape"):
        with_mixture(Mixture(mixture.basis[:, :, :, :, :2], mixture.weights))
    with pytest.raises(InputError, match=r"mixture\.basis has shape"):
        with_mixture(Mixture(mixture.basis.reshape(4, -1), mixture.weights))
    with pytest.raises(InputError, match=r"expected \(F, H, d\) = \(16, 4, 4\)"):
        Mixture(mixture.basis, mixture.weights[:, :, :3])
    with pytest.raises(InputError, match="expected Mixture"):
        with_mixture("four kernels")


@pytest.mark.parametrize("family", ["linear_mixture", "hypercube", "linear_game"])
def test_zero_sum_members_are_zero_sum_and_certified(family: str) -> None:
    small = {"models": 8, "policies": 3}
    for seed in range(3):
        plain = mb.catalogue.make(family, seed=seed, **small)
        member = mb.catalogue.make(family, seed=seed, zero_sum=True, **small)
        np.testing.assert_array_equal(member.game.reward.sum(axis=0), 1.0)
        np.testing.assert_array_equal(member.game.reward[0], plain.game.reward[0])
        np.testing.assert_array_equal(member.dense.transition, plain.dense.transition)
        own = member.game.units.to_own(member.payoffs)
        np.testing.assert_allclose(own.sum(axis=0), 0.0, atol=1e-12)
        assert all(check.holds for check in mb.catalogue.certify(family, member))
        assert "zero-sum" in member.name
    if family != "hypercube":
        with pytest.raises(InputError, match="zero_sum is true with 3 agents"):
            mb.catalogue.make(family, agents=3, zero_sum=True, **small)
