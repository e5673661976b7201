"""The compiled loops of partial dependence of small trees, many rows abreast: each step of a tree's program is one plain loop over rows. Imported only when they run.

They let go of Python's lock. Nodes are those of an ``Ensemble``, and counted from a tree's root where a program names them; codes stand column by column, shape
(p, rows). What a threshold does to a row's answer is the tree's value with the column just above it less the value with the column just below,
provided that the conditions on other columns lead to it: so for one node the same cell changes for all rows, and no row goes its own way.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from modelglass.explainers.tree_kernels import COMPILED, compare, goes

MASKS, PAIRS, FILLS, BLENDS, FIXED, GAINS = range(6)


@njit(**COMPILED)
def _put(program, count, kind, a, b, c, d):  # pragma: no cover
    at = count[kind]
    program[kind, at, 0], program[kind, at, 1], program[kind, at, 2], program[kind, at, 3] = a, b, c, d
    count[kind] += 1


@njit(**COMPILED)
def _plain_steps(root, end, right, program, count):  # pragma: no cover
    """Write how rows go down a tree (masks of who comes to a node) and what they find (values, from the leaves up)."""
    for v in range(root, end):
        at = v - root
        if right[v] >= 0:
            if right[v + 1] >= 0:
                _put(program, count, MASKS, at + 1, at, at, 0)
            _put(program, count, MASKS, right[v] - root, at, at, 1)
    for v in range(end - 1, root - 1, -1):
        if right[v] >= 0:
            pair = right[v + 1] < 0 and right[right[v]] < 0
            _put(program, count, PAIRS if pair else BLENDS, v - root, v + 1 - root, right[v] - root, v - root)


@njit(**COMPILED)
def _top(v, parent, cut, job):  # pragma: no cover
    """Give the highest node above v that asks its column, v without one, or -1 where those above leave no value at v's threshold."""
    top, child, above = v, v, parent[v]
    while above >= 0:
        if job[above] == job[v]:
            top = above
            if (cut[v] >= cut[above]) if child == above + 1 else (cut[v] <= cut[above]):
                return -1
        child, above = above, parent[above]
    return top


@njit(**COMPILED)
def _masks_of(v, top, root, parent, right, job, free, program, count):  # pragma: no cover
    """Write who comes to node v were its column at v's threshold, and who of them goes right; give both masks and the next free one."""
    if top == v:
        return v - root, right[v] - root, free
    mask, child, above = top - root, v, parent[v]
    while above != top:
        if job[above] != job[v]:
            _put(program, count, MASKS, free, mask, above - root, child != above + 1)
            mask = free
        child, above = above, parent[above]
    free += mask == free
    _put(program, count, MASKS, free, mask, v - root, 1)
    return mask, free, free + 1


@njit(**COMPILED)
def _value_of(v, after, root, right, end, cut, job, free, place, met, program, count):  # pragma: no cover
    """Write what rows find below node v on one side, with its column just above (after) or below its threshold; give its place and the next free one.

    place, met (nodes of a tree,): written.
    """
    top = right[v] if after else v + 1
    met[top - root : end[top] - root] = False
    met[top - root] = True
    for u in range(top, end[top]):
        if right[u] >= 0 and met[u - root]:
            left = cut[v] < cut[u] if after else cut[v] <= cut[u]
            met[u + 1 - root] = job[u] != job[v] or left
            met[right[u] - root] = job[u] != job[v] or not left
    for u in range(end[top] - 1, top - 1, -1):
        here = u - root
        place[here] = here
        if right[u] < 0 or not met[here]:
            continue
        one, two = u + 1 - root, right[u] - root
        if job[u] == job[v]:
            place[here] = place[one if met[one] else two]
        elif place[one] != one or place[two] != two:
            _put(program, count, BLENDS, free, place[one], place[two], here)
            place[here] = free
            free += 1
    return place[top - root], free


