"""A server that says given bytes, whatever it is asked."""

import json
import socket
import threading


class RawServerDouble:
    """Sends given bytes to whoever connects, then closes; `pieces` may be without end."""

    def __init__(self, pieces) -> None:
        self._pieces = pieces
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connection_count = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "RawServerDouble":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connection_count += 1
            with connection:
                self._send(connection)

    def _send(self, connection: socket.socket) -> None:
        try:
            connection.recv(2**20)
            for piece in self._pieces() if callable(self._pieces) else self._pieces:
                connection.sendall(piece)
        except OSError:
            """The client has had enough."""


def reply(body, status="200 OK", length=None):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = len(text) if length is None else length
    return [f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode(), text]
