"""Matrices where the examples of rules cannot look: closed forms, kinks, phases, refusals."""

import warnings

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
from lagrad.rules.linalg.eigenvalues import same_order
from lagrad.status import NonFiniteError, SingularError, TraceError

RNG = np.random.default_rng(7)
A = RNG.standard_normal((4, 4))
SYMMETRIC = A + A.T
Q = np.linalg.qr(A)[0]
#: Eigenvalues 1, 1, 3, 4, in a turned basis.
PAIR = Q @ np.diag([1.0, 1.0, 3.0, 4.0]) @ Q.T
DEFECTIVE = np.array([[1.0, 1.0], [0.0, 1.0]])
W = RNG.standard_normal((4, 4))
COMPLEX = A + 1j * RNG.standard_normal((4, 4))
HERMITIAN = COMPLEX + COMPLEX.conj().T


def same(f, x, expected):
    assert_allclose(lg.grad(f)(x), expected, rtol=1e-11, atol=1e-12)


# -- closed forms --------------------------------------------------------------------------------


def test_closed_forms():
    u, s, vt = np.linalg.svd(A)
    same(lambda a: np.linalg.slogdet(a)[1], A, np.linalg.inv(A).T)
    same(lambda a: np.sum(np.linalg.eigvalsh(a)), SYMMETRIC, np.eye(4))
    same(lambda a: np.sum(np.linalg.eigvals(a)).real, A, np.eye(4))
    same(lambda a: np.linalg.norm(a, "nuc"), A, u @ vt)
    same(lambda a: np.linalg.norm(a, 2), A, np.outer(u[:, 0], vt[0]))
    same(lambda a: np.linalg.norm(a, -2), A, np.outer(u[:, -1], vt[-1]))
    same(lambda a: np.sum(np.linalg.svd(a)[1] ** 2), A, 2 * A)
    same(lambda a: np.trace(lg.expm(a)), A, scipy.linalg.expm(A).T)
    same(lambda a: np.trace(np.linalg.matrix_power(a, 5)), A, 5 * np.linalg.matrix_power(A, 4).T)
    assert_allclose(np.linalg.norm(A, 2), s[0])


def test_expm_is_as_exact_as_its_frechet_derivative():
    for size in (1e-3, 1.0, 30.0):
        E = W * 1e3  # the derivative is linear in E, however large that is
        expected = scipy.linalg.expm_frechet(A * size, E, compute_expm=False)
        found = lg.jvp(lg.expm, (A * size,), (E,))[1]
        assert_allclose(found, expected, rtol=1e-10, atol=1e-11 * np.abs(expected).max())
    assert_allclose(lg.jvp(lg.expm, (A,), (0.0 * A,))[1], 0.0)


def test_tangent_of_lstsq_is_that_of_the_normal_equations():
    a, b = A[:, :2], A[:, 2]
    found = lg.grad(lambda a: np.linalg.lstsq(a, b, rcond=None)[0] @ W[:2, 0])(a)
    normal = lg.grad(lambda a: np.linalg.solve(a.T @ a, a.T @ b) @ W[:2, 0])(a)
    assert_allclose(found, normal, rtol=1e-10)
    minimal = lg.grad(lambda a: a.T @ np.linalg.solve(a @ a.T, b[:2]) @ W[0])(A[:2])
    wide = lg.grad(lambda a: np.linalg.lstsq(a, b[:2], rcond=None)[0] @ W[0])(A[:2])
    assert_allclose(wide, minimal, rtol=1e-10)


# -- repeated values -----------------------------------------------------------------------------


@pytest.mark.parametrize("x", [np.eye(4), PAIR, np.zeros((4, 4))])
def test_symmetric_functions_of_repeated_eigenvalues_are_smooth(x):
    same(lambda a: np.sum(np.linalg.eigvalsh((a + a.T) / 2) ** 2), x, 2 * x)
    same(lambda a: np.sum(np.linalg.eigvals(a) ** 2).real, x, 2 * x.T)
    same(lambda a: np.sum(np.linalg.svd(a)[1] ** 2), x, 2 * x)
    # The vectors, whose partial is infinite, are not used.
    same(lambda a: np.sum(np.linalg.eigh((a + a.T) / 2).eigenvalues ** 3), x, 3 * x @ x)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.linalg.eigh(a)[1] ** 3),
        lambda a: np.sum(np.linalg.eig(a)[1].real ** 3),
        lambda a: np.sum(np.linalg.svd(a)[0] ** 3),
        lambda a: np.sum(np.linalg.svd(a)[2] ** 3),
    ],
)
@pytest.mark.parametrize("x", [np.eye(4), PAIR])
def test_vectors_of_repeated_values_are_reported(f, x):
    with pytest.raises(NonFiniteError):
        lg.grad(f)(x)


