"""The certificate: gaps computed from the definitions, whatever solver found the distribution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mamex_bench.errors import InputError
from mamex_bench.kernels.gaps import deviation_gains
from mamex_bench.model.concepts import concept_code

SUM_TOLERANCE = 1e-9
PRODUCT_TOLERANCE = 5e-10


def checked_payoffs(payoffs: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """A finite float64 C-contiguous tensor `(n, m_0, ..., m_{n-1})`, or InputError."""
    try:
        tensor = np.ascontiguousarray(payoffs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"payoffs must be an array of real numbers: {error}") from None
    if tensor.ndim < 2 or tensor.shape[0] != tensor.ndim - 1:
        raise InputError(
            f"payoffs has shape {tensor.shape}: expected (n, m_0, ..., m_(n-1)), "
            "one axis of strategies per agent"
        )
    if tensor.size == 0:
        raise InputError(f"payoffs has shape {tensor.shape}: every agent needs a strategy")
    if not np.isfinite(tensor).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(tensor))[0])
        raise InputError(f"payoffs must be finite, but payoffs{list(where)} is {tensor[where]}")
    return tensor


def checked_distribution(
    distribution: npt.ArrayLike, shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """A probability tensor of the given shape (sum 1 to 1e-9, nothing negative), or InputError."""
    try:
        x = np.ascontiguousarray(distribution, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"distribution must be an array of real numbers: {error}") from None
    if x.shape != shape:
        raise InputError(f"distribution has shape {x.shape}: expected {shape} as in the payoffs")
    if not np.isfinite(x).all():
        raise InputError("distribution must be finite")
    if x.min() < 0:
        raise InputError(f"distribution has a negative entry {x.min():.3g}")
    if abs(x.sum() - 1) > SUM_TOLERANCE:
        raise InputError(f"distribution sums to {x.sum():.12g}: expected 1 to {SUM_TOLERANCE:g}")
    return x


def marginals(distribution: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """The distribution of each agent's own strategy, `[(m_0,), ..., (m_{n-1},)]`."""
    axes = range(distribution.ndim)
    return [distribution.sum(axis=tuple(j for j in axes if j != i)) for i in axes]


def product(parts: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """The joint distribution `(m_0, ..., m_{n-1})` of independent strategies."""
    joint = np.ones(())
    for part in parts:
        joint = np.multiply.outer(joint, part)
    return np.ascontiguousarray(joint)


def certified_gaps(
    payoffs: npt.NDArray[np.float64], distribution: npt.NDArray[np.float64], code: int
) -> npt.NDArray[np.float64]:
    """Gaps `(n,)` of arrays that were checked already."""
    n = payoffs.shape[0]
    out = np.empty(n)
    counts = np.array(payoffs.shape[1:], dtype=np.int64)
    deviation_gains(payoffs.reshape(n, -1), counts, distribution.reshape(-1), code, out)
    return out


def gaps(
    payoffs: npt.ArrayLike, distribution: npt.ArrayLike, concept: str
) -> npt.NDArray[np.float64]:
    """How much each agent could gain by deviating, `(n,)`, in the units of the payoffs.

    Nash and CCE: `max_v U_i(v, x_-i) - U_i(x)`. CE: the same with a deviation for each
    recommendation. Nash and CE gaps are nonnegative up to rounding; a CCE gap can be negative.

    Args:
        payoffs: `(n, m_0, ..., m_{n-1})`, finite.
        distribution: `(m_0, ..., m_{n-1})`, nonnegative, sum 1; for "nash" a product.
        concept: "nash", "ce" or "cce".

    Raises:
        InputError: wrong shape, values or concept, or a correlated distribution for "nash".
    """
    code = concept_code(concept)
    tensor = checked_payoffs(payoffs)
    x = checked_distribution(distribution, tensor.shape[1:])
    if concept == "nash":
        distance = float(np.abs(x - product(marginals(x)) / x.sum() ** (x.ndim - 1)).sum())
        if distance > PRODUCT_TOLERANCE:
            raise InputError(
                "a Nash profile must be a product of the agents' own distributions, but this "
                f"distribution is {distance:.3g} (L1) away from the product of its marginals"
            )
    out = certified_gaps(tensor, x, code)
    spread = float(np.ptp(tensor, axis=tuple(range(1, tensor.ndim))).max())
    if concept != "cce" and out.min() < -1e-9 * max(1.0, spread):
        raise AssertionError(f"{concept} gaps cannot be negative, got {out.min():.3g}")
    return out
