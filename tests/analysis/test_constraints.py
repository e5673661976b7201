"""Constraints: what is learnt from data made for it, what a person may give, contradictions, and the validator."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier

from modelglass.analysis.constraints import constraints
from modelglass.analysis.constraints_found import _step
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.noise_robustness import noise_robustness
from modelglass.analysis.possible import Space


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([2, 3, 4], n)
    school = rng.choice(["none", "primary", "higher"], n)
    weight, height = rng.uniform(50, 100, n).round(1), rng.uniform(150, 200, n).round()
    low = rng.normal(10, 3, n).round(2)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "tens": 10 * rng.integers(0, 30, n),
            "x": rng.normal(size=n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "school": school,
            "years": pd.Series(school).map({"none": 0, "primary": 6, "higher": 14}),
            "rent": shares[:, 0],
            "food": shares[:, 1],
            "rest": shares[:, 2],
            "weight": weight,
            "height": height,
            "ratio": (weight / height).round(3),
            "low": low,
            "top": (low + rng.exponential(2, n)).round(2),
            "flag": rng.random(n) < 0.4,
            "code": np.where(rng.random(n) < 0.1, -999, rng.integers(0, 40, n)),
            "name": [f"person {i}" for i in range(n)],
            "one": 3.0,
        }
    ).assign(y=rng.choice(["a", "b"], n))


@pytest.fixture(scope="module")
def ev():
    frame = table()
    X = frame.drop(columns="y")
    return Evaluation(DummyClassifier().fit(X, frame.y), frame, target="y")


@pytest.fixture(scope="module")
def found(ev):
    return constraints(ev)


def test_what_the_data_say(found):
    rule = found.columns
    assert (rule["age"].low, rule["age"].high, rule["age"].step) == (18, 79, 1)
    assert (rule["tens"].step, rule["x"].step, rule["low"].step) == (10, 0, 0.01)
    assert rule["day"].dates
    assert rule["day"].step == 86_400
    assert rule["school"].levels == ("higher", "none", "primary")
    assert rule["code"].codes == (-999,)
    assert rule["code"].low >= 0
    assert rule["name"].kind == "fixed"
    assert rule["one"].immutable
    assert not rule["one"].free
    assert rule["flag"].levels == (False, True)
    width = np.subtract(*np.quantile(table().age, [0.75, 0.25]))
    assert rule["age"].spread == pytest.approx(width / 1.349)


def small(x):
    return np.asarray(x).astype(np.float32).astype(float)


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (
            lambda r: r.uniform(0, 100, 400),
            0,
        ),  # a step of 0.0001 was found: beyond 50 any number passed for four decimals
        (lambda r: r.uniform(0, 1e6, 400), 0),
        (lambda r: r.lognormal(8, 1, 400), 0),
        (lambda r: r.normal(size=400) * 1e-7, 0),
        (lambda r: small(r.uniform(1e4, 1e5, 400).round(2)), 0),  # 32 bits hold them to 0.008
        (lambda r: r.normal(size=400) * 1e200, 0),
        (lambda r: r.uniform(0, 1e6, 400).round(2), 0.01),
        (lambda r: small(r.uniform(0, 3e3, 400).round(1)), 0.1),
        (lambda r: small(r.integers(0, 2**24, 400)), 1),
        (lambda r: np.cumsum(np.full(400, 0.1)), 0.1),
        (lambda r: 0.25 * r.integers(0, 4_000, 400), 0.25),
        (lambda r: 12.0 * r.integers(0, 40, 400), 12),
    ],
)
def test_a_step_is_found_only_where_values_lie_on_it(make, step):
    assert _step(np.unique(make(np.random.default_rng(0))), dates=False) == pytest.approx(step)


def test_a_number_between_large_steps_is_seen():
    X = pd.DataFrame({"pay": np.arange(2_000_000.0, 2_000_100)})
    ev = Evaluation(lambda rows: rows.pay.to_numpy(), X.assign(t=X.pay), target="t", task="regression")
    rules = constraints(ev)
    assert rules.columns["pay"].step == 1
    assert rules.violations(X + 0.5).rule.tolist()[:99] == ["between its steps of 1"] * 99
    assert rules.violations(X.astype("float32")).empty


def test_a_total_of_whole_numbers_is_not_off_by_one():
    """What rounding allows was counted twice: a total of 8 passed for 3 + 4."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 40, 200), "b": rng.integers(0, 40, 200)}).assign(c=lambda d: d.a + d.b)
    rules = constraints(Evaluation(lambda x: x.a.to_numpy(), X.assign(t=X.a), target="t", task="regression"))
    assert [t.text() for t in rules.together] == ["c = a + b"]
    assert rules.violations(X).empty
    off = X.assign(c=np.where(X.c < X.c.max(), X.c + 1, X.c - 1))
    assert rules.violations(off).rule.tolist() == ["not c = a + b"] * 200


