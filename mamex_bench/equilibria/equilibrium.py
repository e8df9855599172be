"""What the oracle returns: a distribution, its certificate, and how it was found."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mamex_bench.equilibria.certificate import marginals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Status = Literal["exact", "best found"]


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """A certified distribution over joint strategies.

    Attributes:
        distribution: `(m_0, ..., m_{n-1})`; for Nash a product.
        gaps: `(n,)` what each agent could gain by deviating, in the units of the payoffs, computed
            from the definition whatever the solver said. A CCE gap can be negative.
        method: the link of the fallback chain that found it.
        status: "exact" when every gap is within the tolerance, else "best found".
        concept: "nash", "ce" or "cce".
        attempts: (method, largest gap), every link tried, in order.
        value: `(n,)` expected payoffs.
    """

    distribution: npt.NDArray[np.float64]
    gaps: npt.NDArray[np.float64]
    method: str
    status: Status
    concept: str
    attempts: tuple[tuple[str, float], ...]
    value: npt.NDArray[np.float64]
    basis: Any = field(default=None, repr=False)

    @property
    def gap(self) -> float:
        """The largest gap."""
        return float(self.gaps.max())

    @property
    def outcome(self) -> str:
        """In words, for example `exact, gap 2e-16` or `best found, gap 3e-4`."""
        return f"{self.status}, gap {self.gap:.1g}"

    @property
    def marginals(self) -> list[npt.NDArray[np.float64]]:
        """Each agent's own distribution."""
        return marginals(self.distribution)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.distribution.shape))
        support = int(np.count_nonzero(self.distribution))
        value = ", ".join(f"{v:.4g}" for v in self.value)
        return (
            f"Equilibrium({self.concept}, {size}, {self.outcome}, support {support}, "
            f"value ({value}), by {self.method})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{i}</td><td>{v:.6g}</td><td>{g:.2e}</td></tr>"
            for i, (v, g) in enumerate(zip(self.value, self.gaps))
        )
        chain = "; ".join(f"{html.escape(name)} (gap {gap:.1g})" for name, gap in self.attempts)
        return (
            f"<p><b>{self.concept}</b>, {html.escape(self.outcome)}. Tried: {chain}.</p>"
            f"<table><tr><th>agent</th><th>value</th><th>gap</th></tr>{rows}</table>"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Two agents: a heat map of the joint distribution; else bars of each agent's own."""
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots()[1]
        if self.distribution.ndim == 2:
            image = ax.imshow(self.distribution, cmap="cividis", vmin=0.0, aspect="auto")
            ax.figure.colorbar(image, ax=ax, label="probability")
            ax.set_xlabel("strategy of agent 1")
            ax.set_ylabel("strategy of agent 0")
        else:
            width = 0.8 / self.distribution.ndim
            for i, own in enumerate(self.marginals):
                ax.bar(np.arange(own.size) + i * width, own, width, label=f"agent {i}")
            ax.set_xlabel("strategy")
            ax.set_ylabel("probability")
            ax.legend(frameon=False)
        ax.set_title(f"{self.concept}: {self.outcome}")
        return ax
