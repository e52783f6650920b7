"""What jobs may use."""

from pydantic import Field

from ibft.config.section import Few, Positive, Section


class Compute(Section):
    """What one job may use. None of it changes a result, so changing it reruns nothing.

    That is, but for rounding, and for which activations dropout hits in each of several processes.
    """

    threads: Few = Field(1, description="of a job that runs a model on the CPU")
    checkpoint_steps: Positive = Field(50, description="training steps between checkpoints, from which a kill resumes")
    execution_workers: Few = Field(2, description="completions judged at the same time")
    gpus: int = Field(
        0, ge=0, le=10_000, description="of a job that runs a model; training has at least one per process"
    )
    processes: Few = Field(1, description="of a training job, each with one GPU or `threads` cores")
    deepspeed: str | None = Field(
        None,
        pattern=r"^(zero2|zero3|path:.+)$",
        description="split training state over the processes: zero2, zero3 or path:FILE, a DeepSpeed JSON",
    )
    tensorboard: bool = Field(False, description="also write training curves as TensorBoard events")
    wandb: str | None = Field(None, description="also send training curves to this Weights & Biases project")
    memory_mb: Positive = Field(3000, description="of a job that runs a model")
    runtime_min: Positive = Field(60, description="of a job that runs a model")
