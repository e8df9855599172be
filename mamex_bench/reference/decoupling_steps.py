"""Errors and discrepancies of one step of the game alone: slow, plain NumPy."""

from __future__ import annotations

import copy

import numpy as np

from mamex_bench.reference.decoupling import Definition
from mamex_bench.reference.decoupling_spans import distances, residuals, steps


def step_definitions(definition: Definition) -> list[Definition]:
    """One definition per step h, of models: e_h = <delta_h, d_h> and D_h = <D_H^2, d_h>.

    Errors are 0 at pairs whose whole error is not positive: no sequence needs them.
    """
    squares, data = distances(definition), definition.data.toarray()
    gaps = [residuals(definition, policy) for policy in range(len(definition.joints))]
    found = []
    for rows in steps(definition):
        own = copy.copy(definition)
        terms = [gap[:, rows] @ met[rows] for gap, met in zip(gaps, data)]
        own.errors = np.where(definition.errors > 0.0, np.stack(terms), 0.0)
        own.table = data[:, rows] @ squares[:, rows].T
        found.append(own)
    return found
