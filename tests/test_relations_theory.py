"""theory/relations.md: its lemmas against exact sums, its constants against planted changes."""

from __future__ import annotations

import numpy as np
import pytest
from planted_truths import needles, with_truth
from reduced import reduced

import mamex_bench as mb
from mamex_bench import catalogue, complexity
from mamex_bench.complexity import _relation_counts, _relation_decisions, _relation_list
from mamex_bench.complexity._discrepancy import discrepancies
from mamex_bench.complexity._relation import Subject
from mamex_bench.complexity.decision_estimation import hellinger
from mamex_bench.model.hypotheses import ModelClass
from mamex_bench.model.instance import Instance


def chosen(name):
    return [each for each in complexity.relations() if each.name == name]


def check(instance, name, **options):
    (found,) = complexity.check_relations(instance, chosen=chosen(name), **options)
    return found


# --- interactions ------------------------------------------------------------------------------


class Interaction:
    """Sums over all outcomes of an interaction under two laws, P and Q.

    Attributes:
        affinity: sum sqrt(PQ).
        above: sum [sqrt P - sqrt Q]_+^2.
        seen: sum over steps of E_P D_k^2, D_k^2 of the conditional laws.
    """

    def __init__(self, laws):
        """laws(past) -> (P, Q) of what comes next, or None at the end."""
        self.affinity = self.above = self.seen = 0.0
        self.visit(laws, (), 1.0, 1.0)

    def visit(self, laws, past, p, q):
        found = laws(past)
        if found is None:
            self.affinity += np.sqrt(p * q)
            self.above += max(np.sqrt(p) - np.sqrt(q), 0.0) ** 2
            return
        P, Q = found
        self.seen += p * ((np.sqrt(P) - np.sqrt(Q)) ** 2).sum()
        for z in range(len(P)):
            self.visit(laws, (*past, z), p * P[z], q * Q[z])

    @property
    def distance(self):
        return 2.0 - 2.0 * self.affinity


def drawn(rng):
    """Laws of a random interaction of at most four steps, and its length."""
    steps, spread = int(rng.integers(1, 5)), rng.choice([0.1, 0.3, 1.0])

    def laws(past):
        if len(past) == steps:
            return None
        both = rng.dirichlet(np.full(3, spread), size=2)
        both[rng.random(2) < 0.2, rng.integers(3)] = 0.0
        both /= both.sum(axis=1, keepdims=True)
        return (both[0], both[0]) if rng.random() < 0.3 else tuple(both)

    return laws, steps


def two_steps(p, q, after):
    """Something of probability p and q; after it alone, `after` steps with nothing in common."""

    def laws(past):
        if len(past) == 1 + after:
            return None
        if not past:
            return np.array([p, 1.0 - p]), np.array([q, 1.0 - q])
        return (np.eye(2)[0], np.eye(2)[int(past[0] == 0)])

    return laws


def test_distances_of_random_interactions():
    rng = np.random.default_rng(0)
    for _ in range(400):
        laws, steps = drawn(rng)
        found = Interaction(laws)
        assert found.above <= found.seen + 1e-12
        assert found.seen <= (2 * steps - 1) * found.distance + 1e-12


def test_what_is_seen_on_the_way_needs_its_constant():
    for after in (1, 2, 4):
        found = Interaction(two_steps(1e-4, 0.0, after))
        assert found.seen <= (2 * after + 1) * found.distance + 1e-12
        assert found.seen > 0.999 * (2 * after + 1) * found.distance


def test_the_one_sided_distance_needs_its_constant_and_the_two_sided_one_a_larger():
    found = Interaction(two_steps(1e-4, 0.0, 0))
    assert 0.999 * found.seen < found.above <= found.seen + 1e-15
    small = 1e-6
    found = Interaction(two_steps(small, (1.0 + np.sqrt(2.0)) ** 2 * small, 1))
    assert found.distance / found.seen == pytest.approx(1.0 + np.sqrt(0.5), rel=1e-4)
    assert found.above <= found.seen


