"""Servers on this machine for downloads: files and TF Hub's archives, and an npm registry."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
from pathlib import Path


class Server:
    """Serves `files` by path; what was asked for is in `requests`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()  # these end in the middle
        self.requests: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                body = server.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                body = body or b""
                self.wfile.write(body[: len(body) // 2] if self.path in server.cut else body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_saved_model(self, path: str, folder: Path) -> str:
        """A SavedModel as TF Hub gives it; its handle."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            archive.add(folder, arcname=".")
        self.files[f"{path}?tf-hub-format=compressed"] = packed.getvalue()
        return self.url + path

    def add_package(self, name: str, version: str, files: dict[str, bytes]) -> str:
        """A package as the npm registry gives it; the path of its archive."""
        packed = io.BytesIO()
        about = json.dumps({"name": name, "version": version}).encode()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            for member, content in {"package.json": about, **files}.items():
                info = tarfile.TarInfo(f"package/{member}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        body = packed.getvalue()
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        integrity = f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"
        dist = {"tarball": self.url + path, "integrity": integrity}
        entry = {"name": name, "version": version, "dist": dist}
        self.files[path] = body
        self.files[f"/{name.replace('/', '%2f')}"] = json.dumps(
            {"name": name, "dist-tags": {"latest": version}, "versions": {version: entry}}
        ).encode()
        return path
