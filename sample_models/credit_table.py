"""The invented lender's loans: how a table is drawn and where its defects are planted.

Everything comes from one seed. A table is drawn sound first (``_applicants``, ``_risk``), then each defect is
planted in a line or a function of its own; credit_truth.py measures them all from the finished tables.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

SEED = 20_240_701
TARGET = "default"
NUMERIC = [
    "age",
    "income",
    "employment_years",
    "existing_loans",
    "amount",
    "duration_months",
    "savings",
    "bureau_score",
    "reminders_sent",
]
CATEGORICAL = ["housing", "purpose", "region", "channel"]
FEATURES = [*NUMERIC, *CATEGORICAL]

# Where the defects are: SQL conditions that hold whether dates were read as dates or as text.
HARD_SLICE = "channel = 'broker' AND region = 'north'"
GROUP = "sex = 'female'"
MISCALIBRATED = "purpose = 'education'"
UNIT_CHANGE = "application_date BETWEEN '2024-11-11' AND '2024-11-24'"
LEAK = "reminders_sent >= 1"
DUPLICATES = "application_date BETWEEN '2024-08-14' AND '2024-08-17'"
OVERLAP = "application_date < '2024-07-01'"
MISSING_CODE = "employment_years = -999"
NEW_CATEGORY = "purpose = 'solar panels'"

SCORE_CUT = 600
HIDDEN_INCOME = 0.45
FLIPPED = 0.45


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the training and the evaluation table, defects planted: the same two on every call.

    Returns
    -------
    train : frame of 8,000 loans from January 2023 to June 2024.
    evaluation : frame of about 6,000 loans from July to December 2024, with a few training rows among them.
    """
    rng = np.random.default_rng(SEED)
    train = _draw(rng, 8_000, "2023-01-01", "2024-06-30", first_id=100_001, later=False)
    evaluation = _draw(rng, 5_800, "2024-07-01", "2024-12-31", first_id=200_001, later=True)
    evaluation = _change_unit(evaluation)
    evaluation = _load_twice(evaluation)
    evaluation = pd.concat([train[train.application_date >= "2024-06-25"], evaluation], ignore_index=True)
    return train, evaluation


