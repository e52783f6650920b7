"""The frame that stages run in: logging, progress, errors, locks and the watchdog. None of it can change a result."""
