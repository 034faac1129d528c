"""Canonical status codes, and what they are in HTTP: `ToHTTPStatusCode` of TensorFlow Serving."""

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class ServingFault(Exception):  # noqa: N818 (it is an answer, not a mistake of the double)
    """An answer that is an error.

    Args:
        code: a key of HTTP_STATUS.
        message: what the caller reads.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = HTTP_STATUS[code]
