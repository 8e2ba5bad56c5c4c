"""Functions that traced values never reach, since NumPy or SciPy offers no hook: what to write.

A function of NumPy's own dispatch asks its arguments what to do. These turn them into plain arrays
first, which a traced value refuses; or they take none at all. How to add one: its public name, or
that of a whole module, and the spelling that does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ALREADY = "leave it out: a traced value is an array already"
STACK = "np.stack([...]) of the values"

# fmt: off
HOOKLESS: Mapping[str, str] = MappingProxyType({
    "numpy.array":             STACK + "; x.copy() for a copy",
    "numpy.asarray":           ALREADY + "; " + STACK + " for a list of them",
    "numpy.asanyarray":        ALREADY,
    "numpy.asarray_chkfinite": ALREADY + "; NaN and inf that reach a result are refused anyway",
    "numpy.ascontiguousarray": ALREADY,
    "numpy.asfortranarray":    ALREADY,
    "numpy.require":           ALREADY,
    "numpy.asfarray":          ALREADY,
    "numpy.emath.asarray":     ALREADY,
    "numpy.fastCopyAndTranspose": "np.copy(x.T)",
    "numpy.mat":               "arrays and @; the arithmetic of np.matrix is its own",
    "numpy.asmatrix":          "arrays and @; the arithmetic of np.matrix is its own",
    "numpy.matrix":            "arrays and @; the arithmetic of np.matrix is its own",
    "numpy.bmat":              "np.block",
    "numpy.r_":                "np.concatenate([...])",
    "numpy.c_":                "np.column_stack([...])",
    "numpy.mgrid":             "np.meshgrid(..., indexing='ij') of np.linspace(...)",
    "numpy.ogrid":             "np.meshgrid(..., indexing='ij', sparse=True) of np.linspace(...)",
    "numpy.arange":            "start + step * np.arange(n)",
    "numpy.full":              "value * np.ones(shape), or np.broadcast_to(value, shape)",
    "numpy.fromiter":          "np.stack(list(...))",
    "numpy.fromfunction":      "call the function on np.indices(shape) itself",
    "numpy.vectorize":         "the function on arrays; np.where for its branches; or a loop and "
                               "np.stack",
    "numpy.frompyfunc":        "the function on arrays, or a loop and np.stack",
    "numpy.poly1d":            "np.polyval and its kin on arrays of coefficients",
    "numpy.ndarray":           "np.stack, lg.zeros(shape)",
    "numpy.recarray":          "a dict or dataclass of arrays",
    "numpy.nditer":            "operations on whole arrays, or a loop over np.ndindex(x.shape)",
    "numpy.nested_iters":      "operations on whole arrays, or a loop over np.ndindex(x.shape)",
    "numpy.ndenumerate":       "a loop over np.ndindex(x.shape)",
    "numpy.flatiter":          "np.ravel(x)",
    "numpy.broadcast":         "np.broadcast_arrays",
    "numpy.memmap":            "np.stack; keep files out of what is differentiated",
    "numpy.frombuffer":        "x.astype, x.view of plain arrays before they are traced",
    "numpy.from_dlpack":       ALREADY,

    "numpy.AxisConcatenator.__getitem__": "np.concatenate([...]) for np.r_, np.column_stack([...]) "
                                          "for np.c_",

    "scipy.special.logsumexp":   "lg.logsumexp",
    "scipy.special.softmax":     "lg.softmax",
    "scipy.special.log_softmax": "lg.log_softmax",
    "scipy.special.polygamma":   "lg.primitive(polygamma, partials=...), or the derivative of "
                                 "scipy.special.digamma",
    "scipy.special.zeta":        "lg.primitive(zeta, partials=...)",
    "scipy.special.lambertw":    "lg.root(lambda w: w * np.exp(w) - x, start)",
    "scipy.special.factorial":   "scipy.special.gamma(x + 1)",
    "scipy.special.comb":        "scipy.special.binom",
    "scipy.special.multigammaln": "sums of scipy.special.gammaln",
    "scipy.integrate.quad":      "w @ f(nodes), the nodes and w a constant rule of NumPy: "
                                 "np.polynomial.legendre.leggauss(n)",
    "scipy.linalg.expm":             "lg.expm",
    "scipy.linalg.solve_triangular": "lg.solve_triangular",
    "scipy.linalg.cho_solve":        "lg.cho_solve",
    "scipy.linalg.solve":            "np.linalg.solve",
    "scipy.linalg.inv":              "np.linalg.inv",
    "scipy.linalg.det":              "np.linalg.det",
    "scipy.linalg.norm":             "np.linalg.norm",
    "scipy.linalg.lstsq":            "np.linalg.lstsq",
    "scipy.linalg.pinv":             "np.linalg.pinv",
    "scipy.linalg.cholesky":         "np.linalg.cholesky, whose factor is the lower one",
    "scipy.linalg.qr":               "np.linalg.qr",
    "scipy.linalg.svd":              "np.linalg.svd",
    "scipy.linalg.eigh":             "np.linalg.eigh",
    "scipy.linalg.eig":              "np.linalg.eig",
    "scipy.linalg.cho_factor":        "np.linalg.cholesky, with lg.cho_solve((c, True), b)",
    "scipy.linalg.logm":             "np.linalg.eig of a matrix with distinct eigenvalues: "
                                     "V @ np.diag(np.log(w)) @ np.linalg.inv(V)",
    "scipy.linalg.sqrtm":            "np.linalg.eigh of a symmetric matrix: "
                                     "(V * np.sqrt(w)) @ V.T",
    "scipy.linalg.solve_sylvester":  "np.linalg.solve of np.kron(A, I) + np.kron(I, B.T)",
    "scipy.linalg.block_diag":       "np.block with zeros",
    "scipy.linalg.toeplitz":         "c[indices] with an array of indices",
    "scipy.signal.convolve":         "lg.convolve",
    "scipy.signal.fftconvolve":      "lg.convolve(..., method='fft')",
    "scipy.signal.convolve2d":       "lg.convolve",
    "scipy.signal.correlate":        "lg.correlate",
    "scipy.signal.lfilter":          "lg.scan",
    "scipy.integrate.trapezoid":     "np.trapezoid",
    "scipy.integrate.odeint":        "a Runge-Kutta step in lg.scan",
    "scipy.integrate.solve_ivp":     "a Runge-Kutta step in lg.scan",
    "scipy.optimize.minimize":       "lg.argmin, or lg.implicit with its conditions",
    "scipy.optimize.root":           "lg.root, or lg.implicit with its conditions",
    "scipy.optimize.fsolve":         "lg.root",
    "scipy.optimize.brentq":         "lg.implicit(solver, conditions)",
    "scipy.optimize.root_scalar":    "lg.root",
    "scipy.sparse.linalg.spsolve":   "lg.spsolve",
    "scipy.interpolate.interp1d":    "np.interp",
    "scipy.stats.norm":              "scipy.special.ndtr and log_ndtr, np.exp(-x * x / 2)",
    "scipy.spatial.distance.cdist":  "np.linalg.norm(x[:, None] - y, axis=-1)",
})

#: Whole modules of SciPy.
MODULES: Mapping[str, str] = MappingProxyType({
    "scipy.linalg":      "numpy.linalg's function of that name; lg.solve_triangular, lg.cho_solve, "
                         "lg.expm",
    "scipy.fft":         "numpy.fft's function of that name",
    "scipy.signal":      "lg.convolve, lg.correlate, numpy.fft; lg.scan for recursive filters",
    "scipy.ndimage":     "lg.convolve, lg.correlate, np.lib.stride_tricks.sliding_window_view",
    "scipy.special":     "the ufuncs of scipy.special, lg.logsumexp, lg.softmax",
    "scipy.integrate":   "np.trapezoid; a Runge-Kutta step in lg.scan",
    "scipy.optimize":    "lg.root, lg.argmin, lg.fixed_point; lg.implicit(solver, conditions)",
    "scipy.interpolate": "np.interp, or matrices of basis functions at constant places",
    "scipy.sparse":      "lg.sparse(w, like=pattern) for a sparse matrix of traced entries",
    "scipy.stats":       "the formula, with scipy.special's ufuncs",
    "scipy.spatial":     "np.linalg.norm of differences by broadcasting",
    "scipy.cluster":     "the formula in NumPy",
    "numpy.polynomial":  "np.polyval and its kin, whose first coefficient is that of the highest "
                         "power",
    "numpy.ma":          "np.where(mask, ...) and the nan-functions of NumPy",
    "numpy.testing":     "lg.stop_gradient(x) for what is compared; numpy.testing has no gradient",
})
# fmt: on


def remedy(name: str) -> str:
    """Return what to write instead of a function without a hook, by its full public name."""
    if name in HOOKLESS:
        return HOOKLESS[name]
    module = name
    while "." in module:
        module = module.rpartition(".")[0]
        if module in MODULES:
            return MODULES[module]
    return ""
