"""Descriptions, units and level orders of columns: where they show, and every way a file can be wrong."""

from __future__ import annotations

import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis import slice_metrics
from modelglass.analysis.columns import infer_columns
from modelglass.analysis.describing import Described, describe, descriptions, read_columns
from modelglass.analysis.errors import InputError

FILE = """
# what the columns mean
age: {description: "Age at application", unit: years}
size:
  level_order: [small, medium, large]
flag: Whether it rained: no
grade:
  unit: points
  level_order: [3, 1, 2]
no: The Norwegian column
""".replace("Whether it rained: no", "Whether it rained")


def write(folder, text, name="columns.yaml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_descriptions_units_and_orders(tmp_path):
    got = read_columns(write(tmp_path, FILE))
    assert got == {
        "age": Described(description="Age at application", unit="years"),
        "size": Described(level_order=("small", "medium", "large")),
        "flag": Described(description="Whether it rained"),
        "grade": Described(unit="points", level_order=("3", "1", "2")),
        "no": Described(description="The Norwegian column"),  # not read as "false"
    }
    as_mapping = {"age": {"description": "Age at application", "unit": "years"}, "flag": "Whether it rained"}
    assert descriptions(as_mapping) == {k: got[k] for k in as_mapping}
    assert descriptions({"grade": {"unit": "points", "level_order": [3, 1, 2]}}) == {"grade": got["grade"]}


REFUSED = {
    "unknown key": ("a: b\nage:\n  unitt: years\n", r"columns.yaml, line 3\)\.\n.*'unitt'.*\n.*'unit'"),
    "other word": ("size:\n  levels: [small, large]\n", "Did you mean 'level_order'"),
    "no mapping": ("- a\n- b\n", r"Got a list"),
    "text": ("hello", "Got 'hello'"),
    "nothing": ("# no\n", "empty"),
    "direction": (
        "x: y\nage:\n  unit: years\n  expected: up\n",
        r"expected of 'age' \(columns.yaml, line 4\)\.\nGot 'up'.\nDid you mean 'rising'",
    ),
    "misspelt direction": ("age:\n  expected: fallin\n", r"line 2\)\.\nGot 'fallin'.\nDid you mean 'falling'"),
    "direction in capitals": ("age: {expected: RISING}\n", "Did you mean 'rising'"),
    "direction as number": ("age: {expected: -1}\n", "Got -1.\nDid you mean 'falling'"),
    "no direction": ("age: {expected: sideways}\n", "Got 'sideways'.\nSay how the answer should go"),
    "list of directions": ("age: {expected: [rising]}\n", r"line 1\)\.\nGot a list"),
    "list for a column": ("age: [a, b]\n", r"columns.yaml, line 1\)\.\nGot a list"),
    "list as unit": ("age: {unit: [a, b]}\n", r"columns.yaml, line 1\)\.\nGot a list"),
    "text as order": ("x: y\nsize:\n  level_order: small\n", r"columns.yaml, line 2\)\.\nGot 'small'"),
    "nested order": ("size:\n  level_order: [[a], b]\n", "Expected plain levels"),
    "twice": ("age: a\nage: b\n", "also stands in line 1"),
    "level twice": ("s: {level_order: [a, b, a]}\n", "'a' stands twice"),
    "broken": ("age: {unit: years\nb: c\n", "line 2"),
    "latin": (b"age: \xe9\n", "Line 1 holds the byte 0xe9"),
    "alias": ("a: &x {unit: m}\nb: *x\n", "no anchors and aliases"),
    "bomb": ("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "no anchors and aliases"),
    "tag": ("a: !!python/object/apply:os.system [ls]\n", "without a tag"),
    "deep": ("a: " + "[" * 5_000 + "\n", "levels of nesting"),
    "huge": ("a: " + "x" * 1_000_001, "at most 1,000,000 bytes"),
    "long": ("a: " + "x " * 2_000, "at most 2,000 letters"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refuses_with_file_and_line(tmp_path, name):
    text, said = REFUSED[name]
    with pytest.raises(InputError, match=said) as caught:
        read_columns(write(tmp_path, text))
    assert 1 <= len(str(caught.value).splitlines()) <= 5


def test_a_missing_file_is_named_with_the_nearest(tmp_path):
    write(tmp_path, "a: b")
    with pytest.raises(InputError, match=r"Did you mean .*columns\.yaml"):
        read_columns(tmp_path / "colums.yaml")
    with pytest.raises(InputError, match="is a folder"):
        read_columns(tmp_path)


FRAME = pd.DataFrame({"age": [1.5, 2, 3], "size": ["large", "small", "odd"], "wet": [True, False, True]})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"agee": "x"}, r"column described.*\n.*'agee'.*\n.*'age'"),
        ({"age": {"level_order": ["1"]}}, "'age' is numeric"),
        ({"size": {"level_order": ["S", "M"]}}, "none of which occurs"),
        ({"size": {"order": ["S", "M"]}}, "key 'order'"),
        ({"size": {"level_order": "S"}}, "Expected a list"),
        ({"size": 3}, "Expected a text or a mapping"),
        (["size"], "Expected columns as the path"),
        ({"size": {"expected": "rising"}}, r"whose values have an order.*\n'size' is categorical.\n.*level_order"),
        ({"age": {"expected": "up"}}, r"the mapping given as columns.*\n.*'up'.*\nDid you mean 'rising'"),
        ({"age": Described(expected="up")}, "Did you mean 'rising'"),
    ],
)
def test_refuses_what_does_not_fit_the_data(given, said):
    with pytest.raises(InputError, match=said):
        describe(infer_columns(FRAME), FRAME, given)


