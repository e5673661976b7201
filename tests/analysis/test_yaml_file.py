"""YAML: plain values with the line of each key; hostile, broken and doubled input refused with file and line."""

from __future__ import annotations

import math
import time

import pytest
import yaml

from modelglass.analysis.errors import InputError
from modelglass.analysis.yaml_file import check_keys, check_mapping, parse_yaml, place, read_yaml

TEXT = """\
# what is what
target: income
score:
  - a=b
  - c=d
income:
  unit: EUR
  levels: [no, yes, 3]
2019: "12"
"""


@pytest.fixture
def read(tmp_path):
    def run(content, **more):
        path = tmp_path / "run.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_yaml(path, **more)

    return run


def test_values_and_lines(read):
    value, lines = read(TEXT)
    assert value == {
        "target": "income",
        "score": ["a=b", "c=d"],
        "income": {"unit": "EUR", "levels": ["no", "yes", 3]},
        "2019": "12",
    }
    assert lines[("target",)] == 2
    assert lines[("score", 1)] == 5
    assert lines[("income", "unit")] == 7
    assert lines[("income", "levels", 0)] == 8
    assert lines[()] == 2
    assert place("run.yaml", lines, "income", "nowhere") == "run.yaml, line 6"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("12", 12), ("-3", -3), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), ("1e-3", 1e-3), (".5", 0.5), ("-.inf", -math.inf),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("Norway", "Norway"), ("12:30", "12:30"), ("1_000", "1_000"),
        ("2024-05-01", "2024-05-01"), ("'12'", "12"), ('"true"', "true"), ("!!str 12", "12"), ("|\n  two\n  lines", "two\nlines"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(read, written, expected):
    got = read(f"a: {written}")[0]["a"]
    assert got == expected
    assert type(got) is type(expected)


def test_equal_to_pyyaml_where_the_schemas_agree(read):
    text = "a: [1, 2.5, {b: x, c: [true, null]}]\nd: {e: 'q'}\nf: >\n   folded\n   text\ng:\n- 1\n- h: 2\n"
    assert read(text)[0] == yaml.safe_load(text)


WRONG = {
    "alias": ("a: &x 1\nb: *x\n", ["line 1", "aliases"]),
    "bomb": ("a: &a [x, x]\n" + "".join(f"a{i}: &b{i} [*a, *a]\n" for i in range(20)), ["aliases"]),
    "tag": ("a: 1\nb: !!python/object/apply:os.system ['echo hi']\n", ["line 2", "tag"]),
    "twice": ("a: 1\nb: 2\na: 3\n", ["line 3", "'a'", "line 1"]),
    "twice below": ("t:\n  a: 1\n  a: 3\n", ["line 3", "'a'"]),
    "deep": ("[" * 5000, ["nesting", "30"]),
    "deep block": ("".join(f"{' ' * i}a:\n" for i in range(40)), ["nesting"]),
    "two documents": ("a: 1\n---\nb: 2\n", ["line 2", "one document"]),
    "list as key": ("? [a, b]\n: 1\n", ["line 1", "key"]),
    "broken": ("a: 1\nb: [1, 2\nc: 3\n", ["line 3"]),
    "tab": ("a:\n\tb: 1\n", ["line 2"]),
    "colon": ("a: b: c\n", ["line 1"]),
    "empty": ("", ["empty"]),
    "only remarks": ("# nothing\n", ["empty"]),
    "latin": (b"a: 1\nb: caf\xe9\n", ["Line 2", "0xe9", "UTF-8"]),
    "binary": (b"a: 1\nb: \x00\x01", ["line 2"]),
    "utf-16": ("a: 1".encode("utf-16"), ["UTF-8"]),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_refused_with_file_and_line_in_three_beats(read, case):
    content, parts = WRONG[case]
    started = time.process_time()
    with pytest.raises(InputError) as refused:
        read(content)
    assert time.process_time() - started < 2
    text = str(refused.value)
    assert 2 <= len(text.splitlines()) <= 3, text
    for part in ["run.yaml", *parts]:
        assert part in text


def test_size_folder_and_absence(read, tmp_path):
    with pytest.raises(InputError, match="at most 10 bytes"):
        read("a: 1234567890", max_bytes=10)
    assert read("a: 1234567890", max_bytes=13)[0] == {"a": 1234567890}
    with pytest.raises(InputError, match="folder"):
        read_yaml(tmp_path)
    with pytest.raises(InputError, match=r"Did you mean .*run\.yaml"):
        read_yaml(tmp_path / "runn.yaml")
    with pytest.raises(InputError, match="no folder"):
        read_yaml(tmp_path / "x" / "run.yaml")


def test_the_byte_order_mark_is_not_part_of_the_first_key(read):
    assert read(b"\xef\xbb\xbfa: 1")[0] == {"a": 1}


def test_keys_are_checked_with_the_nearest_name():
    value, lines = parse_yaml("target: y\nsed: 1\n", "run.yaml")
    with pytest.raises(InputError, match=r"run\.yaml, line 2[\s\S]*'sed'[\s\S]*'seed'"):
        check_keys(value, ["target", "seed"], "run.yaml", lines)
    check_keys(value, ["target", "sed"], "run.yaml", lines)
    with pytest.raises(InputError, match=r"line 1[\s\S]*a list"):
        check_mapping([1], "run.yaml", {(): 1})


def test_values_may_stay_texts(read):
    text = "a: 01\nb: true\nc: [1.50, ~]\nd: null\ne: '~'\n"
    assert read(text, texts=True)[0] == {"a": "01", "b": "true", "c": ["1.50", None], "d": None, "e": "~"}
