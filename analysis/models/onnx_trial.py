"""A trial run of an ONNX file in a process of its own, with bounded memory and time, before it is let into this one.

A graph of two hundred bytes can ask for any memory (a tensor of a constant shape, a column repeated a million times) and any time (a loop).
No list of operators tells which: the graph is computed instead, on a row and on a thousand, where it can do no harm. What it takes
for each row bounds the rows asked about at once later.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.patience import VARIABLE, limit
from modelglass.analysis.reading_checks import free_memory

LEAST, TIMES = 2 << 30, 8
"""Memory allowed: 2 GB, or eight times the file, less where the machine has less."""
ROWS = 1_000
MISSING = 9

_TRIAL = """
import json, resource, sys
allowed, rows = int(sys.argv[1]), int(sys.argv[2])
try:
    import numpy as np, onnxruntime as ort
except ImportError:
    sys.exit(9)
data = sys.stdin.buffer.read()
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + allowed
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def top():
    lines = open("/proc/self/status").read().splitlines()  # ru_maxrss begins with the memory of whoever started this process
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
def full(error):
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(w in text for w in ("alloc", "memory", "require more than"))
def tell(**what):
    print(json.dumps(what)); sys.stdout.flush(); sys.exit(0)
options = ort.SessionOptions()
options.log_severity_level, options.intra_op_num_threads, options.inter_op_num_threads = 4, 1, 1
try:
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=0)
except BaseException as error:
    tell(full=full(error), when="it is loaded", row=0)
kinds = {"float": "float32", "double": "float64", "float16": "float16", "bool": "bool", "string": "object"}
seen = []
for n in (1, rows):
    fed = {}
    for given in session.get_inputs():
        kind = given.type[7:-1]
        shape = [n] + [d if isinstance(d, int) else 1 for d in given.shape[1:]]
        try:
            fed[given.name] = np.full(shape, "") if kind == "string" else np.zeros(shape, kinds.get(kind, kind))
        except MemoryError:
            tell(full=True, when="a row is made for it", row=0)
        except (TypeError, ValueError):
            tell(full=False, when="", row=0)
        if kind == "string":
            fed[given.name] = fed[given.name].astype(object)
    try:
        session.run(None, fed)
    except BaseException as error:
        if full(error):
            tell(full=True, when=f"it answers for {n:,} rows", row=0)
        tell(full=False, when="", row=0)
    seen.append(top())
tell(full=False, when="", row=max(seen[1] - seen[0], 0) / rows)
"""


def tried(data: bytes, name: str) -> float:
    """Run a graph where it can do no harm; gives the bytes of memory that it takes for a row beside its inputs (0: not known).

    Only where the system can bound the memory of a process (Linux); elsewhere nothing is tried.

    Raises
    ------
    InputError
        The graph takes more memory than a model of its size has use for, or ends the process that runs it.
    MachineError
        It does not come to an end.
    """
    if not sys.platform.startswith("linux") or not sys.executable:
        return 0.0
    seconds = limit()
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TRIAL, str(_allowed(len(data))), str(ROWS)],
            input=data,
            capture_output=True,
            timeout=None if math.isinf(seconds) else seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MachineError(
            f"the model in {name} did not answer for {ROWS:,} rows within {seconds:g} seconds. Set the variable {VARIABLE} to allow more."
        ) from None
    except OSError:
        return 0.0
    if done.returncode == MISSING:
        return 0.0
    if done.returncode != 0:
        raise InputError(
            "Expected an ONNX model that onnxruntime can run.",
            f"{name} ends the process that runs it (code {done.returncode}).",
            "Export the model again; if it comes from elsewhere, do not use it.",
        )
    said = json.loads(done.stdout.splitlines()[-1])  # a library may have printed something before
    if said["full"]:
        raise InputError(
            "Expected an ONNX model that takes memory as a model of its size does.",
            f"{name} ({len(data):,} bytes) takes more than {_allowed(len(data)) / 1e9:.1f} GB while {said['when']}.",
            "If it comes from elsewhere, do not use it; else split the model, or use a larger machine.",
        )
    return float(said["row"])


def _allowed(size: int) -> int:
    most, free = max(LEAST, TIMES * size), free_memory()
    return most if free is None else max(min(most, free), 1 << 28)
