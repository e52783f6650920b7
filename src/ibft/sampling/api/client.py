"""The wire: one request at a time, tried again where another attempt may help, and errors that say what happened.

The key is read from the environment, stands in the header of requests, and in nothing else: whatever a server says of
it is blackened before it is told.
"""

import asyncio
import email.utils
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx2
from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from ibft.config.sections import Server
from ibft.runtime.errors import UserError
from ibft.sampling.api.answers import BadAnswerError, Draw, read_answer
from ibft.sampling.api.asks import Ask
from ibft.sampling.api.pace import Pace

logger = logging.getLogger(__name__)

_LONGEST_BACKOFF_S = 60.0
_LONGEST_WAIT_S = 3600.0  # that a server may ask for and a job waits
_LONGEST_REASON = 300  # characters
_BUSY = {408, 409, 425, 429}  # and whatever is from 500 on


class _PassingError(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def read_key(server: Server) -> str | None:
    """Return the key that the environment holds; None where the server asks for none.

    Raises:
        UserError: it is missing, or no header can hold it.
    """
    if server.key_variable is None:
        return None
    key = os.environ.get(server.key_variable, "").strip()
    if not key:
        raise UserError(
            f"the environment has no {server.key_variable}, which holds the key of {server.base_url} "
            f"(models.NAME.server.key_variable): export {server.key_variable}=..."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError(f"{server.key_variable} holds characters that no key has, such as a blank: set it anew")
    return key


class Client:
    """A connection to one server; use it as `async with`."""

    def __init__(self, server: Server, key: str | None, is_over: asyncio.Event, longest: int) -> None:
        """
        Args:
            is_over: set when nothing more is wanted: then nothing is tried again.
            longest: tokens that an answer may have.
        """
        self._server, self._key, self._longest = server, key, longest
        self._is_over = is_over
        self._pace = Pace(server.requests_per_minute, server.tokens_per_minute, sleep=self._rest)
        self._backoff = wait_random_exponential(multiplier=server.backoff_s, max=_LONGEST_BACKOFF_S)
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(server.timeout_s, pool=None),
            limits=httpx2.Limits(max_connections=server.concurrency),
        )
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for each request

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def draw(self, ask: Ask) -> Draw:
        """Return the draw that the server makes of `ask`.

        Raises:
            UserError: it refuses the request, or no attempt has brought a draw.
        """
        retrying = AsyncRetrying(
            sleep=self._rest,
            stop=self._gives_up,
            wait=self._seconds_to_wait,
            retry=retry_if_exception_type(_PassingError),
            before_sleep=self._tell,
        )
        try:
            draw: Draw = await retrying(self._attempt, ask)
        except RetryError as error:
            last = error.last_attempt
            raise UserError(
                f"{self._server.base_url} gave no draw of {ask.task_id} in {last.attempt_number} attempts, the last "
                f"time because {last.exception()}"
            ) from None
        return draw

    def _gives_up(self, state: RetryCallState) -> bool:
        return state.attempt_number >= self._server.attempts or self._is_over.is_set()

    async def _rest(self, seconds: float) -> None:
        """Sleep, unless nothing more is wanted."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), seconds)

    async def _attempt(self, ask: Ask) -> Draw:
        await self._pace.wait(ask.tokens(self._longest))
        if self._is_over.is_set():
            raise _PassingError("another draw has failed")
        try:
            async with asyncio.timeout(self._server.timeout_s):
                response = await self._http.post(self._server.base_url + ask.path, json=ask.body)
        except TimeoutError:
            raise _PassingError(f"no whole answer came within {self._server.timeout_s:g} s") from None
        except httpx2.RequestError as error:
            raise _PassingError(self._blackened(f"of {type(error).__name__}: {error}".removesuffix(": "))) from None
        if response.status_code != HTTPStatus.OK:
            raise self._error_of(response)
        try:
            return read_answer(response.content, ask.stops)
        except BadAnswerError as error:
            raise _PassingError(self._blackened(str(error))) from None

    def _error_of(self, response: httpx2.Response) -> UserError | _PassingError:
        said = f"it said {response.status_code} {response.reason_phrase}".rstrip()
        if reason := self._blackened(_reason(response)):
            said += f" ({reason})"
        wait_s = seconds_of(response.headers.get("Retry-After"))
        if response.status_code not in _BUSY and response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return UserError(f"{self._server.base_url} refuses the request: {said}")
        if wait_s > _LONGEST_WAIT_S:
            return UserError(f"{self._server.base_url} wants to be left alone for {wait_s:.0f} s: {said}")
        self._pace.hold(wait_s)
        return _PassingError(said, wait_s)

    def _seconds_to_wait(self, state: RetryCallState) -> float:
        """Double the wait from attempt to attempt, less a part at random; as long as the server asks for at least."""
        return _error_of_attempt(state).wait_s + self._backoff(state)

    def _tell(self, state: RetryCallState) -> None:
        wait_s = state.next_action.sleep if state.next_action else 0.0
        said = _error_of_attempt(state)
        logger.info("attempt %d of %d: %s; again in %.1f s", state.attempt_number, self._server.attempts, said, wait_s)

    def _blackened(self, text: str) -> str:
        return text.replace(self._key, "[the key]") if self._key else text


def seconds_of(retry_after: str | None, now: Callable[[], float] = time.time) -> float:
    """Return what Retry-After asks for, as seconds or as a date; 0 where it is absent or says neither."""
    if retry_after is None:
        return 0.0
    try:
        seconds = float(retry_after)
        return min(seconds, 1e9) if seconds > 0 else 0.0  # also where it is no number at all
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(retry_after).timestamp() - now(), 0.0)
    except ValueError:
        logger.warning("a server's Retry-After is neither seconds nor a date: %s", retry_after[:80])
        return 0.0


def _reason(response: httpx2.Response) -> str:
    """Return the message of an error's body, or its beginning, on one line."""
    text = response.content[:100_000].decode(errors="replace")
    try:
        found: Any = json.loads(text)
        while isinstance(found, dict):
            found = next((found[key] for key in ("error", "message", "detail") if key in found), str(found))
        text = str(found)
    except (ValueError, RecursionError):
        pass  # no JSON, as proxies answer
    return " ".join(text.split())[:_LONGEST_REASON]


def _error_of_attempt(state: RetryCallState) -> _PassingError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, _PassingError):
        raise TypeError(f"only errors that pass are tried again, not {error!r}")
    return error
