"""Which curves stand in one picture: of the positive class, of each class against the rest, or of one class by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.auc import SortedScores, sort_scores
from modelglass.analysis.errors import NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

MOST_SLICES = 8
WHOLE = "all rows"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Part:
    """The rows of one curve, each array of shape (n,).

    group       what the curve is called: a class, or a slice
    y, score, predicted     is it of the class (bool), its score (rising with the chance of it), is it predicted as such
    weight, cluster     None where not given
    threshold   predicted is score >= threshold; None where the model's own predict decides
    scores      the rows sorted by score, where that is kept; else None
    sql     the score in the words of conditions; None where the data's own columns have its name
    where   the condition of the slice, "TRUE" for all rows
    """

    group: str
    y: np.ndarray
    score: np.ndarray
    predicted: np.ndarray
    weight: np.ndarray | None
    cluster: np.ndarray | None
    threshold: float | None
    scores: SortedScores | None = None
    sql: str | None = None
    where: str = "TRUE"

    def cut(self, places: np.ndarray, group: str, where: str = "TRUE") -> Part:
        """Give some of the rows under another name."""
        weight, cluster = (None if v is None else v[places] for v in (self.weight, self.cluster))
        return Part(
            group=group,
            y=self.y[places],
            score=self.score[places],
            predicted=self.predicted[places],
            weight=weight,
            cluster=cluster,
            threshold=self.threshold,
            sql=self.sql,
            where=where,
        )


def parts(
    ev: Evaluation, *, by: str | None = None, class_: Any = None, probability: bool = False
) -> tuple[list[Part], str]:
    """Give the rows of each curve, and a note on what was left out.

    Parameters
    ----------
    ev : Evaluation
    by : str, optional
        A column: one curve of all rows, then one of each of its levels, at most the 8 with the most rows.
    class_ : label, optional
        One class against the rest; without it the positive one, or each of several.
    probability : bool
        Whether scores must be probabilities.

    Raises
    ------
    NotApplicable
        In regression, without scores (probabilities where asked for), and by slice of several classes without one chosen.
    InputError
        A column or class that does not exist.
    """
    if ev.task == "regression":
        raise NotApplicable("the target is a number and not a class")
    if ev.score is None:
        raise NotApplicable("the model gives labels only and no scores to rank the rows by")
    if probability and ev.score_kind != "probability":
        raise NotApplicable("the model gives decision scores and not probabilities")
    codes = _codes(ev, class_)
    if not by:
        return [_of_class(ev, code) for code in codes], ""
    if len(codes) > 1:
        raise NotApplicable(f"curves by slice are of one class against the rest; choose one of the {len(codes)}")
    return _by_slice(ev, by, _of_class(ev, codes[0]))


def one_class(ev: Evaluation, class_: Any = None) -> Part:
    """Give the rows of one class against the rest; without ``class_`` of the positive one.

    Raises
    ------
    NotApplicable
        In regression, without scores, and of several classes without one chosen.
    InputError
        A class that does not exist.
    """
    found, _ = parts(ev, class_=class_)
    if len(found) > 1:
        raise NotApplicable(f"a threshold is of one class against the rest; choose one of the {len(found)} (class_)")
    return found[0]


def chosen_class(class_: Any) -> str | None:
    """Give a chosen class as settings hold it: its text, None where none is."""
    return None if class_ in (None, "") else str(class_)


def _codes(ev: Evaluation, class_: Any) -> list[int]:
    if class_ is None or class_ == "":
        return list(range(len(ev.classes))) if ev.task == "multiclass" else [int(ev.positive_index or 0)]
    for code, label in enumerate(ev.classes):
        if label == class_ or str(label) == str(class_):
            return [code]
    raise unknown_name("class", str(class_), map(str, ev.classes))


def _of_class(ev: Evaluation, code: int) -> Part:
    score, threshold = np.asarray(ev.score), None
    sql = ev.words().score(code)
    if ev.task == "multiclass":
        score = score[:, code]
    elif code == ev.positive_index:
        threshold = ev.threshold
    else:
        turned = "1 - " if ev.score_kind == "probability" else "-"
        score = 1 - score if ev.score_kind == "probability" else -score
        sql = None if sql is None else f"({turned}{sql})"
    return Part(
        group=str(ev.classes[code]),
        y=ev.y == code,
        score=score,
        predicted=ev.predicted == code,
        weight=ev.weight,
        cluster=ev.cluster,
        threshold=threshold,
        scores=ev.keep(("sorted scores", code), lambda: sort_scores(score, ev.y == code, ev.weight)),
        sql=sql,
    )


def _by_slice(ev: Evaluation, by: str, whole: Part) -> tuple[list[Part], str]:
    coding = ev.coding(by)
    size = np.bincount(coding.codes, minlength=len(coding.labels))
    kept = np.sort(np.argsort(-size, kind="stable")[:MOST_SLICES])
    kept = kept[size[kept] > 0]
    found = [whole.cut(np.arange(len(whole.y)), WHOLE)]
    found += [
        whole.cut(np.flatnonzero(coding.codes == code), str(coding.labels[code]), coding.conditions[code])
        for code in kept
    ]
    left = int((size > 0).sum()) - len(kept)
    said = [coding.note] if coding.note else []
    if left:
        rows = rows_text(int(size.sum() - size[kept].sum()))
        said.append(f"{left:,} levels of {by} with fewer rows ({rows}) are left out")
    return found, "; ".join(said)


def curves(
    ev: Evaluation, measure: Callable[..., Any], *, by: str | None, class_: Any, level: float, **more: Any
) -> dict[str, Any]:
    """Measure each curve; give the fields of all in one result.

    Raises
    ------
    NotApplicable
        As ``parts``, and where no part has a curve.
    """
    of, note = parts(ev, by=by, class_=class_)
    measured = [
        measure(
            part.y,
            part.score,
            part.weight,
            cluster=part.cluster,
            predicted=part.predicted,
            threshold=part.threshold,
            level=level,
            group=part.group,
            scores=part.scores,
            source=ev.source,
            **more,
        )
        for part in of
    ]
    if all(part.curve.empty for part in measured):
        raise NotApplicable(measured[0].areas.note[0])
    tables = {
        name: pd.concat([getattr(p, name) for p in measured if len(getattr(p, name))], ignore_index=True)
        for name in ("curve", "areas", "operating")
        if hasattr(measured[0], name) and any(len(getattr(p, name)) for p in measured)
    }
    settings = {**measured[0].settings, "by": by or None, "class_": chosen_class(class_)}
    return {**tables, "note": note, "source": ev.source, "settings": settings}


def told(known: pd.DataFrame, settings: Mapping[str, Any], what: str, say: Callable[[Any], str], note: str) -> str:
    """Say the lowest and the highest of several curves; ``say`` writes a row of ``known``.

    Parameters
    ----------
    known : DataFrame with group, estimate, n
    what : str
        The number's name inside a sentence.
    """
    by, slices = settings.get("by"), known
    if by is None:
        text = f"Each class against the rest, over {rows_text(int(known.n.iloc[0]))}: {what}"
    else:
        whole = known[known.group == WHOLE]
        of = f" of {settings['class_']}" if settings.get("class_") else ""
        text = "".join(f"Over all {rows_text(int(row.n))} {what}{of} is {say(row)}. " for row in whole.itertuples())
        text += f"By {by} it"
        slices = known[known.group != WHOLE]
        if slices.empty:
            return f"{text} cannot be given."
    worst, best = slices.loc[slices.estimate.idxmin()], slices.loc[slices.estimate.idxmax()]
    rows = (lambda row: f" ({rows_text(int(row.n))})") if by is not None else (lambda row: "")
    text += f" is lowest for {worst.group}, {say(worst)}{rows(worst)}, and highest for {best.group}, {say(best)}{rows(best)}."
    return f"{text} {note[:1].upper()}{note[1:]}." if note else text
