"""What FT and IB-FT have in common."""

from pydantic import Field

from ibft.config.section import Positive, Precision, Section, Seed


class LoRA(Section):
    rank: Positive = 32
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), min_length=1
    )


class Training(Section):
    """FT and IB-FT alike."""

    epochs: float = Field(3, gt=0, le=10_000)
    batch_size: Positive = Field(4, description="examples per optimizer step, over all processes")
    learning_rate: float = Field(5e-5, gt=0)
    warmup_ratio: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    max_length: Positive = Field(2048, description="tokens per example; longer ones are cut")
    micro_batch_tokens: Positive = Field(8192, description="tokens per forward and backward pass, padding included")
    packing: bool = Field(
        True, description="several examples in one row instead of padding; attention keeps them apart"
    )
    precision: Precision = Field("float32", description="of the forward and backward pass; parameters stay float32")
    gradient_checkpointing: bool = False
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    lora: LoRA = LoRA()
