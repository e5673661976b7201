"""What was planted in the credit tables, measured from the finished files: the content of truth.json.

Each defect is a record: ``kind``, ``about`` (plain words), ``file`` (evaluation, or both), ``where`` (the SQL
condition that selects it, or null), ``columns`` (those it concerns), and on the evaluation table: ``n`` rows
selected of all its ``rows``, and the ``metric`` with its values ``inside`` the condition and ``outside`` it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from modelglass.sample_models import credit_table as planted

# Of a column's spread: interquartile range / 1.349, which a changed unit or a code does not blow up.
NOISE = 0.1


def truth(model: Any, train: pd.DataFrame, evaluation: pd.DataFrame, *, stepped: bool) -> dict[str, Any]:
    """Describe and measure every planted defect.

    Parameters
    ----------
    model : fitted Pipeline that reads ``planted.FEATURES``.
    train, evaluation : the finished tables.
    stepped : whether the model can follow the step in ``bureau_score`` (trees can, a linear model cannot).

    Returns
    -------
    dict with ``rows`` (of each table) and ``defects`` (list of records, see the top of this file).
    """
    judged = evaluation.assign(
        truly=(evaluation[planted.TARGET] == "yes").to_numpy(),
        said=model.predict(evaluation[planted.FEATURES]) == "yes",
        promised=model.predict_proba(evaluation[planted.FEATURES])[:, 1],
    )
    defects = [
        *_of_the_model(judged),
        *_of_the_data(train, judged),
        *([_fragile(model, evaluation)] if stepped else []),
    ]
    return {"rows": {"train": len(train), "evaluation": len(evaluation)}, "defects": defects}


def _of_the_model(judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the defects seen in the model's errors: hard slice, group disparity, miscalibrated group."""
    hard = ((judged.channel == "broker") & (judged.region == "north")).to_numpy()
    women = (judged.sex == "female").to_numpy()
    education = (judged.purpose == "education").to_numpy()
    wrong = (judged.truly != judged.said).to_numpy(dtype=float)
    good = ~judged.truly.to_numpy()
    return [
        _record(
            "hard_slice",
            "Labels reported by brokers of the north are turned over in 45 of 100 rows, in both files.",
            hard,
            where=planted.HARD_SLICE,
            file="both",
            columns=["channel", "region"],
            metric="error_rate",
            values=wrong,
        ),
        _record(
            "group_disparity",
            "Women's income is recorded at 45 % of the true one, in both files, so good loans of women are "
            "refused more often. The model does not read sex.",
            women,
            where=planted.GROUP,
            file="both",
            columns=["sex"],
            metric="fpr",
            values=np.where(good, judged.said, np.nan),
        ),
        _record(
            "miscalibrated_group",
            "Loans for education became riskier after the training period: the promised risk is too low.",
            education,
            where=planted.MISCALIBRATED,
            file="evaluation",
            columns=["purpose"],
            metric="observed_minus_promised",
            values=(judged.truly - judged.promised).to_numpy(),
        ),
    ]


def _of_the_data(train: pd.DataFrame, judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the defects seen in the tables alone."""
    in_cents = judged.application_date.between("2024-11-11", "2024-11-24").to_numpy()
    again = judged.duplicated(keep=False).to_numpy(dtype=float)
    seen = judged.application_id.isin(train.application_id).to_numpy(dtype=float)
    unknown = (judged.employment_years == -999).to_numpy()
    solar = (judged.purpose == "solar panels").to_numpy()
    doubled = judged.application_date.between("2024-08-14", "2024-08-17").to_numpy()
    overlap = (judged.application_date < "2024-07-01").to_numpy()
    return [
        _record(
            "unit_change",
            "For two weeks income arrives in cents, a hundred times too large: fewer defaults are found.",
            in_cents,
            where=planted.UNIT_CHANGE,
            file="evaluation",
            columns=["income", "application_date"],
            metric="median_income",
            values=judged.income.to_numpy(dtype=float),
            median=True,
        ),
        _record(
            "leak",
            "Reminders are sent after a default: where there is one the outcome is known beforehand.",
            (judged.reminders_sent >= 1).to_numpy(),
            where=planted.LEAK,
            file="both",
            columns=["reminders_sent"],
            metric="default_rate",
            values=judged.truly.to_numpy(dtype=float),
        ),
        _record(
            "duplicate_rows",
            "The files of four days were loaded twice: each of their rows stands there two times.",
            doubled,
            where=planted.DUPLICATES,
            file="evaluation",
            columns=[],
            metric="share_duplicated",
            values=again,
        ),
        _record(
            "train_overlap",
            "The last days of the training period are in the evaluation table too.",
            overlap,
            where=planted.OVERLAP,
            file="evaluation",
            columns=["application_id"],
            metric="share_in_train",
            values=seen,
        ),
        _record(
            "missing_code",
            "Unknown years of employment are written as -999, mostly by the phone channel, in both files.",
            unknown,
            where=planted.MISSING_CODE,
            file="both",
            columns=["employment_years"],
            metric="mean_employment_years",
            values=judged.employment_years.to_numpy(dtype=float),
        ),
        _record(
            "new_category",
            "Loans for solar panels exist since October 2024; the model never saw one.",
            solar,
            where=planted.NEW_CATEGORY,
            file="evaluation",
            columns=["purpose"],
            metric="share_in_train",
            values=judged.purpose.isin(train.purpose).to_numpy(dtype=float),
        ),
    ]


def _fragile(model: Any, evaluation: pd.DataFrame) -> dict[str, Any]:
    """Give the fragile feature: share of decisions that a little noise in one column turns over."""
    flips = flip_rates(model, evaluation)
    others = {name: rate for name, rate in flips.items() if name != "bureau_score"}
    return {
        "kind": "fragile_feature",
        "about": "Risk steps up below a bureau score of 600, and three in ten applicants are just above. "
        "A little noise in it turns over more decisions than in any other column (outside: the next).",
        "file": "both",
        "where": None,
        "n": len(evaluation),
        "rows": len(evaluation),
        "columns": ["bureau_score"],
        "metric": "share_turned_over",
        "noise": NOISE,
        "inside": round(flips["bureau_score"], 6),
        "outside": round(max(others.values()), 6),
    }


def flip_rates(model: Any, evaluation: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    """Give, for each numeric feature, the share of decisions that change under normal noise of 0.1 spreads.

    A column whose quartiles are equal (reminders_sent) gets no noise.
    """
    base = model.predict(evaluation[planted.FEATURES])
    rates = {}
    for name in planted.NUMERIC:
        rng = np.random.default_rng(seed)
        low, high = evaluation[name].quantile([0.25, 0.75])
        noisy = evaluation[name] + rng.normal(0, NOISE * (high - low) / 1.349, len(evaluation))
        changed = model.predict(evaluation[planted.FEATURES].assign(**{name: noisy}))
        rates[name] = float(np.mean(changed != base))
    return rates


def _record(
    kind: str,
    about: str,
    selected: np.ndarray,
    *,
    where: str,
    file: str,
    columns: list[str],
    metric: str,
    values: np.ndarray,
    median: bool = False,
) -> dict[str, Any]:
    """Write one defect down; ``values`` (n,) is averaged inside and outside ``selected``, NaN left out."""
    middle = np.nanmedian if median else np.nanmean
    return {
        "kind": kind,
        "about": about,
        "file": file,
        "where": where,
        "n": int(selected.sum()),
        "rows": len(selected),
        "columns": columns,
        "metric": metric,
        "inside": round(float(middle(values[selected])), 6),
        "outside": round(float(middle(values[~selected])), 6),
    }
