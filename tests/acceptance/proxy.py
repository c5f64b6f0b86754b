"""A TCP proxy whose connections can be held at an exact byte, and cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Stands between a browser and the server at `url`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.held = threading.Event()
        """Set when the line stands still where `hold_after` said."""
        self.turned_away = threading.Event()
        """Set when somebody wanted to connect while the line was cut."""
        self._cut = threading.Event()
        self._hold_after: bytes | None = None
        self._left = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold_after(self, pattern: bytes, times: int = 1) -> None:
        """Let nothing more through on the connection on which the server has sent `pattern` so many times."""
        self._left = times
        self._hold_after = pattern

    def cut(self) -> None:
        """End all connections and let nobody in; what was held back is lost."""
        self._hold_after = None
        self._cut.set()
        self._end_all()

    def mend(self) -> None:
        """Let connections through again."""
        self._cut.clear()

    def close(self) -> None:
        self._listener.close()
        self._end_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._cut.is_set():
                self.turned_away.set()
                client.close()
                continue
            server = socket.create_connection(self._server)
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, from_server: bool) -> None:
        before = b""
        with suppress(OSError):
            while data := source.recv(65_536):
                end = self._end(before, data) if from_server else None
                target.sendall(data[:end])
                if end is not None:
                    self.held.set()
                    return  # both ends stay open, and nobody reads on
                before = (before + data)[-200:]  # a pattern may come in two parts
        for one in (source, target):
            self._end_one(one)

    def _end(self, before: bytes, data: bytes) -> int | None:
        """Return where in `data` the line is to be held."""
        pattern = self._hold_after
        if pattern is None:
            return None
        # What had gone through before the pattern was given does not count.
        found = max(0, len(before) - len(pattern) + 1) - 1
        while (found := (before + data).find(pattern, found + 1)) >= 0:
            self._left -= 1
            if self._left == 0:
                return found + len(pattern) - len(before)
        return None

    def _end_all(self) -> None:
        with self._lock:
            ending, self._open = self._open, set()
        for one in ending:
            self._end_one(one)

    def _end_one(self, one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def proxy(url: str) -> Iterator[Proxy]:
    """Yield a proxy to `url`."""
    opened = Proxy(url)
    try:
        yield opened
    finally:
        opened.close()
