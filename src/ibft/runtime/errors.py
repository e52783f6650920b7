"""The one exception that means: the user can act on this sentence."""


class UserError(Exception):
    """Bad input, a missing tool or a damaged file, told in one sentence: what, where, what to do.

    Command-line entry points print it without a traceback and exit with status 1; everything else that is
    raised is a bug and keeps its traceback.
    """
