"""ONNX graphs, run by onnxruntime. The only file that imports onnxruntime."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, MissingPackage, listed
from modelglass.analysis.models.answers import AnsweringModel, Outcomes, are_probabilities, order_fails, read_scores
from modelglass.analysis.models.base import Model, checked_numbers
from modelglass.analysis.models.fed_columns import exact_numbers, refuse_missing
from modelglass.analysis.models.onnx_file import class_labels
from modelglass.analysis.models.onnx_trial import tried
from modelglass.analysis.models.trees import Damaged

INSTALL = "pip install 'modelglass[onnx]'"
NUMBERS = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}
FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")
LABELS = ("tensor(int64)", "tensor(int32)", "tensor(string)", "tensor(bool)")
MEMORY = 1 << 29
"""Bytes that the graph may take at once beside its inputs: rows are asked about in parts where it takes more."""


def _library(reason: str) -> ModuleType:
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackage("onnxruntime", reason, INSTALL) from None
    return onnxruntime


class OnnxModel(AnsweringModel):
    """A graph as sklearn-onnx and its kin write them: one input a column, or matrices; a label and scores, or values.

    Types and names of the inputs are the graph's; numbers are handed over in its precision (mostly float32).
    """

    kind: ClassVar[str] = "onnx"

    def __init__(
        self, session: Any, *, labels: tuple[Any, ...] | None, name: str = "in memory", bytes_a_row: float = 0.0
    ):
        super().__init__(session, name=name)
        self.most_rows = int(max(MEMORY // max(bytes_a_row, 1.0), 1))
        self.inputs = [(i.name, i.type, i.shape[1] if len(i.shape) > 1 else 1, len(i.shape)) for i in session.get_inputs()]  # fmt: skip
        odd = [f"{n} ({t})" for n, t, _, rank in self.inputs if t not in (*NUMBERS, "tensor(string)") or rank > 2]
        if odd or not self.inputs:
            raise InputError(
                "Expected a graph that reads columns of a table.",
                f"The inputs of {name} are {listed(odd) or 'none'}.",
                "Give a model of table columns.",
            )
        widths = [w if isinstance(w, int) else None for _, _, w, _ in self.inputs]
        if len(widths) > 1 and all(w == 1 for w in widths):
            self.feature_names = tuple(n for n, *_ in self.inputs)
        self.n_features = None if None in widths else sum(w for w in widths if w)
        self._find_outputs(labels)

    def _find_outputs(self, labels: tuple[Any, ...] | None) -> None:
        outputs = [(o.name, o.type, o.shape) for o in self.estimator.get_outputs()]
        maps = [n for n, t, _ in outputs if t.startswith("seq(map(")]
        tables = [n for n, t, s in outputs if t in FLOATS and len(s) == 2]
        named = [n for n, t, s in outputs if t in LABELS and len(s) < 3]
        values = [n for n, t, s in outputs if t in FLOATS and len(s) < 3]
        self._label = named[0] if named else None
        self._zipped = bool(maps)
        self._score = (maps or (tables if named else values) or [None])[0]
        if self._score is None and self._label is None:
            raise InputError(
                "Expected a graph that gives a label, scores or values for each row.",
                f"The outputs of {self.name} are {listed(f'{n} ({t})' for n, t, _ in outputs)}.",
                "Export the model with skl2onnx, or choose other outputs.",
            )
        self._guessed = labels is None
        if named and labels and not maps:
            self.classes = labels

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give the inputs by name, columns in the graph's order and types."""
        fed, at = {}, 0
        if self.feature_names and set(self.feature_names) == set(frame.columns):
            frame = frame[list(self.feature_names)]
        for name, kind, width, rank in self.inputs:
            wide = width if isinstance(width, int) else frame.shape[1] - at
            part = [_column(frame.iloc[:, i], kind) for i in range(at, at + wide)]
            fed[name] = np.column_stack(part) if rank == 2 else part[0]
            at += wide
        return fed

    def ask(self, X: Any) -> Any:
        """Give scores where the graph has them (one column a class), else its only answer."""
        return self._run(X)[1]

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Run the graph once."""
        labels, scores = self._run(X)
        if self.meaning in ("", "label", "value"):
            return scores if labels is None or self.meaning == "" else labels, None
        numbers = checked_numbers(scores, len(scores))
        if labels is None:
            numbers, places = read_scores(numbers, self.meaning)
            return np.array(self.classes, dtype=object)[places], numbers
        if self.meaning == "probability" and numbers.shape[1] == 1:
            numbers = np.column_stack([1.0 - numbers, numbers])
        if self._guessed and numbers.shape[1] > 1:
            self._check_order(labels, numbers)
        return labels, numbers[:, -1:] if self.meaning == "decision" else numbers

    def _check_order(self, labels: np.ndarray, numbers: np.ndarray) -> None:
        highest = np.array(self.classes, dtype=object)[numbers.argmax(axis=1)]
        if order_fails(highest, labels):
            raise InputError(
                "Expected the graph to say the order of its classes.",
                f"It does not, and the label it gives is mostly not the highest score when they are {listed(self.classes or ())}.",
                "Export the model with zipmap, which names each score.",
            )

    def _run(self, X: Any) -> tuple[Any, Any]:
        rows = len(next(iter(X.values())))
        if rows <= self.most_rows:
            return self._run_at_once(X)
        steps = range(0, rows, self.most_rows)
        parts = [self._run_at_once({k: v[i : i + self.most_rows] for k, v in X.items()}) for i in steps]
        labels, scores = zip(*parts, strict=True)
        return None if labels[0] is None else np.concatenate(labels), np.concatenate(scores)

    def _run_at_once(self, X: Any) -> tuple[Any, Any]:
        wanted = [n for n in (self._label, self._score) if n is not None]
        got = dict(zip(wanted, self.estimator.run(wanted, X), strict=True))
        labels = None if self._label is None else np.asarray(got[self._label]).reshape(-1)
        if self._score is None:
            return labels, labels
        scores = got[self._score]
        if self._zipped:
            keys = sorted(scores[0]) if scores else []
            scores = np.array([[row[k] for k in keys] for row in scores], dtype="float64").reshape(len(scores), -1)
            if self.classes is None:
                self.classes, self._guessed = tuple(keys), False
        return labels, scores

    def _take(self, answer: np.ndarray, data: Outcomes) -> None:
        if self._label is None or self._score is None:
            super()._take(answer, data)
            return
        numbers = checked_numbers(answer, len(answer))
        count = max(numbers.shape[1], 2)
        if self.classes is None or len(self.classes) != count:
            self.classes, self._guessed = data.classes(count), True
        self.task = "binary" if count == 2 else "multiclass"
        if are_probabilities(numbers):
            self.meaning, self.score_kind = "probabilities", "probability"
        elif count == 2:
            self.meaning, self.score_kind = "decision", "decision"
        else:
            self.meaning, self.score_kind = "decisions", "decision"


def _column(values: pd.Series, kind: str) -> np.ndarray:
    """Give one column as an array of the graph's type.

    Raises
    ------
    InputError
        It cannot be so without changing or inventing values.
    """
    if kind not in FLOATS:
        refuse_missing(values, f"the graph reads it as {kind}")
    if kind == "tensor(string)":
        if pd.api.types.is_float_dtype(values.dtype):
            raise _unlike(values, kind)
        return values.astype(str).to_numpy(dtype=object)
    try:
        exact = exact_numbers(values)
        cast = exact.astype(NUMBERS[kind])
    except (ValueError, TypeError):
        raise _unlike(values, kind) from None
    if kind not in FLOATS and not (cast == exact).all():
        raise _unlike(values, kind)
    return cast


def _unlike(values: pd.Series, kind: str) -> InputError:
    odd = next((v for v in values.dropna() if not isinstance(v, (int, float, np.number))), values.dropna().iloc[0])
    return InputError(
        f"Expected the column {values.name!r} as the graph reads it: {kind}.",
        f"It holds {values.dtype}, such as {odd!r}.",
        "Give the column the type it had in training.",
    )


def load_onnx(data: bytes, name: str) -> Model:
    """Load an ONNX file.

    Raises
    ------
    InputError
        The content is not a graph that onnxruntime can run, keeps its weights in other files, or takes memory out of proportion.
    MachineError
        It does not come to an end.
    MissingPackage
        onnxruntime is not installed.
    """
    try:
        labels = class_labels(data)
    except Damaged as error:
        raise InputError("Expected an ONNX model.", f"In {name}: {error}.", "Export the model again.") from None
    onnxruntime = _library(f"The model in {name}")
    bytes_a_row = tried(data, name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    how = {"providers": ["CPUExecutionProvider"], "enable_fallback": 0}  # a second try would be the same, and prints
    try:
        session = onnxruntime.InferenceSession(data, options, **how)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  onnxruntime's errors have no common class
        raise InputError("Expected an ONNX model that onnxruntime can run.", f"It cannot read {name}: {' '.join(str(error).split())[:200]}",
                         "Export the model again, for the version of onnxruntime that is installed here.") from None  # fmt: skip
    return OnnxModel(session, labels=labels, name=name, bytes_a_row=bytes_a_row)
