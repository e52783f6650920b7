"""Draws are kept as they come, by what was asked, and what is kept is never asked for again."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ibft.config.jobs import SampleApi
from ibft.config.sections import Server
from ibft.extraction import extract
from ibft.prompts import Problem
from ibft.runtime.errors import UserError
from ibft.runtime.progress import Progress, progress
from ibft.sampling.api.answers import Draw
from ibft.sampling.api.asks import Ask
from ibft.sampling.api.client import Client
from ibft.sampling.job import profile_of
from ibft.store.journal import Entry, Journal

logger = logging.getLogger(__name__)

ENGINE = "openai"
FORMAT = "draws of an API, 1"  # the key of every store: what a draw answers stands in its entry

Draws = dict[str, Draw]  # by the digest of the ask


def store_path(output: Path) -> Path:
    """Return the store of the draws of one variant, benchmark and temperature, beside the table of a trial."""
    return output.with_name("draws.journal")


def kept_draws(store: Journal) -> Draws:
    """Return every draw of a store."""
    return {entry["ask"]: Draw(**entry["draw"]) for entry in store.entries()}


def draw_missing(asks: Sequence[Ask], store: Journal, server: Server, key: str | None, longest: int) -> Draws:
    """Ask for the draws that the store lacks, and return those of `asks`.

    Args:
        longest: tokens that an answer may have.

    Raises:
        UserError: the server refuses, or gives no draw in many attempts. What came until then is kept.
    """
    kept = kept_draws(store)
    missing = [ask for ask in asks if ask.digest not in kept]
    if missing:
        with progress("sampling", unit="draws", total=len(asks), done=len(asks) - len(missing)) as bar:
            asyncio.run(_Drawing(missing, store, bar).run(server, key, longest))
        store.sync()
        kept = kept_draws(store)
    else:
        logger.info("all %d draws are there already", len(asks))
    return {ask.digest: kept[ask.digest] for ask in asks}


class _Drawing:
    """Several workers take asks from one line until it is empty, or one of them has failed."""

    def __init__(self, missing: Sequence[Ask], store: Journal, bar: Progress) -> None:
        self._line, self._count = iter(missing), len(missing)
        self._store, self._bar = store, bar
        self._drawn = 0
        self._failures: list[UserError] = []

    async def run(self, server: Server, key: str | None, longest: int) -> None:
        is_over = asyncio.Event()
        async with Client(server, key, is_over, longest) as client:
            await asyncio.gather(*(self._work(client, is_over) for _ in range(server.concurrency)))
        if self._failures:
            raise UserError(
                f"{self._failures[0]}; {self._drawn} of {self._count} missing draws came before and are kept: run the "
                "same command again to go on"
            )

    async def _work(self, client: Client, is_over: asyncio.Event) -> None:
        for ask in self._line:
            if is_over.is_set():
                return
            try:
                draw = await client.draw(ask)
            except UserError as error:
                self._failures.append(error)
                is_over.set()
                return
            self._store.append({"ask": ask.digest, "task_id": ask.task_id, "draw": draw.as_entry()})
            self._drawn += 1
            self._bar.advance()


def entries_of(asked: SampleApi, problems: Sequence[Problem], asks: Sequence[Ask], draws: Draws) -> Iterator[Entry]:
    """Yield for each problem and trial its rows of SAMPLES, as `ibft.sampling.job.write_trials` takes them."""
    profile, problem_of = profile_of(asked), {problem.task_id: problem for problem in problems}
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for ask in asks:
        if ask.again:
            continue
        draw = draws[ask.digest]
        row = {
            "task_id": ask.task_id,
            "sample": ask.sample,
            "completion": draw.text,
            "code": extract(profile.name, draw.text, problem_of[ask.task_id]),
            "finish_reason": draw.finish_reason,
            "prompt_tokens": draw.prompt_tokens,
            "completion_tokens": draw.completion_tokens,
            "log_likelihood": None,
            "seed": ask.seed if asked.api.seeds else None,
            "profile": profile.label,
            "engine": ENGINE,
            "engine_version": f"{draw.model} {draw.fingerprint}".strip(),
        }
        rows.setdefault((ask.task_id, ask.trial), []).append(row)
    yield from ({"task_id": task_id, "trial": trial, "rows": own} for (task_id, trial), own in rows.items())


def facts_of(asks: Sequence[Ask], draws: Draws) -> Mapping[str, Any]:
    """Return what the manifest says of the server: its own names, and whether it repeats a draw with its seed.

    `repeats` is None where nothing was asked for twice.
    """
    found = [draws[ask.digest] for ask in asks]
    repeats = None
    if asks[-1].again:
        repeats = found[-1].text == found[0].text
        logger.info("asked for the same draw twice, the server gave %s", "the same" if repeats else "another text")
    return {
        "served_models": sorted({draw.model for draw in found}),
        "system_fingerprints": sorted({draw.fingerprint for draw in found if draw.fingerprint}),
        "repeats": repeats,
    }
