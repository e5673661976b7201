"""CatBoost's own files: real ones of every kind pass, and every index that was changed is found before CatBoost follows it."""

from __future__ import annotations

import random
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis.errors import InputError
from modelglass.analysis.models.catboost_file import Table, check_catboost
from modelglass.analysis.models.loading import load_model
from modelglass.analysis.models.trees import Damaged

catboost = pytest.importorskip("catboost")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "a": rng.normal(size=300), "c": rng.choice(list("uvwxyzabc"), 300), "b": rng.normal(size=300), "d": rng.choice(list("pqr"), 300)})  # fmt: skip
    frame.loc[::9, "a"] = np.nan
    return frame, (frame.b + frame.c.isin(["u", "v"]) > 0).astype(int)


KINDS = {
    "plain": {}, "by leaves": {"grow_policy": "Lossguide"}, "by levels": {"grow_policy": "Depthwise"},
    "one-hot": {"one_hot_max_size": 20}, "many borders": {"border_count": 1000},
    "statistics": {"simple_ctr": ["Buckets", "Counter", "BinarizedTargetMeanValue"]},
}  # fmt: skip


def saved(table, path, y=None, **settings):
    frame, own = table
    fitted = catboost.CatBoostClassifier(iterations=6, depth=3, verbose=0, cat_features=["c", "d"], allow_writing_files=False,
                                         **settings).fit(frame, own if y is None else y)  # fmt: skip
    fitted.save_model(str(path))
    return path.read_bytes()


@pytest.fixture(scope="module")
def plain(table, tmp_path_factory):
    return saved(table, tmp_path_factory.mktemp("m") / "m.cbm")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("several", [False, True], ids=["two", "three"])
def test_files_of_every_kind_pass(kind, several, table, tmp_path):
    y = np.digitize(table[0].b, [-0.5, 0.5]) if several else None
    check_catboost(saved(table, tmp_path / "m.cbm", y, **KINDS[kind]))


def trees_of(data):
    core = data[8 : 8 + struct.unpack_from("<I", data, 4)[0]]
    return Table(core, struct.unpack_from("<I", core)[0]).table(1)


def item(field, at, kind, value):
    """Change one item of a list of the trees."""

    def change(data):
        place = trees_of(data).target(field) + 4 + at * struct.calcsize(kind) + 8
        return data[:place] + struct.pack(kind, value) + data[place + struct.calcsize(kind) :]

    return change


def statistics(field, at, kind, value):
    """Change a list of the first table of category statistics."""

    def change(data):
        start = 8 + struct.unpack_from("<I", data, 4)[0]
        size = struct.unpack_from("<I", data, start + 4)[0]
        part = data[start + 8 : start + 8 + size]
        found = Table(part, struct.unpack_from("<I", part)[0])
        place = start + 8 + (found.at + found.fields[field] if at is None else found.target(field) + 4 + at)
        return data[:place] + struct.pack(kind, value) + data[place + struct.calcsize(kind) :]

    return change


def every_index(data):
    """Let every category that statistics know point far away."""
    for row in range(64):
        try:
            changed = statistics(1, 12 * row + 8, "<I", 10**6)(data)
            check_catboost(changed)
        except Damaged:
            return changed
    raise AssertionError("no index was there to change")


TAMPERED = {
    "split outside": item(1, 0, "<i", 10**6),
    "split below zero": item(1, 0, "<i", -1),
    "size of a tree": item(2, 0, "<i", 2),
    "deep tree": item(2, 0, "<i", 60),
    "start of a tree": item(3, 1, "<i", 10**6),
    "leaf not finite": item(8, 0, "<d", float("nan")),
    "packed column outside": item(17, 0, "<H", 60_000),
    "cut short": lambda data: data[: len(data) // 2],
    "category index outside": every_index,
    "search table is not a power of two": statistics(1, -4, "<I", 12 * 3),
    "numbers cut short": statistics(2, -4, "<I", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered(name, plain, tmp_path):
    changed = TAMPERED[name](plain)
    assert changed != plain
    (tmp_path / "m.cbm").write_bytes(changed)
    with pytest.raises(InputError, match=r"m\.cbm") as caught:
        load_model(tmp_path / "m.cbm")
    assert len(str(caught.value).split("\n")) <= 5


FUZZ = """
import sys, pandas as pd
from catboost import CatBoostClassifier, Pool
frame = pd.read_pickle(sys.argv[1])
for path in sys.argv[2:]:
    try:
        model = CatBoostClassifier().load_model(path)
        model.predict_proba(Pool(frame, cat_features=model.get_cat_feature_indices()))
    except Exception:
        pass
"""


def test_what_passes_the_check_does_not_crash_catboost(plain, table, tmp_path):
    """Random bytes are changed; of those files that pass, none may end the process that loads and asks them."""
    table[0].to_pickle(tmp_path / "frame.pkl")
    passed = []
    for seed in range(600):
        draw, changed = random.Random(seed), bytearray(plain)
        for _ in range(draw.choice([1, 1, 2, 4])):
            changed[draw.randrange(8, len(changed))] = draw.choice([0, 1, 127, 255, draw.randrange(256)])
        try:
            check_catboost(bytes(changed))
        except Damaged:
            continue
        passed.append(tmp_path / f"{seed}.cbm")
        passed[-1].write_bytes(changed)
    assert 100 < len(passed) < 600
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FUZZ, tmp_path / "frame.pkl", *passed], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize("kind", ["text", "embedding"])
def test_texts_and_embeddings_are_refused_as_such_and_not_as_damaged(kind, table, tmp_path):
    """Models that read texts were said to be damaged: "a split asks what is not in the model"."""
    frame, y = table
    if kind == "text":
        more = frame[["b"]].assign(t=frame.c + " word " + frame.d)
    else:
        more = frame[["b"]].assign(t=list(np.random.default_rng(0).normal(size=(300, 3))))
    settings = {"iterations": 5, "verbose": 0, "allow_writing_files": False, f"{kind}_features": ["t"]}
    catboost.CatBoostClassifier(**settings).fit(more, y).save_model(str(tmp_path / "m.cbm"))
    with pytest.raises(InputError, match="it reads texts or embeddings, which cannot be checked") as told:
        load_model(tmp_path / "m.cbm")
    assert "damaged" not in str(told.value)


def test_scaled_answers_pass(table, tmp_path):
    frame, _ = table
    fitted = catboost.CatBoostRegressor(iterations=5, verbose=0, allow_writing_files=False).fit(
        frame[["a", "b"]], frame.b
    )
    fitted.set_scale_and_bias(2.0, 1.5)
    fitted.save_model(str(tmp_path / "m.cbm"))
    ev = mg.Evaluation(load_model(tmp_path / "m.cbm"), frame[["a", "b"]].assign(y=frame.b), target="y")
    np.testing.assert_array_equal(ev.predicted, fitted.predict(frame[["a", "b"]]))