def test_vectors_beside_a_repeated_value_are_right():
    def f(a):
        return np.sum(W[0] * np.linalg.eigh(a)[1][:, 3] ** 2)

    lg.check_grad(lambda s: f(s + s.T), PAIR / 2)


def test_defective_matrices_are_reported():
    turned = Q[:2, :2] @ DEFECTIVE @ np.linalg.inv(Q[:2, :2])
    for x in (DEFECTIVE, turned, np.array([[0.0, 1.0], [0.0, 0.0]])):
        for f in (np.linalg.eigvals, lambda a: np.linalg.eig(a)[1]):
            with pytest.raises((NonFiniteError, SingularError)):
                lg.grad(lambda a, f=f: np.sum(f(a).real ** 3))(x)


def test_singular_values_at_zero_have_derivative_zero_as_sizes_have():
    for order in (2, -2, "nuc"):
        same(lambda a, o=order: np.linalg.norm(a, o), np.zeros((2, 3)), np.zeros((2, 3)))
    same(lambda a: np.linalg.norm(a, "nuc"), np.ones((2, 2)), np.full((2, 2), 0.5))
    with pytest.raises(NonFiniteError):
        lg.hessian(lambda a: np.linalg.norm(a, "nuc"))(np.zeros((2, 2)))


def test_ties_of_matrix_norms_are_shared():
    same(lambda a: np.linalg.norm(a, 1), np.ones((2, 2)), np.full((2, 2), 0.5))
    same(lambda a: np.linalg.norm(a, np.inf), np.ones((2, 2)), np.full((2, 2), 0.5))
    same(lambda a: np.linalg.norm(a, 2), np.eye(2), np.eye(2) / 2)


def test_tall_matrix_with_a_zero_singular_value_has_its_other_vectors():
    x = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    lg.check_grad(lambda a: np.linalg.svd(a, False)[0][:, 0] @ W[0, :3] ** 2, x)
    with pytest.raises(NonFiniteError):
        lg.grad(lambda a: np.linalg.svd(a, False)[0][:, 1] @ W[0, :3])(x)


def test_eigenvalues_found_in_another_order_are_matched():
    z = np.array([[1.0, 2.0, 2.0], [1 + 1j, 1 - 1j, 0.0]])
    w = np.array([[2.0, 2.0, 1.0], [1 - 1j, 1 + 1j, 1e-17]])
    assert_array_equal(same_order(z, z + 1e-14, np.ones(2)), [[0, 1, 2]] * 2)
    found = same_order(z, w, np.ones(2))
    assert_allclose(np.take_along_axis(w, found, -1), z, atol=1e-15)


# -- complex vectors are known up to their phases ------------------------------------------------


def fixed(v):
    """Turn vectors so that their first components are real."""
    return v * np.exp(-1j * np.angle(v[:1]))


FREE = {
    "sizes": lambda a: np.sum(W * np.abs(np.linalg.eigh(a)[1])),
    "fixed": lambda a: np.sum(W * fixed(np.linalg.eigh(a)[1]).real),
    "projector": lambda a: np.sum(W * outer(np.linalg.eigh(a)[1][:, 0]).real),
    "values": lambda a: np.sum(W[0] * np.linalg.eigh(a)[0]),
    "product": lambda a: np.sum(W * (lambda r: r[0][:, :2] @ r[2][:2])(np.linalg.svd(a)).imag),
    "sizes of u": lambda a: np.sum(W * np.abs(np.linalg.svd(a)[0])),
    "sizes of v": lambda a: np.sum(W * np.abs(np.linalg.svd(a)[2])),
    "thin": lambda a: np.sum(W[:, :2] * np.abs(np.linalg.svd(a[:, :2], False)[0])),
    "wide": lambda a: np.sum(W[:2] * np.abs(np.linalg.svd(a[:2], False)[2])),
}
BOUND = {
    "eigh": lambda a: np.sum(W * np.linalg.eigh(a)[1].real),
    "u": lambda a: np.sum(W * np.linalg.svd(a)[0].real),
    "vh": lambda a: np.sum(W * np.linalg.svd(a)[2].imag),
}


def outer(v):
    """Return v v^H."""
    return np.outer(v, np.conjugate(v))


