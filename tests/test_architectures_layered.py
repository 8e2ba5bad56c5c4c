"""Architectures without cycles, layer upon layer: what more their A shows, and their losses
against plain NumPy and SciPy, image by image.
"""

import numpy as np
import pytest
from networks import affine, drawn, entropy, relu
from scipy.ndimage import maximum_filter
from scipy.signal import correlate2d

import lagrad as lg
from lagrad.gallery import architectures, datasets

NAMES = (
    "mlp",
    "lenet",
    "resnet",
    "dense-block",
    "densenet",
    "inception",
    "unet",
    "autoencoder",
)


def last_variables(system, scopes):
    """Return the variable of each scope that is computed last: what its layer hands on."""
    order = [k for block in system.blocks for k in block]
    return [
        next(system.variables[k] for k in reversed(order) if ".".join(system.scopes[k]) == scope)
        for scope in scopes
    ]


@pytest.mark.parametrize(
    ("name", "dense"), [("mlp", False), ("lenet", False), ("dense-block", True)]
)
def test_outputs_of_layers_alone_make_a_band_or_a_full_triangle(name, dense):
    system = architectures.system(name)
    layers = last_variables(system, architectures.load(name).scopes[:-1])
    pattern = system.condense(layers).block_pattern.toarray()
    n = len(layers)
    expected = np.triu(np.ones((n, n))) if dense else np.eye(n) + np.eye(n, k=1)
    np.testing.assert_array_equal(pattern, expected.astype(bool))


@pytest.mark.parametrize("name", ["resnet", "inception"])
def test_whole_blocks_make_a_band(name):
    _, pattern = drawn(architectures.system(name), 1)
    n = len(pattern)
    np.testing.assert_array_equal(pattern, (np.eye(n) + np.eye(n, k=1)).astype(bool))


def test_one_weight_of_a_convolution_reaches_all_pixels():
    system = architectures.system("lenet")
    (maps,) = last_variables(system, ["conv1"])
    A = system.condense(["W_conv1", maps]).A.tocsr()
    reached = np.diff(A.indptr)[: 3 * 3 * 6] - 1  # its own entry on the diagonal is no pixel
    assert reached.tolist() == [2 * 64] * (3 * 3 * 6)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_its_gradient_is_the_same(name):
    images, labels = datasets.digits()
    found = architectures.load(name)
    p, slope_of = found.parameters(np.random.default_rng(4)), lg.grad(found.loss)
    traced, compiled = (f(p, images[:5], labels[:5]) for f in (slope_of, lg.compile(slope_of)))
    for key, slope in traced.items():
        size = np.max(np.abs(slope))
        np.testing.assert_allclose(compiled[key], slope, rtol=0, atol=1e-11 * size)


# -- losses, image by image ------------------------------------------------------------------------


def conv(x, p, name, normalized=False):
    W, b = p[f"W_{name}"], p[f"b_{name}"]
    out = np.zeros((*x.shape[:3], W.shape[3]))
    for n, c, d in np.ndindex(len(x), W.shape[2], W.shape[3]):
        out[n, :, :, d] += correlate2d(x[n, :, :, c], W[:, :, c, d], mode="same")
    if normalized:
        flat = out.reshape(-1, W.shape[3])
        out = ((flat - flat.mean(axis=0)) / np.sqrt(flat.var(axis=0) + 1e-5)).reshape(out.shape)
    return out + b


