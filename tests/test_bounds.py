"""Bounds as objects: closed forms, tuning, monotonicity, structure."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mamex_bench import bounds, catalogue
from mamex_bench.catalogue import needle
from mamex_bench.errors import InputError
from mamex_bench.model.hypotheses import ModelClass, ValueClass
from mamex_bench.model.instance import Instance


class Affine:
    """V_up(mu) = d mu + e, for every length."""

    def __init__(self, d, e=0.0):
        self.d, self.e, self.upper = d, e, d

    def upper_value(self, mu, episodes=None):
        return self.d * mu + self.e

    def upper_value_curve(self, mu, lengths):
        return np.full(len(lengths), self.upper_value(mu))


@pytest.fixture(scope="module")
def instance():
    return needle.make(arms=4)


def test_tuned_eta_is_the_closed_form(instance):
    """V_up = mu d: eta = sqrt(d / (c K U)), value 2 sqrt(d K U / c)."""
    constants = bounds.concentration(instance, None, 1000)
    for d, K in ((0.5, 100), (3.0, 10_000)):
        for delta in (None, 0.05):
            U = constants.expected_U if delta is None else constants.U(delta)
            eta = bounds.tuned_eta(constants, Affine(d).upper_value, K, delta)
            assert eta == pytest.approx(np.sqrt(d / (constants.c * K * U)), rel=1e-5)
        eta = bounds.tuned_eta(constants, Affine(d).upper_value, K)
        found = bounds.regret(
            instance, concept="nash", episodes=K, eta=eta, coefficient=Affine(d), epsilon_sum=0.0
        )
        best = 2 * np.sqrt(d * K * constants.expected_U / constants.c)
        assert found.explicit == pytest.approx(best, rel=1e-9)


def test_bounds_in_closed_form(instance):
    """A needle with 4 arms: H' = 1 (models differ at one step), |F| = 5, R = 1, n = 2."""
    K, eta, d, e, delta = 400, 0.1, 2.0, 3.0, 0.01
    found = bounds.regret(
        instance, concept="cce", episodes=K, eta=eta, coefficient=Affine(d, e), delta=delta
    )
    value = d / (2 * eta) + e
    assert found.explicit == pytest.approx(value + eta * K * 2 * np.log(5) + 1)
    U = 2 * np.log(5 / delta)
    sampling = (1 + eta * U) * np.sqrt(K * np.log(2 / delta) / 2)
    assert found.explicit_probability == pytest.approx(value + eta * K * U + sampling + 1)
    assert found.failure_probability == 2 * delta
    H = instance.game.horizon
    shape = 2 * (d * 20 + d * H + H * 20 * np.log(5 / delta))
    assert found.paper_shape == pytest.approx(shape)
    assert found.trivial == instance.return_range * K
    assert sum(found.terms.values()) == pytest.approx(found.explicit)
    assert found.applicable
    assert not found.vacuous
    assert "in expectation" in repr(found)


def test_the_paper_shape_of_values_counts_hypotheses_policies_and_episodes():
    """n (d sqrt(K) + d H + H sqrt(K) log(2 n max_i |F_i| |Pi| K / delta))."""
    game = catalogue.make("small_eluder")
    name = next(k for k, each in game.hypotheses.items() if isinstance(each, ValueClass))
    n, H, K, d, delta = game.game.agents, game.game.horizon, 400, 2.0, 0.01
    found = bounds.regret(
        game,
        concept="cce",
        episodes=K,
        eta=0.1,
        coefficient=Affine(d),
        delta=delta,
        hypotheses=name,
    )
    size = max(game.hypotheses[name].sizes)
    upsilon = 2 * n * size * game.policies.size * K / delta
    assert found.paper_shape == pytest.approx(n * (d * 20 + d * H + H * 20 * np.log(upsilon)))


def test_a_curve_ends_in_the_bound_and_grows(instance):
    times = np.array([1, 10, 100, 1000])
    case = {"concept": "ce", "eta": 0.05, "coefficient": Affine(1.0, 1.0)}
    curve = bounds.regret_curve(instance, checkpoints=times, **case)
    end = bounds.regret(instance, episodes=1000, **case)
    for name in ("explicit", "explicit_probability", "paper_shape", "trivial"):
        values = getattr(curve, name)
        assert values[-1] == getattr(end, name)
        assert (np.diff(values) > 0).all()
    assert curve.nonvacuous_from == end.nonvacuous_from


