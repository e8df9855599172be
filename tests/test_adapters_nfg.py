"""Gambit's strategic games: published files, round trips, and files that are damaged."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import mamex_bench as mb
from mamex_bench.catalogue import _nfg
from mamex_bench.errors import InputError

DATA = Path(__file__).parent / "data"
SELTEN = np.array([[[1, 1], [0, 0], [0, 2]], [[1, 1], [2, 3], [2, 0]]], dtype=np.float64)


def own_payoffs(game):
    return game.units.to_own(game.reward[:, 0, 0]).reshape(game.agents, *game.action_counts)


@pytest.mark.parametrize("name", ["selten_payoffs", "selten_outcomes"])
def test_both_versions_of_the_example_in_the_manual(name):
    game = mb.catalogue.from_nfg(DATA / f"{name}.nfg")
    assert (game.horizon, game.states, game.action_counts) == (1, 1, (3, 2))
    np.testing.assert_array_equal(own_payoffs(game), SELTEN)
    assert game.reward.min() == 0.0
    assert game.reward.max() == 1.0


def test_three_agents_and_profiles_without_an_outcome():
    """Nau, Gomez Canovas and Hansen 2004: everybody's first strategy is an equilibrium."""
    game = mb.catalogue.from_nfg(DATA / "nau_2x2x2.nfg")
    payoffs = own_payoffs(game)
    assert payoffs[:, 0, 0, 0].tolist() == [0.0, 0.0, 2.0]
    assert payoffs[:, 1, 0, 0].tolist() == [3.0, 0.0, 0.0]  # the first agent changes fastest
    assert payoffs[:, 0, 1, 0].tolist() == [0.0, 3.0, 0.0]
    assert payoffs[:, 0, 0, 1].tolist() == [1.0, 1.0, 0.0]
    assert payoffs[:, 1, 1, 1].tolist() == [0.0, 0.0, 3.0]
    assert payoffs.sum() == 2 + 3 + 3 + 2 + 3


def test_whole_decimal_and_rational_numbers():
    read = _nfg.read(DATA / "numbers.nfg")
    np.testing.assert_array_equal(read, [[[1 / 3], [100.0]], [[-2.5], [-0.05]]])


def test_a_game_read_from_a_file_is_solved():
    """Selten's game: the second agent's first strategy and the first agent's first are one."""
    solved = mb.backward_induction(mb.catalogue.from_nfg(DATA / "selten_payoffs.nfg"), "nash")
    assert solved.gaps.max() < 1e-9


shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(lambda c: (len(c), *c))
tables = shapes.flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-1e6, 1e6, allow_subnormal=False))
)


@given(tables, st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])))
def test_what_is_written_is_read_back_exactly(tmp_path_factory, payoffs, title):
    path = tmp_path_factory.mktemp("nfg") / "game.nfg"
    mb.catalogue.to_nfg(payoffs, path, title)
    np.testing.assert_array_equal(_nfg.read(path), payoffs)


@given(tables)
def test_a_game_keeps_its_own_units_through_a_file(tmp_path_factory, payoffs):
    path = tmp_path_factory.mktemp("nfg") / "game.nfg"
    game = _nfg.game_of(payoffs)
    mb.catalogue.to_nfg(game, path)
    size = np.abs(payoffs).max() + 1.0
    np.testing.assert_allclose(_nfg.read(path), payoffs, rtol=0, atol=1e-14 * size)
    np.testing.assert_allclose(own_payoffs(game), payoffs, rtol=0, atol=1e-14 * size)


def test_matrix_games_of_the_catalogue_are_written(tmp_path):
    instance = mb.catalogue.make("matrix_game", game="chicken")
    mb.catalogue.to_nfg(instance.game, tmp_path / "chicken.nfg", "chicken")
    read = mb.catalogue.from_nfg(tmp_path / "chicken.nfg")
    np.testing.assert_allclose(read.reward, instance.game.reward)
    np.testing.assert_allclose(own_payoffs(read)[0], [[6, 2], [7, 0]])


WHOLE = (DATA / "selten_outcomes.nfg").read_text()
PLAIN = (DATA / "selten_payoffs.nfg").read_text()


@pytest.mark.parametrize("text", [WHOLE, PLAIN], ids=["outcomes", "payoffs"])
def test_a_file_cut_short_anywhere_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "short.nfg"
    for length in range(len(text.rstrip())):
        path.write_text(text[:length])
        if re.search(r"\d$", text[:length]) and text[length].isdigit():
            continue  # a number cut within
        with pytest.raises(InputError, match=r"short\.nfg' (is cut short|has )") as caught:
            mb.catalogue.from_nfg(path)
        assert "\n" not in str(caught.value).replace("\\n", "")