def test_what_belongs_together_is_what_was_made_so(found):
    assert {(t.kind, t.by, t.columns) for t in found.together} == {
        ("sum", "", ("rent", "food", "rest")),
        ("derived", "table", ("school", "years")),
        ("derived", "ratio", ("weight", "height", "ratio")),
        ("order", "", ("low", "top")),
    }
    text = found.sentence()
    assert "rent + food + rest = 1" in text
    assert "years follows from school" in text
    assert "400 rows of the data" in text


def test_chance_makes_no_rules():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.integers(0, 3, (300, 8)), columns=list("abcdefgh")).assign(y=rng.choice(["a", "b"], 300))
    X = frame.drop(columns="y")
    assert not constraints(Evaluation(DummyClassifier().fit(X, frame.y), frame, target="y")).together


def test_training_rows_widen_what_is_possible():
    frame, train = table(), table(300, seed=5).assign(age=lambda d: d.age + 30)
    X = frame.drop(columns="y")
    ev = Evaluation(DummyClassifier().fit(X, frame.y), frame, target="y", train=train)
    got = constraints(ev)
    assert got.columns["age"].high == max(frame.age.max(), train.age.max())
    assert "300 training rows" in got.sentence()


def test_rows_of_the_data_break_nothing_and_the_round_trip_is_whole(ev, found, tmp_path):
    assert found.violations(ev.inputs()).empty
    assert found.violations(ev.inputs(), ev.inputs()).empty
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(found.as_given()))
    again = constraints(ev, given=path)
    assert [t.text() for t in again.together] == [t.text() for t in found.together]
    for name, rule in found.columns.items():
        other = again.columns[name]
        assert (rule.low, rule.high, rule.step) == (other.low, other.high, other.step)
        assert (rule.levels, rule.immutable) == (other.levels, other.immutable)


def test_each_rule_is_seen_by_the_validator(ev):
    rules = constraints(
        ev,
        given={
            "columns": {
                "age": {"direction": "up"},
                "flag": {"immutable": True},
                "school": {"levels": ["none", "higher"]},
            }
        },
    )
    before = ev.inputs()[(ev.inputs().school != "primary") & (ev.inputs().code >= 0)].iloc[:1].reset_index(drop=True)

    def broken(**cells):
        got = rules.violations(before.assign(**cells), before)
        return set(zip(got.column, got.rule, strict=True))

    row = before.iloc[0]
    assert broken() == set()
    assert broken(age=row.age + 1) == set()
    assert broken(age=row.age - 1) == {("age", "it may only go up")}
    assert broken(age=200) == {("age", "above 79")}
    assert broken(tens=row.tens + 1 if row.tens < 290 else row.tens - 1) == {("tens", "between its steps of 10")}
    assert broken(flag=not row.flag) == {("flag", "it must stay as it is")}
    assert ("school", "its level 'primary' is not allowed") in broken(school="primary", years=6)
    assert broken(school="none" if row.school == "higher" else "higher") == {("years", "not years follows from school")}
    assert broken(rent=row.rent * 0.9) == {("rest", "not rent + food + rest = 1")}
    assert broken(top=row.low - 0.05) >= {("top", "not low <= top")}
    assert broken(code=-999) == {("code", "a code that stands for something else stays")}
    assert broken(x=np.nan) == {("x", "a missing value stays missing, and no other becomes it")}
    assert broken(name="other") == {("name", "it must stay as it is")}


def test_projected_rows_pass_the_validator(ev, found):
    rng = np.random.default_rng(1)
    space = Space(found, ev.inputs())
    places = rng.integers(0, ev.n, 3_000)
    donors = space.X[rng.integers(0, ev.n, 3_000)]
    wanted = np.where(
        rng.random(donors.shape) < 0.3,
        donors + np.where(space.number, rng.normal(size=donors.shape), 0),
        space.X[places],
    )
    X = space.project(places, wanted)
    good = space.possible(places, X)
    assert good.mean() > 0.5
    made = space.rows(places[good], X[good])
    assert made.dtypes.tolist() == ev.inputs().dtypes.tolist()
    assert found.violations(made, ev.inputs().iloc[places[good]].reset_index(drop=True)).empty
    unchanged = space.rows(np.arange(ev.n), space.X)
    pd.testing.assert_frame_equal(unchanged, ev.inputs().reset_index(drop=True))