@pytest.mark.parametrize("name", FREE)
def test_what_does_not_depend_on_phases_is_differentiated(name):
    f = FREE[name]
    lg.check_grad(f, COMPLEX)
    lg.check_grad(lg.grad(f), COMPLEX)
    system = lg.trace(f, COMPLEX).linearize()
    sweep, explicit = system.solve(method="sweep"), system.solve(method="explicit")
    for row in sweep:
        assert_allclose(explicit[row], sweep[row], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", BOUND)
def test_what_depends_on_phases_is_refused(name):
    with pytest.raises(TraceError, match="phase of the complex vectors"):
        lg.grad(BOUND[name])(HERMITIAN)


def test_phases_of_eig_are_lapacks_and_unknown_at_a_tie():
    lg.check_grad(lambda a: np.sum(W * np.linalg.eig(a)[1].real), COMPLEX)
    lg.check_grad(lambda a: np.sum(W * np.linalg.eig(a)[1].imag), np.linalg.qr(A)[0] @ A)
    turn = np.array([[1.0, 2.0], [-2.0, 1.0]])  # both components of a vector are equally large
    with pytest.raises(TraceError, match="phase"):
        lg.grad(lambda a: np.sum(W[:2, :2] * np.linalg.eig(a)[1].real))(turn)
    lg.check_grad(lambda a: np.sum(W[0, :2] * np.abs(np.linalg.eig(a)[1][0])), turn)


# -- what is read, and what is returned ----------------------------------------------------------


@pytest.mark.parametrize("uplo", ["L", "U", "l"])
def test_only_one_triangle_is_read(uplo):
    kept = np.tril(np.ones((4, 4))) if uplo in "Ll" else np.triu(np.ones((4, 4)))
    x = np.where(kept > 0, SYMMETRIC + 9 * np.eye(4), np.nan)
    for f in (
        lambda a: np.sum(W * np.linalg.eigh(a, uplo)[1] ** 2),
        lambda a: np.sum(W[0] * np.linalg.eigvalsh(a, UPLO=uplo)),
    ):
        gradient = lg.grad(f)(x)
        assert np.isfinite(gradient).all()
        assert (gradient[kept == 0] == 0).all()


def test_cholesky_reads_one_triangle():
    x = SYMMETRIC + 9 * np.eye(4)
    gradient = lg.grad(lambda a: np.sum(W * np.linalg.cholesky(a)))(np.tril(x) + np.triu(W, 1))
    assert_allclose(gradient, np.tril(gradient))
    if "upper" in (np.linalg.cholesky.__doc__ or ""):
        upper = lg.grad(lambda a: np.sum(W.T * np.linalg.cholesky(a, upper=True)))(x)
        assert_allclose(upper, gradient.T)


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.cholesky,
        np.linalg.eigvalsh,
        np.linalg.eigh,
        lambda a: np.linalg.pinv(a, 1e-9, True),
    ],
)
def test_entries_of_the_triangle_that_is_not_read_are_left_out(f):
    graph = lg.trace(lambda a: f(a)[0], HERMITIAN + 9 * np.eye(4))
    ((_, partial),) = graph.partials(1)
    columns = np.concatenate([columns for (_, columns, _), _ in partial.pieces()])
    assert set(columns) == set(np.flatnonzero(np.tri(4)))


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda a: np.linalg.slogdet(a)[1], slice(1, 2)),
        (lambda a: np.linalg.eigh(a)[0], slice(0, 4)),
        (lambda a: np.linalg.svd(a)[1], slice(16, 20)),
        (lambda a: np.linalg.lstsq(a, a, rcond=None)[3], slice(16, 21)),
    ],
)
def test_real_outputs_beside_complex_ones_have_real_tangents(f, at):
    graph = lg.trace(f, COMPLEX)
    for _, partial in graph.partials(1):
        assert np.iscomplexobj(partial.apply(COMPLEX * W))
        assert_array_equal(partial.apply(COMPLEX * W)[at].imag, 0.0)


def test_results_have_numpys_names_types_and_structure():
    def f(a):
        assert np.linalg.eigh(a).eigenvectors.shape == (4, 4)
        assert np.linalg.qr(a).R.shape == np.linalg.svd(a).Vh.shape == (4, 4)
        assert np.linalg.slogdet(a).sign == np.linalg.slogdet(A).sign
        x, residuals, rank, s = np.linalg.lstsq(a[:, :2], a[:, 2], rcond=None)
        assert (x.shape, residuals.shape, rank, s.shape) == ((2,), (1,), 2, (2,))
        assert np.linalg.matrix_rank(a) == 4
        assert np.linalg.norm(a[0], 0) == 4
        assert np.einsum_path("ij,jk,kl->il", a, a, a)[0][0] == "einsum_path"
        z = lg.zeros((4, 4))
        np.einsum("ij,jk", a, a, out=z)
        return np.sum(W * z)

    same(f, A, W @ A.T + A.T @ W)


