"""`mamex-bench show`: games, their values, certificates and pictures."""

import re

import numpy as np
import pytest
from command_line import one_sentence, run

import mamex_bench as mb
from mamex_bench.catalogue._certificate import Check
from mamex_bench.cli.text import WIDTH
from mamex_bench.errors import ConvergenceError
from mamex_bench.model.game import Units


def needle(**parameters):
    return mb.catalogue.make("needle", **parameters)


def test_show_a_family(capsys):
    code, out, _ = run(capsys, "show", "needle", "--set", "arms=5", "--seed", "3")
    assert code == 0
    assert out.startswith(mb.catalogue.REGISTRY.load("needle").__doc__.split("\n")[0])
    assert "  arms           8, here 5\n" in out, "the default, and the value in use"
    assert "  seed           0, here 3\n" in out
    assert "  policies     5 x 2, pure; returns from (0, 0) to (1, 0), in own units\n" in out
    assert "  hypotheses   models: ModelClass(6 models, truth 5)\n" in out
    assert re.search(r"  value +1 +proved in the docstring of needle\n", out)
    assert re.search(r"  nash +\(1, 0\)\n", out)
    assert out.count("\n  holds  ") == len(mb.catalogue.certify("needle", needle(arms=5)))
    assert out.endswith("picture: add --picture needle.png\n")
    assert max(map(len, out.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", mb.catalogue.names())
def test_every_family_can_be_shown_and_holds_its_certificate(capsys, name):
    code, out, err = run(capsys, "show", name)
    assert (code, err) == (0, "")
    assert "FAILS" not in out
    assert max(map(len, out.splitlines())) <= WIDTH
    heads = [line.split(":")[0] for line in out.split("\nparameters\n")[1].splitlines()]
    assert "values by backward induction" in heads
    assert "certificate" in heads


def test_a_certificate_that_fails_is_shown_and_is_not_success(capsys, monkeypatch):
    checks = [Check("arms that pay", 1, "==", 1), Check("value of the best arm", 0.5, ">=", 1)]
    monkeypatch.setattr(mb.catalogue, "certify", lambda name, instance: checks)
    code, out, _ = run(capsys, "show", "needle")
    assert code == 1
    assert "\n  holds  arms that pay: 1 == 1\n" in out
    assert "\n  FAILS  value of the best arm: 0.5 >= 1\n" in out


def test_a_family_without_a_certificate_says_so(capsys, monkeypatch):
    monkeypatch.setattr(mb.catalogue, "certify", lambda name, instance: [])
    code, out, _ = run(capsys, "show", "needle")
    assert code == 0
    assert "  none: " in out.split("\ncertificate")[1]


def test_own_units_and_a_random_start_are_told(capsys, tmp_path):
    game = mb.catalogue.make("matrix_game", game="chicken").game
    out = run(capsys, "show", str(mb.save(game, tmp_path / "chicken.npz")))[1]
    assert "  own units    7 return + 0\n" in out
    assert "  first state  state 0\n" in out
    mixed = mb.MarkovGame(
        np.repeat(game.transition, 2, axis=1).repeat(2, axis=3) / 2,
        np.repeat(game.reward, 2, axis=2),
        game.action_counts,
        initial=[0.25, 0.75],
        units=Units(np.array([2.0, 1.0]), np.array([-1.0, 0.0])),
    )
    out = run(capsys, "show", str(mb.save(mixed, tmp_path / "mixed.npz")))[1]
    assert "agent 0: 2 return - 1; agent 1: 1 return + 0\n" in out
    assert "state 0 with probability 0.25, state 1 with probability 0.75\n" in out
    assert re.search(r"  nash +\(", out)


def test_a_layered_game_is_shown(capsys, tmp_path):
    game = mb.LayeredGame(
        layer_offsets=[0, 1, 3],
        indptr=[0, 1, 2, 2, 2, 2, 2],
        next_state=[1, 2],
        probability=[1.0, 1.0],
        reward=np.array([[[0, 0], [0, 0], [1, 1]], [[0, 0], [1, 1], [1, 0]]]),
        action_counts=(1, 2),
    )
    path = mb.save(game, tmp_path / "fork.npz")
    code, out, _ = run(capsys, "show", str(path), "--picture", str(tmp_path / "fork.svg"))
    assert code == 0
    assert "  states       3 in 2 steps, 1 to 2 in each\n" in out
    assert re.search(r"  nash +\(1, 1\)|  nash +\(0, 1\)", out)
    assert "  State graph: " in out


def test_values_of_a_game_too_large_are_left_out_with_a_reason(capsys, monkeypatch):
    from mamex_bench.cli import describe

    monkeypatch.setattr(describe, "ENTRIES", 95)
    out = run(capsys, "show", "needle")[1]
    assert "  ce    left out: 96 states times joint actions, above 95\n" in out
    assert "  nash  (1, 0)\n" in out
    monkeypatch.setattr(describe, "COMPILED", 95)
    assert run(capsys, "show", "needle")[1].count("left out: 96 states") == 3


def test_values_that_do_not_converge_are_said_to(capsys, monkeypatch):
    from mamex_bench.cli import describe

    def failing(game, concept):
        raise ConvergenceError("no equilibrium within 1e-9")

    monkeypatch.setattr(describe, "backward_induction", failing)
    code, out, _ = run(capsys, "show", "needle")
    assert code == 0
    assert out.count("no equilibrium within 1e-9") == 3


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_show_writes_a_picture(capsys, tmp_path, suffix):
    path = tmp_path / f"arms.{suffix}"
    code, out, _ = run(capsys, "show", "needle", "--picture", str(path))
    assert code == 0
    assert f"picture: {path}\n  State graph: " in out
    assert path.stat().st_size > 5_000


def test_show_and_measure_a_file(capsys, tmp_path):
    path = mb.save(mb.catalogue.make("needle", arms=3), tmp_path / "mine.npz")
    assert "  policies     3 x 2, pure" in run(capsys, "show", str(path))[1]
    code, out, _ = run(capsys, "measure", str(path), "--episodes", "20", "--no-cache")
    assert code == 0
    assert "\ndecoupling episodes=20 " in out


def test_a_game_alone_can_be_shown_but_not_measured(capsys, tmp_path):
    path = mb.save(mb.catalogue.make("needle", arms=3).game, tmp_path / "alone.npz")
    assert run(capsys, "show", str(path))[0] == 0
    code, _, err = run(capsys, "measure", str(path))
    assert code == 2
    assert one_sentence(err)
    assert "game alone" in err


def test_a_gambit_file_is_shown(capsys, tmp_path):
    path = tmp_path / "chicken.nfg"
    mb.catalogue.to_nfg(mb.catalogue.make("matrix_game", game="chicken").game, path)
    code, out, _ = run(capsys, "show", str(path), "--picture", str(tmp_path / "chicken.png"))
    assert code == 0
    assert "  own units    7 return + 0\n" in out
    assert re.search(r"  ce +\(5\.25, 5\.25\)\n", out)
    assert "Payoffs of every pair of policies" in out


def test_a_game_of_openspiel_is_shown(capsys):
    pytest.importorskip("pyspiel")
    code, out, _ = run(capsys, "show", "openspiel:matrix_pd")
    assert code == 0
    assert re.search(r"  nash +\(1, 1\)\n", out)
    assert out.endswith("picture: add --picture matrix_pd.png\n")
    code, _, err = run(capsys, "show", "openspiel:matrix_pdd")
    assert code == 2
    assert one_sentence(err)