HEAD = 'NFG 1 R "t" { "a" "b" } '


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is cut short: expected the letters NFG at the start"),
        ("EFG 2 R", "has EFG where the letters NFG at the start should be"),
        ("NFG 2 R", "has 2 where format version 1 should be"),
        ("NFG 1 Q", "has Q where the letter R should be"),
        ("NFG 1 R title", "has title where the title, in quotes should be"),
        ('NFG 1 R "t', "is cut short: a string has no closing quote"),
        ('NFG 1 R "t" { }', "names no agent: expected at least one"),
        ('NFG 1 R "t" { "a" b', "has b where an agent's name or }, in quotes should be"),
        (HEAD + "{ 2 2", "is cut short: expected a number of strategies"),
        (HEAD + "{ 2 }", "has strategies for 1 agents: expected 2"),
        (HEAD + "{ 2 0 }", "gives agent 1 no strategy: expected at least one"),
        (HEAD + "{ 2 1.5 }", "has 1.5 where a number of strategies should be"),
        (HEAD + "{ 2 1 } 1 2 3", "is cut short: it has 3 payoffs, expected 4"),
        (HEAD + "{ 2 1 } 1 2 3 x", "has x where payoff 4 of 4, a number should be"),
        (HEAD + "{ 2 1 } 1 2 3 1/0", "has 1/0 where payoff 4 of 4, a finite number should be"),
        (HEAD + "{ 2 1 } 1 2 3 1e999", "has 1e999 where payoff 4 of 4, a finite number should"),
        (HEAD + "{ 2 1 } 1 2 3 nan", "has nan where payoff 4 of 4, a number should be"),
        (HEAD + "{ 2 1 } 1 2 3 4 5", "has 5 where the end of the file after 4 payoffs should be"),
        (HEAD + "{ 2 1 } { { 1 2 } }", "has 1 where an outcome's name, in quotes should be"),
        (
            HEAD + '{ 2 1 } { { "" 1 } } 1 1',
            "has } where the 2 payoffs of outcome 1, a number should be",
        ),
        (
            HEAD + '{ 2 1 } { { "" 1 2 3 } } 1 1',
            "has 3 where } after the 2 payoffs of outcome 1 should be",
        ),
        (
            HEAD + '{ 2 1 } { { "" 1 2 } } 1',
            "is cut short: expected the outcomes of 2 profiles, 1 found",
        ),
        (
            HEAD + '{ 2 1 } { { "" 1 2 } } 1 2',
            "has 2 where the number of one of 1 outcomes should be",
        ),
        (
            HEAD + '{ 2 1 } { { "" 1 2 } } 1 1 1',
            "has 1 where the end of the file after the outcomes of 2 profiles should be",
        ),
    ],
)
def test_damaged_files_say_what_was_expected(tmp_path, text, words):
    path = tmp_path / "bad.nfg"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(f"'{path}' {words}")):
        mb.catalogue.from_nfg(path)


def test_files_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        mb.catalogue.from_nfg(tmp_path / "none.nfg")
    (tmp_path / "binary.nfg").write_bytes(b"\xff\xfe\x00\x93NUMPY")
    with pytest.raises(InputError, match=r"binary\.nfg' is not a text file"):
        mb.catalogue.from_nfg(tmp_path / "binary.nfg")
    with pytest.raises(InputError, match="cannot be written: No such file"):
        mb.catalogue.to_nfg(SELTEN, tmp_path / "none" / "x.nfg")


def test_what_is_no_strategic_game_is_not_written(tmp_path):
    repeated = mb.catalogue.make("matrix_game", game="chicken", repeated=2)
    with pytest.raises(InputError, match="is no strategic game: expected horizon 1"):
        mb.catalogue.to_nfg(repeated.game, tmp_path / "x.nfg")
    with pytest.raises(InputError, match=r"payoffs has shape \(2, 2\): expected \(n, A_0"):
        mb.catalogue.to_nfg(np.zeros((2, 2)), tmp_path / "x.nfg")
    with pytest.raises(InputError, match=r"payoffs\[0, 0\] is nan"):
        mb.catalogue.to_nfg([[float("nan")]], tmp_path / "x.nfg")


@pytest.mark.skipif(
    importlib.util.find_spec("pygambit") is None, reason="pygambit is not installed"
)
def test_gambit_reads_the_same_payoffs(tmp_path):
    import pygambit

    payoffs = np.random.default_rng(0).integers(-9, 9, size=(3, 2, 3, 2)).astype(np.float64)
    payoffs[:, 0, 0, 0] = 1.25e300, -1e-7, 1 / 3
    mb.catalogue.to_nfg(payoffs, tmp_path / "x.nfg")
    for path in [tmp_path / "x.nfg", *DATA.glob("*.nfg")]:
        game, read = pygambit.read_nfg(str(path)), _nfg.read(path)
        for profile in np.ndindex(read.shape[1:]):
            outcome = game[profile]
            paid = [0.0 if outcome is None else float(outcome[each]) for each in game.players]
            assert paid == read[(slice(None), *profile)].tolist()
