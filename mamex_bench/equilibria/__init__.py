"""The equilibrium oracle: Nash, CE and CCE, each with its certificate."""

from mamex_bench.equilibria.backward_induction import BackwardInduction, backward_induction
from mamex_bench.equilibria.certificate import gaps
from mamex_bench.equilibria.equilibrium import Equilibrium
from mamex_bench.equilibria.oracle import solve
from mamex_bench.model.concepts import CONCEPTS, concept_code

__all__ = [
    "CONCEPTS",
    "BackwardInduction",
    "Equilibrium",
    "backward_induction",
    "concept_code",
    "gaps",
    "solve",
]