@pytest.mark.parametrize("kinds", [("f8", "f8", "f8"), ("f4", "f4", "f4"), ("i8", "f4", "f8")])
def test_rows_of_numbers_alone_keep_their_types_and_values(kinds):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({c: rng.integers(-9, 9, 60).astype(k) for c, k in zip("abc", kinds, strict=True)})
    X.loc[3, "c"] = np.nan
    y = np.where(X.a > 0, "yes", "no")
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, y)
    ev = Evaluation(model, X.assign(y=y), target="y")
    space = Space(constraints(ev), ev.inputs())
    pd.testing.assert_frame_equal(space.rows(np.arange(60), space.X), ev.inputs().reset_index(drop=True))
    wanted = space.X[[5, 3]] + [2.4, 0, 1]
    made = space.rows(np.array([5, 3]), space.project(np.array([5, 3]), wanted))
    assert made.dtypes.tolist() == X.dtypes.tolist()
    assert made.a.tolist() == np.minimum(X.a[[5, 3]] + 2, X.a.max()).tolist()  # on its steps of 1, in its range
    assert made.b.tolist() == X.b[[5, 3]].tolist()
    assert np.isnan(made.c[1])


def test_cost_is_in_spreads_and_derived_columns_are_free(ev, found):
    space = Space(found.changed({"columns": {"x": {"cost": 3}}}), ev.inputs())
    X = space.X[:1].copy()
    names = space.names
    X[0, names.index("age")] += 5
    X[0, names.index("x")] -= 0.5
    X[0, names.index("school")] = (X[0, names.index("school")] + 1) % 3
    X[0, names.index("years")] += 1
    wanted = 5 / found.columns["age"].spread + 3 * 0.5 / found.columns["x"].spread + 1
    assert space.cost(np.array([0]), X)[0] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"columns": {"age": {"low": 50, "high": 40}}},
            ["contradict", "low 50 of 'age' (the constraints, under columns: age: low) is above its high 40"],
        ),
        ({"columns": {"tens": {"low": 12, "high": 18}}}, ["no step of 10 of 'tens' (as the data show) lies between"]),
        (
            {"columns": {"rent": {"low": 0.7, "high": 1}, "food": {"low": 0.6, "high": 1}}},
            ["rent + food + rest = 1", "only sums from"],
        ),
        ({"columns": {"low": {"low": 50, "high": 60}}}, ["low <= top", "starts where 'top' has ended"]),
        ({"together": [{"derived": "school", "from": "years"}]}, ["follows from itself"]),
        ({"together": [{"derived": "x", "from": ["age", "tens"]}]}, ["'x' to follow from age, tens on all rows"]),
        ({"columns": {"agee": {}}}, ["'agee'", "Did you mean 'age'?"]),
        ({"columns": {"age": {"lo": 3}}}, ["'lo'", "Did you mean 'low'?"]),
        ({"columns": {"school": {"levels": ["high"]}}}, ["which no row holds", "Did you mean 'higher'?"]),
        ({"columns": {"school": {"levels": []}}}, ["at least one level"]),
        ({"columns": {"school": {"low": 1}}}, ["no low for 'school'"]),
        ({"columns": {"school": {"direction": "up"}}}, ["levels have no order"]),
        ({"columns": {"age": {"cost": 0}}}, ["cost above 0"]),
        ({"columns": {"day": {"low": "soon"}}}, ["a date such as"]),
        ({"columns": {"age": {"immutable": "yes"}}}, ["true or false"]),
        ({"together": [{"sum": ["rent"]}]}, ["at least two different columns"]),
        ({"together": [{"sum": ["rent", "school"]}]}, ["'school' holds none"]),
        ({"nothing": 1}, ["columns, together, inferred"]),
        ({"columns": {"school": {"levels": [["high"]]}}}, ["single values as levels of 'school'", "a list"]),
        ({"columns": {"day": {"low": 2020}}}, ["a date such as", "Got 2020"]),
        ({"together": [{"sum": ["x", "low"], "equals": "much"}]}, ["a number as equals", "'much'"]),
        ({"together": [{"sum": ["x", "low"], "equals": np.nan}]}, ["a number as equals", "nan"]),
        ({"together": [{"sum": {"x": 1, "low": 2}}]}, ["a list of columns under sum", "keys and values"]),
        ({"together": [{"order": 3}]}, ["a list of columns under order", "Got 3"]),
        ({"together": [{"order": ["low", "top"], "equals": 1}]}, ["nothing beside it", "'equals'"]),
        ({"together": [{"order": [["low"], "top"]}]}, ["which is none of them"]),
        ({"together": [{"derived": "years"}]}, ["a list of columns under from", "nothing"]),
        ({"together": [{"derived": "years", "from": "school", "by": "tabel"}]}, ["as by", "Did you mean 'table'?"]),
        ({"together": [{"derived": "top", "from": "x"}]}, ["'top' to follow from x on all rows"]),
    ],
)
def test_what_cannot_be_is_said(found, given, said):
    with pytest.raises(InputError) as error:
        found.changed(given)
    for part in said:
        assert part in str(error.value)


