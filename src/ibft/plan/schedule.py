"""A schedule tells how long jobs take together: along their longest chain, and with so many at a time."""

import heapq
from collections.abc import Mapping, Sequence

from ibft.plan.jobs import Job


def wall_seconds(jobs: Sequence[Job], seconds: Sequence[float], at_a_time: int) -> float:
    """Seconds from the first start to the last end, with the jobs on the longest remaining chain started first.

    Args:
        seconds: of each job.
        at_a_time: jobs that run at once. Where some ask for GPUs, so many of those, and as many others beside them.
    """
    needs, followers = _edges(jobs)
    chain = _chains(seconds, followers, needs)
    missing = {number: len(before) for number, before in needs.items()}
    ready: tuple[list[tuple[float, int]], list[tuple[float, int]]] = ([], [])  # those without and with GPUs
    for number in (number for number, count in missing.items() if not count):
        heapq.heappush(ready[jobs[number].gpus > 0], (-chain[number], number))
    running: list[tuple[float, int]] = []
    free = [at_a_time, at_a_time]
    now = 0.0
    while running or any(ready):
        for pool in (0, 1):
            while ready[pool] and free[pool]:
                _, number = heapq.heappop(ready[pool])
                free[pool] -= 1
                heapq.heappush(running, (now + seconds[number], number))
        now, ended = heapq.heappop(running)
        free[jobs[ended].gpus > 0] += 1
        for follower in followers[ended]:
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready[jobs[follower].gpus > 0], (-chain[follower], follower))
    return now


def critical_path(jobs: Sequence[Job], seconds: Sequence[float]) -> float:
    """Seconds of the longest chain of jobs that wait for each other: no number of machines is faster."""
    needs, followers = _edges(jobs)
    return max(_chains(seconds, followers, needs), default=0.0)


def _edges(jobs: Sequence[Job]) -> tuple[Mapping[int, set[int]], Mapping[int, set[int]]]:
    """Return, for each job by number, those that it waits for and those that wait for it."""
    maker = {output: number for number, job in enumerate(jobs) for output in job.outputs}
    needs = {number: {maker[path] for path in job.inputs if path in maker} for number, job in enumerate(jobs)}
    followers: dict[int, set[int]] = {number: set() for number in needs}
    for number, before in needs.items():
        for other in before:
            followers[other].add(number)
    return needs, followers


def _chains(seconds: Sequence[float], followers: Mapping[int, set[int]], needs: Mapping[int, set[int]]) -> list[float]:
    """Return, for each job, the seconds of the longest chain that begins with it."""
    chain = list(seconds)
    waiting = {number: len(after) for number, after in followers.items()}
    done = [number for number, count in waiting.items() if not count]
    while done:
        number = done.pop()
        for before in needs[number]:
            chain[before] = max(chain[before], seconds[before] + chain[number])
            waiting[before] -= 1
            if not waiting[before]:
                done.append(before)
    return chain
