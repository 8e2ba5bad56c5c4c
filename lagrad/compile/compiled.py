"""compile: a function written down once and run as flat NumPy source."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from enum import Enum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from types import BuiltinFunctionType, EllipsisType
from typing import Any

import numpy as np

from lagrad.compile.entry import MISS, MISSING, parameters_of
from lagrad.compile.variant import Variant, written
from lagrad.containers import leaves
from lagrad.status import ArgumentError
from lagrad.trace import Traced

#: So many programs of one function are kept; the one that was used longest ago goes.
KEPT = 16
#: After so many programs in a row the user is told why.
MANY = 8


class Compiled:
    """A function that is written down at its first call and run as flat NumPy source after it.

    Each object has a class of its own, whose ``__call__`` is the program last used.

    Attributes
    ----------
    source : str
        The program last used, as a module that runs by itself.
    graph : Listing
        Its instructions.
    stats : dict
        How many programs there are, how long the last one took to make, how often a call was run
        as plain Python because a result was not finite.
    """

    def __init__(self, function: Callable[..., Any], jit: str | None = None) -> None:
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", "function")
        self.__doc__ = getattr(function, "__doc__", None)
        self.jit = jit
        self._variants: list[Variant] = []
        self._lock = RLock()  # a function may call its own program while it is written
        self._careful_calls = self._written = 0
        self._watched = self._unfit = 0
        self._told = False
        self._plain_because = ""
        self._warned = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return again(self, *args, **kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else partial(self, owner)

    def __reduce__(self) -> Any:
        return compile, (self.__wrapped__, self.jit)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}: {len(self._variants)} programs>"

    def _last(self) -> Variant:
        if not self._variants:
            why = self._plain_because or "it has not been called yet; call it once"
            raise ArgumentError(f"there is no program of {self.__name__}: {why}")
        return self._variants[-1]

    @property
    def source(self) -> str:
        """The program last used."""
        return self._last().module.text()[0]

    def save(self, path: str | Path) -> None:
        """Write the program last used to a file, and its large arrays beside it as .npz."""
        self._last().module.save(path)

    @property
    def graph(self) -> Any:
        """The instructions of the program last used."""
        return self._last().graph

    @property
    def stats(self) -> dict[str, Any]:
        """Counts and times."""
        last = self._variants[-1].stats if self._variants else {}
        return {
            "programs": len(self._variants),
            "written": self._written,
            "careful": self._careful_calls,
            **last,
        }


def compile(function: Callable[..., Any], jit: str | None = None) -> Any:
    """Return ``function`` in its compiled form: flat NumPy source, written down at the first call.

    The function is run once on symbols that write down every NumPy call, forward and back; this
    program is simplified, printed one line an instruction, and run.

    Parameters
    ----------
    function : function of arrays, numbers and nested containers of them
        A transform such as ``lg.grad(f)``, or any function, which may call transforms inside. It
        returns arrays and numbers in nested containers.
    jit : {None, "numba"}
        With "numba" (the extra ``jit``) the lines are compiled by numba where it knows all of them.

    Returns
    -------
    Compiled
        To be called as the function is, from any thread; it pickles if the function does, and is
        written down anew where it arrives. ``.source`` is the program last used as a module, which
        runs without lagrad unless it searches for the values of a cycle or calls a function of
        lagrad's own (it imports those); ``.save(path)`` writes it, ``.graph`` lists its
        instructions with the lines of the user's code, ``.stats`` tells counts and seconds.

    Raises
    ------
    ArgumentError
        If it is no function, if there is no such ``jit``, or numba is not installed. A call raises
        what the function raises.

    Notes
    -----
    Each call checks structure, shapes, dtypes, the answers that Python got about values (``if``,
    ``int()``, ``float()``), and by identity the closure cells, defaults and globals that the
    function reads. An array of the same shape and dtype is taken as it is; for anything else that
    is another one the function is written down anew, and at most 16 programs are kept. Arrays
    around the function are held by reference. What cannot be seen from outside is frozen:
    random numbers drawn inside, files that are read, the time; what is printed is printed once. A
    saved module serves for the shapes, dtypes and options of the call that it was written for.

    A result of a transform that is not finite is found, and the function itself is run again in
    its plain form. Results agree with it up to rounding: numbers go through ``math``, sums may be
    added in another order. A program has no effect on what is around it: a function that writes
    into its arguments, or into a global, runs as plain Python, with a warning.

    A sparse Jacobian is a matrix of its own at each call. Its pattern is that of the indices and
    conditions which it was found for: they are checked too. With complex numbers, cycles or loops,
    or if the function goes on to compute with the matrix, it runs as plain Python.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> g = lg.compile(lg.value_and_grad(lambda x: np.sin(x) * x))
    >>> value, gradient = g(2.0)
    >>> round(value, 6), round(gradient, 6)
    (1.818595, 0.077004)
    """
    if not callable(function):
        raise ArgumentError(f"compile takes a function, not {type(function).__name__}")
    if jit not in (None, "numba"):
        raise ArgumentError(f"jit={jit!r}; there are None and 'numba'")
    if jit == "numba" and find_spec("numba") is None:
        raise ArgumentError("jit='numba' needs numba: pip install 'lagrad[jit]'")
    made = type("Compiled", (Compiled,), {"__slots__": (), "__call__": Compiled.__call__})
    return made(function, jit)


def again(self: Compiled, /, *args: Any, **kwargs: Any) -> Any:
    """Run another program that fits, or make one."""
    args, kwargs = given_ones(self, args, kwargs)
    if traced((args, kwargs)):
        return self.__wrapped__(*args, **kwargs)
    if not describable((args, kwargs)):
        refuse_once(self, args, kwargs)
        return self.__wrapped__(*args, **kwargs)
    variant, result = fitting(self, args, kwargs)
    if variant is None and self._plain_because:
        return self.__wrapped__(*args, **kwargs)
    if self._watched and watched(self, variant is not None):
        return self.__wrapped__(*args, **kwargs)
    if variant is None:
        with self._lock:
            variant, result = fitting(self, args, kwargs)  # another thread may have made it
            if variant is None:
                tell_why(self, args, kwargs)
                try:
                    variant = written(self, args, kwargs, again, careful)
                except Exception as error:
                    # The function itself says best what is wrong with a call; if it says nothing,
                    # the program cannot be written, and the plain function serves.
                    result = self.__wrapped__(*args, **kwargs)
                    self._plain_because = f"{type(error).__name__}: {error}"
                    warnings.warn(
                        f"{self.__name__} runs as plain Python, not compiled: "
                        f"{self._plain_because}",
                        stacklevel=3,
                    )
                    return result
                self._variants = [*self._variants[-KEPT + 1 :], variant]
                self._written += 1
                result = variant.attempt(self, *args, **kwargs)
                if variant.catches and result is not MISS:
                    return checked(self, result, args, kwargs)
    use(self, variant)
    return self.__wrapped__(*args, **kwargs) if result is MISS else result


#: Where a function gives other numbers than its program, they differ by more than this.
ROUGH = 1e-5


def checked(self: Compiled, result: Any, args: Any, kwargs: Any) -> Any:
    """Return what the function itself gives, once, where it catches what a program may not raise.

    On symbols it may have gone another way: they are no arrays of NumPy's in all they do.
    """
    plain = self.__wrapped__(*args, **kwargs)
    if not agree(result, plain):
        self._variants = self._variants[:-1]
        self._plain_because = "it catches an error that only the compiled form meets"
        warnings.warn(
            f"{self.__name__} runs as plain Python, not compiled: {self._plain_because}",
            stacklevel=4,
        )
    return plain


def agree(a: Any, b: Any) -> bool:
    """True if two results have the same structure, and numbers that differ by rounding."""
    ours, theirs = list(leaves(a)), list(leaves(b))
    if [label for label, _ in ours] != [label for label, _ in theirs]:
        return False
    for (_, x), (_, y) in zip(ours, theirs, strict=True):
        x, y = (z.toarray() if hasattr(z, "toarray") else np.asarray(z) for z in (x, y))
        if x.shape != y.shape or x.dtype.kind not in "fciub" or y.dtype.kind not in "fciub":
            return bool(x.shape == y.shape and np.all(x == y))
        size = np.abs(y[np.isfinite(y)]).max(initial=0.0)
        if not np.allclose(1.0 * x, 1.0 * y, rtol=ROUGH, atol=ROUGH * size, equal_nan=True):
            return False
    return True


def watched(self: Compiled, fits: bool) -> bool:
    """Count whether programs are used again; give up if they hardly are."""
    self._watched -= 1
    self._unfit += not fits
    if self._watched or self._unfit <= MANY // 2:
        return False
    self._plain_because = (
        f"{self._unfit} of the last {MANY} calls did not fit any of the programs before them"
    )
    type(self).__call__ = Compiled.__call__  # type: ignore[method-assign]
    return True


def refuse_once(self: Compiled, args: Any, kwargs: Any) -> None:
    """Say once that an argument is of a kind that a program cannot watch."""
    if not self._told:
        self._told = True
        label = next(label for label, x in leaves((args, kwargs)) if not describable(x))
        kind = next(type(x).__name__ for _, x in leaves((args, kwargs)) if not describable(x))
        warnings.warn(
            f"{self.__name__} runs as plain Python where an argument is {kind} ({label}), "
            "which may change without being another object. Hand over arrays and numbers, in "
            "containers or dataclasses, or compile what holds it, as in lg.compile(model.loss)",
            stacklevel=4,
        )


def fitting(self: Compiled, args: Any, kwargs: Any) -> tuple[Variant | None, Any]:
    """Return a program that serves these arguments, and what it gave."""
    for variant in reversed(self._variants):
        result = variant.attempt(self, *args, **kwargs)
        if result is not MISS:
            return variant, result
    for variant in reversed(self._variants):
        with self._lock:
            fresh = variant.around.refreshed(variant.call, variant.arrays)
        if fresh:
            result = variant.attempt(self, *args, **kwargs)
            if result is not MISS:
                return variant, result
    return None, MISS


def tell_why(self: Compiled, args: Any, kwargs: Any) -> None:
    """Say once why a function is written down again and again."""
    if self._warned or self._written < MANY or not self._variants:
        return
    self._warned = True
    self._watched = MANY  # for so many calls it is counted whether programs are used again
    last = self._variants[-1]
    changed = next((c for c in last.around.checks if not c.holds()), None)
    if changed is not None:
        why = f"{changed.name} is another one. Hand it over as an argument"
    else:
        why = (
            "the shapes, dtypes or containers of its arguments are others; give all calls the same"
        )
        line = last.failed(self, args, kwargs)
        if line is not None:
            asked = repr(line.text.split(":")[0]) + (f" ({line.where})" if line.where else "")
            why = (
                f"Python asks for a value that changes, {asked}. Write np.where in the place of an "
                "if, keep float(), int(), .item() and loops over values out, or do without "
                "lg.compile here"
            )
            if "np.array_equal" in asked:
                why = (
                    "the structure of a result (the pattern of a sparse Jacobian) depends on "
                    f"indices or conditions that change, {asked}. Hand over the same ones, or do "
                    "without lg.compile here"
                )
    warnings.warn(
        f"{self.__name__} has been written down {self._written} times, and each call that does "
        f"that costs a thousand times as much as another: {why}. If it goes on, it will run as "
        "plain Python",
        stacklevel=4,
    )


def use(self: Compiled, variant: Variant) -> None:
    """Let a program be the one that is tried first."""
    if self._variants[-1] is not variant:
        with self._lock:
            self._variants = [*(v for v in self._variants if v is not variant), variant]
    known = Compiled.__call__ if self._watched else variant.call
    type(self).__call__ = known  # type: ignore[method-assign]


def careful(self: Compiled, /, *args: Any, **kwargs: Any) -> Any:
    """Run the function itself, since a result is not finite: it says where, or is right."""
    self._careful_calls += 1
    args, kwargs = given_ones(self, args, kwargs)
    return self.__wrapped__(*args, **kwargs)


def given_ones(self: Compiled, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Leave out arguments that were not given; after one of these the rest goes by name."""
    found: list[Any] = []
    names: list[str] = []
    for k, value in enumerate(args):
        if value is MISSING:
            names = names or [p.name for p in parameters_of(self.__wrapped__) or ()]
            rest = {n: v for n, v in zip(names[k:], args[k:], strict=False) if v is not MISSING}
            return tuple(found), {**rest, **{n: v for n, v in kwargs.items() if v is not MISSING}}
        found.append(value)
    return tuple(found), {n: v for n, v in kwargs.items() if v is not MISSING}


def traced(tree: Any) -> bool:
    """True if a leaf is traced: then the function runs inside that trace."""
    return any(isinstance(leaf, Traced) for _, leaf in leaves(tree))


def describable(tree: Any) -> bool:
    """True if all leaves are numbers, plain arrays of them, or what never changes."""
    for _, leaf in leaves(tree):
        if isinstance(leaf, np.ndarray):
            if type(leaf) is not np.ndarray or leaf.dtype.kind not in "fciub":
                return False
        elif not isinstance(leaf, STEADY):
            return False
    return True


#: What holds nothing that could be another one in the next call.
STEADY = (
    *(type(None), EllipsisType, Enum, bool, int, float, complex, str, bytes, range, slice, type),
    *(np.generic, np.dtype, np.ufunc, BuiltinFunctionType),
)
