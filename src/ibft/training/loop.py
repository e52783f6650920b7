"""The training loop for FT and IB-FT, top to bottom.

A plain loop rather than transformers' Trainer (docs/adr/0002-plain-training-loop.md): logits only where a response
token is predicted, the state of layer l* by a hook, means over the exact global token counts, and a resume that ends
in the same bytes are each a few lines, here and in `ibft.training.step`.
"""

import logging
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ibft.config.sections import Training
from ibft.models.encoding import EncodedExample
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.runtime.trackers import Tracker
from ibft.training.backend import Backend
from ibft.training.batches import batch_order
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import World
from ibft.training.held_out import HeldOutExamples, Scores
from ibft.training.model import IBModel, seed_words
from ibft.training.regimes import WATCHED
from ibft.training.step import TERMS, Order, Stepper, Taken
from ibft.training.step_rows import Row, StepRows
from ibft.training.telemetry import stopwatch
from ibft.training.together import Run, run_alone
from ibft.training.watch import GradientWatch, kl_facts, shares_and_cosine, yardsticks

logger = logging.getLogger(__name__)

_LOG_EVERY_STEPS = 10


@dataclass(frozen=True)
class Trained:
    """A run leaves its parameters by name, rows of TRAINING_LOG and of `stopwatch` for each step, and of HELD_OUT.

    Rows are with the main process alone.
    """

    learned: dict[str, Tensor]
    log: list[Row]
    speed: list[Row]
    held_out: list[Row]


@dataclass(frozen=True)
class _Unread:
    """A step whose numbers may still be on their way, with all that is known of it without them."""

    known: Row  # of its row of TRAINING_LOG
    taken: Taken
    speed: Row
    scores: dict[str, Scores]  # of held-out examples, by step

    def read(self) -> Row:
        """Wait for its numbers; return an entry of `StepRows`."""
        log = self.known | self.taken.read(self.known["step"])
        return {"log": log, "speed": self.speed, "held_out": self.scores}


def train(
    ib_model: IBModel,
    backend: Backend,
    examples: Sequence[EncodedExample],
    settings: Training,
    *,
    seed: int,
    pad_token: int,
    checkpoints: Checkpoints,
    world: World,
    held_out: HeldOutExamples | None = None,
    trackers: Sequence[Tracker] = (),
) -> Trained:
    """Train the parameters of `ib_model` that require gradients, in place.

    Args:
        ib_model: a causal language model whose trunk carries LoRA layers, its head frozen, and its bottleneck.
        backend: turns gradients into updates.

    Steps of the warm-up of the bottleneck's head come before step 1: their numbers end at 0. They see the batches that
    the first steps see again, so that FT and IB-FT train LoRA on the same ones in each step.

    Raises:
        UserError: an example has no response token left, or a loss is not finite.
    """
    stepper = Stepper(backend, ib_model, settings, pad_token, world)
    return run_alone(training_run(stepper, examples, checkpoints, seed, held_out, trackers), stepper)


def training_run(
    stepper: Stepper,
    examples: Sequence[EncodedExample],
    checkpoints: Checkpoints,
    seed: int,
    held_out: HeldOutExamples | None = None,
    trackers: Sequence[Tracker] = (),
) -> "Run[Trained]":
    """Ask for the steps of a run, one after another, and keep what they leave."""
    settings, ib_model, backend = stepper.settings, stepper.ib_model, stepper.backend
    _check([example.response_tokens for example in examples], settings)
    _check(held_out.tokens if held_out else [], settings)
    steps = updates_of(settings, len(examples))
    before = ib_model.bottleneck.training.warmup_steps if ib_model.bottleneck else 0
    done = backend.resume(checkpoints)
    rows = StepRows(checkpoints, stepper.world, done)
    if done:
        logger.info("resuming after step %d of %d", done - before, steps)
    ib_model.train()
    asking = _steps_of(stepper, examples, seed, held_out, response_tokens=rows.response_tokens, before=not done)
    with progress("training", unit="steps", total=before + steps, done=done) as bar:

        def record(unread: _Unread) -> None:
            entry = unread.read()
            rows.append(entry)
            _tell(entry["log"] | entry["speed"], steps, trackers)
            bar.advance()

        unread: _Unread | None = None  # the step before, so that a GPU never idles between steps
        to_take = range(done - before, steps)
        for step, chosen in _batches(examples, settings, seed, to_take, asking.per_epoch, before):
            taken = yield from asking.ask(step, chosen)
            if unread:
                record(unread)
            unread = taken
            if (before + step) % checkpoints.every_steps == 0 and step < steps:
                record(unread)
                unread = None
                rows.sync()
                backend.save(checkpoints, before + step)
        if unread:
            record(unread)
    ib_model.eval()
    return _trained(backend.learned(), rows, held_out)


