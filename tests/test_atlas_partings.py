"""Which sweeps part two measures, and which only seem to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_atlas import planted, sweep

from mamex_bench.experiments.atlas import answers
from mamex_bench.experiments.atlas.plan import parse_plan, read_plan
from mamex_bench.experiments.atlas.run import run_atlas
from mamex_bench.experiments.atlas.specs import ZERO, MeasureSpec
from mamex_bench.experiments.atlas.sweeps import is_tied
from mamex_bench.experiments.atlas.tasks.neighbours import measure
from mamex_bench.reporting.atlas import words

GRID = MeasureSpec("other", "decision_estimation", "grid", {}, (0.25, 1.0))


SCALE = MeasureSpec("other", "eluder_dimension", "scaled", {"scale": 0.03})


def test_separation_sentences_follow_the_numbers() -> None:
    grows, flat = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)], [(3.0, 3.0)] * 3
    here = planted([], [sweep("s", [1, 2, 4], grows, other=flat)])
    there = planted([], [sweep("s", [1, 2, 4], flat, other=grows)])
    neither = planted([], [sweep("s", [1, 2, 4], grows, other=grows)])
    assert "the coefficient without K grows from 1.00 to 4.00 while the other one stays at " in (
        words.separation(here, "other")
    )
    assert "the other one grows from 1.00 to 4.00 while the coefficient without K stays at " in (
        words.separation(there, "other")
    )
    assert words.separation(neither, "other").startswith("None of 1 sweep")


def test_games_tied_to_k_are_said_and_part_nothing() -> None:
    text = '[[sweep]]\nid = "{}"\nfamily = "hypercube"\nparameter = "K"\nvalues = [10, 100]\n'
    small = "dimension = 2, models = 4, horizon = 2"
    plan = text.format("tied") + f"fixed = {{ {small} }}\n"
    plan += text.format("one") + f"fixed = {{ {small}, episodes = 50 }}\n"
    tied, one = run_atlas(parse_plan(plan, "m", "m"), workers=0, use_cache=False).sweeps
    assert (tied.tied, one.tied) == (True, False)
    assert tied.axis == "length of sequences K (a game of its own for each K)"
    assert one.axis == "length of sequences K"
    assert words.law(planted([]), tied).startswith("Every K has a game of its own")
    assert words.law(planted([]), one).startswith("The coefficient goes")
    found = sweep("s", [1, 2, 4], [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)], [(3.0, 3.0)] * 3)
    assert len(answers.separations(planted([], [found]), "other")) == 1
    assert answers.separations(planted([], [replace(found, tied=True)]), "other") == []
    for sweep_ in read_plan("atlas").sweeps:
        assert not is_tied(sweep_), sweep_.id


@pytest.mark.parametrize(
    ("spec", "reason"), [(GRID, "every γ of the grid (least γ = 0.25)"), (SCALE, "scale 0.03")]
)
def test_zeros_of_a_grid_or_at_a_scale_part_nothing(spec: MeasureSpec, reason: str) -> None:
    grows = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)]
    for other in ([(0.0, 0.0)] * 3, [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)]):
        atlas = planted([], [sweep("s", [1, 2, 4], grows, other)], spec)
        assert answers.separations(atlas, "other") == []
        text = words.separation(atlas, "other")
        assert text.startswith("None of 1 sweep")
        assert "Not counted: planted, size from 1 to 4 at K = 100." in text
        assert f"is 0 at {reason} for some value" in text
        # A certified 0 is one, and so is one at every gamma.
        assert len(answers.separations(planted([], atlas.sweeps), "other")) == 1


def test_what_is_proved_is_said_at_the_truth_alone() -> None:
    flat = sweep("s", [1, 2], [(1.0, 1.0)] * 2, [(1.0, 1.0)] * 2)
    for options, words_ in (
        ({"reference": "truth"}, "That it cannot grow alone is proved"),
        ({"reference": "members"}, "It is the largest over references"),
        ({}, "It is the largest over references"),
    ):
        text = words.separation(planted([], [flat], replace(GRID, options=options)), "other")
        assert words_ in text
    assert "proved" not in words.separation(planted([], [flat]), "other")


def test_what_is_zero_at_every_gamma_is_zero() -> None:
    grows, at = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)], [1, 2, 4]
    own = sweep("s", at, grows, [(0.0, 0.0)] * 3)
    points = [
        replace(p, readings={"other": replace(p.readings["other"], method=ZERO)})
        for p in own.points
    ]
    certain = planted([], [replace(own, points=tuple(points))], GRID)
    assert len(answers.separations(certain, "other")) == 1
    mixed = planted([], [replace(own, points=(*points[:2], own.points[2]))], GRID)
    assert answers.separations(mixed, "other") == []
    asked = {"hypotheses": "models", "name": "decision_estimation", "gammas": [0.25, 1.0]}
    for family, method in (("safe_arm", ZERO), ("needle", "largest at gamma = 0.25")):
        found = measure(family, {"arms": 2}, 10, options={"reference": "members"}, **asked)
        assert found["method"] == method


def test_a_grid_does_not_tell_what_is_between_its_gammas() -> None:
    grows, at = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)], [1, 2, 4]
    for other, amount in (
        ([(3.0, 3.0)] * 3, 0),  # between 0.25 and 1 it may be four times as large
        ([(7.0, 7.0), (3.0, 3.0), (1.0, 1.0)], 0),
        ([(9.0, 9.0), (3.0, 3.0), (1.0, 1.0)], 1),
    ):
        atlas = planted([], [sweep("s", at, grows, other)], GRID)
        assert len(answers.separations(atlas, "other")) == amount
        along_k = planted([], [sweep("s", at, grows, other, parameter="K")], GRID)
        assert len(answers.separations(along_k, "other")) == 1
    scaled = planted([], [sweep("s", at, grows, [(3.0, 3.0)] * 3)], SCALE)
    assert len(answers.separations(scaled, "other")) == 1


def test_what_is_largest_at_an_end_of_its_grid_parts_nothing() -> None:
    grows, falls = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)], [(40.0, 40.0), (2.0, 2.0), (1.0, 1.0)]
    spec = replace(GRID, gammas=(0.25, 1.0, 4.0))
    for gamma, amount in ((0.25, 0), (4.0, 0), (1.0, 1)):
        own = sweep("s", [1, 2, 4], grows, falls)
        points = [
            replace(p, readings={"other": replace(p.readings["other"], method=m)})
            for p, m in zip(
                own.points, ["largest at gamma = 1", *[f"largest at gamma = {gamma:g}"] * 2]
            )
        ]
        atlas = planted([], [replace(own, points=tuple(points))], spec)
        assert len(answers.separations(atlas, "other")) == amount
        said = "largest at an end of its grid (γ = 0.25 to 4)" in words.separation(atlas, "other")
        assert said == (amount == 0)


def test_a_coefficient_at_its_crude_bound_does_not_stay() -> None:
    at, crude = [1, 2, 4], [(3.0, 3.0)] * 3
    grows = [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0)]
    endless = [(np.inf, np.inf)] * 3
    assert (
        answers.separations(planted([], [sweep("s", at, crude, grows, free=endless)]), "other")
        == []
    )
    assert (
        answers.separations(planted([], [sweep("s", at, crude, grows, free=grows)]), "other") == []
    )
    still = sweep("s", at, crude, crude, free=grows)
    (parted,) = answers.separations(planted([], [still]), "other")
    assert (parted.growing.measure, parted.growing.free) == ("decoupling", True)
    along_k = sweep("s", at, crude, grows, free=endless, parameter="K")
    assert answers.separations(planted([], [along_k]), "other") == []
