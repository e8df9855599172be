"""The constants of theory/regret_in_expectation.md, each against exact sums or simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamex_bench.bounds import concentration
from mamex_bench.concentration import MODEL_FREE_RATE, random_cells
from mamex_bench.errors import NotApplicableError
from mamex_bench.model.game import MarkovGame
from mamex_bench.model.hypotheses import LinearValueClass, ModelClass, ValueClass
from mamex_bench.model.instance import Instance, policy_action_values
from mamex_bench.model.policies import PurePolicies

weights = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda w: sum(w) > 0.1)


def rows(rng, *shape):
    return rng.dirichlet(np.full(shape[-1], 0.7), size=shape[:-1])


def tiny(seed=0, horizon=2, states=2, models=3):
    """A random two-agent game with every pure policy of two fixed tables per agent."""
    rng = np.random.default_rng(seed)
    transitions = rows(rng, models, horizon, states, 4, states)
    game = MarkovGame(transitions[0], rng.random((2, horizon, states, 4)), (2, 2))
    policies = PurePolicies.sample(game, (2, 2), seed)
    return Instance(game, policies, ModelClass(transitions, 0)), rng


def all_action_values(instance):
    """(n, M, H, S, A): Q of every agent and joint pure policy."""
    game, policies = instance.game, instance.policies
    tables = [policies.joint_actions(game, m) for m in range(policies.size)]
    return np.stack([policy_action_values(game, t) for t in tables], axis=1)


def with_values(instance, extra=2, completion="tabular", ridge=1.0, seed=1):
    """The same game with a value class that holds Q of every joint policy and a few more."""
    Q = all_action_values(instance)
    rng = np.random.default_rng(seed)
    others = rng.random((2, extra, *Q.shape[2:])) * Q.max()
    return Instance(
        instance.game,
        instance.policies,
        ValueClass([np.concatenate([Q[i], others[i]]) for i in range(2)], completion, ridge),
    )


def episodes(game, table, count, rng):
    """(count, H+1) states under one joint policy, slowly."""
    out = np.zeros((count, game.horizon + 1), dtype=int)
    for e in range(count):
        s = rng.choice(game.states, p=game.initial)
        out[e, 0] = s
        for h in range(game.horizon):
            s = rng.choice(game.states, p=game.transition[h, s, table[h, s]])
            out[e, h + 1] = s
    return out


def occupancy(game, table):
    d = np.zeros((game.horizon, game.states))
    d[0] = game.initial
    for h in range(game.horizon - 1):
        for s in range(game.states):
            d[h + 1] += d[h, s] * game.transition[h, s, table[h, s]]
    return d


@given(weights, weights)
def test_half_log_likelihood_ratio_has_the_hellinger_mean(p, q):
    p, q = np.array(p) / sum(p), np.array(q) / sum(q)
    seen = p > 0
    mean = (p[seen] * np.exp(0.5 * (np.log(q[seen] + 1e-300) - np.log(p[seen])))).sum()
    assert mean == pytest.approx(np.sqrt(p * q).sum(), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_likelihood_process_is_a_supermartingale(seed):
    """E exp( (1/H) sum_h (1/2) log P_f/P* + l(f)/H ) <= 1 over all trajectories, exactly."""
    rng = np.random.default_rng(seed)
    H, S = 3, 3
    P, Q, start = rows(rng, H, S, S), rows(rng, H, S, S), rows(rng, S)
    total, loss, d = 0.0, 0.0, start
    for h in range(H):
        loss += float(d @ (1.0 - np.sqrt(P[h] * Q[h]).sum(axis=1)))
        d = d @ P[h]
    for path in np.ndindex(*(S,) * (H + 1)):
        steps = list(zip(range(H), path[:-1], path[1:]))
        probability = start[path[0]] * np.prod([P[s] for s in steps])
        ratio = 0.5 * sum(np.log(Q[s] / P[s]) for s in steps)
        total += probability * np.exp((ratio + loss) / H)
    assert total <= 1.0 + 1e-12


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4),
    st.floats(0.0, 1.0),
    st.floats(0.1, 5.0),
    st.integers(0, 10_000),
)
def test_squared_loss_increment(points, guess, B, seed):
    """E exp(-X/B^2) <= exp(-(1 - e^-1/2) delta^2/B^2), X = (f - y)^2 - (Ty - y)^2, y in [0, B]."""
    p = np.random.default_rng(seed).dirichlet(np.ones(len(points)))
    y, f = B * np.array(points), B * guess
    mean = p @ y
    X = (f - y) ** 2 - (mean - y) ** 2
    left = p @ np.exp(-X / B**2)
    assert left <= np.exp(-((f - mean) ** 2) / (2 * B**2)) * (1 + 1e-12)
    assert left <= np.exp(-MODEL_FREE_RATE * (f - mean) ** 2 / B**2) * (1 + 1e-12)
    # Any other function in place of the truth: E exp(-2 X / B^2) <= 1, used for U0.
    assert p @ np.exp(-2 * X / B**2) <= 1.0 + 1e-12


def test_the_model_free_rate_is_the_largest_possible():
    u = np.linspace(0.0, 1.0, 1001)
    assert (np.exp(-u / 2) <= 1 - MODEL_FREE_RATE * u + 1e-15).all()
    assert (np.exp(-u / 2) > 1 - 1.01 * MODEL_FREE_RATE * u).any()


def test_model_based_radii_cover_simulated_excesses():
    """W1 = max_f [ c sum l - (L(f) - L(f*)) ], over 400 runs of 40 episodes, uniformly in k."""
    instance, rng = tiny(seed=3, models=6)
    game, classes = instance.game, instance.hypothesis()
    constants = concentration(instance, None, 40)
    table = instance.policies.joint_actions(game, 1)
    d = occupancy(game, table)
    h, s = np.indices(d.shape)
    P = classes.transitions[:, h, s, table]
    loss = (d * (1 - np.sqrt(P * P[0]).sum(axis=-1))).sum(axis=(1, 2))
    states = episodes(game, table, 400 * 40, rng)
    logs = sum(np.log(P[:, k, states[:, k], states[:, k + 1]]) for k in range(2))
    ratios = (logs - logs[0]).reshape(6, 400, 40).cumsum(axis=2)
    excess = (2.0 * loss[:, None, None] * np.arange(1, 41) + ratios).max(axis=0)
    assert constants.c == 2.0
    for delta in (0.5, 0.1, 0.05):
        assert (excess.max(axis=1) > constants.U(delta)).mean() <= delta
    assert excess.mean(axis=0).max() <= constants.expected_U
    # A radius twenty times smaller would be caught.
    assert (excess.max(axis=1) > constants.U(0.05) / 20).mean() > 0.05
    assert excess.mean(axis=0).max() > constants.expected_U / 40


def simulate_value_losses(instance, runs, K, rng, ridge=None, features=None):
    """Excesses (W0, W1) of agent 0 per run and k, by plain regression on simulated data."""
    game, policies, classes = instance.game, instance.policies, instance.hypothesis()
    values = classes.per_agent[0]
    H, S, A = game.horizon, game.states, game.actions
    Q = all_action_values(instance)[0]
    tables = [policies.joint_actions(game, m) for m in range(policies.size)]
    d = [occupancy(game, t) for t in tables]
    phi = np.eye(S * A).reshape(S, A, S * A) if features is None else features
    first, second = np.zeros(runs), np.zeros(runs)
    for run in range(runs):
        played = rng.integers(len(tables), size=K)
        paths = [episodes(game, tables[j], 1, rng)[0] for j in played]
        for m, table in enumerate(tables):
            for member in values:
                loss, known = 0.0, 0.0
                for h in range(H):
                    s = np.array([p[h] for p in paths])
                    a = np.array([tables[j][h, p[h]] for j, p in zip(played, paths)])
                    t = np.array([p[h + 1] for p in paths])
                    v = member[h + 1, np.arange(S), table[h + 1]] if h + 1 < H else np.zeros(S)
                    target = game.reward[0, h] + game.transition[h] @ v
                    y = game.reward[0, h, s, a] + v[t]
                    X = phi[s, a] if features is None else features[h, s, a]
                    own = member[h][s, a]
                    lam = 0.0 if ridge is None else ridge
                    gram = X.T @ X + lam * np.eye(X.shape[1])
                    fit = np.linalg.pinv(gram) @ X.T @ y
                    theta = np.linalg.pinv(
                        (phi if features is None else features[h]).reshape(S * A, -1)
                    ) @ member[h].reshape(-1)
                    loss += ((own - y) ** 2).sum() + lam * theta @ theta
                    loss -= ((X @ fit - y) ** 2).sum() + lam * fit @ fit
                    gap2 = (member[h] - target) ** 2
                    for j in played:
                        known += (d[j][h] * gap2[np.arange(S), tables[j][h]]).sum()
                if np.allclose(member, Q[m]):
                    first[run] = max(first[run], loss)
                second[run] = max(second[run], MODEL_FREE_RATE * known - loss)
    return first, second


@pytest.mark.parametrize("ridge", [None, 0.5, 200.0])
def test_model_free_radii_cover_simulated_excesses(ridge):
    """Tabular completion, and linear with a light and a heavy ridge, which is mostly bias."""
    base, rng = tiny(seed=5)
    features = None
    if ridge is not None:
        # An invertible change of the tabular basis: complete by construction.
        basis = np.eye(8) + 0.2 * rng.random((8, 8))
        features = np.tile(basis.reshape(1, 2, 4, 8), (2, 1, 1, 1))
    instance = with_values(base, 2, "tabular" if features is None else features, ridge or 1.0)
    K = 12
    constants = concentration(instance, None, K)
    first, second = simulate_value_losses(instance, 40, K, rng, ridge, features)
    U0, U1 = constants.radii(0.05)
    assert (first > U0).mean() <= 0.05
    assert (second > U1).mean() <= 0.05
    expected = constants.expected_radii()
    assert first.mean() <= expected[0] < U0
    assert second.mean() <= expected[1] < U1
    assert first.max() > 0.0


def test_radii_of_value_classes_in_closed_form():
    instance = with_values(tiny(seed=5)[0])
    constants = concentration(instance, None, 100)
    B = instance.hypothesis().step_bounds(instance.game)
    N = random_cells(instance).sum()
    n, M, F, delta = 2, 4, 6, 0.1
    sums = [
        (
            random_cells(instance) @ b**2 / 2 * np.log(4 * n * N * 100 * M / delta),
            (b**2).sum() * np.log(2 * n * F * M / delta),
        )
        for b in B
    ]
    assert constants.radii(delta) == pytest.approx(max(sums, key=sum))


def test_each_agent_pays_for_its_own_number_of_hypotheses():
    """With many copies in either agent's class, that agent's union bound is the dearest."""
    whole = with_values(tiny(seed=5)[0])
    classes = whole.hypothesis()
    B = classes.step_bounds(whole.game)
    noise = random_cells(whole) @ B.T**2 / 2 * (np.log(2 * 100 * 4) + 1)
    for i in range(2):
        copies = [
            np.repeat(v, 1000 if j == i else 1, axis=0) for j, v in enumerate(classes.per_agent)
        ]
        found = concentration(Instance(whole.game, whole.policies, ValueClass(copies)), None, 100)
        U1 = (B[i] ** 2).sum() * np.log(6 * 1000 * 4)
        assert found.expected_radii() == pytest.approx((noise[i], U1))


def test_radii_of_linear_completion_in_closed_form():
    base, rng = tiny(seed=5)
    basis = np.eye(8) + 0.2 * rng.random((8, 8))
    lam, K, delta, n, M, F, H = 0.7, 50, 0.1, 2, 4, 6, 2
    instance = with_values(base, 2, np.tile(basis.reshape(1, 2, 4, 8), (2, 1, 1, 1)), lam)
    game, classes = instance.game, instance.hypothesis()
    length = np.linalg.norm(basis, axis=1).max()
    grown = 8 * np.log(1 + K * length**2 / (lam * 8))
    sums = []
    for i, values in enumerate(classes.per_agent):
        B = classes.step_bounds(game)[i]
        U0, U1 = 0.0, (B**2).sum() * np.log(2 * n * F * M / delta)
        for h in range(H):
            own = np.linalg.norm(np.linalg.solve(basis, values[:, h].reshape(F, 8).T), axis=0)
            # The last target is the known reward: no noise.
            noise = B[h] / 2 * np.sqrt(grown + 2 * np.log(2 * n * H * M / delta)) if h == 0 else 0
            U0 += (noise + np.sqrt(lam) * own.max()) ** 2
            norms = []
            for m in range(M):
                table = instance.policies.joint_actions(game, m)
                for member in values:
                    v = member[1, np.arange(2), table[1]] if h == 0 else np.zeros(2)
                    target = game.reward[i, h] + game.transition[h] @ v
                    norms.append(np.linalg.norm(np.linalg.solve(basis, target.reshape(8))))
            U1 += lam * max(norms) ** 2
        sums.append((U0, U1))
    assert concentration(instance, None, K).radii(delta) == pytest.approx(max(sums, key=sum))


def test_random_cells_leave_out_what_is_certain_or_out_of_reach():
    transition = np.zeros((2, 3, 4, 3))
    transition[..., 2] = 1.0
    transition[0, 0, 1] = [0.5, 0.5, 0.0]
    transition[1, 0, 1] = [0.5, 0.5, 0.0]
    transition[0, 1, 1] = [0.5, 0.5, 0.0]
    game = MarkovGame(transition, np.zeros((2, 2, 3, 4)), (2, 2))
    every = PurePolicies.all(game)
    some = PurePolicies([np.zeros((1, 2, 3), dtype=int), np.zeros((1, 2, 3), dtype=int)])
    assert random_cells(Instance(game, every)).tolist() == [1.0, 0.0]
    assert random_cells(Instance(game, some)).tolist() == [0.0, 0.0]


def test_only_steps_at_which_models_differ_count():
    rng = np.random.default_rng(2)
    transitions = np.tile(rows(rng, 1, 4, 2, 4, 2), (5, 1, 1, 1, 1))
    transitions[1:, 1:3] = rows(rng, 4, 2, 2, 4, 2)
    game = MarkovGame(transitions[0], rng.random((2, 4, 2, 4)), (2, 2))
    instance = Instance(game, PurePolicies.sample(game, (2, 2), 0), ModelClass(transitions))
    constants = concentration(instance, None, 10)
    assert constants.U(0.1) == pytest.approx(2 * 2 * np.log(5 / 0.1))
    assert constants.expected_U == pytest.approx(2 * 2 * np.log(5))


def test_bounds_do_not_apply_without_their_assumptions():
    instance, _ = tiny(seed=5)
    game, policies = instance.game, instance.policies
    astray = Instance(game, policies, ModelClass(instance.hypothesis().transitions, None))
    with pytest.raises(NotApplicableError, match="does not hold the true model"):
        concentration(astray, None, 10)
    Q = all_action_values(instance)
    partial = Instance(game, policies, ValueClass([Q[0, 1:], Q[1, 1:]]))
    with pytest.raises(NotApplicableError, match="Q of every joint policy"):
        concentration(partial, None, 10)
    linear = Instance(game, policies, LinearValueClass(np.ones((2, 2, 4, 1))))
    with pytest.raises(NotApplicableError, match="unconstrained"):
        concentration(linear, None, 10)


def test_incomplete_features_are_found_out():
    """Features that span the members at each step, but not one backup of the last member."""
    instance, rng = tiny(seed=5)
    game, policies = instance.game, PurePolicies.sample(instance.game, (1, 1), 0)
    Q = all_action_values(Instance(game, policies))
    extra = rng.random((2, 1, 2, 2, 4))
    extra[:, :, 0] = Q[:, :, 0]
    members = np.concatenate([Q, extra], axis=1)
    spans = [members[:, :, h].reshape(-1, 8) for h in range(2)]
    phi = np.zeros((2, 2, 4, 4))
    for h, span in enumerate(spans):
        phi[h] = span.T.reshape(2, 4, 4)
    for name, completion in (("linear", phi), ("tabular", "tabular")):
        classes = ValueClass([members[0], members[1]], completion)
        case = Instance(game, policies, classes)
        if name == "tabular":
            assert concentration(case, None, 10).U(0.1) > 0.0
        else:
            with pytest.raises(NotApplicableError, match="not complete"):
                concentration(case, None, 10)