@pytest.mark.parametrize("kind", [np.float32, np.complex64])
def test_single_precision_stays(kind):
    x = (COMPLEX if kind is np.complex64 else A).astype(kind)
    for f in (
        lambda a: np.linalg.eigh(a)[0], lambda a: np.abs(np.linalg.eigh(a)[1]),
        lambda a: np.abs(np.linalg.eig(a)[1]), lambda a: np.linalg.svd(a)[1],
        lambda a: np.abs(np.linalg.svd(a)[0]), np.linalg.pinv, lambda a: np.linalg.qr(a)[1],
        lambda a: np.linalg.slogdet(a)[1], lg.expm, np.fft.fft2, lambda a: np.fft.irfft(a),
        lambda a: np.linalg.lstsq(a, a, rcond=None)[0], np.linalg.cond,
    ):  # fmt: skip
        value, pullback = lg.vjp(f, x)
        assert value.dtype == f(x).dtype
        assert pullback(np.ones_like(value))[0].dtype == kind


def test_value_of_a_plain_call_is_scipys():
    L, b = np.tril(A) + 3 * np.eye(4), W[:, :2]
    for trans in (0, 1, 2, "N", "T", "C"):
        for lower in (True, False):
            assert_allclose(
                lg.solve_triangular(L, b, trans, lower),
                scipy.linalg.solve_triangular(L, b, trans, lower),
            )
    assert_allclose(lg.cho_solve((L, True), b), scipy.linalg.cho_solve((L, True), b))
    assert_allclose(lg.cho_solve((L.T, False), b), scipy.linalg.cho_solve((L.T, False), b))
    assert_allclose(lg.expm([[0.0, 1.0], [0.0, 0.0]]), [[1.0, 1.0], [0.0, 1.0]])


# -- where there is no derivative ----------------------------------------------------------------

DEPENDENT = np.outer(np.arange(1.0, 5.0), [1.0, 2.0])


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda a: np.sum(np.linalg.pinv(a)), "pinv of a matrix without full rank"),
        (lambda a: np.sum(np.linalg.lstsq(a, W[0], rcond=None)[0]), "lstsq of a matrix"),
        (lambda a: np.sum(np.linalg.qr(a)[1]), "qr of a matrix whose leading columns"),
        (lambda a: np.linalg.cond(a[:2], 1), "singular matrix"),
        (lambda a: np.sum(lg.solve_triangular(a[:2] * 0.0, W[:2])), "zero on the diagonal"),
    ],
)
def test_without_full_rank_is_an_error_that_says_so(f, words):
    with pytest.raises(SingularError, match=words):
        lg.grad(f)(DEPENDENT)


def test_without_full_rank_the_rest_is_still_there():
    b = W[0]
    same(
        lambda b: np.sum(np.linalg.lstsq(DEPENDENT, b, rcond=None)[0]),
        b,
        np.sum(np.linalg.pinv(DEPENDENT), axis=0),
    )
    s = lg.grad(lambda a: np.linalg.lstsq(a, b, rcond=None)[3][0])(DEPENDENT)
    assert_allclose(s, DEPENDENT / np.linalg.norm(DEPENDENT))


@pytest.mark.parametrize("p", [None, 2, -2])
def test_condition_of_a_singular_matrix_is_infinite_or_has_no_derivative(p):
    with pytest.raises(NonFiniteError), np.errstate(all="ignore"):
        lg.grad(lambda a: np.linalg.cond(a, p) ** (-1.0 if p == -2 else 1.0))(np.ones((2, 2)))


def test_a_singular_matrix_in_a_stack_does_not_spoil_the_others():
    stack = np.stack([A, np.zeros((4, 4))])
    gradient = lg.grad(lambda a: np.linalg.slogdet(a)[1][0])(stack)
    assert_allclose(gradient, np.stack([np.linalg.inv(A).T, np.zeros((4, 4))]))
    with pytest.raises(NonFiniteError):
        lg.grad(lambda a: np.exp(np.sum(np.linalg.slogdet(a)[1])))(stack)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda a: np.linalg.svd(a)[1], "full_matrices=False"),
        (lambda a: np.linalg.qr(a, "complete")[0], "mode='reduced'"),
        (lambda a: np.linalg.qr(a, "raw")[0], "mode='reduced'"),
        (lambda a: np.linalg.qr(a, mode="full")[0], "mode='reduced'"),
        (lambda a: np.einsum("ij->", a, dtype=float), "dtype"),
        (lambda a: np.linalg.matrix_power(a, n=a), "no index"),
        (lambda a: np.linalg.pinv(a, rcond=a[0, 0]), "rcond"),
    ],
)
def test_refusals_say_what_to_write(f, words):
    with pytest.raises(TypeError, match=words):
        lg.grad(lambda a: np.sum(f(a)))(A[:, :2])


def test_vectors_of_length_two_have_a_cross_product_while_numpy_has():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            np.cross(W[0, :2], W[1, :2])
        except ValueError:
            return
        for m, n in ((2, 2), (2, 3), (3, 2)):
            a, b = W[0, :m], W[1, :n]
            assert_array_equal(lg.jvp(np.cross, (a, b), (a, b))[0], np.cross(a, b))
            lg.check_grad(np.cross, a, b)
