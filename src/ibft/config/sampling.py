"""Drawing completions."""

from typing import Literal

from pydantic import Field

from ibft.config.section import Few, Positive, Ratio, Section, Temperature

Profile = Literal["chat", "ibft", "origen", "vericoder", "rtlcoder", "evalplus-base", "evalplus-chat", "wizardcoder"]


class Sampling(Section):
    engine: Literal["auto", "transformers", "vllm"] = Field(
        "auto", description="auto: vllm on a GPU, else transformers"
    )
    n: Positive = 10
    temperatures: tuple[Temperature, ...] = Field((0.2,), min_length=1)
    top_p: Ratio = 0.95
    trials: Few = 5
    max_new_tokens: Positive = 1024
    profile: Profile | None = Field(None, description="null: that of the track, which is the one that is trained with")
    batch_size: Positive = Field(64, description="sequences decoded together by the transformers engine")
    adapters: Literal["auto", "lora", "merged"] = Field(
        "auto",
        description="of vLLM: lora keeps them apart from the weights; merged folds them into those; auto is lora on a "
        "GPU, else merged",
    )
