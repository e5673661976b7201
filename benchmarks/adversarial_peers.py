"""Run by ``adversarial.py`` in the environment of a peer: one tool on the same model and rows; prints JSON, writes the changed rows.

``python adversarial_peers.py art|dice FOLDER ROWS``. FOLDER holds model.joblib and data.npz (X_train, y_train, X); changed.npy is written.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
import warnings
from pathlib import Path

import joblib
import numpy as np

warnings.simplefilter("ignore")


def art(model: object, data: dict[str, np.ndarray], rows: int) -> np.ndarray:
    """HopSkipJump with its defaults (L2, 50 steps), labels only."""
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import BlackBoxClassifier

    low, high = data["X_train"].min(axis=0), data["X_train"].max(axis=0)

    def predict(X: np.ndarray) -> np.ndarray:
        return np.eye(2)[model.predict(X).astype(int)]

    wrapped = BlackBoxClassifier(predict, input_shape=(data["X"].shape[1],), nb_classes=2, clip_values=(low, high))
    np.random.seed(0)
    return HopSkipJump(wrapped, verbose=False).generate(data["X"][:rows].astype(np.float32))


def dice(model: object, data: dict[str, np.ndarray], rows: int) -> np.ndarray:
    """dice-ml's random search, one counterfactual a row, its defaults."""
    import dice_ml
    import pandas as pd

    names = [f"x{j}" for j in range(data["X"].shape[1])]
    train = pd.DataFrame(data["X_train"], columns=names).assign(y=data["y_train"])
    known = dice_ml.Data(dataframe=train, continuous_features=names, outcome_name="y")

    class Named:
        def predict_proba(self, X: object) -> np.ndarray:
            return model.predict_proba(np.asarray(X, dtype=float))

        def predict(self, X: object) -> np.ndarray:
            return model.predict(np.asarray(X, dtype=float))

    asked = dice_ml.Dice(known, dice_ml.Model(model=Named(), backend="sklearn"), method="random")
    out = np.full((rows, len(names)), np.nan)
    for i in range(rows):
        one = pd.DataFrame(data["X"][i : i + 1], columns=names)
        try:
            got = asked.generate_counterfactuals(
                one, total_CFs=4, desired_class="opposite", random_seed=i, verbose=False
            )
        except Exception:  # noqa: BLE001  none found is an exception there
            continue
        found = got.cf_examples_list[0].final_cfs_df
        if found is None or not len(found):
            continue
        ways = found[names].to_numpy(dtype=float)
        spread = data["spread"]
        out[i] = ways[np.argmin((np.abs(ways - data["X"][i]) / spread).sum(axis=1))]
    return out


def main() -> None:
    tool, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    model, data = joblib.load(folder / "model.joblib"), dict(np.load(folder / "data.npz"))
    model.predict(data["X"][:10])
    wall, cpu = time.perf_counter(), time.process_time()
    changed = {"art": art, "dice": dice}[tool](model, data, rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.save(folder / f"{tool}.npy", changed)
    package = {"art": "adversarial-robustness-toolbox", "dice": "dice-ml"}[tool]
    print(json.dumps({"wall": wall, "cpu": cpu, "rows": rows, "version": importlib.metadata.version(package)}))


if __name__ == "__main__":
    main()
