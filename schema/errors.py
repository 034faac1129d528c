"""What can go wrong in a way that a person can mend, and the exit code that says so.

FerError
├── ConfigError    exit 2: a setting is unknown, of the wrong type or out of range
├── DataError      exit 2: an input file is missing, unreadable or too broken to use
└── GateError      exit 3: the run was fine, the data or the model was not good enough

Each message is one line that names what was found, where, and what to do next.
"""


class FerError(Exception):
    """Base of the errors that are shown as one line, without a traceback."""

    exit_code = 1


class ConfigError(FerError):
    """A setting is unknown, of the wrong type or out of range."""

    exit_code = 2


class DataError(FerError):
    """An input file is missing, unreadable or too broken to use."""

    exit_code = 2


class GateError(FerError):
    """A gate refused the data or the model."""

    exit_code = 3
