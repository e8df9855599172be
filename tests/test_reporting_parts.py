"""Figures, labels, tables and words of a report, one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
import synthetic_results as synthetic
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from mamex_bench.reporting import figures, kinds, labels, render, style, wording
from mamex_bench.reporting.mathml import space_operators
from mamex_bench.reporting.svg import inline
from mamex_bench.reporting.table import Mark, Table

# ----- figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("instance", ["lock", "needle_8"])
def test_labels_in_figures_do_not_overlap(instance: str) -> None:
    whole = synthetic.results(2, ("cce",))
    cells = [cell for cell in whole.cells if cell.instance == instance]
    for draw in (figures.regret, figures.gaps):
        figure = draw(cells)
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes:
            boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_label() == "_end"]
            assert all(t.get_fontsize() >= 7 for t in axes.texts)
            for box in boxes:
                assert box.x1 <= figure.bbox.x1 + 0.5
            boxes.sort(key=lambda box: box.y0)
            centres = [(box.y0 + box.y1) / 2 for box in boxes]
            assert all(b - a > 7 for a, b in pairwise(centres))


def test_one_column_names_every_line_below() -> None:
    cells = [c for c in synthetic.results(1, ("cce",)).cells if c.instance == "lock"]
    wide, narrow = figures.regret(cells), figures.regret(cells, width=style.ONE_COLUMN)
    assert narrow.get_figwidth() == style.ONE_COLUMN
    named = {t.get_text() for t in narrow.texts}
    assert named == {t.get_text() for t in wide.axes[0].texts}
    with style.paper_style():
        renderer = FigureCanvasAgg(narrow).get_renderer()
        boxes = sorted((t.get_window_extent(renderer) for t in narrow.texts), key=lambda b: b.y0)
    assert all(box.x1 <= narrow.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert all(lower.y1 <= upper.y1 - 9 for lower, upper in pairwise(boxes))
    assert boxes[-1].y1 < min(axes.get_window_extent().y0 for axes in narrow.axes)


def test_bound_far_above_the_trivial_one_is_named_not_drawn() -> None:
    cell = synthetic.cell("lock", synthetic.LEARNERS[0], "cce", 1000)
    assert cell.bounds is not None
    huge = replace(cell.bounds, explicit=cell.bounds.explicit * 1e6)
    figure = figures.regret([replace(cell, bounds=huge)])
    assert any("↑" in text.get_text() for text in figure.axes[0].texts)
    assert figure.axes[0].get_ylim()[1] < huge.explicit[-1]


def test_envelope_recovers_a_planted_exponent() -> None:
    rng = np.random.default_rng(0)
    cells = []
    for episodes in (100, 1_000, 10_000):
        cell = synthetic.cell(f"g@{episodes}", synthetic.LEARNERS[0], "cce", episodes)
        scale = 3.0 * episodes**0.5 * np.exp(0.05 * rng.standard_normal((20, 1, 1)))
        cells.append(replace(cell, regret=np.broadcast_to(scale, cell.regret.shape)))
    figure = figures.envelope(cells)
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert any(re.search(r"slope 0\.(49|50|51) \[", text) for text in texts), texts


def test_named_operators_stand_apart_from_letters() -> None:
    import pypandoc

    source = r"$\max_x \frac{1}{2} f \le 2 H \log n, \quad \operatorname{gap}_i(x)$"
    page = pypandoc.convert_text(source, "html5", format="markdown", extra_args=["--mathml"])
    spaced = space_operators(page)
    thin = '<mspace width="0.167em" />'
    assert spaced.count(thin) == 3
    assert f"<mi>x</mi></msub>{thin}<mfrac>" in spaced
    assert f"<mi>H</mi>{thin}<mrow>" in spaced
    assert "</msub><mo" in spaced
    display = pypandoc.convert_text(
        r"$$\min_{q} D = \min f$$", "html5", format="markdown", extra_args=["--mathml"]
    )
    assert space_operators(display).count(thin) == 2


def test_what_only_one_format_shows_is_left_out_of_the_other(tmp_path: Path) -> None:
    source = (
        "# Both {#both}\n\n::: web\n## Wide\n\n| a |\n|---|\n| 1 |\n\n: Rows\n:::\n\n"
        "::: print\nPrinted alone.\n:::\n\nSee [](#wide) and [Both](#both).\n"
    )
    page = render.html(source, tmp_path, {})
    assert "Wide</h2>" in page
    assert "Printed alone" not in page
    typst = render._pandoc(source, "typst", ["--template=report.typ"])
    assert "Printed alone" in typst
    assert "Wide" not in typst
    assert "Rows" not in typst


def test_inlined_drawing_has_its_own_ids_and_theme_colours() -> None:
    drawing = (
        '<?xml version="1.0"?><svg height="10pt" width="20pt"><g id="a" style="fill: #1b1b1f">'
        '<use href="#a" x="1.23456"/><path clip-path="url(#a)"/></g></svg>'
    )
    out = inline(drawing, "one", 'say "so"')
    assert 'id="one-a"' in out
    assert 'href="#one-a"' in out
    assert "url(#one-a)" in out
    assert "var(--f1b1b1f)" in out
    assert 'x="1.23"' in out
    assert "&quot;so&quot;" in out
    assert "20pt" not in out


# ----- parts -------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-50, 150), max_size=14),
    st.floats(1, 12),
)
def test_labels_never_overlap_and_stay_inside_when_they_fit(
    wanted: list[float], height: float
) -> None:
    placed = labels.place(wanted, height, 0.0, 100.0)
    assert len(placed) == len(wanted)
    ordered = sorted(placed)
    assert all(b - a >= height - 1e-9 for a, b in pairwise(ordered))
    if wanted and len(wanted) * height <= 100:
        assert ordered[0] >= height / 2 - 1e-9
        assert ordered[-1] <= 100 - height / 2 + 1e-9
    for (a, x), (b, y) in pairwise(sorted(zip(wanted, placed, strict=True))):
        assert a == b or x < y  # the order of the lines is kept


def test_labels_with_room_stay_where_they_want() -> None:
    assert labels.place([10.0, 80.0, 40.0], 5.0, 0.0, 100.0) == pytest.approx([10.0, 80.0, 40.0])
    assert labels.place([50.0, 50.0], 10.0, 0.0, 100.0) == pytest.approx([45.0, 55.0])


def test_special_characters_survive_markdown_and_latex() -> None:
    nasty = r"a|b_c*d%e#f&g$h{i}~^\ <x> [y](z) `k` @l"
    table = Table("t", nasty, (nasty,), "l", ((nasty,), (Mark(style.STATUSES["holds"], nasty),)))
    tex = table.to_latex()
    for sign in "%#&$_{}":
        assert not re.search(rf"(?<!\\)\{sign}b_", tex)
    assert r"a\textbar{}b\_c*d\%e\#f\&g\$h\{i\}\textasciitilde{}\textasciicircum{}" in tex
    assert r"\textless{}x\textgreater{}" in tex
    import pypandoc

    plain = pypandoc.convert_text(
        table.to_markdown(anchored=True),
        "plain",
        format="markdown-smart",
        extra_args=["--wrap=none", "--columns=500"],
    )
    assert plain.count(nasty) == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1234.5, "1\u202f234"),
        (-0.5, "−0.500"),
        (20_000, "20\u202f000"),
        (3.14e7, "3.1\u00a0×\u00a010⁷"),
        (9.99e-5, "1.0\u00a0×\u00a010⁻⁴"),
    ],
)
def test_numbers_as_written(value: float | None, text: str) -> None:
    assert wording.number(value) == text


def test_learner_styles_tell_apart() -> None:
    styles = style.learner_styles(
        [("mamex", "mamex"), ("paper", "mamex"), ("a", "foreign"), ("b", "other"), ("u", "uniform")]
    )
    looks = {(look.color, str(look.dashes)) for look in styles.values()}
    assert len(looks) == len(styles) == 5
    assert styles["mamex"].color == styles["paper"].color


def test_all_known_learners_look_different() -> None:
    """Every algorithm and its tuned variant, at once: no two have the same colour and dashes."""
    names = [
        name + ending
        for each in kinds.KINDS
        for name in each.names
        for ending in ("", "_tuned")
        if name not in kinds.REFERENCE.names or not ending
    ]
    assert len(names) > 30
    styles = style.learner_styles([(name, name) for name in names])
    assert len({(look.color, str(look.dashes)) for look in styles.values()}) == len(names)
    assert {look.color for look in styles.values()} <= set(style.THEME)
    assert kinds.kind("optimistic_vi_tuned_lazy") is kinds.kind("optimistic_vi")
    assert kinds.kind("planted_anything") is kinds.PLANTED
    assert kinds.kind("of_another_package") is kinds.OTHER


def test_shades_of_different_kinds_stay_apart_for_the_colour_blind() -> None:
    """Also with protanopia or deuteranopia (Machado et al. 2009): distances in linear RGB."""
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    seen = {hue: [to_rgb(color) for color in colors] for hue, colors in style.HUES.items()}
    for matrix in (np.eye(3), np.array(protan), np.array(deutan)):
        for one, other in combinations(seen, 2):
            for a, b in product(seen[one], seen[other]):
                linear = [np.array(matrix) @ np.power(c, 2.2) for c in (a, b)]
                assert np.linalg.norm(linear[0] - linear[1]) > 0.03, (one, other, a, b)