def test_change_of_measure():
    rng = np.random.default_rng(1)
    for _ in range(200):
        p, q = rng.dirichlet(np.full(6, 0.3), size=2)
        above = (np.maximum(np.sqrt(p) - np.sqrt(q), 0.0) ** 2).sum()
        alpha = 1.0 + rng.exponential()
        # The worst h in [0, 1].
        h = (p > alpha * q).astype(float)
        assert p @ h <= alpha * (q @ h) + alpha / (alpha - 1.0) * above + 1e-12
    # Equality where p = alpha^2 q.
    alpha, q = 3.0, np.array([0.01, 0.99])
    p = np.array([alpha**2 * q[0], 1.0 - alpha**2 * q[0]])
    above = (np.sqrt(p[0]) - np.sqrt(q[0])) ** 2
    assert p[0] - alpha * q[0] == pytest.approx(alpha / (alpha - 1.0) * above, rel=1e-12)


# --- what enters the bound ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def game():
    return reduced(catalogue.make("random_game"), 3, 5)


def test_discrepancies_of_steps_are_seen_at_the_end(game):
    models = game.hypothesis()
    steps = _relation_decisions.informative_steps(game, models)
    seen = discrepancies(game)[0].own.T
    ends = hellinger(game, None, game.game.transition)
    assert (seen <= (steps - 0.5) * ends + 1e-12).all()
    assert (seen > 0.5 * ends + 1e-6).any()


def test_steps_that_differ_are_counted(game):
    models = game.hypothesis()
    H = game.game.horizon
    assert _relation_decisions.informative_steps(game, models) == H
    one = np.repeat(game.game.transition[None], 2, axis=0)
    one[1, 1] = models.transitions[(models.truth + 1) % models.size, 1]
    assert _relation_decisions.informative_steps(game, ModelClass(one, 0)) == 1
    assert _relation_decisions.informative_steps(game, ModelClass(one[:1], 0)) == 0


def test_welfare_range_is_that_of_trajectories():
    rng = np.random.default_rng(3)
    transition = rng.dirichlet(np.ones(3), size=(3, 3, 2))
    transition[rng.random(transition.shape) < 0.4] = 0.0
    transition[..., 0] += transition.sum(axis=3) == 0.0
    transition /= transition.sum(axis=3, keepdims=True)
    reward = rng.random((1, 3, 3, 2))
    made = mb.MarkovGame(transition, reward, (2,), np.array([0.5, 0.5, 0.0]))
    subject = Instance(made, mb.PurePolicies.all(made), ModelClass(transition[None], 0))
    totals = []

    def walk(h, s, total):
        if h == 3:
            totals.append(total)
            return
        for a in range(2):
            for t in np.flatnonzero(transition[h, s, a]):
                walk(h + 1, t, total + reward[0, h, s, a])

    for s in (0, 1):
        walk(0, s, 0.0)
    spread = _relation_decisions.welfare_range(subject, subject.hypothesis())
    assert spread == pytest.approx(max(totals) - min(totals), abs=1e-12)
    assert spread < reward.max(axis=(0, 2, 3)).sum() - reward.min(axis=(0, 2, 3)).sum() - 1e-3


def test_lost_welfare_is_seen(game):
    models = game.hypothesis()
    L, G = _relation_decisions.constants(game)
    assert 0.5 <= L <= _relation_decisions.informative_steps(game, models) - 0.5
    spread = _relation_decisions.welfare_range(game, models)
    assert 0.0 < G < spread
    lost = game.payoffs.sum(axis=0).reshape(-1) - game.model_payoffs().sum(axis=1)
    distance = np.sqrt(hellinger(game, None, game.game.transition))
    assert (lost <= G * distance + 1e-12).all()
    assert (L * distance**2 + 1e-12 >= discrepancies(game)[0].own.T).all()
    assert (lost >= G * distance - 1e-12).sum() > distance.shape[1]
    # No welfare to lose.
    soccer = reduced(catalogue.make("purgatory"), 2, 4)
    assert _relation_decisions.constants(soccer)[1] == pytest.approx(0.0, abs=1e-12)


def test_independent_draws_decouple(game):
    K, rng = 200, np.random.default_rng(2)
    bracket = complexity.decoupling(game, K)
    closest = 0.0
    for agent, each in zip(bracket.agents, discrepancies(game)):
        for _ in range(40):
            eta = float(np.exp(rng.normal(-2.0, 2.0)))
            p = rng.dirichlet(np.full(each.policies, 0.1))
            # The best map of policies to models, as in the optimistic game; `own` is D(q; f).
            worth = p @ (each.errors - eta * (p @ each.own)).max(axis=1)
            allowed = agent.upper_value((K - 1) / (2.0 * eta), K) / K
            assert worth <= allowed + 1e-12
            closest = max(closest, worth / allowed)
    assert closest > 0.5