@pytest.mark.parametrize("d", [0.3, 2.0, 30.0])
def test_nonvacuous_from_is_the_crossing(instance, d):
    """2 sqrt(d K U / c) + 1 = R K has the root K = ((a + sqrt(a^2 + 4 R)) / (2 R))^2."""
    constants = bounds.concentration(instance, None, 1)
    found = bounds.nonvacuous_from(constants, Affine(d))
    a, R = 2 * np.sqrt(d * constants.expected_U / constants.c), instance.return_range
    exact = ((a + np.sqrt(a**2 + 4 * R)) / (2 * R)) ** 2
    assert exact * 0.99 <= found <= exact * 1.02 + 1
    assert bounds.nonvacuous_from(constants, Affine(1e14)) is None


@pytest.mark.parametrize("flat", [50.0, 2000.0])
def test_where_eta_changes_no_error_it_is_a_quarter_of_the_balance(instance, flat):
    """V_up = e: the search ends a factor 4 below e = eta K U, where the bound is 5 e / 4 + 1."""
    constants, R = bounds.concentration(instance, None, 1), instance.return_range
    eta = bounds.tuned_eta(constants, Affine(0.0, flat).upper_value, 1000)
    assert eta * 1000 * constants.at(1000).expected_U == pytest.approx(flat / 4, rel=1e-3)
    exact = (1.25 * flat + 1) / R
    found = bounds.nonvacuous_from(constants, Affine(0.0, flat))
    assert exact * 0.999 <= found <= exact * 1.006 + 1


def test_a_crossing_is_remembered_for_the_same_constants_only(instance):
    """The ranges of returns of two instances may differ where one coefficient serves both."""
    constants, case = bounds.concentration(instance, None, 1000), Affine(2.0)
    wide = bounds.nonvacuous_from(constants, case)
    half = replace(constants, return_range=0.5 * constants.return_range)
    narrow = bounds.nonvacuous_from(half, case)
    assert narrow == bounds.nonvacuous_from(half, Affine(2.0)) > wide


class Capped(Affine):
    """V_up(mu) = min(E K, d mu): K pairs earn at most E each."""

    def upper_value(self, mu, episodes=None):
        return min(0.9 * episodes, self.d * mu)

    def upper_value_curve(self, mu, lengths):
        return np.array([self.upper_value(mu, int(k)) for k in lengths])


def test_nonvacuous_from_agrees_with_the_tuned_bound(instance):
    """Beyond the crossing the bound with tuned eta is below the trivial one, before it is not."""
    case = Capped(300.0)
    constants = bounds.concentration(instance, None, 1)
    crossing = bounds.nonvacuous_from(constants, case)
    assert 100 < crossing < 10_000
    for K, vacuous in ((int(crossing * 0.97), True), (int(crossing * 1.03), False)):
        eta = bounds.tuned_eta(constants, lambda mu, K=K: case.upper_value(mu, K), K)
        found = bounds.regret(instance, concept="ce", episodes=K, eta=eta, coefficient=case)
        assert found.vacuous == vacuous
        # The search does not run off to eta = 0, where nothing would be learned.
        assert found.terms["radius"] > 0.2 * found.terms["decoupling"]


def test_bounds_that_do_not_apply_say_why(instance):
    astray = Instance(
        instance.game, instance.policies, ModelClass(instance.hypothesis().transitions, None)
    )
    found = bounds.regret(astray, concept="ce", episodes=10, eta=1.0, coefficient=Affine(1.0))
    assert not found.applicable
    assert np.isnan(found.explicit)
    assert found.trivial == 10 * instance.return_range
    assert "does not hold the true model" in repr(found)
    missing = bounds.regret(instance, concept="ce", episodes=10, eta=1.0, coefficient=None)
    assert "no bracket" in missing.note
    assert np.isnan(missing.explicit)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eta": 0.0}, "eta is 0.0"),
        ({"eta": np.nan}, "eta is nan"),
        ({"episodes": 0}, "episodes is 0"),
        ({"delta": 1.0}, "delta is 1.0"),
        ({"concept": "pareto"}, "pareto"),
        ({"epsilon_sum": -1.0}, "epsilon_sum"),
    ],
)
def test_bad_arguments(instance, change, message):
    case = {"concept": "ce", "episodes": 10, "eta": 1.0, "coefficient": Affine(1.0), **change}
    with pytest.raises(InputError, match=message):
        bounds.regret(instance, **case)


