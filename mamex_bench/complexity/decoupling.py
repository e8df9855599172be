"""The multi-agent decoupling coefficient, bracketed with two certificates.

`mamex_bench.complexity.decoupling` is the function; this module is the registry's entry for it.
"""

from __future__ import annotations

from mamex_bench.complexity._bracket import AgentBracket, Bracket
from mamex_bench.complexity._bracket import decoupling as measure

__all__ = ["AgentBracket", "Bracket", "measure"]