def _steps_of(
    stepper: Stepper,
    examples: Sequence[EncodedExample],
    seed: int,
    held_out: HeldOutExamples | None,
    *,
    response_tokens: int,
    before: bool,
) -> "_Steps":
    return _Steps(
        stepper.ib_model,
        stepper.settings,
        seed=seed,
        number=updates_of(stepper.settings, len(examples)),
        per_epoch=math.ceil(len(examples) / stepper.settings.batch_size),
        world=stepper.world,
        held_out=held_out,
        watched_by=_yardsticks_if_watched(stepper.ib_model, stepper.backend, examples, stepper.settings),
        response_tokens=response_tokens,
        before=before,
    )


def _trained(learned: dict[str, Tensor], rows: StepRows, held_out: HeldOutExamples | None) -> Trained:
    entries = list(rows.entries())
    rows.close()
    log, speeds = [entry["log"] for entry in entries], [entry["speed"] for entry in entries]
    scored = [each for entry in entries for each in held_out.rows(entry["held_out"])] if held_out else []
    return Trained(learned, log, speeds, scored)


class _Steps:
    """Asks for the steps of a run, and measures on the way."""

    def __init__(
        self,
        ib_model: IBModel,
        settings: Training,
        *,
        seed: int,
        number: int,
        per_epoch: int,
        world: World,
        held_out: HeldOutExamples | None,
        watched_by: dict[str, float],
        response_tokens: int,
        before: bool,
    ) -> None:
        """
        Args:
            watched_by: what CE_IB is measured by; empty: no step is watched.
            response_tokens: trained on before the first of these steps.
            before: score held-out examples before the first step, too.
        """
        self._ib_model, self._world = ib_model, world
        self._settings, self._seed, self._number, self.per_epoch = settings, seed, number, per_epoch
        self._held_out, self._watched_by = held_out, watched_by
        self._response_tokens = response_tokens
        self._scores: dict[str, Scores] = {"0": held_out.score(ib_model)} if held_out and before else {}

    def ask(self, step: int, chosen: Sequence[EncodedExample]) -> Generator[Order, Taken, _Unread]:
        """Ask for the step that trains on `chosen`."""
        self._ib_model.head_alone = step < 1
        watch = GradientWatch(self._ib_model) if self._is_watched(step) else None
        rate = learning_rate(step, self._number, self._settings)
        dropout_seed = _dropout_seed(self._seed, step, self._world.rank)
        tokens = sum(example.response_tokens for example in chosen)
        with stopwatch(step, tokens, self._world) as speed:
            taken = yield Order(chosen, (self._seed, step), rate, dropout_seed, watch)
            seen = self._watched_by | _seen(watch, self._world) if watch else {}
        self._response_tokens += tokens
        if self._held_out and self._held_out.is_due(step, self._number):
            self._scores[str(step)] = self._held_out.score(self._ib_model)
        known = _known(step, max(0, step) / self.per_epoch, rate, self._response_tokens, seen)
        scores, self._scores = self._scores, {}
        return _Unread(known, taken, speed, scores)

    def _is_watched(self, step: int) -> bool:
        return bool(self._watched_by) and is_watched(step, self._number, self._settings)


def updates_of(settings: Training, examples: int) -> int:
    """Return the number of optimizer steps over so many examples."""
    if isinstance(settings.updates, int):
        return settings.updates
    return max(1, round(settings.epochs * math.ceil(examples / settings.batch_size)))