@njit(**COMPILED)
def write_program(root, end, right, parent, ends, cut, job, split, first, cells, program, count):  # pragma: no cover
    """Write the program of one tree behind ``count`` of each kind of steps; give the masks and values it needs.

    program (6, most, 4), by kind: MASKS (into, from, node, 1: who goes right), PAIRS (into, two leaves, node), FILLS (leaf), BLENDS (into, left, right,
    node), FIXED (cell, less leaf, more leaf, mask), GAINS (cell, less, more, mask). job, split, first as in ``effect_kernels``, all of them PREFIX; the
    cells of jobs' own values stand behind the ``cells`` of steps.
    """
    nodes = end - root
    masks, values = nodes, nodes
    place, met, needed = np.empty(nodes, np.int64), np.empty(nodes, np.bool_), np.zeros(nodes, np.bool_)
    blends, gains = count[BLENDS], count[GAINS]
    _plain_steps(root, end, right, program, count)
    for v in range(root, end):
        if right[v] < 0 or job[v] < 0:
            continue
        top = _top(v, parent, cut, job)
        if top < 0:
            continue
        mask, beyond, masks = _masks_of(v, top, root, parent, right, job, masks, program, count)
        less, values = _value_of(v, False, root, right, ends, cut, job, values, place, met, program, count)
        more, values = _value_of(v, True, root, right, ends, cut, job, values, place, met, program, count)
        known = less < nodes and more < nodes and right[root + less] < 0 and right[root + more] < 0
        kind = FIXED if known else GAINS
        _put(program, count, kind, first[job[v]] + split[v], less, more, mask)
        _put(program, count, kind, cells + job[v], more, less, beyond)
    for kind, start in ((BLENDS, blends), (GAINS, gains)):
        for i in range(start, count[kind]):
            for c in range(1, 3):
                at = program[kind, i, c]
                if at < nodes and right[root + at] < 0:
                    needed[at] = True
    if nodes == 1:
        needed[0] = True
    for i in range(nodes):
        if needed[i]:
            _put(program, count, FILLS, i, 0, 0, 0)
    return masks, values


@njit(**COMPILED)
def write_programs(
    starts, right, parent, ends, cut, job, split, first, cells, program, count, places
):  # pragma: no cover
    """Write the programs of trees one behind the other; places (trees + 1, 6): where each begins. Give the most masks and values."""
    masks, values = 0, 0
    for t in range(len(starts) - 1):
        places[t] = count
        m, v = write_program(
            starts[t], starts[t + 1], right, parent, ends, cut, job, split, first, cells, program, count
        )
        masks, values = max(masks, m), max(values, v)
    places[len(starts) - 1] = count
    return masks, values


@njit(**COMPILED)
def _masked(steps, start, stop, outcome, masks):  # pragma: no cover
    for i in range(start, stop):
        into, of, at, flip = steps[i, 0], steps[i, 1], steps[i, 2], np.uint8(steps[i, 3])
        for r in range(masks.shape[1]):
            masks[into, r] = masks[of, r] & (outcome[at, r] ^ flip)


@njit(**COMPILED)
def _paired(steps, start, stop, root, value, o, outcome, found):  # pragma: no cover
    for i in range(start, stop):
        into, at = steps[i, 0], steps[i, 3]
        left, right = value[root + steps[i, 1], o], value[root + steps[i, 2], o]
        for r in range(found.shape[1]):
            found[into, r] = left if outcome[at, r] else right


@njit(**COMPILED)
def _filled(steps, start, stop, root, value, o, found):  # pragma: no cover
    for i in range(start, stop):
        into, held = steps[i, 0], value[root + steps[i, 0], o]
        for r in range(found.shape[1]):
            found[into, r] = held


@njit(**COMPILED)
def _blended(steps, start, stop, outcome, found):  # pragma: no cover
    for i in range(start, stop):
        into, left, right, at = steps[i, 0], steps[i, 1], steps[i, 2], steps[i, 3]
        for r in range(found.shape[1]):
            a, b = found[left, r], found[right, r]
            found[into, r] = a if outcome[at, r] else b


