"""Spread requests over time, so that no minute has more of them, or of their tokens, than a server allows."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Tells each request when to start. Requests are evenly spaced, and so need no memory of the last minute."""

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._free_at = clock()

    async def wait(self, tokens: int) -> None:
        """Return when a request of so many tokens may start."""
        now = self._clock()
        start = max(now, self._free_at)
        self._free_at = start + max(self._per_request, tokens * self._per_token)
        if start > now:
            await self._sleep(start - now)

    def hold(self, seconds: float) -> None:
        """Let nothing new start for so long: a server has said that it has had enough."""
        self._free_at = max(self._free_at, self._clock() + seconds)
