"""What sort of learner a registered name is: decides its colour, its panel and what it knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A group of learners that are drawn in one panel.

    Attributes:
        title: in figures and tables.
        hue: name of the hue in `style.HUES`; kinds of one family share it.
        knows: what these learners are told besides sizes, known rewards and the policy class.
        names: registered names without endings such as "_tuned", in the order of drawing.
        asks: the question that comparing MAMEX with this kind answers; "" where there is none.
        caveat: what such a comparison does not support.
    """

    title: str
    hue: str
    knows: str
    names: tuple[str, ...]
    asks: str = ""
    caveat: str = ""


_OUTSIDE = (
    "They are told no hypotheses and play outside the policy class, to which MAMEX is confined: "
    "where the class leaves something out, regret against every policy holds what no exploration "
    "inside it can make good."
)
MAMEX = Kind("MAMEX", "mamex", "hypotheses", ("mamex",))
REFERENCE = Kind(
    "references",
    "reference",
    "certainty equivalence: hypotheses; the oracle: the truth; the others: nothing more",
    ("uniform", "certainty_equivalence", "explore_then_commit", "epsilon_greedy", "oracle"),
    "Does MAMEX’s exploration pay, against none or a crude one?",
    "Where a learner that never explores is level with the best, the instance rewards no "
    "exploration, and cannot tell good exploration from none.",
)
PLANTED = Kind("planted faults", "planted", "hypotheses", ())
OTHER = Kind("other learners", "other", "see their own documentation", ())
KINDS = (
    MAMEX,
    Kind(
        "policy space",
        "policy space",
        "nothing more: the class is one normal-form game",
        ("double_oracle", "monte_carlo_ucb", "exp3_self_play"),
        "Does structure pay, against taking the policy class for one normal-form game?",
        "MAMEX is told hypotheses that hold the truth and these learners nothing: it is no "
        "comparison at equal knowledge, nor one about hypotheses that miss the truth.",
    ),
    Kind(
        "tabular, planning",
        "tabular",
        "states, and plays outside the class",
        ("optimistic_vi", "nash_vi", "ucbvi"),
        "Do hypotheses pay, against optimistic planning over states and actions?",
        _OUTSIDE,
    ),
    Kind(
        "tabular, without a model",
        "tabular",
        "states, and plays outside the class",
        ("nash_q", "v_learning"),
        "Do hypotheses pay, against learning without a model?",
        _OUTSIDE,
    ),
    Kind(
        "function approximation",
        "approximation",
        "hypotheses",
        ("posterior_sampling", "optimistic_mle", "golf", "onemg", "vmg", "e2d", "mex"),
        "Does MAMEX explore better than others that are told the same hypotheses?",
        "A theorem’s constants are made for the worst case, and tuned scales were chosen by trial "
        "on a few games: a regret at one K ranks neither the theorems nor the algorithms on "
        "other classes.",
    ),
    Kind(
        "linear structure",
        "approximation",
        "features",
        ("nash_ucrl", "omni_vi"),
        "Do finitely many hypotheses pay, against features alone?",
        _OUTSIDE,
    ),
    REFERENCE,
    OTHER,
    PLANTED,
)
YARDSTICKS = ("oracle",)  # read the truth: shown, never ranked
_ENDINGS = ("_lazy", "_tuned")


def base(name: str) -> tuple[str, str]:
    """A registered name without its endings, and the endings: ("optimistic_vi", "_tuned_lazy")."""
    rest = name
    for ending in _ENDINGS:
        rest = rest.removesuffix(ending)
    return rest, name[len(rest) :]


def shade(sort: Kind) -> int:
    """Which shade of its hue tells a kind from others of that hue: 0, 1, ..."""
    return [each for each in KINDS if each.hue == sort.hue].index(sort)


def tuned(name: str) -> bool:
    """Whether a registered name is that of a tuned form, and not of the theorem's constants."""
    return "_tuned" in base(name)[1]


def kind(name: str) -> Kind:
    """The kind of a registered name; names of other packages are of the kind `OTHER`."""
    if name.startswith("planted"):
        return PLANTED
    root, _ = base(name)
    return next((each for each in KINDS if root in each.names), OTHER)
