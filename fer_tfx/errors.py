"""What a person can fix, and its exit code. Each message is one line: what was found, where, what to do next."""

# Plain pip won't do on Python 3.11: TFX 1.16 declares <3.11.
INSTALL_ALL = "`make setup` in a checkout of fer-tfx installs everything"


class FerError(Exception):
    """Base of all: shown as one line, without a traceback."""

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


class BadRequestError(DataError):
    """An input was refused before anything was sent; `index` is that of the picture at fault, None if it isn't one."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message if index is None else f"picture {index}: {message}")
        self.index = index


class ServingError(FerError):
    """A server can't be used."""


class ServerUnreachableError(ServingError):
    """No connection, or the server is too busy: another attempt may help."""


class DeadlineExceededError(ServingError):
    """The call ran out of time."""


class RequestRefusedError(ServingError):
    """The server answered with an error.

    Attributes:
        status: `HTTP 400`, or gRPC's name of the code, such as `INVALID_ARGUMENT`.
        reason: the server's own words.
        index: of the picture that the server can't decode, from 0; None if no single picture is to blame.
    """

    def __init__(self, where: str, status: str, reason: str, index: int | None = None) -> None:
        self.where, self.status, self.reason, self.index = where, status, shorten(reason), index
        picture = "" if index is None else f", picture {index}"
        remedy = "check the model, its version and its signatures" if index is None else "replace or leave it out"
        super().__init__(f"{where}{picture}: refused with {status}: {self.reason}; {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """By its arguments: pickled by its message alone, it couldn't leave a worker process."""
        return type(self), (self.where, self.status, self.reason, self.index)

    @property
    def is_invalid_argument(self) -> bool:
        """Whether the request itself was at fault."""
        return self.status in {"HTTP 400", "INVALID_ARGUMENT"}


class BadAnswerError(ServingError):
    """The server answered with something that can't be right."""


def in_one_line(text: str) -> str:
    """Foreign text as part of one line: line breaks, controls and undecodable bytes escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def shorten(text: str, limit: int = 300) -> str:
    """Foreign text as part of one line, its white space and length reduced."""
    line = in_one_line(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[:limit]}..."
