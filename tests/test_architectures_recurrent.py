"""Architectures with steps, tokens, experts and cycles: where these are, and their losses against
plain NumPy, image by image.
"""

import numpy as np
import pytest
from networks import affine, entropy, relu

import lagrad as lg
from lagrad.gallery import architectures, datasets, equilibrium_layer
from lagrad.gallery.architectures import hopfield

# The scopes that a cycle goes through.
CYCLES = {"equilibrium-layer": ["layer.sum", "layer.tanh"], "hopfield": ["hidden", "label"]}


NAMES = (
    "rnn",
    "lstm",
    "attention",
    "transformer",
    "mixture-of-experts",
    "equilibrium-layer",
    "hopfield",
)


@pytest.mark.parametrize("name", NAMES)
def test_cycles_are_where_they_are_said_to_be(name):
    system = architectures.system(name)
    cyclic = [
        sorted({".".join(system.scopes[k]) for k in block})
        for block, flag in zip(system.blocks, system.cyclic, strict=True)
        if flag
    ]
    assert cyclic == ([CYCLES[name]] if name in CYCLES else [])


# -- losses, image by image ------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


def normal(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def rnn(p, x, y):
    h = np.zeros((len(x), len(p["b_step"])))
    for k in range(8):
        h = np.tanh(affine(x[:, k], p, "read") + affine(h, p, "step"))
    return entropy(affine(h, p, "head"), y)


def lstm(p, x, y):
    n = p["W_head"].shape[0]
    h, c = np.zeros((len(x), n)), np.zeros((len(x), n))
    for k in range(4):
        seen_now = np.concatenate([x[:, 2 * k], x[:, 2 * k + 1], h], axis=1)
        z = affine(seen_now, p, "gates")
        forget, take, give, new = (z[:, j * n : (j + 1) * n] for j in range(4))
        c = sigmoid(forget) * c + sigmoid(take) * np.tanh(new)
        h = sigmoid(give) * np.tanh(c)
    return entropy(affine(h, p, "head"), y)


def attention(p, x, y):
    scores = []
    for image in x:
        corners = [image[i : i + 4, j : j + 4].ravel() for i in (0, 4) for j in (0, 4)]
        qkv = affine(affine(np.stack(corners), p, "embed") + p["position"], p, "qkv")
        d = qkv.shape[1] // 3
        q, k, v = qkv[:, :d], qkv[:, d : 2 * d], qkv[:, 2 * d :]
        z = relu(affine(softmax(q @ k.T / np.sqrt(d)) @ v, p, "feed"))
        scores.append(affine(z.mean(axis=0)[None], p, "head")[0])
    return entropy(np.stack(scores), y)


def transformer(p, x, y):
    scores = []
    for image in x:
        z = affine(image, p, "embed") + p["position"]
        for b in (1, 2):
            qkv = affine(np.stack([normal(row) for row in z]), p, f"qkv{b}")
            q, k, v = qkv[:, :16], qkv[:, 16:32], qkv[:, 32:]
            heads = [slice(0, 8), slice(8, 16)]
            found = [softmax(q[:, s] @ k[:, s].T / np.sqrt(8)) @ v[:, s] for s in heads]
            z = z + affine(np.concatenate(found, axis=1), p, f"mix{b}")
            inner = affine(np.stack([normal(row) for row in z]), p, f"up{b}")
            z = z + affine(relu(inner), p, f"down{b}")
        mean = np.mean([normal(row) for row in z], axis=0)
        scores.append(affine(mean[None], p, "head")[0])
    return entropy(np.stack(scores), y)


def mixture_of_experts(p, x, y):
    """Every expert is asked about every image, and all but two are forgotten."""
    x = relu(affine(x.reshape(len(x), 64), p, "embed"))
    wish = affine(np.stack([normal(column) for column in x.T], axis=1), p, "gate")
    wish = np.where(wish >= np.sort(wish, axis=1)[:, -2:-1], wish, -np.inf)
    experts = [affine(relu(affine(x, p, f"hidden{k}")), p, f"scores{k}") for k in range(1, 5)]
    return entropy(np.einsum("nk,knc->nc", softmax(wish), np.stack(experts)), y)


def equilibrium(p, x, y):
    return equilibrium_layer.plain_loss(x.reshape(len(x), 64), y, **p)


def at_rest(p, x):
    """Hidden and label units after many steps."""
    given, s = x.reshape(len(x), 64) @ p["U"].T + p["b"], np.zeros((len(x), 10))
    for _ in range(500):
        h = np.tanh(given + s @ p["V"])
        s = np.tanh(h @ p["V"].T + p["c"])
    return h, s


def settled(p, x, y):
    return entropy(at_rest(p, x)[0] @ p["V"].T + p["c"], y)


PLAIN = {
    "rnn": rnn,
    "lstm": lstm,
    "attention": attention,
    "transformer": transformer,
    "mixture-of-experts": mixture_of_experts,
    "equilibrium-layer": equilibrium,
    "hopfield": settled,
}


@pytest.mark.parametrize("name", NAMES)
def test_its_loss_is_that_of_plain_numpy(name):
    images, labels = datasets.digits()
    found = architectures.load(name)
    p = found.parameters(np.random.default_rng(4))
    expected = PLAIN[name](p, images[:5], labels[:5])
    assert found.loss(p, images[:5], labels[:5]) == pytest.approx(expected, rel=1e-10)


# -- what is special about one ---------------------------------------------------------------------


def test_each_image_meets_two_experts():
    images, labels = datasets.digits()
    found, n = architectures.load("mixture-of-experts"), 8
    p = found.parameters(np.random.default_rng(0))
    sizes = [
        np.shape(c.value)[0]
        for c, path in zip(*graph_of(found.loss, p, images[:n], labels[:n]), strict=True)
        if c.function == "matmul" and path[0].startswith("expert")
    ]
    assert sum(sizes[::2]) == 2 * n and max(sizes) < n


def graph_of(loss, p, x, y):
    graph = lg.trace(lambda q: loss(q, x, y), p)
    return graph.constraints, graph.scopes


def energy(h, s, p, x):
    """Of one image; arctanh is integrated to h arctanh h + log(1 - h^2)/2."""

    def inside(z):
        return np.sum(z * np.arctanh(z) + np.log(1 - z**2) / 2)

    given = p["U"] @ x.ravel() + p["b"]
    return inside(h) + inside(s) - given @ h - p["c"] @ s - s @ p["V"] @ h


def test_a_hopfield_network_rests_where_its_energy_has_no_slope():
    images, labels = datasets.digits()
    p = hopfield.parameters(np.random.default_rng(2))
    solution = hopfield.model(p, images[:3], labels[:3]).solve()
    for k in range(3):
        rest = (solution["hidden.h"][k], solution["label.s"][k])
        slopes = lg.grad(energy, argnums=(0, 1))(*rest, p, images[k])
        assert max(np.max(np.abs(slope)) for slope in slopes) < 1e-12
        rng = np.random.default_rng(k)
        for _ in range(3):  # and it is lowest there
            near = [z + 0.01 * rng.normal(size=z.shape) * (1 - z**2) for z in rest]
            assert energy(*near, p, images[k]) > energy(*rest, p, images[k])


@pytest.mark.parametrize("name", CYCLES)
def test_projected_weights_contract(name):
    found = architectures.load(name)
    p = found.parameters(np.random.default_rng(0))
    key = {"equilibrium-layer": "W", "hopfield": "V"}[name]
    large = found.project(p | {key: 7 * p[key]})[key]
    assert np.linalg.norm(large, 2) == pytest.approx(0.9, rel=1e-12)
    np.testing.assert_allclose(large / np.linalg.norm(large), p[key] / np.linalg.norm(p[key]))