# --- decisions and decoupling ------------------------------------------------------------------


@pytest.mark.parametrize("family", ["random_game", "needle", "hypercube", "three_concepts"])
def test_estimation_is_below_the_coefficients_at_every_reference(family):
    small = reduced(catalogue.make(family), 2, 3)
    for member in range(small.hypothesis().size):
        moved = with_truth(small, member)
        for name in ("below_coefficients", "ce_below_coefficients", "below_draws"):
            found = check(moved, f"estimation_{name}", episodes=20)
            assert found.outcome == "holds", str(found)


def test_the_constant_is_that_of_many_arms(monkeypatch):
    # 1 - (1 + 2 gamma) / M against M / (8 gamma); the gamma of the grid at which they are closest.
    for M, gamma in ((16, 4), (64, 16)):
        instance = needles(arms=M)
        found = check(instance, "estimation_below_coefficients", episodes=20)
        assert found.outcome == "holds"
        assert found.left == pytest.approx((1 - (1 + 2 * gamma) / M,) * 2, abs=1e-9)
        assert found.right == pytest.approx((M / (8 * gamma),) * 2, rel=0.02)
        assert _relation_decisions.constants(instance) == pytest.approx((0.5, 0.0))
    true = _relation_decisions.decoupled_estimation
    for planted in (
        lambda d, L, G: 0.96 * true(d, L, G),
        lambda d, L, G: true(d, 0.96 * L, G),
        lambda d, L, G: true([0.96 * each for each in d], L, G),
    ):
        monkeypatch.setattr(_relation_decisions, "decoupled_estimation", planted)
        assert check(instance, "estimation_below_coefficients", episodes=20).outcome == "violated"


def test_lost_welfare_and_coefficients_add_up_before_they_are_squared():
    # (3 + sqrt(2 * 0.25 * 2) + sqrt(2 * 0.25 * 8))^2 / 4
    assert _relation_decisions.decoupled_estimation([2.0, 8.0], 0.25, 3.0) == pytest.approx(9.0)


def test_draws_decouple_a_needle_but_for_one_arm(monkeypatch):
    # 1 - 1/M - 2 gamma/M against 1 - 2 gamma/M while gamma <= M/4, M/(8 gamma) from there.
    M, instance = 64, needles()
    agents, (L, G) = complexity.decoupling(instance, 20).agents, (0.5, 0.0)
    for gamma in (0.25, 4.0, 16.0, 24.0, 31.0):
        bound = _relation_decisions.drawn_estimation(agents, L, G, gamma)
        exact = 1.0 - 2.0 * gamma / M if gamma <= M / 4.0 else M / (8.0 * gamma)
        assert bound == pytest.approx(exact, abs=1e-3)
    assert check(instance, "estimation_below_draws", episodes=20).outcome == "holds"
    true = _relation_decisions._drawn
    for planted in (
        lambda agent, eta: true(agent, 1.1 * eta),
        lambda agent, eta: 0.95 * true(agent, eta),
    ):
        monkeypatch.setattr(_relation_decisions, "_drawn", planted)
        assert check(instance, "estimation_below_draws", episodes=20).outcome == "violated"


def test_lost_welfare_is_shared_as_is_best():
    agents = complexity.decoupling(needles(), 20).agents
    bound = _relation_decisions.drawn_estimation
    alone = bound(agents, 0.5, 0.0, 4.0)
    assert alone == pytest.approx(1.0 - 8.0 / 64.0, abs=1e-3)
    # A share of gamma goes to the arm, what is left to welfare, which costs sqrt(2) G at most.
    for G, gamma in ((0.01, 4.0), (0.3, 4.0), (3.0, 4.0), (1.0, 16.0)):
        shares = [
            1.0 - 2.0 * share * gamma / 64.0 + min(G**2 / (4.0 * left), 2.0**0.5 * G)
            for share in _relation_decisions.SHARES
            for left in [max((1.0 - share) * gamma, 1e-9)]
        ]
        assert bound(agents, 0.5, G, gamma) == pytest.approx(min(shares), abs=1e-3)
    # Where no step is heard errors count in full.
    assert bound(agents, 0.0, 0.5, 4.0) == pytest.approx(1.0 + 0.25 / 16.0)
    found = check(catalogue.make("blind_step"), "estimation_below_draws", episodes=20)
    assert found.outcome == "holds"
    assert found.left[0] > 0.1


