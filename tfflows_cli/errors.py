"""The error of the command line."""


class CommandError(Exception):
    """Something the user can put right; shown as one line, without a traceback."""
