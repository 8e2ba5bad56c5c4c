"""The sparse Jacobian of a bundle adjustment: 30 cameras, 1000 points, 5000 observations.

p = R(r) X + t,  P = -p_xy / p_z,  residual = f (1 + k1 |P|^2 + k2 |P|^4) P - observed

A camera is (r, t, f, k1, k2), r a rotation vector. Each residual depends on nine numbers of one
camera and three of one point; the pattern is known, and made once.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from benchmarks.programs import namespaces
from benchmarks.programs.tools import Call, argnums, program, ready
from benchmarks.programs.work import Data, Work

CAMERA, POINT = 9, 3


def data(size: int) -> Data:
    """The size is the number of observations."""
    rng = np.random.default_rng(0)
    cameras, points = max(2, size * 3 // 500), max(3, size // 5)
    c = 0.3 * rng.standard_normal((cameras, CAMERA))
    c[:, 5] -= 5.0
    c[:, 6] = 1.0 + 0.1 * rng.random(cameras)
    c[:, 7:] *= 0.1
    X = rng.standard_normal((points, POINT))
    at, seen = rng.integers(0, cameras, size), rng.integers(0, points, size)
    patterns = (*pattern(at, CAMERA), *pattern(seen, POINT))
    return (c, X), (at, seen, 0.1 * rng.standard_normal((size, 2)), *patterns)


def pattern(block: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the column indices and row pointers of two rows an observation."""
    columns = np.repeat(block * width, 2)[:, None] + np.arange(width)
    return columns.ravel(), np.arange(2 * len(block) + 1) * width


def projected(np: Any, c: Any, X: Any) -> Any:
    """Where a camera sees a point; both may have leading axes."""
    r0, r1, r2, t0, t1, t2, focus, k1, k2 = (c[..., k] for k in range(CAMERA))
    x, y, z = X[..., 0], X[..., 1], X[..., 2]
    angle = np.sqrt(r0 * r0 + r1 * r1 + r2 * r2)
    cos, sin = np.cos(angle), np.sin(angle) / angle
    dot = (r0 * x + r1 * y + r2 * z) * (1.0 - cos) / (angle * angle)
    p0 = x * cos + (r1 * z - r2 * y) * sin + r0 * dot + t0
    p1 = y * cos + (r2 * x - r0 * z) * sin + r1 * dot + t1
    p2 = z * cos + (r0 * y - r1 * x) * sin + r2 * dot + t2
    u, v = -p0 / p2, -p1 / p2
    n = u * u + v * v
    scale = focus * (1.0 + k1 * n + k2 * n * n)
    return np.stack((scale * u, scale * v), -1)


def f(np: Any, cameras: Any, points: Any, at: Any, seen: Any, observed: Any, *patterns: Any) -> Any:
    return projected(np, cameras[at], points[seen]) - observed


def matrices(by_camera: Any, by_point: Any, c: Any, X: Any, patterns: Any) -> tuple[Any, Any]:
    """Return both parts of the Jacobian from their entries, an observation after the other."""
    rows = 2 * len(by_camera)
    indices_c, indptr_c, indices_x, indptr_x = patterns
    return (
        sp.csr_array((by_camera.ravel(), indices_c, indptr_c), shape=(rows, c.size)),
        sp.csr_array((by_point.ravel(), indices_x, indptr_x), shape=(rows, X.size)),
    )


