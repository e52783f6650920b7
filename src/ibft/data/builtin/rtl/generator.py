"""The `rtl` data set: instructions in the register of HDLBits and VerilogEval, and Verilog modules that answer them.

Every family draws designs of one kind, with varying widths, values, names and wordings. The designs are distinct, and
interleaved so that any first N of them are balanced over the families.
"""

import logging

import pandas as pd

from ibft.data.builtin.draw import interleaved, shuffled, stream
from ibft.data.builtin.rtl import (
    arithmetic,
    counters,
    gates,
    parameters,
    registers,
    selectors,
    shift_registers,
    state_machines,
    vectors,
)
from ibft.data.builtin.rtl.design import Design, Family

logger = logging.getLogger(__name__)

GROUPS = {
    "gates": gates.FAMILIES,
    "vectors": vectors.FAMILIES,
    "arithmetic": arithmetic.FAMILIES,
    "selectors": selectors.FAMILIES,
    "registers": registers.FAMILIES,
    "counters": counters.FAMILIES,
    "shift_registers": shift_registers.FAMILIES,
    "state_machines": state_machines.FAMILIES,
    "parameters": parameters.FAMILIES,
}
DRAWS_PER_FAMILY = 60


def generate(seed: int) -> pd.DataFrame:
    """All examples of `seed`, as rows of `ibft.store.schemas.EXAMPLES`; any first N are balanced over families."""
    families = [(f"rtl/{group}/{family.__name__.strip('_')}", family) for group, of in GROUPS.items() for family in of]
    order = shuffled(families, stream("rtl", seed))
    columns = [[(source, design) for design in _distinct(source, family, seed)] for source, family in order]
    examples: dict[str, tuple[str, Design]] = {}
    for source, design in interleaved(columns):
        examples.setdefault(design.instruction, (source, design))
    logger.info("rtl: %d examples of %d families", len(examples), len(families))
    return pd.DataFrame(
        {
            "example_id": f"rtl-{number:05d}",
            "instruction": design.instruction,
            "response": design.response,
            "language": "verilog",
            "source": source,
        }
        for number, (source, design) in enumerate(examples.values())
    )


def _distinct(source: str, family: Family, seed: int) -> list[Design]:
    """Draw `DRAWS_PER_FAMILY` designs, and leave repeated instructions out."""
    rng = stream(source, seed)
    draws = [family(rng) for _ in range(DRAWS_PER_FAMILY)]
    return list({design.instruction: design for design in reversed(draws)}.values())[::-1]
