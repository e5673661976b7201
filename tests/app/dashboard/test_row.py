"""One prediction beside the cohort and the whole: base values, and where the row stands in each."""

import re

import pytest

from modelglass.analysis.standing import standing


@pytest.mark.parametrize("inside", [True, False])
def test_a_cohort_stands_beside_the_whole(inside, binary, show, texts):
    sql = "age < 40"
    young = binary.where(sql)
    row = int(next(i for i in binary.frame.index if (i in young.frame.index) == inside))
    at = show(binary, "row", where=sql, **{"row.row": str(row)})
    assert not at.error
    said = texts(at)
    for ev in (young, binary):
        assert standing(ev, row=row).sentence() in said
    assert f"Cohort: {young.n} rows" in said
    assert ("This row is not in the cohort" in said) == (not inside)


@pytest.mark.parametrize("evaluation", ["multiclass", "regression"], indirect=True)
def test_other_tasks(evaluation, show, texts):
    at = show(evaluation, "row", where="age < 40", **{"row.row": "3"})
    assert not at.error
    assert len(re.findall(r"the mean is", texts(at))) == 2
