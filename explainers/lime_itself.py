"""The one door to the lime package (Ribeiro, Singh and Guestrin 2016): a second opinion on our own LIME weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from modelglass.analysis.errors import MissingPackage


def weights_of_lime(
    reference: np.ndarray,
    levels: Mapping[int, Sequence[str]],
    row: np.ndarray,
    ask: Callable[[np.ndarray], np.ndarray],
    *,
    n_features: int,
    n_samples: int,
    seed: int,
    discretize: bool,
) -> dict[int, float]:
    """Let lime explain one row of codes; give column place -> weight.

    Parameters
    ----------
    reference, row : arrays of shapes (n, p) and (p,)
        Codes.
    levels : mapping of column place -> texts of its levels
    ask : callable
        Codes of shape (n_samples, p), the row itself first -> answers of shape (n_samples,).

    Raises
    ------
    MissingPackage
        Without lime.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lime's own imports and fits warn
        try:
            from lime.lime_tabular import LimeTabularExplainer
        except ImportError as error:
            raise MissingPackage("lime", "A comparison with lime itself", "pip install lime") from error
        explainer = LimeTabularExplainer(
            reference,
            mode="regression",
            categorical_features=sorted(levels),
            categorical_names={j: dict(enumerate(texts)) for j, texts in levels.items()},
            discretize_continuous=discretize,
            random_state=seed,
        )
        explained = explainer.explain_instance(
            row, ask, num_features=min(n_features, reference.shape[1]), num_samples=n_samples
        )
    return {int(j): float(weight) for j, weight in explained.local_exp[1]}
