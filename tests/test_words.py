"""What objects say of themselves: nouns that agree with their number, tables for notebooks."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import synthetic_results as synthetic
from layered_games import random_layered_game

import mamex_bench as mb
from mamex_bench import words


class Rows(HTMLParser):
    """Every row of a table as one line, and whether all tags are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        if tag in ("tr", "caption"):
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.lines[-1] += ("|" if self.lines[-1] else "") + data


def shown(item: Any) -> list[str]:
    page = Rows(item._repr_html_())
    assert not page.open
    return page.lines


@pytest.mark.parametrize(
    ("amount", "noun", "text"),
    [(1, "seed", "1 seed"), (0, "seed", "0 seeds"), (20_000, "seed", "20,000 seeds")],
)
def test_nouns_agree_with_their_number(amount: int, noun: str, text: str) -> None:
    assert words.count(amount, noun) == text
    assert words.count(amount, "class", "classes").startswith(f"{amount:,} class")


def test_tables_hold_signs_of_markup_as_they_are() -> None:
    lines = Rows(words.html_table("a < b", {"x & y": "<script>", "n": 3})).lines
    assert lines == ["a < b", "x & y|<script>", "n|3"]


def test_what_a_notebook_meets_shows_itself() -> None:
    instance = mb.catalogue.make(
        "random_game", agents=1, actions=[2], policies=2, states=1, branching=1
    )
    game = instance.game
    assert repr(game).startswith("MarkovGame(1 agent, 1 state, ")
    assert "agents|1" in shown(game)
    assert shown(instance)[0] == instance.name
    layered = random_layered_game(0, counts=(2,), sizes=(1, 1), ends=1)
    assert repr(layered).startswith("LayeredGame(1 agent, ")
    assert {"layered game", "agents|1", "actions|2"} <= set(shown(layered))
    learner = mb.learners.make("uniform", instance, concept="cce", episodes=7)
    assert repr(learner).startswith("<uniform, cce, episode 0 of 7")
    assert "episode|0 of 7" in shown(learner)
    run = mb.run(instance, learner, episodes=7)
    assert repr(run).endswith("1 profile)")
    assert "profiles played|1" in shown(run)


def test_bounds_show_what_is_proved_and_what_is_not() -> None:
    instance = mb.catalogue.make("needle", arms=3)
    bracket = mb.complexity.decoupling(instance, episodes=50)
    bounds = mb.bounds.regret(
        instance, concept="cce", episodes=50, eta=0.5, coefficient=bracket, delta=0.05
    )
    lines = shown(bounds)
    assert lines[0] == "Regret bounds, cce, K = 50"
    assert f"trivial, each agent|{bounds.trivial:.6g}" in lines
    assert any(line.startswith("paper shape, all agents (not a bound)|") for line in lines)
    curve = mb.bounds.regret_curve(
        instance,
        concept="cce",
        eta=0.5,
        coefficient=bracket,
        checkpoints=np.array([1, 10, 50]),
    )
    assert [line.split("|")[0] for line in shown(curve)[1:]] == ["K = 1", "K = 10", "K = 50"]


def test_results_show_what_was_run_and_judged() -> None:
    whole = synthetic.results(1, ("cce",), learners=2)
    assert repr(whole).startswith("Results('synthetic', 1 instance, 2 of 2 cells done")
    lines = shown(whole)
    assert "instances|lock" in lines
    assert "learners|mamex, mamex_paper_eta" in lines
    assert "cells|2 done" in lines
