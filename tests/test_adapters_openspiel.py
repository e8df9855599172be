"""Games of OpenSpiel: sizes and values against a table, keys, units, and what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import mamex_bench as mb
from mamex_bench.catalogue import _openspiel as openspiel
from mamex_bench.catalogue._enumerate import KeyCollision, enumerate_game
from mamex_bench.errors import InputError

pyspiel = pytest.importorskip(
    "pyspiel", reason="OpenSpiel is not installed: pip install 'mamex-bench[openspiel]'"
)

# Written out independently of this package, with OpenSpiel 2.0.2. States and entries are those of
# legal play: without absorbing states, without padding, all ends of a step one.
TABLE = json.loads((Path(__file__).parent / "data" / "openspiel_values.json").read_text())
LARGE = 16_000  # entries
LASER = "laser_tag(horizon=8,grid=S..\n...\n..S,zero_sum=true)"


def written_out(name, limit=20_000_000, **options):
    """The enumeration with the first key that survives, as `from_openspiel` makes it."""
    game = openspiel._load(name)
    for key in openspiel._keys(game):
        try:
            return enumerate_game(openspiel.OpenSpielProcess(game, key), limit=limit, **options)
        except KeyCollision:
            continue
    raise AssertionError(name)


def largest_welfare(game):
    """max over joint policies of the sum of own returns, backwards through the layers."""
    scale, A = game.units.scale, game.actions
    pay = np.einsum("i,ixa->xa", scale, game.reward)
    later = np.zeros(int(game.next_state.max()) + 1)
    for x in range(game.states - 1, -1, -1):
        rows = game.indptr[x * A : (x + 1) * A + 1]
        entries = slice(rows[0], rows[-1])
        future = np.add.reduceat(
            game.probability[entries] * later[game.next_state[entries]], rows[:-1] - rows[0]
        )
        later[x] = (pay[x] + future).max()
    return later[: game.initial.size] @ game.initial + game.units.offset.sum()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["game"].replace("\n", "|"))
def test_sizes_and_values_are_those_of_the_table(row):
    if row.get("entries", 0) > LARGE and "MAMEX_BENCH_LARGE" not in os.environ:
        pytest.skip(f"{row['entries']:,} entries: set MAMEX_BENCH_LARGE=1 to write them out")
    found = written_out(row["game"])
    sizes = {
        "states": int(found.live.sum()),
        "horizon": len(found.live),
        "largest_layer": int(found.live.max()),
        "initial_states": int(found.live[0]),
        "entries": found.legal_entries,
        "actions": list(found.action_counts),
    }
    assert sizes == {**sizes, **{key: row[key] for key in sizes if key in row}}
    game = found.to_game()
    if "value" in row:
        solved = mb.backward_induction(game, "nash")
        np.testing.assert_allclose(solved.value, [row["value"], -row["value"]], atol=1e-8)
        assert solved.gaps.max() < 1e-8
    else:
        np.testing.assert_allclose(largest_welfare(game), row["welfare"], rtol=1e-12)


def test_soccer_from_its_name():
    game = mb.catalogue.from_openspiel("markov_soccer(horizon=12,grid=....\n.AO.\n...B)")
    assert isinstance(game, mb.LayeredGame)
    assert game.horizon == 11  # soccer's last state takes no decision
    assert game.action_counts == (5, 5)
    start = time.perf_counter()
    solved = mb.backward_induction(game, "nash")
    assert time.perf_counter() - start < 60.0
    np.testing.assert_allclose(solved.value, [0.4833850419289998, -0.4833850419289998], atol=1e-10)


@pytest.mark.skipif(
    "MAMEX_BENCH_LARGE" not in os.environ or not Path("/proc/self/status").exists(),
    reason="635,600 rows: set MAMEX_BENCH_LARGE=1 (Linux)",
)
def test_laser_tag_is_written_out_within_a_minute_and_a_gigabyte():
    program = (
        "import re, time, mamex_bench as mb\n"
        f"game = mb.catalogue.from_openspiel({LASER!r})\n"
        "peak = re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())\n"
        "print(game.states, game.actions, time.process_time(), peak[1])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    states, actions, seconds, kilobytes = map(float, ran.stdout.split())
    assert (states, actions) == (6356, 100)
    assert seconds < 60.0
    assert kilobytes < 2**20


SMALL = [
    "markov_soccer(horizon=5,grid=AO.\n..B)",
    "laser_tag(horizon=2,grid=S.\n.S,zero_sum=true)",
    "laser_tag(horizon=2,grid=S.\n.S,zero_sum=false)",
    "pathfinding(horizon=6,players=2,grid=A.b\nB.a)",
    "repeated_game(stage_game=matrix_pd(),num_repetitions=4)",
    "goofspiel(num_cards=3,points_order=random)",
    "goofspiel(num_cards=4,points_order=descending,returns_type=point_difference)",
    "goofspiel(num_cards=3,returns_type=total_points)",
    "goofspiel(num_cards=3,players=3)",
    "dots_and_boxes(num_rows=1,num_cols=2)",
    "breakthrough(rows=4,columns=2)",
    "nim(pile_sizes=1;2;3)",
    "connect_four(rows=3,columns=3,x_in_row=3)",
]


@pytest.mark.parametrize("name", SMALL, ids=lambda name: name.replace("\n", "|"))
def test_states_with_equal_keys_have_equal_rows(name):
    """With the coarsest key, and ten arrivals at every state, also those that others lead to."""
    game = openspiel._load(name)
    process = openspiel.OpenSpielProcess(game, openspiel._keys(game)[0])
    enumerate_game(process, witnesses=10)


def test_the_string_of_pathfinding_is_not_markov_and_that_is_found():
    """An agent that waits on its goal and one that was paid there look the same."""
    name = "pathfinding(horizon=8,players=2,grid=A.b\nB.a)"
    with pytest.raises(InputError, match=r"two states of step \d+ with the same key pay different"):
        mb.catalogue.from_openspiel(name, key=str)
    with pytest.raises(InputError, match=r"key have \(1, \d\) and \(\d, 1\) actions"):
        mb.catalogue.from_openspiel("dots_and_boxes(num_rows=1,num_cols=2)", key=lambda state: 0)


def test_a_key_that_fails_is_replaced_by_a_finer_one():
    """The second pass in a row ends a game of go; the board alone does not show the first."""
    game = openspiel._load("go(board_size=2)")
    coarse, *_, history = openspiel._keys(game)
    with pytest.raises(KeyCollision, match="pay differently"):
        enumerate_game(openspiel.OpenSpielProcess(game, coarse), 6)
    written = mb.catalogue.from_openspiel("go(board_size=2)", 6)
    full = mb.catalogue.from_openspiel("go(board_size=2)", 6, key=history)
    assert written.states < full.states
    np.testing.assert_allclose(
        mb.backward_induction(written, "nash").value, mb.backward_induction(full, "nash").value
    )


def exact_returns(game):
    """(n,) expected own returns of uniform legal play, by recursion in OpenSpiel itself."""

    def follow(state):
        if state.is_terminal():
            return np.array(state.returns())
        if state.is_chance_node():
            return sum(p * follow(state.child(a)) for a, p in state.chance_outcomes())
        if state.is_simultaneous_node():
            total, joint = 0.0, 0
            legal = [state.legal_actions(i) for i in range(game.num_players())]
            for actions in product(*legal):
                after = state.clone()
                after.apply_actions(list(actions))
                total, joint = total + follow(after), joint + 1
            return total / joint
        legal = state.legal_actions()
        return sum(follow(state.child(a)) for a in legal) / len(legal)

    return follow(game.new_initial_state())


@pytest.mark.parametrize(
    "name",
    [
        "goofspiel(num_cards=3,points_order=random,returns_type=point_difference)",
        "goofspiel(num_cards=3,returns_type=total_points)",
        "laser_tag(horizon=1,grid=S.\n.S,zero_sum=false)",
        "pathfinding(horizon=3,players=2,grid=A.b\nB.a)",
        "repeated_game(stage_game=matrix_pd(),num_repetitions=3)",
        "matching_pennies_3p",
        "blotto(coins=4,fields=2)",
    ],
    ids=lambda name: name.replace("\n", "|"),
)
def test_own_returns_are_those_of_the_game_itself(name):
    """Uniform legal play: the first m actions of an agent that has m, absorbing states any one."""
    source = openspiel._load(name)
    found = written_out(name)
    game = found.to_game()
    process = openspiel.OpenSpielProcess(source, openspiel._keys(source)[0])
    weights, x = np.zeros((game.states, game.actions)), 0
    layer = {}
    for _, s, _ in process.start():
        layer.setdefault(process.key(s), s)
    for h in range(game.horizon):
        x, after = int(game.layer_offsets[h]), {}
        weights[x : game.layer_offsets[h + 1], 0] = 1.0
        for k, state in enumerate(layer.values()):
            legal = process.choices(state)
            grid = product(*map(range, game.action_counts))
            weights[x + k] = [
                float(all(a < m for a, m in zip(joint, legal))) / np.prod(legal) for joint in grid
            ]
            for actions in product(*map(range, legal)):
                for _, t, _ in process.outcomes(state, actions):
                    if t is not None:
                        after.setdefault(process.key(t), t)
        layer = after
    later = np.zeros((game.agents, int(game.next_state.max()) + 1))
    A = game.actions
    for x in range(game.states - 1, -1, -1):
        for a in np.flatnonzero(weights[x]):
            row = slice(game.indptr[x * A + a], game.indptr[x * A + a + 1])
            future = later[:, game.next_state[row]] @ game.probability[row]
            later[:, x] += weights[x, a] * (game.reward[:, x, a] + future)
    value = game.units.to_own(later[:, : game.initial.size] @ game.initial)
    np.testing.assert_allclose(value, exact_returns(source), rtol=1e-10, atol=1e-10)


def test_an_agent_that_does_not_move_has_one_action_repeated():
    game = mb.catalogue.from_openspiel("nim(pile_sizes=1;2)")
    assert game.action_counts == (3, 2)
    first = game.reward[:, 0].reshape(2, 3, 2)
    assert (first == first[:, :, :1]).all()
    rows = game.next_state[game.indptr[:6]].reshape(3, 2)
    assert (rows == rows[:, :1]).all()
    assert len(set(rows[:, 0])) == 3


def test_the_repeated_prisoners_dilemma_has_one_state_per_round_and_defects():
    name = "repeated_game(stage_game=matrix_pd(),num_repetitions=5)"
    game = mb.catalogue.from_openspiel(name)
    assert game.states == 5
    np.testing.assert_allclose(mb.backward_induction(game, "ce").value, [5.0, 5.0], atol=1e-9)


def test_a_horizon_cuts_the_game():
    """Soccer counts no goal of its last decision: a cut before it is worth as much."""
    cut = mb.catalogue.from_openspiel("markov_soccer(horizon=1000,grid=AO.\n..B)", horizon=5)
    full = mb.catalogue.from_openspiel("markov_soccer(horizon=7,grid=AO.\n..B)")
    assert (cut.horizon, full.horizon) == (5, 6)
    assert cut.states == full.layer_offsets[5]
    np.testing.assert_allclose(
        mb.backward_induction(cut, "nash").value, mb.backward_induction(full, "nash").value
    )


def test_a_game_of_openspiel_is_taken_too():
    game = mb.catalogue.from_openspiel(pyspiel.load_game("matrix_rps"))
    assert game.states == game.horizon == 1
    np.testing.assert_allclose(mb.backward_induction(game, "nash").value, [0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("game", "words"),
    [
        ("markov_socer", "OpenSpiel has no game 'markov_socer': did you mean markov_soccer"),
        ("qqqqqq", "OpenSpiel has no game 'qqqqqq': see pyspiel.registered_names()"),
        ("markov_soccer(horzion=3)", "Unknown parameter 'horzion'"),
        ("nim(pile_sizes=)", "OpenSpiel does not make 'nim(pile_sizes=)': Could not parse"),
        ("nfg_game", "OpenSpiel does not make 'nfg_game'"),
        ("kuhn_poker", "OpenSpiel's kuhn_poker has hidden information: expected a game whose"),
        ("goofspiel(imp_info=true)", "goofspiel has hidden information"),
        ("stones_and_gems", "stones_and_gems samples its chance moves"),
        ("mfg_garnet", "mfg_garnet is a mean-field game"),
        ("chess", "chess is too large: 261 states in the first 2 steps, 20 x 20 joint actions"),
        (3, "game is 3: expected a name or a game of OpenSpiel"),
    ],
)
def test_what_cannot_be_written_out_is_refused_in_one_sentence(game, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        mb.catalogue.from_openspiel(game, limit=100_000)
    assert "\n" not in str(caught.value)


def test_the_limit_is_named_with_the_counts_so_far():
    with pytest.raises(InputError, match=r" in the first 2 steps, .* limit = 1,000 rows"):
        mb.catalogue.from_openspiel("tic_tac_toe", limit=1000)