def halves(x, reduce):
    n, height, width, c = x.shape
    out = np.zeros((n, height // 2, width // 2, c))
    for i, j in np.ndindex(height // 2, width // 2):
        out[:, i, j] = reduce(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2], axis=(1, 2))
    return out


def mlp(p, x, y):
    x = affine(x.reshape(len(x), 64), p, "layer1")
    return entropy(affine(relu(affine(relu(x), p, "layer2")), p, "layer3"), y)


def lenet(p, x, y):
    x = halves(np.tanh(conv(x[..., None], p, "conv1")), np.mean)
    x = halves(np.tanh(conv(x, p, "conv2")), np.mean).reshape(len(x), 64)
    return entropy(affine(np.tanh(affine(x, p, "full3")), p, "full4"), y)


def resnet(p, x, y):
    x = relu(conv(x[..., None], p, "stem", normalized=True))
    for k in (1, 2, 3):
        h = relu(conv(x, p, f"block{k}_conv1", normalized=True))
        x = relu(x + conv(h, p, f"block{k}_conv2", normalized=True))
    return entropy(affine(x.mean(axis=(1, 2)), p, "scores"), y)


def grown(x, p, block, layers):
    for k in range(1, layers + 1):
        new = relu(conv(x, p, f"{block}_layer{k}", normalized=True))
        x = np.concatenate([x, new], axis=3)
    return x


def dense_block(p, x, y):
    x = grown(x[..., None], p, "block", 5)
    return entropy(affine(x.mean(axis=(1, 2)), p, "scores"), y)


def densenet(p, x, y):
    x = grown(relu(conv(x[..., None], p, "stem", normalized=True)), p, "block1", 4)
    x = halves(relu(conv(x, p, "transition", normalized=True)), np.mean)
    x = grown(x, p, "block2", 4)
    return entropy(affine(x.mean(axis=(1, 2)), p, "scores"), y)


def inception(p, x, y):
    x = relu(conv(x[..., None], p, "stem"))
    for m in ("module1", "module2"):
        three = relu(conv(relu(conv(x, p, f"{m}_three")), p, f"{m}_three_by_three"))
        five = relu(conv(relu(conv(x, p, f"{m}_five")), p, f"{m}_five_by_five"))
        around = maximum_filter(x, size=(1, 3, 3, 1), mode="constant")
        one, pool = relu(conv(x, p, f"{m}_one")), relu(conv(around, p, f"{m}_pool"))
        x = np.concatenate([one, three, five, pool], axis=3)
    quarters = halves(halves(x, np.mean), np.mean)
    return entropy(affine(quarters.reshape(len(x), -1), p, "scores"), y)


def unet(p, x, y):
    classes = [[y[n] if ink else 10 for ink in image.ravel() > 0.5] for n, image in enumerate(x)]
    one = relu(conv(x[..., None], p, "down1"))
    two = relu(conv(halves(one, np.max), p, "down2"))
    three = relu(conv(halves(two, np.max), p, "down3"))
    x = relu(conv(halves(three, np.max), p, "bottom"))
    for k, left in ((3, three), (2, two), (1, one)):
        x = np.concatenate([np.kron(x, np.ones((1, 2, 2, 1))), left], axis=3)
        x = relu(conv(x, p, f"up{k}"))
    return entropy(conv(x, p, "scores"), classes)


def autoencoder(p, x, y):
    total = 0.0
    for image in x.reshape(len(x), 64):
        code = np.tanh(p["W2"].T @ np.tanh(p["W1"].T @ image + p["b1"]) + p["b2"])
        found = p["W1"] @ np.tanh(p["W2"] @ code + p["c1"]) + p["c0"]
        total += np.sum((found - image) ** 2)
    return total / x.size


LOSSES = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet": resnet,
    "dense-block": dense_block,
    "densenet": densenet,
    "inception": inception,
    "unet": unet,
    "autoencoder": autoencoder,
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_that_of_plain_numpy_image_by_image(name):
    images, labels = datasets.digits()
    found, rng = architectures.load(name), np.random.default_rng(2)
    p = {key: w + 0.1 * rng.normal(size=w.shape) for key, w in found.parameters(rng).items()}
    value = found.loss(p, images[:3], labels[:3])
    assert np.ndim(value) == 0 and value.dtype == np.float64
    assert value == pytest.approx(LOSSES[name](p, images[:3], labels[:3]), rel=1e-11)
