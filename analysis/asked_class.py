"""Which number an analysis of the model's answers looks at: the score of a class, or the prediction; for any rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError
from modelglass.analysis.groups import class_of
from modelglass.analysis.progress import blocks
from modelglass.analysis.refusals import first_refused, kept_error

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

OTHER = -1
"""In two classes: the one that is not the positive one."""


def whose(ev: Evaluation, class_: Any = None) -> tuple[int | None, str]:
    """Give the score column looked at (None: there is one; ``OTHER``), and the answer in words.

    Without a class it is the score of the positive one; of several the one predicted most often.
    """
    if class_ not in (None, ""):
        code = class_of(ev, class_)
        if ev.task == "binary":
            return (None if code == 1 else OTHER), f"the score of {class_}"
        return code, f"the score of {ev.classes[code]}"
    if ev.task == "multiclass":
        code = int(np.bincount(ev.predicted, minlength=len(ev.classes)).argmax())
        return code, f"the score of {ev.classes[code]}"
    return None, "the prediction" if ev.task == "regression" else f"the score of {ev.positive}"


def answers(ev: Evaluation, frame: pd.DataFrame, code: int | None = None) -> np.ndarray:
    """Ask the model about changed rows, in blocks: float64 (m,); ``code`` as ``whose`` gives it.

    Raises
    ------
    InputError
        The model raises an error; one such row is kept (``error.refused``).
    """
    got = np.concatenate([_asked(ev, frame.iloc[part]) for part in blocks(len(frame), start=512)])
    if got.ndim > 1:
        return got[:, int(code or 0)]
    return (1 - got if ev.score_kind == "probability" else -got) if code == OTHER else got


def _asked(ev: Evaluation, frame: pd.DataFrame) -> np.ndarray:
    try:
        return np.asarray(ev.output(frame))
    except InputError as error:
        raise kept_error(
            "Expected the model to answer changed rows, those that could not be real among them.",
            first_refused(error, frame, ev.output),
            "Ask it about that row alone to see why.",
        ) from error