def test_an_infinite_coefficient_bounds_nothing():
    found = check(catalogue.make("safe_arm", blind=True), "estimation_below_coefficients")
    assert found.outcome == "not applicable"
    assert "infinite" in found.reason


# --- what does not hold ------------------------------------------------------------------------


def test_no_estimation_and_many_arms_to_decouple():
    for arms in (2, 4, 8):
        instance = catalogue.make("safe_arm", arms=arms)
        for gamma in (0.01, 1.0):
            for concept in ("cce", "ce", "nash"):
                options = {"gamma": gamma, "concept": concept}
                found = complexity.measure("decision_estimation", instance, **options)
                assert found.upper == pytest.approx(0.0, abs=1e-9)
        low, high = complexity.decoupling(instance, 20).k_free
        known = instance.known["decoupling"].value
        assert known == arms * 0.25 / (2.0 * (1.0 - np.sqrt(0.5)))
        assert low == pytest.approx(known, rel=0.02)
        assert high >= known * (1 - 1e-9)


def test_pure_decisions_are_not_bounded():
    pennies = np.array([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 1, 4)
    game = mb.MarkovGame(
        np.ones((1, 1, 4, 1)), np.stack([pennies, 1.0 - pennies]).reshape(2, 1, 1, 4), (2, 2)
    )
    instance = Instance(game, mb.PurePolicies.all(game), ModelClass(game.transition[None], 0))
    assert complexity.decoupling(instance, 20).k_free == (0.0, 0.0)
    for gamma in (1.0, 1e6):
        dec = {
            concept: complexity.measure(
                "decision_estimation", instance, gamma=gamma, concept=concept
            ).value
            for concept in ("cce", "ce", "nash")
        }
        assert dec == pytest.approx({"cce": 0.0, "ce": 0.0, "nash": 1.0}, abs=1e-9)


# --- counting and coverability -----------------------------------------------------------------


def test_occupancies_before_and_after_a_threshold():
    rng = np.random.default_rng(4)
    for _ in range(300):
        K, m, theta = int(rng.integers(2, 200)), rng.random(), float(np.exp(rng.normal()))
        d = m * (rng.random(K) if rng.random() < 0.5 else rng.random(K) < rng.random())
        before = np.cumsum(d) - d
        early = before < theta * m
        assert d[early].sum() <= (1.0 + theta) * m + 1e-12
        late = (d[~early] ** 2 / before[~early]).sum()
        growth = max(np.log(K / theta), 0.0)
        assert late <= m * growth / (theta * np.log1p(1.0 / theta)) + 1e-12


def test_coverability_bounds_at_the_best_threshold():
    K = 1000
    subject = Subject(reduced(catalogue.make("random_game"), 2, 4), K, 0.1, None, 1000)
    _, (bound, _) = _relation_list._coverability(subject)
    cover = float(subject.measured("coverability").certificate["per_step"].sum())
    R, H = subject.value_bound, subject.horizon

    def at(theta):
        growth = np.log(K / theta) / np.log((1.0 + theta) / theta) / theta
        return cover * max(R**2 * growth / 2.0, (1.0 + theta) * R / (6.0 * H))

    assert at(1.0) == pytest.approx(
        cover * max(R**2 * np.log2(K) / 2.0, R / (3.0 * H))
    )  # as in decoupling_bracket.md
    assert min(map(at, np.geomspace(0.1, 999.0, 3000))) == pytest.approx(bound, rel=0.03)
    assert subject.coefficient[1] < bound < at(1.0) / 3.0


def test_single_models_and_policies_bound_the_coefficient():
    # The needle needs them all: M arms, M models, kappa = 2, against M / 2.
    M, K = 6, 400
    instance = needles(arms=M)
    subject = Subject(instance, K, 0.1, None, 1000)
    harmonic = (1.0 / np.arange(1, K)).sum()
    for side in (_relation_counts._policies, _relation_counts._models):
        (low, _), (bound, _) = side(subject)
        assert bound == pytest.approx(M * harmonic / 2.0)
        assert low <= bound
        # Without the harmonic number it would be too little.
        assert low > 0.8 * M / 2.0
