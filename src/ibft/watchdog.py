"""A stage does not outlive the workflow that started it.

A Snakemake that is killed leaves its jobs running, and those of the next run would write the same outputs again.
"""

import logging
import os
import select
import signal
import threading
import time

logger = logging.getLogger(__name__)

_GRACE_S = 20.0
WORKFLOW_VARIABLE = "IBFT_WORKFLOW_PID"  # the Snakemake that starts the jobs of this machine


def end_with_workflow() -> None:
    """From now on this process is ended as by Ctrl-C when its workflow is gone. By hand there is none to watch."""
    named = os.environ.get(WORKFLOW_VARIABLE)
    if named is None:
        return
    try:
        workflow = os.pidfd_open(int(named))
    except ProcessLookupError:
        logger.error("the workflow that started this is gone")
        os.kill(os.getpid(), signal.SIGINT)
        return
    threading.Thread(target=_wait_for, args=[workflow], name="watchdog", daemon=True).start()


def _wait_for(workflow: int) -> None:
    poll = select.poll()
    poll.register(workflow, select.POLLIN)
    poll.poll()
    logger.error("the workflow that started this is gone")
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE_S)
    os._exit(1)