def test_yaml_errors_name_the_line(found, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("columns:\n  age:\n    high: old\n")
    with pytest.raises(InputError, match=r"rules.yaml, line 2"):
        found.changed(path)
    for text, line in (
        ("columns:\n  day: {}\n  agee: {}\n", 3),
        ("together:\n- order: [low, top]\n- sum: [x, lo]\n", 3),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=rf"reads \(rules.yaml, line {line}\)[\s\S]*Did you mean '(age|low)'"):
            found.changed(path)


def test_contradictions_name_the_line_of_each_rule(found, tmp_path):
    path = tmp_path / "rules.yaml"
    for text, said in (
        (
            "columns:\n  age:\n    low: 50\n    high: 40\n",
            "low 50 of 'age' (rules.yaml, line 3) is above its high 40 of 'age' (rules.yaml, line 4)",
        ),
        ("columns:\n  age:\n    low: 99\n", "low 99 of 'age' (rules.yaml, line 3) is above its high 79 of 'age' (as the data show)"),
        (
            "columns:\n  tens: {step: 40,\n    low: 12,\n    high: 18}\n",
            "no step of 40 of 'tens' (rules.yaml, line 2) lies between its low 12 of 'tens' (rules.yaml, line 3) and high 18 of 'tens' (rules.yaml, line 4)",
        ),
        (
            "columns:\n  rent: {low: 0.7, high: 1}\n  food: {low: 0.6, high: 1}\n",
            "rent + food + rest = 1 (on all rows of the data), but their ranges allow only sums from",
        ),
        ("columns:\n  rent: {low: 0.7, high: 1}\n  food: {low: 0.6, high: 1}\n", "low 0.7 of 'rent' (rules.yaml, line 2), low 0.6 of 'food' (rules.yaml, line 3), low"),
        ("columns:\n  low: {low: 50, high: 60}\n", "low <= top (on all rows of the data), but 'low' starts where 'top' has ended: low 50 of 'low' (rules.yaml, line 2), high"),
        ("inferred: false\ntogether:\n- order: [low, top]\n- order: [top, low]\n", "low <= top (rules.yaml, line 3) and top <= low (rules.yaml, line 4)"),
        ("together:\n- order: [top, low]\n", "low <= top (on all rows of the data) and top <= low (rules.yaml, line 2)"),
        ("together:\n- {sum: [x, low], equals: 5}\n- {sum: [low, x], equals: 3}\n", "x + low = 5 (rules.yaml, line 2) and low + x = 3 (rules.yaml, line 3)"),
        (
            "inferred: false\ntogether:\n- {derived: years, from: school}\n- {derived: school, from: years}\n",
            "'years' follows from itself, by years follows from school (rules.yaml, line 3), school follows from years (rules.yaml, line 4)",
        ),
        ("columns:\n  school: {levels: [none, primary]}\n  years:\n    low: 10\n", "years follows from school (on all rows of the data), but what is allowed there"),
        ("columns:\n  school: {levels: [none, primary]}\n  years:\n    low: 10\n", "allowed here: low 10 of 'years' (rules.yaml, line 4)"),
        ("columns:\n  ratio: {low: 2, high: 9}\n", "low 2 of 'ratio' (rules.yaml, line 2)"),
        ("columns:\n  day: {low: 2024-09-01,\n    high: 2024-02-01}\n", "low 2024-09-01 of 'day' (rules.yaml, line 2) is above its high 2024-02-01 of 'day' (rules.yaml, line 3)"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError) as error:
            found.changed(path)
        assert said in str(error.value).replace(str(path), "rules.yaml"), str(error.value)
    with pytest.raises(InputError, match=r"low 50 of 'age' \(the constraints, under columns: age: low\)"):
        found.changed({"columns": {"age": {"low": 50, "high": 40}}})
    with pytest.raises(InputError, match=r"low 99 of 'age' \(the constraints, line 1\) is above its high 98 of 'age' \(given before\)"):  # fmt: skip
        found.changed("columns: {age: {high: 98}}").changed("columns: {age: {low: 99}}")


def test_what_can_hold_is_not_called_a_contradiction(found):
    for given in (
        {"columns": {"school": {"levels": ["none", "primary"]}, "years": {"high": 6}}},
        {"columns": {"school": {"levels": ["none"]}, "years": {"high": 0}}},
        {"columns": {"ratio": {"low": 0.5, "high": 0.6}, "weight": {"low": 90}}},
        {"together": [{"order": ["low", "top"]}, {"order": ["low", "top"]}]},
        {"columns": {"rent": {"low": 0.5, "high": 0.5}}},
    ):
        found.changed(given)


def test_constraints_of_other_data_say_so(ev, found):
    other = Evaluation(ev.estimator, table(300, seed=9), target="y", name="last year")
    got = constraints(other, given=found)
    assert got.called == "as other data (in memory) show"
    assert "those of 400 rows of other data (in memory)." in got.sentence()
    assert constraints(ev, given=found) is found
    assert found.called == "as the data show"
    edited = found.changed("columns: {age: {direction: up}}")
    assert constraints(other, given=edited).called == "the constraints"
    assert "of other data" in constraints(other, given=edited).sentence()
    told = noise_robustness(other, constraints=found, levels=[0.1], rows=60).settings["constraints"]
    assert told.startswith("as other data (in memory) show")


def test_an_empty_end_of_a_range_of_dates_is_no_bound(found):
    rule = found.changed({"columns": {"day": {"low": None, "high": "2020-03-01"}}}).columns["day"]
    assert (rule.low, rule.high) == (-np.inf, pd.Timestamp("2020-03-01").timestamp())


def test_without_a_model_there_is_nothing_to_change():
    with pytest.raises(NotApplicable, match="only predictions"):
        constraints(Evaluation.from_predictions([0, 1], prediction=[0, 1]))


def test_a_typed_path_is_never_read(tmp_path):
    from modelglass.analysis.constraints_given import edited

    path = tmp_path / "rules.yaml"
    path.write_text("columns: {}\n")
    with pytest.raises(InputError, match=r"looks like a file[\s\S]*Paste its text"):
        edited(None, str(path))


def test_the_command_line_reads_the_file(tmp_path):
    from modelglass.analysis import registry
    from modelglass.app.settings import from_text

    read = from_text(registry.get("adversarial"), {"constraints": str(tmp_path / "rules.yaml")})
    assert read["constraints"] == tmp_path / "rules.yaml"
    assert from_text(registry.get("adversarial"), {"constraints": "columns: {}"})["constraints"] == "columns: {}"


def test_what_the_last_of_a_sum_takes_up_is_a_number_that_data_would_hold():
    """0.62 - 0.001 - 0.001 in binary fractions is 0.6179999999999999; a table of three decimals holds 0.618. A rest of 1e-17 is no change."""
    rng = np.random.default_rng(0)
    parts = rng.dirichlet([2, 2, 2], 400).round(3)
    frame = pd.DataFrame(parts, columns=["p", "q", "r"])
    frame["r"] = (1 - frame.p - frame.q).round(3)
    ev = Evaluation(lambda X: (X.p - X.q > 0).astype(float).to_numpy(), frame.assign(y=(frame.p > frame.q).astype(float)), target="y", task="regression")  # fmt: skip
    rules = constraints(ev)
    assert [t.text() for t in rules.together] == ["p + q + r = 1"]
    space = Space(rules, ev.inputs())
    places = np.repeat(np.arange(400), 9)
    wanted = space.X[places].copy()
    wanted[:, 0] += np.tile(np.arange(1, 10) / 1000, 400)
    one = space.project(places, wanted)
    np.testing.assert_array_equal(one, one.round(3))
    wanted[:, 1] -= np.tile(np.arange(1, 10) / 1000, 400)
    inside = (wanted[:, 1] > 0.01) & (wanted[:, 0] < 0.7)
    both = space.project(places, wanted)[inside]
    np.testing.assert_array_equal(both, both.round(3))
    moved = (both[:, :2] != space.X[places][inside][:, :2]).all(axis=1)
    assert (
        both[moved, 2] == space.X[places][inside][moved, 2]
    ).mean() > 0.95  # p and q traded, r has nothing to take up


def test_what_the_data_show_and_a_person_says_too_stands_there_once():
    rng = np.random.default_rng(0)
    low = rng.integers(0, 50, 300)
    frame = pd.DataFrame({"low": low, "high": low + rng.integers(0, 9, 300)})
    ev = Evaluation(lambda X: X.low.to_numpy(float), frame.assign(y=low * 1.0), target="y", task="regression")
    for given in (None, {"together": [{"order": ["low", "high"]}]}):
        assert [t.text() for t in constraints(ev, given=given).together] == ["low <= high"]
    assert constraints(ev, given=given).together[0].how == "given"
