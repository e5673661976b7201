"""A model behind the Open Inference Protocol: how a table becomes a request, and which outputs say what."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, listed
from modelglass.analysis.models.answers import AnsweringModel, Outcomes, are_probabilities, order_fails, read_scores
from modelglass.analysis.models.base import Model, checked_numbers
from modelglass.analysis.models.tensors import (  # fmt: skip
    FLOATS,
    KNOWN,
    Tensor,
    column,
    described,
    read_outputs,
    tensor,
    usual_type,
)

if TYPE_CHECKING:
    from modelglass.analysis.models.remote import Server

VARIABLE = "MODELGLASS_REQUEST_ROWS"
MOST_ROWS, MOST_CELLS = 4_096, 2**16
"""Rows and cells of one request, about a megabyte of JSON: what servers and what stands before them take without being set up for it."""
SCORES = {"predictproba", "proba", "probas", "prob", "probs", "probability", "probabilities", "outputprobability",
          "outputprobabilities", "classprobabilities", "score", "scores"}  # fmt: skip
LABELS = {"predict", "prediction", "predictions", "label", "labels", "outputlabel", "class", "classes", "predictedlabel",
          "predictedlabels", "predictedclass"}  # fmt: skip
USUAL_OUTPUTS = ("predict", "predict_proba")
"""What is asked for where a server does not say its outputs: MLServer gives probabilities only to those who ask."""
MISSING = "Missing numbers are sent as null, the only word that JSON has for them: MLServer and KServe read it as NaN, others refuse it."


class ServedModel(AnsweringModel):
    """A model on a server: one input a column, or one matrix; labels, probabilities, both, or values.

    Whether ``estimator`` (the server) answers the same twice is found out as for any model; its predictions stand for its fingerprint.
    """

    kind: ClassVar[str] = "Open Inference Protocol"
    foreign = True

    def __init__(self, server: Server, said: Mapping[str, Any], *, name: str):
        super().__init__(server, name=name)
        self.inputs = described(said.get("inputs"), "inputs", name)
        self.outputs = described(said.get("outputs"), "outputs", name)
        parameters = said.get("parameters")
        self._pandas = isinstance(parameters, dict) and parameters.get("content_type") == "pd"
        platform = str(said.get("platform") or "")[:80]
        self.notes.append(
            f"The model answers at {name}{f' ({platform})' if platform else ''}: every row that it is asked about is sent there. {MISSING}"
        )
        self._check_inputs()
        self._label: str | None = None
        self._score: str | None = None
        self._asked_for: tuple[str, ...] | None = None
        self._seen: tuple[Any, ...] = ()
        self._labels: dict[str, Any] = {}
        self._guessed = False
        if self.outputs:
            self._choose(self.outputs)
            self._asked_for = self._read_names()

    # what is sent

    def _check_inputs(self) -> None:
        expected = "Expected a model that reads one input a column, or one matrix of numbers."
        odd = [i.text() for i in self.inputs if i.datatype not in KNOWN or len(i.shape) not in (1, 2)]
        if not odd and len(self.inputs) > 1:
            odd = [i.text() for i in self.inputs if i.width != 1]
        if not odd and self._matrix and self.inputs[0].datatype == "BYTES" and not self._pandas:
            odd = [self.inputs[0].text()]
        if odd:
            raise InputError(expected, f"The inputs of {self.name} include {listed(odd)}.", "Describe the columns as inputs of the model on the server.")  # fmt: skip
        if self.inputs and not self._matrix:
            self.feature_names = tuple(i.name for i in self.inputs)
        if self.inputs:
            width = self.inputs[0].width if self._matrix else len(self.inputs)
            self.n_features = width if width > 0 else None

    @property
    def _matrix(self) -> bool:
        """Whether the server reads one input that holds all columns."""
        return len(self.inputs) == 1 and not self._pandas

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Give the inputs: (name, datatype, array, whether it has a second dimension) each."""
        if self.feature_names and set(self.feature_names) == set(frame.columns):
            frame = frame[list(self.feature_names)]
        if self._matrix or (not self.inputs and not self._pandas and _numeric(frame)):
            given = self.inputs[0] if self.inputs else Tensor(name="input-0", datatype="FP64", shape=(-1, -1))
            parts = [column(frame.iloc[:, i], given.datatype) for i in range(frame.shape[1])]
            whole = np.column_stack(parts) if len(given.shape) == 2 else parts[0]
            return [(given.name, given.datatype, whole, len(given.shape) == 2)]
        types = {i.name: i for i in self.inputs}
        made = []
        for i, name in enumerate(map(str, frame.columns)):
            known = types.get(name)
            datatype = known.datatype if known else usual_type(frame.iloc[:, i])
            made.append(
                (name, datatype, column(frame.iloc[:, i], datatype), known is not None and len(known.shape) == 2)
            )
        return made

    def _request(self, part: Sequence[tuple[str, str, np.ndarray, bool]], outputs: Sequence[str]) -> dict[str, Any]:
        pandas = self._pandas or not (self.inputs or (len(part) == 1 and part[0][2].ndim == 2))
        inputs = []
        for name, datatype, values, wide in part:
            shape = values.shape if values.ndim == 2 or not wide else (len(values), 1)
            text = {"content_type": "str"} if pandas and datatype == "BYTES" else {}
            inputs.append(tensor(name, datatype, values, shape, text))
        made: dict[str, Any] = {"inputs": inputs}
        if pandas:
            made["parameters"] = {"content_type": "pd"}
        return {**made, "outputs": [{"name": n} for n in outputs]} if outputs else made

    def _ask(self, part: Sequence[tuple[str, str, np.ndarray, bool]]) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Send one request; give labels and scores, one of them None where the server gives only one."""
        rows = len(part[0][2])
        if self._asked_for is None:
            self._find_outputs(part, rows)
        answer = self.estimator.infer(self._request(part, self._asked_for or ()), rows)
        found = read_outputs(answer.get("outputs"), rows, self.name)
        absent = [n for n in self._read_names() if n not in found]
        if absent:
            raise InputError(
                f"Expected the outputs {listed(self._read_names())} from {self.name}.",
                f"Its answer holds {listed(found)}.",
                "Check the model on the server.",
            )
        labels = None if self._label is None else found[self._label][1].reshape(-1)
        return labels, None if self._score is None else found[self._score][1]

    def _read_names(self) -> tuple[str, ...]:
        return tuple(n for n in (self._label, self._score) if n is not None)

    def _find_outputs(self, part: Sequence[tuple[str, str, np.ndarray, bool]], rows: int) -> None:
        """Find out what a server gives that does not say its outputs: as ``USUAL_OUTPUTS`` first, else what it gives unasked."""
        from modelglass.analysis.models.remote import RefusedByServer

        wanted: tuple[str, ...] = USUAL_OUTPUTS
        try:
            answer = self.estimator.infer(self._request(part, wanted), rows)
        except RefusedByServer as error:
            wanted = ()
            answer = self.estimator.infer(self._request(part, wanted), rows)
            self.notes.append(
                f"The server does not say its outputs; asked for {' and '.join(USUAL_OUTPUTS)} it refused ({error}), so what it gives unasked is used."
            )
        found = read_outputs(answer.get("outputs"), rows, self.name)
        self._choose([Tensor(name=n, datatype=t, shape=a.shape) for n, (t, a) in found.items()])
        self._asked_for = wanted

    # what comes back

    def _choose(self, outputs: Sequence[Tensor]) -> None:
        """Tell labels from scores, by name and else by type."""
        by_name = {kind: [o.name for o in outputs if re.sub("[^a-z]", "", o.name.lower()) in names]
                   for kind, names in (("score", SCORES), ("label", LABELS))}  # fmt: skip
        floats = [o.name for o in outputs if o.datatype in FLOATS]
        others = [o.name for o in outputs if o.datatype not in FLOATS]
        if len(outputs) == 1:
            self._label, self._score = (None, floats[0]) if floats else (others[0], None)
        elif len(by_name["score"]) == 1 and len(by_name["label"]) <= 1:
            self._label, self._score = next(iter(by_name["label"]), None), by_name["score"][0]
        elif len(outputs) == 2 and len(floats) == 1:
            self._label, self._score = others[0], floats[0]
        else:
            raise InputError(
                "Expected one output of labels or values, one of probabilities, or one of each.",
                f"{self.name} gives {listed(o.text() for o in outputs)}, and it cannot be told which is which.",
                "Name them predict and predict_proba on the server, or serve the one that is judged.",
            )
        if len(outputs) > 1:
            read = [f"{what} from {n}" for what, n in (("labels", self._label), ("scores", self._score)) if n]
            self.notes.append(f"Of the outputs {listed(o.name for o in outputs)} the server gives, {' and '.join(read)} are read.")  # fmt: skip

    def _run(self, X: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        rows = len(X[0][2])
        most = _rows_a_request(sum(v.shape[1] if v.ndim == 2 else 1 for _, _, v, _ in X))
        parts = [self._ask([(n, t, v[i : i + most], wide) for n, t, v, wide in X]) for i in range(0, rows, most)]
        labels, scores = (list(p) for p in zip(*parts, strict=True))
        return (
            None if labels[0] is None else np.concatenate(labels),
            None if scores[0] is None else np.concatenate(scores),
        )

    def both(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask once, and read the answer as settled."""
        labels, scores = self._run(X)
        if self.meaning == "" and labels is not None:
            self._seen = tuple(pd.unique(pd.Series(labels)))
        if self.meaning in ("", "label", "value") or scores is None:
            answer: Any = (
                scores if labels is None or (self.meaning == "" and scores is not None) else self._known(labels)
            )
            return answer, None
        numbers, places = read_scores(checked_numbers(scores, len(scores)), self.meaning)
        classes = np.array(self.classes, dtype=object)
        if labels is None:
            return classes[places], numbers
        labels = self._known(labels)
        if self._guessed and order_fails(classes[places], labels):
            raise InputError(
                "Expected the server to give its scores in the order of the sorted labels.",
                f"The label it gives is mostly not the highest score when they are {listed(map(repr, self.classes or ()))}.",
                'Let the metadata of the output of probabilities name them: parameters: {"labels": [...]}.',
            )
        return labels, numbers

    def _known(self, labels: np.ndarray) -> np.ndarray:
        """Give labels as ``classes`` has them, where the server writes the same ones otherwise ("1" or 1.0 for 1)."""
        if not self._labels:
            return labels
        strange = [v for v in pd.unique(pd.Series(labels)) if _text(v) not in self._labels]
        if strange:
            raise InputError(
                f"Expected one of the labels {listed(map(repr, self._labels.values()))} from {self.name}.",
                f"It gives {listed(repr(v) for v in strange)}.",
                "Name every label of the server with --label DATA=MODEL.",
            )
        return np.array([self._labels[_text(v)] for v in labels], dtype=object)

    def settled(self, answer: Any, rows: int, data: Outcomes) -> Model:
        """As any model that does not say what its answers mean; labels alone that are no numbers are labels, whatever they look like."""
        only = self._score is None and data.task != "regression" and not (data.numeric and not self._texts_seen())
        if not only:
            return super().settled(answer, rows, data)
        model = copy.copy(self)
        model.notes, model.meaning = list(self.notes), "label"
        model._name_labels(data)
        return model

    def _texts_seen(self) -> bool:
        return any(isinstance(v, (str, bool, np.bool_)) for v in self._seen)

    def _name_labels(self, data: Outcomes) -> None:
        """Settle the labels of a server that gives nothing else."""
        own = data.mapped or data.labels
        known = {_text(v) for v in self._seen} <= {_text(v) for v in own}
        if known and not data.mapped:
            self._labels = {_text(v): v for v in own}
            return
        self.classes = (
            data.mapped
            if known
            else tuple(sorted({v.item() if isinstance(v, np.generic) else v for v in self._seen}, key=_sorting))
        )
        self._labels = {_text(v): v for v in self.classes}
        if len(self.classes) > 1:
            self.task = "binary" if len(self.classes) == 2 else "multiclass"

    def _take(self, answer: np.ndarray, data: Outcomes) -> None:
        if self._label is None:
            if self.meaning in ("probabilities", "decisions"):
                self.classes = self._named(answer.shape[1])
            try:
                super()._take(answer, data)
            except InputError as error:
                raise self._unnamed(error.came) from None
            return
        numbers = checked_numbers(answer, len(answer))
        count = max(numbers.shape[1], 2)
        self.classes = self._named(count) or self._classes_of(count, data)
        self._labels = {_text(c): c for c in self.classes}
        self.task = "binary" if count == 2 else "multiclass"
        if numbers.shape[1] == 1:
            self.meaning = "probability" if numbers.min() >= 0 and numbers.max() <= 1 else "decision"
        else:
            self.meaning = "probabilities" if are_probabilities(numbers) else "decisions"
        self.score_kind = "probability" if self.meaning.startswith("prob") else "decision"
        if self._guessed:
            self.notes.append(
                f"The server does not name its classes: its scores are taken as those of {listed(map(repr, self.classes))}, in this order."
            )

    def _named(self, count: int) -> tuple[Any, ...] | None:
        """Give the labels that the server's description names for the scores, where it names as many as there are columns."""
        scores = next((o for o in self.outputs if o.name == self._score), None)
        given = scores.parameters.get("labels") if scores is not None else None
        if not isinstance(given, list) or not all(isinstance(v, (str, int)) for v in given):
            return None
        return tuple(given) if len(given) == count == len(set(given)) else None

    def _classes_of(self, count: int, data: Outcomes) -> tuple[Any, ...]:
        """Give the labels of the score columns, as the labels that the server gives show them."""
        self._guessed = True
        seen = {_text(v) for v in self._seen}
        own = data.mapped or data.labels
        if seen <= {_text(v) for v in own}:
            try:
                return data.classes(count)
            except InputError as error:
                raise self._unnamed(error.came) from None
        if all(v.isdigit() and int(v) < count for v in seen):
            return tuple(range(count))
        if len(seen) == count:
            return tuple(sorted({v.item() if isinstance(v, np.generic) else v for v in self._seen}, key=_sorting))
        raise self._unnamed(f"It gives {count} scores a row and the labels {listed(sorted(seen))}; the target holds {listed(map(repr, own))}.")  # fmt: skip

    def _unnamed(self, came: str) -> InputError:
        return InputError(
            f"Expected the labels of the scores that {self.name} gives.",
            came,
            'Name each with --label DATA=MODEL, or let the metadata of that output say parameters: {"labels": [...]}.',
        )


def _rows_a_request(columns: int) -> int:
    text = os.environ.get(VARIABLE, "").strip()
    if text and not (text.isdigit() and int(text) > 0):
        raise InputError(f"Expected {VARIABLE} to be a number of rows.", f"It is {text!r}.", "Set e.g. 1000.")
    return int(text) if text else max(1, min(MOST_ROWS, MOST_CELLS // max(columns, 1)))


def _numeric(frame: pd.DataFrame) -> bool:
    """Whether a matrix can hold these columns: numbers and yes-or-no only."""
    return all(pd.api.types.is_numeric_dtype(t) for t in frame.dtypes)


def _text(label: Any) -> str:
    """Write a label so that 1, 1.0 and "1" are the same.

    >>> _text(1.0), _text("1"), _text(np.int64(1)), _text(True)
    ('1', '1', '1', 'True')
    """
    label = label.item() if isinstance(label, np.generic) else label
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _sorting(label: Any) -> tuple[bool, Any]:
    return isinstance(label, str), label
