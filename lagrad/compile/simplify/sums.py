"""Rules of sums of many terms: what terms share is done once, and what is put is put in place.

A program adds up multipliers two by two. A sum whose parts nothing else needs is one list of
terms with signs; terms that are the same map of different things are that map of their sum.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.factors import constant_factor
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    ADD,
    DIVIDE,
    FACTORS,
    MATMUL,
    MULTIPLY,
    NEGATIVE,
    SUMS,
    calls,
    dtype_of,
    is_inexact,
    is_row,
    is_safe,
    like,
    reduction,
    shape_of,
    size_of,
)
from lagrad.compile.simplify.rules import Room, key_of, rewrite
from lagrad.compile.simplify.written import filled
from lagrad.dispatch import scatter_add

#: So many terms of one sum are looked at together.
MOST = 2000
Term = tuple[int, Any]


def terms_of(row: Instruction, at: Pass) -> list[Term]:
    """Return the terms of a sum with their signs, in order."""
    found: list[Term] = []
    stack: list[Term] = [(1, row)]
    inner = at.inner_sums
    while stack:
        sign, part = stack.pop()
        if type(part) is not Instruction:
            found.append((sign, part))
        elif part is row or id(part) in inner:
            a, b = part.args
            stack.append((sign if part.function in ADD else -sign, b))
            stack.append((sign, a))
        elif is_row(part, NEGATIVE) and at.once(part):
            stack.append((-sign, part.args[0]))
        else:
            found.append((sign, part))
    return found


def sum_of_terms(row: Instruction, at: Pass) -> Any:
    """Terms that share a factor or a map are summed first. Within n ulp of the largest term.

    Of terms that overflow, or are infinite with both signs, it may leave the number that is meant.
    """
    if id(row) in at.inner_sums or not is_inexact(row) or not at.facts.drops_sign(row):
        return None
    terms = terms_of(row, at)
    if not 2 <= len(terms) <= MOST:
        return None
    dtype = dtype_of(row)
    for _, t in terms:
        if type(t) is not Instruction or dtype_of(t) != dtype:
            return None
    shorter = (may_share(terms) and shared(row, terms, at)) or there_already(terms, at)
    return put_in_place(row, terms, at) if shorter is None else summed(row, shorter, at)


def summed(row: Instruction, terms: Sequence[Term], at: Pass) -> Any:
    """Return the row as the sum of terms, in their order."""
    terms = list(terms)
    if terms[0][0] < 0:  # so that nothing has to be negated
        first = next((k for k, (sign, _) in enumerate(terms) if sign > 0), 0)
        terms.insert(0, terms.pop(first))
    sign, total = terms[0]
    if len(terms) == 1:
        if sign < 0:
            return rewrite(row, operator.neg, total)
        return total if like(row, total) else None
    if sign < 0:
        total = at.make(row, operator.neg, total)
    for k, (sign, part) in enumerate(terms[1:]):
        function = operator.add if sign > 0 else operator.sub
        if k == len(terms) - 2:
            return rewrite(row, function, total, part)
        total = at.make(row, function, total, part)
    return None


# -- what terms share ----------------------------------------------------------------------------


def maps_of(term: Any, at: Pass) -> list[tuple[Any, Any]]:
    """Return (what makes two maps the same, what it is a map of) for one term."""
    found: list[tuple[Any, Any]] = []
    factor = constant_factor(term)
    if factor is not None:
        c, x = factor
        return [(("multiple", id(x)), c)]
    found.append((("multiple", id(term)), 1.0))
    if not at.once(term) or (term.kwargs and isinstance(term.function, np.ufunc)):
        return found
    shape = shape_of(term)
    if term.function in MULTIPLY:
        a, b = term.args
        found += [(("times", id(y), shape_of(x)), x) for x, y in ((a, b), (b, a)) if is_row(x)]
    elif term.function in DIVIDE and is_row(term.args[0]):
        x, y = term.args
        found.append((("over", id(y), shape_of(x)), x))
    elif term.function in MATMUL:
        a, b = term.args
        if is_row(a):
            found.append((("matmul", id(b), shape_of(a)), a))
        if is_row(b):
            found.append((("matmul of", id(a), shape_of(b)), b))
    elif term.function in (np.reshape, np.transpose, np.broadcast_to) and is_row(term.args[0]):
        x = term.args[0]
        spelt = repr((term.args[1:], term.kwargs)) if not any_rows(term) else id(term)
        found.append(((term.function, spelt, shape_of(x), shape), x))
    elif term.function is scatter_add and is_row(term.args[0]) and not any_rows(term):
        w, index, _ = term.args
        found.append((("put", key_of(index), shape_of(w)), w))
    elif term.function is np.sum:
        total = reduction(term)
        if total is not None and is_row(total.x):
            found.append((("sum", total.axes, total.keepdims, shape_of(total.x)), total.x))
    return found


def any_rows(term: Instruction) -> bool:
    """True if an argument besides the first is an instruction."""
    return len(list(term.parents())) > 1


def may_share(terms: list[Term]) -> bool:
    """True if two terms have a function or an argument in common: a quick look."""
    seen: set[Any] = set()
    for _, term in terms:
        function = term.function
        marks = {id(term)}
        if function in LINEAR_IN:
            marks.update(id(a) for a in term.args if type(a) is Instruction)
        elif function in MOVES:
            marks.add(function)
        if not seen.isdisjoint(marks):
            return True
        seen |= marks
    return False


LINEAR_IN = FACTORS | MATMUL
MOVES = frozenset({np.reshape, np.transpose, np.broadcast_to, np.sum, scatter_add})


def shared(row: Instruction, terms: list[Term], at: Pass) -> list[Term] | None:
    """Return fewer terms: the largest group that is one map of a sum, as that map."""
    groups: dict[Any, list[tuple[int, int, Any]]] = {}
    for k, (sign, term) in enumerate(terms):
        for key, x in maps_of(term, at):
            groups.setdefault(key, []).append((k, sign, x))
    if all(len(group) == 1 for group in groups.values()):
        return None
    for key, group in sorted(groups.items(), key=lambda g: -len(g[1])):
        if len(group) < 2:
            return None
        if len({k for k, _, _ in group}) < len(group):
            continue  # x * x, in two ways
        term = image(row, key, group, terms, at)
        if term is not None:
            gone = {k for k, _, _ in group}
            kept = [(t if k != group[0][0] else term) for k, t in enumerate(terms)]
            return [t for k, t in enumerate(kept) if k not in gone or k == group[0][0]]
    return None


def image(
    row: Instruction, key: Any, group: list[tuple[int, int, Any]], terms: list[Term], at: Pass
) -> Term | None:
    """Return the map of the sum of what it was a map of, as a term."""
    first = terms[group[0][0]][1]
    if key[0] == "multiple":
        c = sum(sign * c for _, sign, c in group)
        x = first if constant_factor(first) is None else constant_factor(first)[1]  # type: ignore[index]
        plain = all(c == 1.0 for _, _, c in group)
        if plain and len(group) == 2 or not is_safe(c, row):
            return None
        return 1, at.make(row, operator.mul, c, x)
    inner = [(sign, x) for _, sign, x in group]
    if any(dtype_of(x) != dtype_of(row) for _, x in inner):
        return None
    flip = inner[0][0]
    inner = [(sign * flip, x) for sign, x in inner]
    if key[0] in ("sum", np.broadcast_to) or size_of(inner[0][1]) > 2 * size_of(row):
        # More is added up than before, unless it is there already.
        if len(inner) != 2:
            return None
        (_, a), (sign, b) = inner
        total = at.find(operator.add if sign > 0 else operator.sub, a, b)
        if total is None:
            return None
    else:
        total = inner[0][1]
        for sign, x in inner[1:]:
            total = at.make(row, operator.add if sign > 0 else operator.sub, total, x)
    source = group[0][2]
    k = next(k for k, arg in enumerate(first.args) if arg is source)
    args = (*first.args[:k], total, *first.args[k + 1 :])
    return flip, at.make(first, first.function, *args, shape=shape_of(first), **first.kwargs)


def there_already(terms: list[Term], at: Pass) -> list[Term] | None:
    """Return fewer terms, two of which are summed elsewhere."""
    if not 3 <= len(terms) <= 6:
        return None
    for i, (s, a) in enumerate(terms):
        for j in range(i + 1, len(terms)):
            t, b = terms[j]
            pairs = (
                ((operator.add, a, b, s),)
                if s == t
                else (
                    (operator.sub, a, b, s),
                    (operator.sub, b, a, t),
                )
            )
            for function, x, y, sign in pairs:
                total = at.find(function, x, y)
                if total is not None and id(total) not in at.inner_sums:
                    rest = [term for k, term in enumerate(terms) if k not in (i, j)]
                    return [*rest[:i], (sign, total), *rest[i:]]
    return None


# -- what is put at places -----------------------------------------------------------------------


def put_in_place(row: Instruction, terms: list[Term], at: Pass) -> Instruction | None:
    """Return the row as one array, into which all that is put at places is put."""
    if not any(t.function is scatter_add for _, t in terms):
        return None
    put: list[Term] = []
    rest: list[Term] = []
    for sign, t in terms:
        fits = calls(t, scatter_add) and at.once(t) and shape_of(t) == shape_of(row)
        (put if fits else rest).append((sign, t))
    if not put or not isinstance(row.value, np.ndarray):
        return None
    base = None
    if rest:
        sign, base = rest.pop(next((k for k, (sign, _) in enumerate(rest) if sign > 0), 0))
        base = base if sign > 0 else at.make(row, operator.neg, base)
        for sign, t in rest:
            base = at.make(row, operator.add if sign > 0 else operator.sub, base, t)
    indices = tuple(t.args[1] for _, t in put)
    signs = tuple(sign for sign, _ in put)
    pieces = [t.args[0] for _, t in put]
    return rewrite(row, filled, base, shape_of(row), indices, signs, *pieces)


RULES: Room = {SUMS: (sum_of_terms,)}

__all__ = ["RULES"]
