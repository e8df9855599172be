"""The equilibrium oracle: Nash, CE and CCE, each with its certificate."""

from mamex_bench.equilibria.certificate import gaps
from mamex_bench.model.concepts import CONCEPTS, concept_code

__all__ = ["CONCEPTS", "concept_code", "gaps"]