def test_order_holds_in_slices_and_levels_that_are_not_named_come_last():
    columns = {"size": {"level_order": ["small", "medium", "large"]}, "wet": {"level_order": ["true", "false"]}}
    ev = mg.Evaluation.from_predictions([0, 1, 1], [0, 1, 0], frame=FRAME, columns=columns)
    assert ev.coding("size").labels == ("small", "large", "odd")
    assert ev.coding("wet").labels == ("True", "False")
    assert "do not occur: medium" in ev.columns["size"].note
    table = slice_metrics(ev, by=["size"], metrics=["accuracy"]).frame()
    assert table["slice"].tolist()[1:] == ["small", "large", "odd"]
    for row in table.iloc[1:].itertuples():
        assert ev.where(row.where).n == row.n


def test_source_and_fingerprint_know(tmp_path):
    path = write(tmp_path, "age: {description: How old, unit: years}\n")
    ev = mg.Evaluation.from_predictions([0, 1, 1], [0, 1, 0], frame=FRAME, columns=path)
    assert ev.source.columns == {"age": {"description": "How old", "unit": "years"}}
    assert ev.source.as_dict()["columns"] == ev.source.columns
    assert (ev.columns["age"].description, ev.columns["age"].unit) == ("How old", "years")
    plain = mg.Evaluation.from_predictions([0, 1, 1], [0, 1, 0], frame=FRAME)
    assert plain.fingerprint != ev.fingerprint


def test_expected_directions_are_kept_and_change_the_fingerprint():
    columns = {"age": {"expected": "rising"}, "size": {"level_order": ["small", "large"], "expected": "falling"}}
    columns["wet"] = {"expected": None, "unit": "x"}
    ev = mg.Evaluation.from_predictions([0, 1, 1], [0, 1, 0], frame=FRAME, columns=columns)
    assert {c: ev.columns[c].expected for c in FRAME} == {"age": "rising", "size": "falling", "wet": ""}
    assert ev.source.columns == {"age": {"expected": "rising"}, "size": {"expected": "falling"}, "wet": {"unit": "x"}}
    del columns["age"], columns["wet"]
    assert (
        mg.Evaluation.from_predictions([0, 1, 1], [0, 1, 0], frame=FRAME, columns=columns).fingerprint != ev.fingerprint
    )
    assert ev.sample(2).columns["age"].expected == "rising"
    ordered = FRAME.assign(size=pd.Categorical(FRAME["size"], ["small", "odd", "large"], ordered=True))
    columns = {"size": {"expected": "rising"}, "wet": {"expected": "falling"}}
    assert describe(infer_columns(ordered), ordered, columns)["size"].expected == "rising"


def test_ignored_columns_may_be_described():
    ev = mg.Evaluation.from_predictions([0, 1, 1], [0, 1, 0], frame=FRAME, ignore=["age"], columns={"age": "x"})
    assert "age" not in ev.columns
