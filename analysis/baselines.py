"""Is the model better than simple means? The most frequent answer, the best single column, a linear model, and people, beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from modelglass.analysis.aimed import named
from modelglass.analysis.checked_data import CheckedData, of_evaluation
from modelglass.analysis.errors import InputError, NotApplicable, listed, unknown_name
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.metrics import METRICS, Metric, aimed_loss, chosen_metrics, reason_against
from modelglass.analysis.paired import FEWEST, change
from modelglass.analysis.performance import check_level, metric_label, shown
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.simple_models import Setup, best_single, constant, linear, setup
from modelglass.analysis.simple_quantiles import best_level, moved_linear, one_for_all
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

COLUMNS = [
    "metric",
    "label",
    "baseline",
    "name",
    "estimate",
    "low",
    "high",
    "model",
    "gain",
    "gain_low",
    "gain_high",
    "n",
    "how",
    "note",
]
_METRICS = {"binary": ("roc_auc", "log_loss"), "multiclass": ("log_loss", "accuracy"), "regression": ("rmse", "mae")}
_LABELS_ONLY = ("balanced_accuracy", "accuracy")
ABSOLUTE = ("mae", "median_absolute_error", "mape")
"""Metrics of absolute errors: the best single answer is the median, not the mean."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Baselines(Result):
    """The model beside simple predictions of the same rows.

    table       one row per metric and baseline: metric, label, baseline ("model", "constant", "single", "linear", "human"), name (in
                words), estimate, low, high (of the baseline), model (the model's estimate), gain, gain_low, gain_high (how much better the
                model is, from paired rows; above 0 is better, NaN where no interval holds), n, how (fitted on), note (why a number lacks)
    alike       rank correlation of the model's predictions with each baseline's, by name
    trained     True: baselines were fitted on the training data; False: cross-fitted on these rows
    """

    table: pd.DataFrame
    alike: Mapping[str, float]
    trained: bool
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per metric and baseline, the model first."""
        return self.table

    def sentence(self) -> str:
        """Say how much better the model is than each baseline, by the first metric."""
        metric = self.settings["metrics"][0]
        rows = self.table[(self.table["metric"] == metric)]
        model, others = (
            rows[rows["baseline"] == "model"].iloc[0],
            rows[(rows["baseline"] != "model") & rows["gain"].notna()],
        )
        start = f"{model['label']} of the model is {shown(model['estimate'])} on {rows_text(int(model['n']))}"
        if others.empty:
            return f"{start}; no baseline can be compared."
        parts = [f"{r['name']} {shown(r['estimate'])} ({_verdict(r)})" for r in others.to_dict("records")]
        return f"{start}; beside it {'; '.join(parts)}.{self._people(metric)}"

    def _people(self, metric: str) -> str:
        """Say how people do by the first metric that answers without scores have, where they have none by the one told."""
        rows = self.table[(self.table["baseline"] == "human") & self.table["gain"].notna()]
        if rows.empty or metric in set(rows["metric"]):
            return ""
        row = rows.iloc[0].to_dict()
        return f" {row['label']} of people is {shown(row['estimate'])}, of the model {shown(row['model'])} ({_verdict(row)})."


def _verdict(row: Mapping[str, Any]) -> str:
    if not math.isfinite(row["gain_low"]):
        return "no interval of the difference"
    ends = f"{shown(row['gain_low'])} to {shown(row['gain_high'])}"
    if row["gain_low"] > 0:
        return f"the model is better by {shown(row['gain'])}, interval {ends}"
    if row["gain_high"] < 0:
        return f"the model is worse by {shown(-row['gain'])}, interval {shown(-row['gain_high'])} to {shown(-row['gain_low'])}"
    return f"not surely different, interval {ends}"


def baselines(
    ev: Evaluation,
    *,
    metrics: Sequence[str] | str | None = None,
    human: str | float | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Baselines:
    """Compare the model with what simple means reach on the same rows.

    One answer for all rows (the shares of the classes; the mean, or the median for absolute errors), the best single column (mean
    outcome by level or bin), and a linear model on plain codes. For the pinball loss of a model of a quantile: that quantile of all
    outcomes, that of the column's level or bin, and the linear model moved so that the promised share lies at or below. With ``train`` they are fitted on the training data, as the model was;
    without, each row is predicted from the other folds of these rows (five, by content).

    Parameters
    ----------
    ev : Evaluation
    metrics : names, optional
        Without it ROC AUC and log loss (two classes), log loss and accuracy (several), RMSE and MAE (numbers), MAE
        alone (a model of the median), pinball loss (of another quantile).
    human : column or number, optional
        A column that holds a person's answer for each row, or the value that people reach on the first metric.
    level : float
        Level of the intervals.
    progress : callable, optional

    Raises
    ------
    InputError
        Unknown metric or column; answers of people that are no classes or numbers of the target.
    NotApplicable
        Fewer than 20 rows.

    Notes
    -----
    Intervals of differences are of paired rows (``paired.change``), for the model and the baselines as fitted. The best column is chosen
    on the rows it is judged on, which flatters it a little.
    """
    if ev.n < FEWEST:
        raise NotApplicable(
            f"{rows_text(ev.n)} {agree(ev.n, 'is', 'are')} too few to compare models on; {FEWEST} are needed"
        )
    data, rows, level = of_evaluation(ev), rows_of(ev), check_level(level)
    usual = [METRICS[m] for m in _usual(ev.task, ev.score_kind)]
    if ev.aim is not None:
        usual = [METRICS[aimed_loss(ev.aim)]]
    chosen = chosen_metrics(metrics, usual, task=ev.task, score_kind=ev.score_kind, aim=ev.aim)
    people = _people(ev, human)
    if isinstance(people, Rows) and metrics is None and all(m.needs in ("score", "probability") for m in chosen):
        chosen = [*chosen, METRICS["accuracy"]]
    return measure(
        rows, data, metrics=[m.name for m in chosen], human=people, level=level, source=ev.source, progress=progress
    )


def _usual(task: str, score_kind: str | None) -> list[str]:
    names = [m for m in _METRICS[task] if reason_against(METRICS[m], task, score_kind) is None]
    return names if names and (task != "multiclass" or score_kind) else list(_LABELS_ONLY)


def _people(ev: Evaluation, human: str | float | None) -> Rows | float | None:
    """Read what people answered: rows with their answers, or the value they reach."""
    if human is None or human == "":
        return None
    if not isinstance(human, str) or (human not in ev.frame and _is_number(human)):
        return float(human)
    if human not in ev.frame:
        raise unknown_name("column of people's answers", human, ev.frame.columns)
    rows, given = rows_of(ev), ev.frame[human]
    lacking = int(given.isna().sum())
    if lacking:
        raise InputError(
            f"Expected an answer of a person on every row in {human!r}.",
            f"{lacking:,} of {rows_text(ev.n)} {agree(lacking, 'has', 'have')} none.",
            "Evaluate on the rows that have one, with a condition.",
        )
    if ev.task == "regression":
        values = pd.to_numeric(given, errors="coerce").to_numpy(dtype="float64")
        if not np.isfinite(values).all():
            raise InputError(f"Expected numbers in {human!r}.", "Some are none.", "Name another column.")
        return replace(rows, predicted=values, score=None)
    places = {str(c): i for i, c in enumerate(ev.classes)}
    codes = given.map(str).map(places)
    if codes.isna().any():
        strange = pd.unique(given[codes.isna()])
        raise InputError(
            f"Expected the classes {listed(map(repr, ev.classes))} in {human!r}.",
            f"It also holds {listed(map(repr, strange))}.",
        )
    found = codes.to_numpy(dtype=np.int64)
    if ev.task == "binary":
        found = (found == ev.positive_index).astype(np.int64)
    return replace(rows, predicted=found, score=None, probability=False)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def measure(
    rows: Rows,
    data: CheckedData,
    *,
    metrics: Sequence[str],
    human: Rows | float | None = None,
    level: float = 0.95,
    source: Source = UNNAMED,
    progress: Progress | None = None,
) -> Baselines:
    """The same from ``groups.Rows`` (what the model said) and ``CheckedData`` (the columns, and training data where given)."""
    tell(progress, 0.0, "fitting baselines")
    names = [c for c in data.features if data.columns[c].kind not in ("text",)]
    made = setup(data, names)
    aimed = {m: METRICS[m].needs == "quantile" for m in metrics}
    plain = [m for m in metrics if not aimed[m]]
    means = _others(rows, made, names, plain, progress) if plain else {}
    quantiles = _of_quantile(rows, made, names, progress) if len(plain) < len(metrics) else {}
    table = []
    for name in metrics:
        metric = METRICS[name]
        model = _estimated(metric, rows, level)
        base = {"metric": name, "label": metric_label(name, rows.task), "model": model[0], "n": len(rows.y)}
        table.append(base | _row("model", "the model", model, (math.nan,) * 3, "", ""))
        others = quantiles if aimed[name] else means
        left_out = "median" if name not in ABSOLUTE else "constant" if "median" in others else ""
        for key, (words, there, how) in others.items():
            if key == left_out:
                continue  # the mean is no rival in absolute errors, nor the median in squared ones
            key = "constant" if key == "median" else key
            table.append(base | _against(metric, rows, there, key, words, how, level))
        if human is not None:
            table.append(base | _human(metric, rows, human, model, level, first=name == metrics[0]))
    tell(progress, 1.0, "fitting baselines")
    fitted = quantiles if aimed[metrics[0]] else means
    return Baselines(
        table=pd.DataFrame(table, columns=COLUMNS),
        alike={key: _alike(rows, there) for key, (_, there, _) in fitted.items() if key in ("single", "linear")},
        trained=made.trained,
        source=source,
        settings={
            "metrics": list(metrics),
            "human": human if isinstance(human, float) else human is not None,
            "level": level,
        },
    )


def _others(
    rows: Rows, made: Setup, names: list[str], metrics: Sequence[str], progress: Progress | None
) -> dict[str, tuple[str, Rows, str]]:
    """Make the baselines: words, rows with their answers, and what they were fitted on."""
    how, own = _fitted_on(made)
    if rows.task == "regression":
        out = {"constant": ("the mean", _answered(rows, constant(made)), own)}
        if any(m in ABSOLUTE for m in metrics):
            out["median"] = ("the median", _answered(rows, one_for_all(made, 0.5)), own)
    else:
        out = {"constant": ("one answer for all rows", _answered(rows, constant(made)), own)}
    if not names:
        return out
    tell(progress, 0.1, "fitting single columns")
    single = best_single(made, names)
    if single is not None:
        out["single"] = (f"{single.name} alone", _answered(rows, single.predicted), how)
    tell(progress, 0.4, "fitting a linear model")
    made_linear = linear(made, names, lambda share: tell(progress, 0.4 + 0.5 * share, "fitting a linear model"))
    out["linear"] = ("a linear model", _answered(rows, made_linear), how)
    return out


def _of_quantile(
    rows: Rows, made: Setup, names: list[str], progress: Progress | None
) -> dict[str, tuple[str, Rows, str]]:
    """Make the same for a model of a quantile: all of them predict that quantile."""
    (how, own), aim = _fitted_on(made), 0.5 if rows.aim is None else rows.aim
    out = {"constant": (f"{named(aim)} of all rows", _answered(rows, one_for_all(made, aim)), own)}
    if not names:
        return out
    single = best_level(made, names, aim, lambda share: tell(progress, 0.1 + 0.3 * share, "fitting single columns"))
    if single is not None:
        out["single"] = (f"{single[0]} alone", _answered(rows, single[1]), how)
    tell(progress, 0.4, "fitting a linear model")
    moved = moved_linear(made, names, aim, lambda share: tell(progress, 0.4 + 0.5 * share, "fitting a linear model"))
    out["linear"] = (f"a linear model moved to {named(aim)}", _answered(rows, moved), how)
    return out


def _fitted_on(made: Setup) -> tuple[str, str]:
    """Say what fits, and single answers, are made of."""
    return ("training data", "training data") if made.trained else ("these rows, cross-fitted", "these rows")


def _answered(rows: Rows, out: np.ndarray) -> Rows:
    """Give rows with other answers: of ``outcome_indicators`` shape (k, n)."""
    if rows.task == "regression":
        return replace(rows, predicted=out[0], score=None)
    if rows.task == "binary":
        score = np.clip(out[0], 0.0, 1.0)
        return replace(rows, predicted=(score >= 0.5).astype(np.int64), score=score, probability=True)
    score = np.clip(out, 1e-9, None)
    score = (score / score.sum(axis=0)).T
    return replace(rows, predicted=score.argmax(axis=1).astype(np.int64), score=score, probability=True)


def _estimated(metric: Metric, rows: Rows, level: float) -> tuple[float, float, float]:
    found = estimate(metric, Groups(rows, np.zeros(len(rows.y), np.int64), 1), level)
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0])


def _row(
    key: str, name: str, own: tuple[float, float, float], gain: tuple[float, float, float], how: str, note: str
) -> dict[str, Any]:
    return {
        "baseline": key, "name": name, "estimate": own[0], "low": own[1], "high": own[2],
        "gain": gain[0], "gain_low": gain[1], "gain_high": gain[2], "how": how, "note": note,
    }  # fmt: skip


def _against(metric: Metric, rows: Rows, there: Rows, key: str, words: str, how: str, level: float) -> dict[str, Any]:
    """Measure a baseline, and how much better the model is on the same rows."""
    nothing = (math.nan,) * 3
    reason = reason_against(metric, there.task, there.score_kind, there.aim)
    if reason is not None:
        return _row(key, words, nothing, nothing, how, f"cannot say: {reason}")
    own = _estimated(metric, there, level)
    if metric.greater_is_better is None:
        return _row(key, words, own, nothing, how, "neither more nor less of this is better")
    try:
        found = change(metric, there, [rows], level=level)
    except NotApplicable as answer:
        return _row(key, words, own, nothing, how, f"cannot say: {answer.reason}")
    gain = (found.estimate, found.low, found.high)
    if not metric.greater_is_better:
        gain = (-found.estimate, -found.high, -found.low)
    note = "" if math.isfinite(gain[1]) else "no interval: too few rows or clusters"
    return _row(key, words, own, gain, how, note)


def _human(
    metric: Metric, rows: Rows, human: Rows | float, model: tuple[float, float, float], level: float, *, first: bool
) -> dict[str, Any]:
    if isinstance(human, Rows):
        return _against(metric, rows, human, "human", "people", "their own answers", level)
    nothing = (math.nan,) * 3
    if not first:
        return _row("human", "people", nothing, nothing, "given", "the number given is of the first metric")
    gain = (model[0] - human, model[1] - human, model[2] - human)
    if metric.greater_is_better is False:
        gain = (human - model[0], human - model[2], human - model[1])
    return _row("human", "people", (human, math.nan, math.nan), gain, "given", "taken as known exactly")


def _alike(rows: Rows, other: Rows) -> float:
    """Give the rank correlation of two models' answers (mean over classes)."""

    def answers(r: Rows) -> np.ndarray:
        return np.atleast_2d((r.predicted if r.score is None else r.score).T).astype(float)

    a, b = answers(rows), answers(other)
    if a.shape != b.shape:
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = [
            np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1] if np.ptp(x) > 0 and np.ptp(y) > 0 else np.nan
            for x, y in zip(a, b)
        ]
    return float(np.mean(pairs))
