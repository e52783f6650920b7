"""Running completions against tests."""

from pydantic import Field

from ibft.config.section import Positive, Section


class Execution(Section):
    """Limits of one judged completion; see docs/sandbox.md for what is isolated."""

    python_timeout_s: float = Field(3.0, gt=0)
    verilog_timeout_s: float = Field(30.0, gt=0)
    memory_mb: Positive = 1024
    allow_unsafe: bool = Field(False, description="accept isolation level C, resource limits only")
