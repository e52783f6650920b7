"""What all sections of the configuration share: they are frozen, and refuse keys that they do not know."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="becomes a folder name")]
Ratio = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Precision = Literal["float32", "bfloat16", "float16"]
Language = Literal["python", "verilog"]
Scope = Literal["sequence", "response"]


def or_a_list(schema: dict[str, Any]) -> None:
    """For editors: the key also takes a list, which makes the method a sweep (see `ibft.config.sweeps`)."""
    single = {name: value for name, value in schema.items() if name not in ("default", "description", "title")}
    for name in single:
        del schema[name]
    schema["anyOf"] = [single, {"type": "array", "items": single, "minItems": 1}]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
