"""Pictures of games: what is drawn is what the game is, nothing is cut off, nothing too small."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from games import random_game
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from test_catalogue import NAMES, small

import mamex_bench as mb
from mamex_bench.equilibria import backward_induction, solve
from mamex_bench.errors import ConvergenceError, InputError
from mamex_bench.model.game import MarkovGame, Units
from mamex_bench.reporting import pictures, state_graph, style


def sparse_game(seed, states=6, horizon=4, initial=None):
    """A random game in which few states follow each other."""
    game = random_game(seed, (2, 2), states=states, horizon=horizon)
    rng = np.random.default_rng(seed)
    P = game.transition * (rng.random(game.transition.shape) < 0.25)
    P[..., 0] += 1e-3
    P /= P.sum(axis=-1, keepdims=True)
    return MarkovGame(P, game.reward, game.action_counts, initial)


def reachable(game):
    """Sets of states that can be reached, step by step, by plain search."""
    layers = [set(np.flatnonzero(game.initial))]
    for h in range(game.horizon - 1):
        after = {
            t
            for s in layers[-1]
            for a in range(game.actions)
            for t in range(game.states)
            if game.transition[h, s, a, t] > 0
        }
        layers.append(after)
    return layers


def from_state(game, h, s):
    """The game that begins in state s before step h."""
    start = np.eye(game.states)[s]
    return MarkovGame(game.transition[h:], game.reward[:, h:], game.action_counts, start)


# --- the graph -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_dots_are_the_states_that_can_be_reached(seed):
    game = sparse_game(seed)
    layers = reachable(game)
    assert state_graph.reached(game).tolist() == [len(layer) for layer in layers]
    graph = state_graph.state_graph(game)
    named = [
        {int(graph.names[int(row)]) for row in graph.row[graph.step == h]}
        for h in range(game.horizon)
    ]
    assert named == layers


@pytest.mark.parametrize("seed", range(3))
def test_a_dots_colour_is_the_value_of_the_game_from_there_on(seed):
    game = sparse_game(seed, initial=[0.3, 0, 0, 0.7, 0, 0])
    graph = state_graph.state_graph(game)
    assert graph.meaning == "sum of values,\nfrom here on"
    for step, row, value in zip(graph.step, graph.row, graph.value):
        below = from_state(game, int(step), int(graph.names[int(row)]))
        assert value == pytest.approx(backward_induction(below, "cce").value.sum(), abs=1e-9)


def test_two_opposed_agents_are_coloured_by_the_first():
    instance = mb.catalogue.make("purgatory")
    graph = state_graph.state_graph(instance.game)
    assert graph.meaning == "value of agent 0,\nfrom here on"
    assert graph.value[graph.start > 0] == pytest.approx(instance.known["value"].value)


@pytest.mark.parametrize("seed", range(3))
def test_lines_carry_probability_and_flow(seed):
    game = sparse_game(seed, initial=[0.5, 0.5, 0, 0, 0, 0])
    graph = state_graph.state_graph(game)
    sources, targets = graph.lines.T
    inner = graph.step < game.horizon - 1
    out = np.bincount(sources, graph.possible, minlength=len(inner))
    assert out[inner] == pytest.approx(1.0), "uniform play leads somewhere"
    assert (graph.step[targets] == graph.step[sources] + 1).all()
    uniform = game.transition.mean(axis=2)
    for (i, j), possible in zip(graph.lines, graph.possible):
        s, t = (int(graph.names[int(graph.row[k])]) for k in (i, j))
        assert possible == pytest.approx(uniform[graph.step[i], s, t], abs=1e-12)
    arrives = np.bincount(targets, graph.played, minlength=len(inner)) + graph.start
    leaves = np.bincount(sources, graph.played, minlength=len(inner))
    assert leaves[inner] == pytest.approx(arrives[inner], abs=1e-9)
    assert arrives[~inner].sum() == pytest.approx(1.0)


def test_the_lock_is_opened_along_one_line():
    graph = state_graph.state_graph(mb.catalogue.make("combination_lock", length=4).game)
    played = graph.played > 0.5
    assert played.sum() == 4
    assert (graph.row[graph.lines[played]] == 0).all()
    assert graph.value[graph.row == 0] == pytest.approx(2.0)
    assert graph.value[graph.row == 1] == pytest.approx(0.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_layered_game_has_the_same_graph_without_names(seed):
    game = sparse_game(seed, initial=[0.5, 0.5, 0, 0, 0, 0])
    dense, layered = (state_graph.state_graph(each) for each in (game, game.layered()))
    assert layered.names is None
    for key in ("step", "start", "value", "lines", "possible", "played"):
        np.testing.assert_allclose(getattr(layered, key), getattr(dense, key), atol=1e-12)
    places = set(zip(layered.step.tolist(), layered.row.tolist()))
    assert len(places) == layered.step.size, "no dot hides another"


def crossings(row, lines, step):
    """Pairs of lines between the same steps that cross, counted one by one."""
    count = 0
    for i, (a, b) in enumerate(lines):
        for c, d in lines[i + 1 :]:
            count += step[a] == step[c] and (row[a] - row[c]) * (row[b] - row[d]) < 0
    return count


@pytest.mark.parametrize("seed", range(3))
def test_nameless_states_are_ordered_so_that_fewer_lines_cross(seed):
    rng = np.random.default_rng(seed)
    sizes = [1, 4, 7, 7]
    step = np.repeat(np.arange(4), sizes)
    first = np.concatenate([[0], np.cumsum(sizes)])
    lines = [
        (int(first[h]) + i, int(first[h + 1]) + int(j))
        for h in range(3)
        for i in range(sizes[h])
        for j in rng.choice(sizes[h + 1], 2, replace=False)
    ]
    lines = np.unique(lines, axis=0)
    row = state_graph._ordered(step, lines, 4)
    plain = np.concatenate([np.arange(size) + (7 - size) / 2 for size in sizes])
    for h, size in enumerate(sizes):
        assert np.sort(row[step == h]) == pytest.approx(np.arange(size) + (7 - size) / 2)
    assert crossings(row, lines, step) < crossings(plain, lines, step)


# --- the payoffs -----------------------------------------------------------------------------


def panels(figure):
    return [axes for axes in figure.axes if axes.get_images()]


def test_one_step_is_drawn_by_its_payoffs_named_by_actions():
    instance = mb.catalogue.make("matrix_game", game="chicken")
    figure = pictures.draw(instance).figure
    maps = panels(figure)
    assert len(maps) == 2
    own = instance.game.units.to_own(instance.payoffs)
    for i, axes in enumerate(maps):
        numbers = {tuple(map(round, t.get_position())): t.get_text() for t in axes.texts}
        assert numbers == {(c, r): f"{own[i, r, c]:.3g}" for r in (0, 1) for c in (0, 1)}
        assert axes.get_xlabel() == "action of agent 1"
        assert axes.get_title("left") == f"return of agent {i}"
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), own[i])
    assert maps[0].get_ylabel() == "action of agent 0"


def test_a_game_of_one_step_alone_is_drawn_with_its_actions_as_policies():
    instance = mb.catalogue.make("matrix_game", game="biased_rps")
    maps = panels(pictures.draw(instance.game).figure)
    own = instance.game.units.to_own(instance.payoffs)
    for i, axes in enumerate(maps):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), own[i])


def test_a_game_of_one_step_and_several_starts_is_drawn_by_its_states():
    game = random_game(0, (2, 2), states=3, horizon=1)
    game = MarkovGame(game.transition, game.reward, (2, 2), initial=[0.2, 0.8, 0.0])
    picture = pictures.draw(game)
    assert picture.caption.startswith("State graph: ")
    assert not panels(picture.figure)


@pytest.mark.parametrize("game", ["chicken", "biased_rps", "shapley"])
def test_frames_are_the_support_of_an_equilibrium(game):
    instance = mb.catalogue.make("matrix_game", game=game)
    support = solve(instance.payoffs, "nash").distribution > 1e-6
    for axes in panels(pictures.draw(instance).figure):
        frames = [p for p in axes.patches if isinstance(p, Rectangle)]
        assert {(round(p.get_y() + 0.46), round(p.get_x() + 0.46)) for p in frames} == {
            tuple(cell) for cell in np.argwhere(support)
        }


def test_without_a_nash_equilibrium_a_cce_is_framed_and_named(monkeypatch):
    def solver(payoffs, concept):
        if concept == "nash":
            raise ConvergenceError("none within 1e-9")
        return solve(payoffs, concept)

    monkeypatch.setattr(pictures, "solve", solver)
    assert "Frames: a CCE of the classes" in pictures.draw(small("needle")).caption


def test_large_classes_are_drawn_without_frames(monkeypatch):
    monkeypatch.setattr(pictures, "JOINT_LIMIT", 15)
    picture = pictures.draw(small("needle"))
    assert "Frames" not in picture.caption
    assert not any(axes.patches for axes in panels(picture.figure))


def test_a_constant_return_is_said_not_coloured():
    _, dummy = panels(pictures.draw(small("needle")).figure)
    assert dummy.get_title("left") == "return of agent 1: always 0"
    assert not dummy.texts


@pytest.mark.parametrize(("counts", "label"), [((2, 2, 2), "actions of agents 1 to 2"), ((3,), "")])
def test_any_number_of_agents(counts, label):
    game = random_game(0, counts, states=1, horizon=1)
    figure = pictures.draw(mb.Instance(game, mb.PurePolicies.all(game))).figure
    maps = panels(figure)
    assert len(maps) == len(counts)
    assert maps[0].get_xlabel() == (label or "action of agent 0")
    rows, columns = (2, 4) if label else (1, 3)
    assert maps[0].get_images()[0].get_array().shape == (rows, columns)
    if label:
        assert [t.get_text() for t in maps[0].get_xticklabels()] == ["0,0", "0,1", "1,0", "1,1"]


def test_layered_games_are_drawn_with_their_payoffs():
    game = sparse_game(3).layered()
    instance = mb.Instance(game, mb.PurePolicies.sample(game, (3, 4), seed=0))
    picture = pictures.draw(instance)
    assert picture.caption.startswith("State graph: ")
    assert len(panels(picture.figure)) == 2
    one_shot = mb.catalogue.make("matrix_game", game="chicken").game
    payoffs = panels(pictures.draw(one_shot.layered()).figure)[0].get_images()[0].get_array()
    np.testing.assert_allclose(payoffs, [[6, 2], [7, 0]], atol=1e-12)


# --- what is too large -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constant", "limit", "reason"),
    [
        ("STEPS", 3, "4 steps, at most 3 are drawn"),
        ("ROWS", 4, "6 states in one step, at most 4 are drawn"),
        (None, 95, "96 states times joint actions, at most 95 are solved"),
    ],
)
def test_what_is_too_large_says_so_and_is_drawn_in_bars(monkeypatch, constant, limit, reason):
    where = state_graph if constant else pictures
    monkeypatch.setattr(where, constant or "ENTRY_LIMIT", limit)
    game = random_game(0, (2, 2), states=6, horizon=4)
    picture = pictures.draw(game)
    assert f"The state graph is left out: {reason}" in picture.caption
    (axes,) = picture.figure.axes
    counts = state_graph.reached(game).tolist()
    assert [bar.get_height() for bar in axes.patches] == counts
    if constant != "STEPS":
        assert [text.get_text() for text in axes.texts] == [f"{count:,}" for count in counts]


def test_a_long_name_is_shortened_and_meets_no_key():
    instance = small("needle")
    named = mb.Instance(instance.game, instance.policies, name="w" * 30 + " long" * 30)
    picture = pictures.draw(named)
    with style.paper_style():
        assert everything_fits(picture.figure)
        renderer = FigureCanvasAgg(picture.figure).get_renderer()
        (title,) = picture.figure.texts
        (key,) = picture.figure.legends
        assert not title.get_window_extent(renderer).overlaps(key.get_window_extent(renderer))


# --- every family ----------------------------------------------------------------------------


def everything_fits(figure):
    renderer = FigureCanvasAgg(figure).get_renderer()
    box = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    return -0.01 <= box.x0 <= box.x1 <= width + 0.01 and -0.01 <= box.y0 <= box.y1 <= height + 0.01


@pytest.mark.parametrize("name", NAMES)
def test_every_family_has_a_picture_that_fits_and_can_be_read(name):
    instance = small(name)
    picture = pictures.draw(instance)
    with style.paper_style():
        assert everything_fits(picture.figure)
    texts = [t for t in picture.figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    assert min(t.get_fontsize() for t in texts) >= style.SMALL
    assert len(panels(picture.figure)) == instance.game.agents
    assert "left out" not in picture.caption, "defaults are small enough to be drawn"


def test_a_figure_that_does_not_fit_is_noticed():
    picture = pictures.draw(small("matrix_game"))
    picture.figure.text(0.9, 0.5, "words that run over the edge")
    assert not everything_fits(picture.figure)


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_game_gives_the_same_file(tmp_path, suffix):
    game = sparse_game(1, states=3, horizon=2)
    one, two = (
        pictures.save(pictures.draw(game), tmp_path / f"{name}{suffix}").read_bytes()
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) > 5_000


@pytest.mark.parametrize("name", ["lock.gif", "lock", "lock.npz"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"ends in \.png, \.svg or \.pdf"):
        pictures.save(pictures.draw(small("matrix_game")), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_without_the_extra_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"mamex-bench\[report\]"):
        pictures.check_format("lock.png")


def test_a_failure_leaves_no_file_behind(tmp_path):
    class Broken:
        def savefig(self, *_, **__):
            raise OSError("disk full")

    picture = replace(pictures.draw(small("matrix_game")), figure=Broken())
    with pytest.raises(OSError, match="disk full"):
        pictures.save(picture, tmp_path / "lock.png")
    assert list(tmp_path.iterdir()) == []


def test_own_units_scale_the_colours():
    game = sparse_game(0)
    double = MarkovGame(
        game.transition,
        game.reward,
        game.action_counts,
        units=Units(np.array([2.0, 2.0]), np.zeros(2)),
    )
    instance = mb.Instance(double, mb.PurePolicies.sample(double, (2, 3), seed=0))
    values = panels(pictures.draw(instance).figure)[0].get_images()[0].get_array()
    np.testing.assert_allclose(values, 2 * instance.payoffs[0], rtol=1e-12)