def _draw(rng: np.random.Generator, n: int, start: str, end: str, *, first_id: int, later: bool) -> pd.DataFrame:
    """Draw ``n`` loans spread evenly over the days; ``later``: as things are after the training period."""
    table = _applicants(rng, n)
    days = pd.date_range(start, end)
    dates = days[np.arange(n) * len(days) // n]
    table.insert(0, "application_id", np.arange(first_id, first_id + n))
    table.insert(1, "application_date", dates.strftime("%Y-%m-%d"))
    logit = _risk(table)
    if later:
        logit = logit + np.where(table.purpose == "education", 1.5, 0.0)  # promised risk is now too low
        new = (table.purpose == "renovation") & (dates >= "2024-10-01") & (rng.random(n) < 0.3)
        table["purpose"] = table.purpose.where(~new, "solar panels")
    outcome = rng.random(n) < 1 / (1 + np.exp(-logit))
    outcome = _flip_labels(rng, table, outcome)
    table["reminders_sent"] = _reminders(rng, outcome)
    table[TARGET] = np.where(outcome, "yes", "no")
    return _spoil(rng, table)


def _applicants(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Draw who applies for what; ``income`` is the true one here, and nothing is missing yet."""
    age = np.clip(np.round(18 + rng.gamma(2.6, 9.0, n)), 18, 78).astype("int64")
    employed = np.minimum(np.round(rng.exponential(7.0, n)), age - 18).astype("int64")
    income = np.exp(rng.normal(10.35, 0.42, n)) * (1 + 0.012 * np.minimum(employed, 20))
    amount = np.exp(rng.normal(8.9, 0.6, n))
    return pd.DataFrame(
        {
            "sex": rng.choice(["female", "male"], n, p=[0.45, 0.55]),
            "age": age,
            "age_group": np.select([age < 25, age < 35, age < 50, age < 65], AGE_GROUPS[:-1], AGE_GROUPS[-1]),
            "region": rng.choice(["north", "south", "east", "west"], n, p=[0.24, 0.30, 0.18, 0.28]),
            "channel": rng.choice(["branch", "online", "broker", "phone"], n, p=[0.38, 0.31, 0.23, 0.08]),
            "housing": rng.choice(["own", "rent", "with parents"], n, p=[0.46, 0.40, 0.14]),
            "purpose": rng.choice(
                ["car", "furniture", "education", "business", "renovation"],
                n,
                p=[0.30, 0.24, 0.13, 0.12, 0.21],
            ),
            "employment_years": employed,
            "income": income,
            "existing_loans": rng.poisson(0.8, n),
            "savings": np.round(np.exp(rng.normal(7.6, 1.1, n))),
            "bureau_score": _bureau_scores(rng, n),
            "amount": (np.round(amount / 100) * 100).astype("int64"),
            "duration_months": rng.choice([12, 24, 36, 48, 60], n, p=[0.15, 0.25, 0.28, 0.18, 0.14]),
        }
    )


AGE_GROUPS = ["under 25", "25-34", "35-49", "50-64", "65 and over"]


def _bureau_scores(rng: np.random.Generator, n: int) -> np.ndarray:
    """Fragile feature: three in ten applicants stand just above the limit, where a few points decide."""
    spread = np.clip(np.round(rng.normal(620, 50, n)), 450, 800)
    return np.where(rng.random(n) < 0.3, rng.integers(SCORE_CUT, SCORE_CUT + 5, n), spread).astype("int64")


def _risk(table: pd.DataFrame) -> np.ndarray:
    """Give the log-odds of default, shape (n,): smooth in all but ``bureau_score``, a step at 600."""
    burden = np.log(table.amount * 12 / table.duration_months / table.income)
    return (
        -2.4
        + 2.2 * (burden - burden.mean()).to_numpy()
        + 0.30 * table.existing_loans.to_numpy()
        - 0.05 * np.minimum(table.employment_years, 20).to_numpy()
        - 0.20 * (np.log1p(table.savings) - 7.6).to_numpy()
        + 0.35 * (table.housing == "rent").to_numpy()
        + 0.40 * (table.purpose == "business").to_numpy()
        + 3.2 * (table.bureau_score < SCORE_CUT).to_numpy()
    )


def _flip_labels(rng: np.random.Generator, table: pd.DataFrame, outcome: np.ndarray) -> np.ndarray:
    """Hard slice: brokers of the north report outcomes carelessly, 45 % of the labels are turned over."""
    careless = ((table.channel == "broker") & (table.region == "north")).to_numpy()
    return outcome ^ (careless & (rng.random(len(table)) < FLIPPED))


def _reminders(rng: np.random.Generator, outcome: np.ndarray) -> np.ndarray:
    """Leak: reminders follow a default, so the column knows the outcome of a part of the rows."""
    reminded = np.where(outcome, rng.random(len(outcome)) < 0.30, rng.random(len(outcome)) < 0.003)
    return np.where(reminded, rng.integers(1, 4, len(outcome)), 0)


def _spoil(rng: np.random.Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Record the values as the lender does: women's income too low, gaps, and -999 for unknown."""
    n = len(table)
    recorded = table.income * np.where(table.sex == "female", HIDDEN_INCOME, 1.0)
    unknown = (rng.random(n) < 0.02) | ((table.channel == "phone") & (rng.random(n) < 0.5))
    return table.assign(
        income=np.round(recorded).astype("int64"),
        employment_years=table.employment_years.where(~unknown, -999),
        savings=table.savings.where(rng.random(n) >= 0.12),
        housing=table.housing.where(rng.random(n) >= 0.03),
    )


def _change_unit(table: pd.DataFrame) -> pd.DataFrame:
    """Unit change: for two weeks income arrives in cents."""
    in_cents = table.application_date.between("2024-11-11", "2024-11-24")
    return table.assign(income=table.income * np.where(in_cents, 100, 1))


def _load_twice(table: pd.DataFrame) -> pd.DataFrame:
    """Duplicated rows: the files of four days were loaded twice."""
    twice = table[table.application_date.between("2024-08-14", "2024-08-17")]
    return pd.concat([table, twice]).sort_values(["application_date", "application_id"], kind="stable")