def by_hand(
    c: np.ndarray,
    X: np.ndarray,
    at: np.ndarray,
    seen: np.ndarray,
    observed: np.ndarray,
    *patterns: np.ndarray,
) -> tuple[Any, Any]:
    # The last axis is that of cameras, then that of observations.
    R, J = rotation(c[:, :3])
    table = np.concatenate((R.reshape(9, -1), J.reshape(9, -1), c[:, 3:].T))
    seen_by = table.take(at, axis=1)
    R, J = seen_by[:9].reshape(3, 3, -1), seen_by[9:18].reshape(3, 3, -1)
    focus, k1, k2 = seen_by[21:]
    w = np.einsum("abo,bo->ao", R, X.T.take(seen, axis=1))
    p = w + seen_by[18:21]
    inverse = -1.0 / p[2]
    P = p[:2] * inverse
    n = P[0] * P[0] + P[1] * P[1]
    scale = 1.0 + n * (k1 + n * k2)
    slope = 2.0 * focus * (k1 + 2.0 * k2 * n)
    E = np.empty((2, 3, len(at)))  # d residual / dp = M dP/dp, with M = d residual / dP
    diagonal = focus * scale
    E[0, 0] = diagonal + slope * P[0] * P[0]
    E[1, 1] = diagonal + slope * P[1] * P[1]
    E[0, 1] = E[1, 0] = slope * P[0] * P[1]
    E[:, :2] *= inverse
    np.einsum("abo,bo->ao", E[:, :2], P, out=E[:, 2])
    by_camera = np.empty((2, CAMERA, len(at)))
    # d (R X) / dr = -[R X]_x J, and the rows of -E [w]_x are w x e.
    turned = np.empty_like(E)
    turned[:, 0] = w[1] * E[:, 2] - w[2] * E[:, 1]
    turned[:, 1] = w[2] * E[:, 0] - w[0] * E[:, 2]
    turned[:, 2] = w[0] * E[:, 1] - w[1] * E[:, 0]
    np.einsum("abo,bco->aco", turned, J, out=by_camera[:, :3])
    by_camera[:, 3:6] = E
    np.multiply(P, scale, out=by_camera[:, 6])
    np.multiply(P, focus * n, out=by_camera[:, 7])
    np.multiply(by_camera[:, 7], n, out=by_camera[:, 8])
    by_point = np.einsum("abo,bco->aco", E, R)
    return matrices(by_camera.transpose(2, 0, 1), by_point.transpose(2, 0, 1), c, X, patterns)


def rotation(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return exp([r]_x) and its left Jacobian, (3, 3, cameras)."""
    square = np.einsum("ck,ck->c", r, r)
    angle = np.sqrt(square)
    K = np.zeros((3, 3, len(r)))
    K[2, 1], K[0, 2], K[1, 0] = r.T
    K[1, 2], K[2, 0], K[0, 1] = -r.T
    K2 = np.einsum("abo,bco->aco", K, K)
    eye = np.eye(3)[:, :, None]
    sine, cosine = np.sin(angle) / angle, (1.0 - np.cos(angle)) / square
    return eye + sine * K + cosine * K2, eye + cosine * K + (1.0 - sine) / square * K2


def with_lagrad(work: Work, params: Any, constants: Any) -> Call:
    g = program(work, constants)
    return lg.compile(lg.jacobian(g, argnums=argnums(params), sparse=True)), params


def with_autograd(work: Work, params: Any, constants: Any) -> Call:
    import autograd

    space = namespaces.numpy_autograd()
    at, seen, _, *patterns = constants

    def row(k: int) -> Any:
        # Observations do not share what they have gathered, so a sum keeps them apart.
        return autograd.grad(lambda both: space.sum(projected(space, *both)[:, k]))

    rows = row(0), row(1)

    def jacobian(c: Any, X: Any) -> Any:
        parts = [slope((c[at], X[seen])) for slope in rows]
        blocks = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
        return matrices(*blocks, c, X, patterns)

    return jacobian, params


def with_jax(work: Work, params: Any, constants: Any) -> Call:
    import jax

    space = namespaces.numpy_jax()
    at, seen, _, *patterns = constants
    one = jax.jacfwd(lambda c, X: projected(space, c, X), argnums=(0, 1))
    blocks = ready(jax.jit(lambda c, X, at, seen: jax.vmap(one)(c[at], X[seen])))
    given = jax.tree.map(space.asarray, (*params, at, seen))

    def jacobian(*given: Any) -> Any:
        found = [np.asarray(block) for block in blocks(*given)]
        return matrices(*found, *params, patterns)

    return jacobian, given


def with_torch(work: Work, params: Any, constants: Any) -> Call:
    import torch

    space = namespaces.numpy_torch()
    at, seen, _, *patterns = constants
    given = [torch.tensor(p) for p in params]
    places = torch.tensor(at), torch.tensor(seen)

    def jacobian() -> Any:
        gathered = [p[k].requires_grad_() for p, k in zip(given, places, strict=True)]
        uv = projected(space, *gathered)
        rows = [torch.autograd.grad(uv[:, k].sum(), gathered, retain_graph=True) for k in (0, 1)]
        blocks = (torch.stack(part, 1).numpy() for part in zip(*rows, strict=True))
        return matrices(*blocks, *params, patterns)

    return jacobian, ()


WORKS = (
    Work(
        name="bundle",
        note="each product of two partials is a line of its own, about 300 over 5,000 entries; by "
        "hand a block of partials is one line",
        title="bundle adjustment of {n}, Jacobian",
        data=data,
        f=f,
        by_hand=by_hand,
        tools={
            "lagrad": with_lagrad,
            "autograd": with_autograd,
            "JAX": with_jax,
            "PyTorch": with_torch,
        },
        sizes=(5_000,),
        tiny=40,
        gradient=False,
    ),
)