@njit(**COMPILED)
def _fixed(steps, start, stop, root, value, o, masks, into):  # pragma: no cover
    for i in range(start, stop):
        cell, mask = steps[i, 0], steps[i, 3]
        gain = value[root + steps[i, 2], o] - value[root + steps[i, 1], o]
        for r in range(masks.shape[1]):
            into[cell, r] += gain if masks[mask, r] else 0.0


@njit(**COMPILED)
def _gained(steps, start, stop, found, masks, into):  # pragma: no cover
    for i in range(start, stop):
        cell, less, more, mask = steps[i, 0], steps[i, 1], steps[i, 2], steps[i, 3]
        for r in range(masks.shape[1]):
            gain = found[more, r] - found[less, r]
            into[cell, r] += gain if masks[mask, r] else 0.0


@njit(**COMPILED)
def add_abreast(  # pragma: no cover
    codes, starts, output, right, feature, value, cut, shift, listed, goes_left, program, places, needed, whole, steps
):  # fmt: skip
    """Add all trees: to whole (k, rows) each row's own output, to steps (k, cells, rows) what changes at a cell.

    Behind the cells of steps: what each job's column below all thresholds changes of the row's own output. program and places as ``write_programs`` leaves
    them, needed: its answer.
    """
    rows = codes.shape[1]
    outcome, masks = np.empty((128, rows), np.uint8), np.empty((needed[0], rows), np.uint8)
    found = np.empty((needed[1], rows))
    masks[0] = 1
    for t in range(len(starts) - 1):
        root, a, b = starts[t], places[t], places[t + 1]
        compare(codes, root, starts[t + 1], right, feature, cut, shift, listed, goes_left, outcome)
        _masked(program[MASKS], a[MASKS], b[MASKS], outcome, masks)
        for o in range(value.shape[1]):
            into = steps[output[t] + o]
            _paired(program[PAIRS], a[PAIRS], b[PAIRS], root, value, o, outcome, found)
            _filled(program[FILLS], a[FILLS], b[FILLS], root, value, o, found)
            _blended(program[BLENDS], a[BLENDS], b[BLENDS], outcome, found)
            _fixed(program[FIXED], a[FIXED], b[FIXED], root, value, o, masks, into)
            _gained(program[GAINS], a[GAINS], b[GAINS], found, masks, into)
            for r in range(rows):
                whole[output[t] + o, r] += found[0, r]


@njit(**COMPILED)
def add_absent(  # pragma: no cover
    codes, starts, output, right, feature, value, cut, shift, listed, goes_left, column, cell, missing, whole, steps
):  # fmt: skip
    """Correct, for rows that miss a job's column, what the column below all thresholds changes of the row's own output.

    A missing value is no place on the column, so what thresholds below it add up to says nothing: the trees are gone down with the lowest code, 0, instead.
    """
    k = value.shape[1]
    for r in range(codes.shape[1]):
        if codes[column, r] != missing:
            continue
        for o in range(len(whole)):
            steps[o, cell, r] = -whole[o, r]
        for t in range(len(starts) - 1):
            node = starts[t]
            while right[node] >= 0:
                code = codes.dtype.type(0) if feature[node] == column else codes[feature[node], r]
                node = node + 1 if goes(code, node, cut, shift, listed, goes_left) else right[node]
            for o in range(k):
                steps[output[t] + o, cell, r] += value[node, o]


@njit(**COMPILED)
def summed_abreast(whole, steps, base, first, size, cells, out):  # pragma: no cover
    """Turn steps (k, cells + jobs, rows) into the raw output at each grid point, out (k, points, rows)."""
    for o in range(len(out)):
        at = 0
        for j in range(len(first)):
            for r in range(out.shape[2]):
                out[o, at, r] = whole[o, r] + base[o] + steps[o, cells + j, r] + steps[o, first[j], r]
            at += 1
            for c in range(first[j] + 1, first[j] + size[j]):
                for r in range(out.shape[2]):
                    out[o, at, r] = out[o, at - 1, r] + steps[o, c, r]
                at += 1
