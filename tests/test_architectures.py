"""Every architecture of the gallery: what it says, its gradient, and that it learns."""

import numpy as np
import pytest

import lagrad as lg
from lagrad.gallery import architectures, datasets
from lagrad.gallery.architectures import layers
from lagrad.gallery.architectures.train import batches, train
from lagrad.gallery.problem import slope_check
from lagrad.status import ArgumentError

NAMES = architectures.names()
SYSTEMS = {}

# After 20 steps on 64 images each the loss is at most this part of what it was at first.
LEFT = {
    "mlp": 0.5,
    "lenet": 0.8,
    "resnet": 0.6,
    "dense-block": 0.85,
    "densenet": 0.6,
    "inception": 0.95,
    "unet": 0.6,
    "autoencoder": 0.4,
    "rnn": 0.6,
    "lstm": 0.85,
    "attention": 0.65,
    "transformer": 0.6,
    "mixture-of-experts": 0.5,
    "equilibrium-layer": 0.4,
    "hopfield": 0.7,
}


def system(name):
    """Trace each once; the tests only look at it."""
    if name not in SYSTEMS:
        SYSTEMS[name] = architectures.system(name)
    return SYSTEMS[name]


def parameters(name, seed=0):
    return architectures.load(name).parameters(np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_an_architecture_says_what_it_is(name):
    found = architectures.load(name)
    assert found.name == name
    assert found.summary and found.source and "\n" not in found.summary
    assert found.sentence.endswith(".")
    assert len(found.scopes) == len(set(found.scopes)) >= 3
    assert max(scope.count(".") + 1 for scope in found.scopes) == found.depth


@pytest.mark.parametrize("name", NAMES)
def test_its_scopes_are_those_of_its_system(name):
    found = architectures.load(name)
    there = {".".join(path[: found.depth]) for path in system(name).scopes if path}
    assert set(found.scopes) <= there


@pytest.mark.parametrize("name", NAMES)
def test_its_gradient_is_that_of_central_differences(name):
    images, labels = datasets.digits()
    images, labels = images[:6], labels[:6]
    rng, loss = np.random.default_rng(1), architectures.load(name).loss
    # Not where it begins: with biases of zero, ReLU stands on its kink wherever there is no ink.
    point = {key: w + 0.03 * rng.normal(size=w.shape) for key, w in parameters(name).items()}
    value, gradient = lg.value_and_grad(loss)(point, images, labels)
    assert value == pytest.approx(loss(point, images, labels), rel=1e-13)
    assert list(gradient) == list(point)
    for key, slope in gradient.items():
        assert slope.dtype == np.float64 and slope.shape == point[key].shape
        assert np.max(np.abs(slope)) > 1e-5  # No parameter is idle.
        check = slope_check(
            key,
            lambda **p: loss(p, images, labels),
            point,
            key,
            slope,
            rng.normal(size=slope.shape),
            step=1e-7,
            tolerance=1e-5,
        )
        assert check.ok, (check.name, check.error)


@pytest.mark.parametrize("name", NAMES)
def test_the_multipliers_of_its_inputs_are_the_gradient(name):
    images, labels = datasets.digits()
    multipliers = system(name).solve()
    point, loss = parameters(name), architectures.load(name).loss
    gradient = lg.grad(loss)(point, images[:2], labels[:2])
    for key, slope in gradient.items():
        np.testing.assert_allclose(multipliers[key], slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_of_training_lower_its_loss(name):
    found = architectures.load(name)
    trained, losses = train(found.loss, parameters(name), batches(20, 64), project=found.project)
    assert len(losses) == 20 and trained.keys() == parameters(name).keys()
    images, labels = datasets.digits()  # Most of these were in no batch.
    before, after = (found.loss(p, images[:400], labels[:400]) for p in (parameters(name), trained))
    assert after < LEFT[name] * before


@pytest.mark.parametrize("name", NAMES)
def test_one_image_is_enough(name):
    multipliers = architectures.system(name, images=1, seed=3).solve()
    assert all(np.isfinite(multipliers[key]).all() for key in parameters(name))


def test_names_that_are_not_there_are_refused():
    with pytest.raises(ArgumentError, match="no architecture is called 'vgg'.*mlp, "):
        architectures.load("vgg")


@pytest.mark.parametrize("images", [0, -1, 1798, 2.0, True, None], ids=repr)
def test_numbers_of_images_that_make_no_sense_are_refused(images):
    with pytest.raises(ArgumentError, match=r"images=.*: a number from 1 to 1,797"):
        architectures.system("mlp", images=images)


# -- training --------------------------------------------------------------------------------------


def test_training_is_adam():
    """On a quadratic, against the algorithm as it is printed."""
    rate, w = 0.1, np.array([1.0, -2.0])
    found, losses = train(lambda p, x, y: np.sum(p["w"] ** 4), {"w": w}, [(0, 0)] * 5, rate)
    m, v, expected = np.zeros(2), np.zeros(2), []
    for t in range(1, 6):
        expected.append(np.sum(w**4))
        g = 4 * w**3
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(losses, expected, rtol=1e-13)
    np.testing.assert_allclose(found["w"], w, rtol=1e-13)


def test_training_keeps_what_it_was_given():
    given = {"w": np.array([1.0, -2.0])}
    norms = []

    def project(p):
        norms.append(np.linalg.norm(p["w"]))
        return {"w": p["w"] / max(1.0, norms[-1])}

    found, _ = train(lambda p, x, y: -np.sum(p["w"] ** 2), given, [(0, 0)] * 3, 0.1, project)
    assert given["w"].tolist() == [1.0, -2.0]
    assert len(norms) == 3 and min(norms) > 1.0
    assert np.linalg.norm(found["w"]) == pytest.approx(1.0)


def test_batches_are_images_with_their_labels():
    images, labels = datasets.digits()
    drawn = batches(3, 5, seed=1)
    assert [x.shape for x, _ in drawn] == [(5, 8, 8)] * 3
    for x, y in drawn:
        for one, label in zip(x, y, strict=True):
            at = np.flatnonzero((images == one).all(axis=(1, 2)))
            assert label in labels[at]


# -- layers ----------------------------------------------------------------------------------------


def images_of(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_conv2d_is_scipys_correlation(k):
    from scipy.signal import correlate2d

    x, W, b = images_of((2, 6, 8, 3)), images_of((k, k, 3, 4)), images_of(4)
    found = layers.conv2d(x, W, b)
    for n in range(2):
        for d in range(4):
            each = [correlate2d(x[n, :, :, c], W[:, :, c, d], mode="same") for c in range(3)]
            np.testing.assert_allclose(found[n, :, :, d], sum(each) + b[d], atol=1e-12)


def test_pools_are_means_and_maxima_of_tiles():
    x = images_of((2, 4, 6, 3))
    for i in range(2):
        for j in range(3):
            tile = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            np.testing.assert_allclose(layers.mean_pool(x)[:, i, j], tile.mean(axis=(1, 2)))
            np.testing.assert_array_equal(layers.max_pool(x)[:, i, j], tile.max(axis=(1, 2)))


def test_max_around_is_scipys_filter():
    from scipy.ndimage import maximum_filter

    x = np.abs(images_of((2, 5, 6, 3)))
    expected = maximum_filter(x, size=(1, 3, 3, 1), mode="constant", cval=0.0)
    np.testing.assert_array_equal(layers.max_around(x), expected)


def test_upsample_repeats_each_pixel():
    x = images_of((2, 3, 4, 2))
    np.testing.assert_array_equal(layers.upsample(x), np.kron(x, np.ones((1, 2, 2, 1))))


@pytest.mark.parametrize("axes", [(0, 1, 2), -1], ids=["batch", "layer"])
def test_normalize_leaves_mean_zero_and_variance_one(axes):
    x = 3 + 2 * images_of((4, 5, 6, 7))
    found = layers.normalize(x, axes)
    np.testing.assert_allclose(found.mean(axis=axes), 0.0, atol=1e-12)
    variance = x.var(axis=axes)
    np.testing.assert_allclose(found.var(axis=axes), variance / (variance + 1e-5), rtol=1e-12)


def test_initial_weights_have_the_variance_of_their_inputs():
    found = layers.initial(np.random.default_rng(0), {"a": (3, 3, 50, 60), "c": (400, 100)})
    assert {key: w.shape for key, w in found.items()} == {
        "W_a": (3, 3, 50, 60),
        "b_a": (60,),
        "W_c": (400, 100),
        "b_c": (100,),
    }
    assert found["W_a"].var() == pytest.approx(2 / 450, rel=0.05)
    assert found["W_c"].var() == pytest.approx(2 / 400, rel=0.05)
    assert not found["b_a"].any()
