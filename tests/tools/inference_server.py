"""A server of the Open Inference Protocol for tests: serves fitted models over real HTTP, as Triton, MLServer or KServe would."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd

TYPES = {"FP32": "float32", "FP64": "float64", "INT64": "int64", "INT32": "int32", "BOOL": "bool"}


class Served:
    """One model: what it says of itself, and a function from tensors to outputs; ``heard`` keeps the requests."""

    def __init__(self, described: dict[str, Any], answer: Callable[[dict[str, Any]], list[dict[str, Any]]]):
        self.described, self.answer = {"name": "m", "versions": ["1"], "platform": "test", **described}, answer
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []


class Reply(Exception):
    """A raw answer: status, body, headers."""

    def __init__(self, status: int, body: bytes = b"", **headers: str):
        self.status, self.body, self.headers = status, body, headers


def table(request: dict[str, Any], *, datatypes: dict[str, str] | None = None) -> pd.DataFrame:
    """The frame that a request with one input a column holds; strictly as described."""
    made = {}
    for item in request["inputs"]:
        name, datatype, data = item["name"], item["datatype"], item["data"]
        assert datatypes is None or datatypes[name] == datatype
        assert np.prod(item["shape"]) == len(data)
        if datatype == "BYTES":
            assert all(isinstance(v, str) for v in data)
            made[name] = np.array(data, dtype=object)
        else:
            assert all(v is None or isinstance(v, (int, float)) for v in data)
            made[name] = np.array(data, dtype=TYPES[datatype])
    return pd.DataFrame(made)


def matrix(request: dict[str, Any]) -> np.ndarray:
    """The matrix that a request with one input holds."""
    (item,) = request["inputs"]
    return np.array(item["data"], dtype=TYPES[item["datatype"]]).reshape(item["shape"])


def out(name: str, values: Any, datatype: str) -> dict[str, Any]:
    """One output of an answer."""
    values = np.asarray(values)
    return {"name": name, "datatype": datatype, "shape": list(values.shape), "data": values.reshape(-1).tolist()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms
    models: dict[str, Served]
    ready: tuple[int, bytes]

    def log_message(self, *_: Any) -> None:
        pass

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def _json(self, found: Any, status: int = 200) -> None:
        self._send(status, json.dumps(found).encode(), Content_Type="application/json")

    def _model(self) -> Served | None:
        parts = self.path.strip("/").split("/")
        return self.models.get(parts[2]) if parts[:2] == ["v2", "models"] and len(parts) > 2 else None

    def do_GET(self) -> None:
        if self.path == "/v2/health/ready":
            return self._send(*self.ready)
        model = self._model()
        if model is None:
            return self._json({"error": f"unknown model {self.path}"}, 404)
        model.headers.append(dict(self.headers))
        reply = model.described.get("reply")
        return self._json(model.described) if reply is None else self._send(reply.status, reply.body, **reply.headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        model = self._model()
        if model is None or not self.path.endswith("/infer"):
            return self._json({"error": "unknown model"}, 404)
        request = json.loads(body, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))
        model.heard.append(request)
        try:
            return self._json({"model_name": "m", "outputs": model.answer(request)})
        except Reply as reply:
            return self._send(reply.status, reply.body, **reply.headers)
        except Exception as error:  # noqa: BLE001  a model that refuses
            return self._json({"error": f"{error}"}, 400)


@contextlib.contextmanager
def serving(models: dict[str, Served], ready: tuple[int, bytes] = (200, b"")) -> Iterator[str]:
    """Serve models on a free port of this machine; gives the address of the server."""
    handler = type("Handler", (_Handler,), {"models": models, "ready": ready})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
