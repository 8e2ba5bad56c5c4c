"""Log-likelihood of a mixture of 25 Gaussians in 10 dimensions, at 1000 points.

log p(x) = logsumexp_k(alpha_k + log det Q_k - |Q_k (x - mu_k)|^2 / 2) - logsumexp(alpha)

Q_k is the lower triangle of L_k, with exp(L_k) on the diagonal.
"""

from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work

K, D = 25, 10


def data(size: int) -> Data:
    rng = np.random.default_rng(0)
    params = (
        rng.standard_normal(K),
        rng.standard_normal((K, D)),
        0.3 * rng.standard_normal((K, D, D)),
    )
    return params, (rng.standard_normal((size, D)),)


def f(np: Any, alpha: Any, mu: Any, L: Any, X: Any) -> Any:
    d = np.diagonal(L, 0, -1, -2)
    Q = np.tril(L, -1) + np.exp(d)[:, :, None] * np.eye(D)
    QT = np.swapaxes(Q, 1, 2)
    Y = X @ QT - mu[:, None, :] @ QT
    terms = (alpha + np.sum(d, axis=1))[:, None] - 0.5 * np.sum(Y * Y, axis=2)
    total = np.sum(np.logsumexp(terms, axis=0))
    return total - len(X) * np.logsumexp(alpha, axis=0)


def by_hand(
    alpha: np.ndarray, mu: np.ndarray, L: np.ndarray, X: np.ndarray
) -> tuple[float, tuple[np.ndarray, ...]]:
    diagonal = np.arange(D)
    d = L[:, diagonal, diagonal]
    Q, scale = np.tril(L, -1), np.exp(d)
    Q[:, diagonal, diagonal] = scale
    QT = np.swapaxes(Q, 1, 2)
    Y = X @ QT
    Y -= mu[:, None, :] @ QT
    R = np.einsum("knd,knd->kn", Y, Y)
    R *= -0.5
    R += (alpha + d.sum(axis=1))[:, None]
    top = R.max(axis=0)
    R -= top
    np.exp(R, out=R)
    total = R.sum(axis=0)
    R /= total  # the responsibilities
    q = np.exp(alpha - alpha.max())
    value = np.sum(top) + np.sum(np.log(total)) - len(X) * (np.log(q.sum()) + alpha.max())
    weight = R.sum(axis=1)
    pull = (R[:, None, :] @ Y)[:, 0]
    Y *= R[:, :, None]  # minus the multiplier of Y
    dQ = pull[:, :, None] * mu[:, None, :]
    dQ -= np.swapaxes(Y, 1, 2) @ X
    dmu = (pull[:, None, :] @ Q)[:, 0]
    dL = np.tril(dQ, -1)
    dL[:, diagonal, diagonal] = dQ[:, diagonal, diagonal] * scale + weight[:, None]
    return value, (weight - len(X) * q / q.sum(), dmu, dL)


WORKS = (
    Work(
        name="mixture",
        note="memory: the squares of Y are an array; by hand einsum adds them up at once",
        title="Gaussian mixture of {n}",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        more=True,
        sizes=(1_000,),
        tiny=20,
        jax=1 / 1.5,  # XLA fuses the broadcast with its reduction
    ),
)
