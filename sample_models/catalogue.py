"""The sample models by name, and ``make``, which trains one and gives the paths of its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pandas as pd

from modelglass.analysis.errors import unknown_name
from modelglass.sample_models import classics, credit
from modelglass.sample_models.keeping import home, keep, key
from modelglass.sample_models.recipe import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One sample model, not yet trained.

    name      what a person types: ``modelglass demo credit``.
    title     one line for a list.
    task      "binary", "multiclass" or "regression".
    target    the column that the model predicts.
    positive  the positive class of a binary model, else None.
    make      the script: takes nothing, trains, gives a Recipe.
    about     two sentences: what the rows are and why it is worth opening.
    time, id  the columns that say when, and which row; None where there is none.
    suffix    how the two tables are written: ".csv" or ".parquet".
    """

    name: str
    title: str
    task: Literal["binary", "multiclass", "regression"]
    target: str
    positive: str | None
    make: Callable[[], Recipe]
    about: str
    time: str | None = None
    id: str | None = None
    suffix: Literal[".csv", ".parquet"] = ".csv"

    @property
    def options(self) -> dict[str, str]:
        """Give what is what in its tables, by the names that every command takes; the unset are left out."""
        named = {"target": self.target, "positive": self.positive, "time": self.time, "id": self.id}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The files of a trained sample.

    model, data, train  paths of the model (.skops), the evaluation table and the training table.
    truth               path of truth.json, what was planted in the tables; None where nothing was.
    options             target, positive, time, id: only those that the sample has.
    """

    sample: Sample
    model: Path
    data: Path
    train: Path
    truth: Path | None
    options: Mapping[str, str]


_CREDIT_ABOUT = (
    "Loans of an invented lender, 8,000 to learn from and about 6,000 later ones to judge by. "
    "Defects are planted in them and written in truth.json: see which of them you find."
)
_BREAST_CANCER_ABOUT = (
    "569 tumours with 30 measurements each (Wisconsin, from scikit-learn); 60 % to learn from. "
    "Nearly separable: a good model, whose few errors are worth a look."
)

_ALL = (
    Sample(
        name="credit",
        title="Loans that default: boosted trees in a Pipeline, with planted defects",
        task="binary",
        target="default",
        positive="yes",
        make=credit.boosted,
        about=_CREDIT_ABOUT,
        time="application_date",
        id="application_id",
    ),
    Sample(
        name="credit-logistic",
        title="Loans that default: logistic regression in a Pipeline, same planted defects",
        task="binary",
        target="default",
        positive="yes",
        make=credit.logistic,
        about=_CREDIT_ABOUT,
        time="application_date",
        id="application_id",
    ),
    Sample(
        name="breast-cancer",
        title="Malignant tumours: logistic regression behind a scaler",
        task="binary",
        target="diagnosis",
        positive="malignant",
        make=classics.breast_cancer_logistic,
        about=_BREAST_CANCER_ABOUT,
    ),
    Sample(
        name="breast-cancer-forest",
        title="Malignant tumours: random forest",
        task="binary",
        target="diagnosis",
        positive="malignant",
        make=classics.breast_cancer_forest,
        about=_BREAST_CANCER_ABOUT,
    ),
    Sample(
        name="digits",
        title="Handwritten digits, ten classes: neural network behind a scaler",
        task="multiclass",
        target="digit",
        positive=None,
        make=classics.digits_mlp,
        about="1,797 images of 8 x 8 grey pixels (from scikit-learn), one column each: ten classes.",
        suffix=".parquet",
    ),
    Sample(
        name="wine",
        title="Wines from three cultivars: random forest",
        task="multiclass",
        target="cultivar",
        positive=None,
        make=classics.wine_forest,
        about="178 wines with 13 measurements (from scikit-learn). So few rows that intervals matter.",
    ),
    Sample(
        name="diabetes",
        title="Progression of diabetes after a year: boosted trees, regression",
        task="regression",
        target="progression",
        positive=None,
        make=classics.diabetes_boosted,
        about="442 patients with age, sex, body mass, blood values (from scikit-learn). A hard regression.",
    ),
)

SAMPLES: Mapping[str, Sample] = MappingProxyType({sample.name: sample for sample in _ALL})


def make(name: str, folder: str | Path | None = None) -> Made:
    """Train a sample model, or find it already trained, and give the paths of its files.

    Parameters
    ----------
    name : str
        One of ``SAMPLES``.
    folder : path, optional
        Where to put it: its files go to ``folder/name/``. Without it they go to the user's own modelglass
        folder (see ``home``), apart for each version of modelglass, scikit-learn, skops and numpy.

    Returns
    -------
    Made
        Trained once: later calls return at once, until one of those versions or a script changes.

    Raises
    ------
    InputError
        No sample has this name (the nearest is suggested), or the folder holds something else.
    MachineError
        The folder cannot be written.
    """
    if name not in SAMPLES:
        raise unknown_name("sample model", name, SAMPLES)
    sample = SAMPLES[name]
    root = home() / "samples" / key() if folder is None else Path(folder)
    return _made(sample, keep(root / name, lambda draft: _write(sample, draft)))


def _paths(sample: Sample, folder: Path) -> dict[str, Path]:
    data = sample.name.removesuffix("-logistic").removesuffix("-forest").replace("-", "_")
    return {
        "model": folder / f"{sample.name.replace('-', '_')}.skops",
        "data": folder / f"{data}_evaluation{sample.suffix}",
        "train": folder / f"{data}_train{sample.suffix}",
        "truth": folder / "truth.json",
    }


def _made(sample: Sample, folder: Path) -> Made:
    paths = _paths(sample, folder)
    truth = paths["truth"] if paths["truth"].exists() else None
    return Made(
        sample=sample,
        model=paths["model"],
        data=paths["data"],
        train=paths["train"],
        truth=truth,
        options=MappingProxyType(sample.options),
    )


def _write(sample: Sample, folder: Path) -> None:
    import skops.io
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):  # so little work: on a busy machine waiting threads make it ten times slower
        recipe = sample.make()
    paths = _paths(sample, folder)
    skops.io.dump(recipe.model, paths["model"])
    _write_table(recipe.evaluation, paths["data"])
    _write_table(recipe.train, paths["train"])
    if recipe.truth is not None:
        text = json.dumps({"sample": sample.name, "target": sample.target, **recipe.truth}, indent=2)
        paths["truth"].write_text(text + "\n", "utf-8")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, lineterminator="\n")