def test_bad_checkpoints(instance):
    case = {"concept": "ce", "eta": 1.0, "coefficient": Affine(1.0)}
    for wrong in ([5, 3], [3, 3], [0, 3]):
        with pytest.raises(InputError, match="increasing"):
            bounds.regret_curve(instance, checkpoints=wrong, **case)
    assert bounds.regret_curve(instance, checkpoints=[1, 2, 3], **case).explicit.shape == (3,)
    with pytest.raises(InputError, match="last checkpoint"):
        bounds.regret_curve(instance, checkpoints=[3, 5], episodes=6, **case)


def largest_linear_value(X, W, mu, K):
    """Greedy lower end of V(mu) / (mu + 6H) for e = <W, X>, D(s; f, pi) = <W_f, X_s>^2, H = 1."""
    errors = W @ X.T
    costs = np.zeros_like(errors)
    total = 0.0
    for _ in range(K):
        gains = errors - costs / mu
        f, x = np.unravel_index(np.argmax(gains), gains.shape)
        if gains[f, x] <= 0:
            break
        total += gains[f, x]
        costs += (errors[:, x] ** 2)[:, None]
    return total / (mu + 6.0)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_structural_bilinear_bound_exceeds_sequences(rank):
    rng = np.random.default_rng(rank)
    X, W = rng.normal(size=(60, rank)), rng.normal(size=(80, rank))
    norms = SimpleNamespace(
        feature=np.linalg.norm(X, axis=1).max(), weight=np.linalg.norm(W, axis=1).max()
    )
    K = 400
    upper = bounds.structural_bilinear(
        rank,
        horizon=1,
        episodes=K,
        feature=norms.feature,
        weight=norms.weight,
        residual=np.abs(W @ X.T).max(),
    )
    lower = max(largest_linear_value(X, W, mu, K) for mu in (0.1, 1.0, 10.0, 100.0))
    assert 0.02 * upper < lower <= upper


def test_structural_bounds_in_closed_form():
    """One feature, K B_X B_W = 1: gamma = log 2, g = 1."""
    case = {"horizon": 2, "episodes": 10, "feature": 0.5, "weight": 0.2}
    assert bounds.structural_bilinear(1, residual=0.1, **case) == pytest.approx(0.5)
    mixture = bounds.structural_linear_mixture(1, value_bound=2.0, **case)
    assert mixture == pytest.approx(2 * max(2.0, 3 / 12))
    witness = bounds.structural_witness(1, ratio=0.5, span=1.0, residual=2.0, **case)
    assert witness == pytest.approx(2 * max(2.0, 4 / 12))
    eluder = bounds.structural_bellman_eluder(3, horizon=2, episodes=100, residual=1.0)
    assert eluder == pytest.approx(2 * 3 * np.log(100))
    short = bounds.structural_bellman_eluder(3, horizon=2, episodes=1, residual=1.0)
    assert short == pytest.approx(2 * 4 / 12)


@pytest.mark.parametrize("dimension", [1, 3, 10])
def test_structural_bellman_eluder_bound_exceeds_sequences(dimension):
    """Functions on m points, Dirac distributions, one hypothesis per point and size: d_BE = m.

    e = x at point j for the hypothesis (j, x), and uses of other points reveal nothing of it.
    """
    K, H = 500, 1
    sizes = np.geomspace(1.0 / K, 1.0, 40)
    best = 0.0
    for mu in np.geomspace(0.1, 1000.0, 30):
        gains = []
        for used in range(K):
            # The best size for the next pair on a point that was used so often already.
            gains.append(max(float((sizes - used * sizes**2 / mu).max()), 0.0))
        best = max(best, float(np.sort(np.tile(gains, dimension))[-K:].sum()) / (mu + 6 * H))
    upper = bounds.structural_bellman_eluder(dimension, horizon=H, episodes=K, residual=1.0)
    assert upper / 12 < best <= upper
