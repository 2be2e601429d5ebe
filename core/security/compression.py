"""What leaves is compressed for whoever can read that: pages and the API as they are answered, files once (docs/security.md, "BREACH")."""

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from servestatic.compress import Compressor
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import StaticFile

View = Callable[[HttpRequest], HttpResponseBase]

# Pages with a secret that stays the same for a while (an authenticator's key, recovery codes), and calls of other programs.
AS_IT_IS: Final = ("/accounts/", "/webhooks/")
# Bytes: below that, headers weigh as much as what is saved.
LEAST: Final = 400


def answers(get_response: View) -> View:
    """Middleware, behind the one that serves files: compresses what is read. What answers a form or a call that changes something may
    show a secret, once; it goes as it is."""
    gzip = GZipMiddleware(get_response)

    def answered(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.method != "GET" or request.path_info.startswith(AS_IT_IS):
            return response
        return gzip.process_response(request, response)

    return answered


def _is_there(file: StaticFile) -> bool:
    return all(os.path.exists(path) for _, path, _ in file.alternatives)


class Files(ServeStaticMiddleware):
    """Static files. Each is compressed when it is first asked for, and kept in `VAR_DIR/static` by what it was made of.

    Where that cannot be written to, it goes as it is; what was cleared away there is made anew.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.compressor = Compressor(quiet=True)
        # As they lie, of those that were asked for.
        self.plain: dict[str, StaticFile] = {}
        super().__init__(*args, **kwargs)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = request.path_info
        file = self.files.get(name)
        if isinstance(file, StaticFile) and not self.autorefresh and (name not in self.plain or not _is_there(file)):
            # Until it is made, it goes as it is.
            self.files[name] = self.plain.setdefault(name, file)
            with contextlib.suppress(OSError):
                self.files[name] = await asyncio.to_thread(self._both_ways, self.plain[name])
        response: HttpResponseBase = await super().__call__(request)
        return response

    def _both_ways(self, file: StaticFile) -> StaticFile:
        """The file as it lies, and compressed where that makes it smaller."""
        path, headers = next((path, headers) for encoding, path, headers in file.alternatives if encoding is None)
        stat = os.stat(path)
        if len(file.alternatives) > 1 or stat.st_size < LEAST or not self.compressor.should_compress(path):
            return file
        made_of = hashlib.sha256(f"{path}\n{stat.st_mtime_ns}\n{stat.st_size}".encode()).hexdigest()[:32]
        compressed = Path(settings.VAR_DIR) / "static" / f"{made_of}.gz"
        if not compressed.is_file() and not self._compress(Path(path), compressed):
            return file
        kept = [(name, value) for name, value in headers if name not in ("Content-Length", "ETag")]
        # Weak: the same for both, as their bytes are not.
        return StaticFile(path, [*kept, ("ETag", f"W/{file.etag}")], encodings={"gzip": str(compressed)})

    def _compress(self, source: Path, target: Path) -> bool:
        """Whether it became smaller. Written aside and moved, so that nobody reads half of it."""
        whole = source.read_bytes()
        data = self.compressor.compress_gzip(whole)
        if not self.compressor.is_compressed_effectively("gzip", str(source), len(whole), data):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(aside, target)
        return True
