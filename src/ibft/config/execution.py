"""Running completions against tests."""

from pydantic import Field

from ibft.config.section import Section


class Execution(Section):
    """Limits of one judged completion; see docs/sandbox.md for what is isolated."""

    python_timeout_s: float = Field(3.0, gt=0, le=3600)
    verilog_timeout_s: float = Field(30.0, gt=0, le=3600)
    memory_mb: int = Field(1024, ge=1, le=1_048_576)
    allow_unsafe: bool = Field(False, description="accept isolation level rlimits, resource limits only")
