"""How stages run and talk: their frame, progress, errors, locks and watchdog. None of it can change a result."""