def with_updates_counted(settings: Training, examples: int) -> Training:
    """Return settings that train for as many updates on a selection as on all `examples`, where they ask for that."""
    if settings.updates != "all-examples":
        return settings
    return settings.model_copy(update={"updates": updates_of(settings, examples)})


def _known(step: int, epoch: float, rate: float, response_tokens: int, seen: Row) -> Row:
    """Return what a row of TRAINING_LOG says beside a step's `Taken`."""
    watched = {name: seen.get(name) for name in WATCHED}
    return {"step": step, "epoch": epoch, "learning_rate": rate, "response_tokens": response_tokens} | watched


def _tell(row: Row, steps: int, trackers: Sequence[Tracker]) -> None:
    """Hand a step's numbers to the trackers, and write them to the log now and then."""
    step = row["step"]
    for tracker in trackers:
        tracker(step, {name: value for name, value in row.items() if value is not None})
    if step % _LOG_EVERY_STEPS == 0 or step == steps:
        logger.info("step %d/%d %s", step, steps, _readable(row))


def learning_rate(step: int, steps: int, settings: Training) -> float:
    """Return the rate of `step`, from 1: linear warm-up from 0, then half a cosine down to 0 after the last step.

    Before step 1, in the warm-up of the bottleneck's head, it is constant.
    """
    if step < 1:
        return settings.learning_rate
    warmup = math.ceil(settings.warmup_ratio * steps)
    before = step - 1
    if before < warmup:
        return settings.learning_rate * before / warmup
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (before - warmup) / max(1, steps - warmup)))


def _batches(
    examples: Sequence[EncodedExample],
    settings: Training,
    seed: int,
    finished_before: range,
    steps_per_epoch: int,
    head_warmup: int,
) -> Iterator[tuple[int, list[EncodedExample]]]:
    """Yield each remaining step and its examples; an epoch's order is made once, as it takes long on large data.

    `finished_before` holds, for each remaining step, how many steps come before it, negative in the head's warm-up.
    """
    lengths = [len(example) for example in examples]
    order: list[list[int]] = []
    order_epoch = -1
    for finished in finished_before:
        epoch, position = divmod(finished if finished >= 0 else finished + head_warmup, steps_per_epoch)
        if epoch != order_epoch:
            order = batch_order(lengths, settings.batch_size, seed, epoch, packed=settings.packing)
            order_epoch = epoch
        yield finished + 1, [examples[index] for index in order[position]]


def is_watched(step: int, steps: int, settings: Training) -> bool:
    """Return true for the first and the last step, and for every `watch_every`-th between them."""
    return step in (1, steps) or (step > 1 and step % settings.watch_every == 0)


def _yardsticks_if_watched(
    ib_model: IBModel, backend: Backend, examples: Sequence[EncodedExample], settings: Training
) -> dict[str, float]:
    """Return what CE_IB is measured by; nothing where no step is to be watched, or none can be."""
    if not settings.watch_every or ib_model.bottleneck is None:
        return {}
    if not backend.watches:
        logger.warning("training.watch_every: DeepSpeed holds gradients in parts, so that no step is watched")
        return {}
    return yardsticks(ib_model, examples)


def _seen(watch: GradientWatch, world: World) -> Row:
    facts = shares_and_cosine(watch.gradients(world))
    return facts | (kl_facts(world.all_reduce(watch.kl_Z)) if watch.kl_Z is not None else {})


def _check(response_tokens: Sequence[int], settings: Training) -> None:
    empty = response_tokens.count(0)
    if empty:
        raise UserError(
            f"training.max_length: {empty} of {len(response_tokens)} examples have no response token within "
            f"{settings.max_length} tokens; raise max_length"
        )


def _dropout_seed(seed: int, step: int, rank: int) -> int:
    """Distinct for every (seed, step, process), so that a resumed run draws the same dropout masks."""
    [state] = np.random.SeedSequence([*seed_words(seed, step), rank]).generate_state(1, np.uint64)
    return int(state)


def _readable(row: Row) -> str:
    shown = ("loss", *TERMS, "learning_rate", "gradient_norm", "response_tokens_per_s")
    return ", ".join(f"{name} {row[name]:.4g}" for name in shown if row[name] is not None)
