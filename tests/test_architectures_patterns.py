"""A of each architecture at the level of scopes, against a pattern that was written by hand."""

import numpy as np
import pytest
from networks import drawn

from lagrad.gallery import architectures

# A row of A for each scope, and for each input that several scopes read.
PATTERNS = {
    "mlp": """
        layer1  # # . .
        layer2  . # # .
        layer3  . . # #
        loss    . . . #
    """,
    "lenet": """
        conv1  # # . . . . .
        pool1  . # # . . . .
        conv2  . . # # . . .
        pool2  . . . # # . .
        full3  . . . . # # .
        full4  . . . . . # #
        loss   . . . . . . #
    """,
    "resnet": """
        stem          # # . # . . . . . . . .
        block1.conv1  . # # . . . . . . . . .
        block1.conv2  . . # # . . . . . . . .
        block1.sum    . . . # # . # . . . . .
        block2.conv1  . . . . # # . . . . . .
        block2.conv2  . . . . . # # . . . . .
        block2.sum    . . . . . . # # . # . .
        block3.conv1  . . . . . . . # # . . .
        block3.conv2  . . . . . . . . # # . .
        block3.sum    . . . . . . . . . # # .
        scores        . . . . . . . . . . # #
        loss          . . . . . . . . . . . #
    """,
    "dense-block": """
        x0            # # # # # # # .
        block.layer1  . # # # # # # .
        block.layer2  . . # # # # # .
        block.layer3  . . . # # # # .
        block.layer4  . . . . # # # .
        block.layer5  . . . . . # # .
        scores        . . . . . . # #
        loss          . . . . . . . #
    """,
    "densenet": """
        stem           # # # # # # . . . . . .
        block1.layer1  . # # # # # . . . . . .
        block1.layer2  . . # # # # . . . . . .
        block1.layer3  . . . # # # . . . . . .
        block1.layer4  . . . . # # . . . . . .
        transition     . . . . . # # # # # # .
        block2.layer1  . . . . . . # # # # # .
        block2.layer2  . . . . . . . # # # # .
        block2.layer3  . . . . . . . . # # # .
        block2.layer4  . . . . . . . . . # # .
        scores         . . . . . . . . . . # #
        loss           . . . . . . . . . . . #
    """,
    "inception": """
        stem           # # # # # . . . . . . . .
        module1.one    . # . . . # . . . . . . .
        module1.three  . . # . . # . . . . . . .
        module1.five   . . . # . # . . . . . . .
        module1.pool   . . . . # # . . . . . . .
        module1.join   . . . . . # # # # # . . .
        module2.one    . . . . . . # . . . # . .
        module2.three  . . . . . . . # . . # . .
        module2.five   . . . . . . . . # . # . .
        module2.pool   . . . . . . . . . # # . .
        module2.join   . . . . . . . . . . # # .
        scores         . . . . . . . . . . . # #
        loss           . . . . . . . . . . . . #
    """,
    "unet": """
        down1   # # . . . . # . .
        down2   . # # . . # . . .
        down3   . . # # # . . . .
        bottom  . . . # # . . . .
        up3     . . . . # # . . .
        up2     . . . . . # # . .
        up1     . . . . . . # # .
        scores  . . . . . . . # #
        loss    . . . . . . . . #
    """,
    "autoencoder": """
        W1       # . . # . . # .
        W2       . # . . # # . .
        x        . . # # . . . #
        encode1  . . . # # . . .
        encode2  . . . . # # . .
        decode2  . . . . . # # .
        decode1  . . . . . . # #
        loss     . . . . . . . #
    """,
    "rnn": """
        W_read  # . . . . # # # # # # # # . .
        b_read  . # . . . # # # # # # # # . .
        W_step  . . # . . # # # # # # # # . .
        b_step  . . . # . # # # # # # # # . .
        images  . . . . # # # # # # # # # . .
        step1   . . . . . # # . . . . . . . .
        step2   . . . . . . # # . . . . . . .
        step3   . . . . . . . # # . . . . . .
        step4   . . . . . . . . # # . . . . .
        step5   . . . . . . . . . # # . . . .
        step6   . . . . . . . . . . # # . . .
        step7   . . . . . . . . . . . # # . .
        step8   . . . . . . . . . . . . # # .
        head    . . . . . . . . . . . . . # #
        loss    . . . . . . . . . . . . . . #
    """,
    "lstm": """
        W_gates       # . . # . . # . . # . . # . . . .
        b_gates       . # . # . . # . . # . . # . . . .
        strips        . . # # . . # . . # . . # . . . .
        step1.gates   . . . # # # . . . . . . . . . . .
        step1.memory  . . . . # # . # . . . . . . . . .
        step1.output  . . . . . # # . . . . . . . . . .
        step2.gates   . . . . . . # # # . . . . . . . .
        step2.memory  . . . . . . . # # . # . . . . . .
        step2.output  . . . . . . . . # # . . . . . . .
        step3.gates   . . . . . . . . . # # # . . . . .
        step3.memory  . . . . . . . . . . # # . # . . .
        step3.output  . . . . . . . . . . . # # . . . .
        step4.gates   . . . . . . . . . . . . # # # . .
        step4.memory  . . . . . . . . . . . . . # # . .
        step4.output  . . . . . . . . . . . . . . # # .
        head          . . . . . . . . . . . . . . . # #
        loss          . . . . . . . . . . . . . . . . #
    """,
    "attention": """
        W_embed     # . . . . . . . # # # # . . . . . . . . . .
        b_embed     . # . . . . . . # # # # . . . . . . . . . .
        W_qkv       . . # . . . . . # # # # . . . . . . . . . .
        b_qkv       . . . # . . . . # # # # . . . . . . . . . .
        W_feed      . . . . # . . . . . . . . . . . # # # # . .
        b_feed      . . . . . # . . . . . . . . . . # # # # . .
        position    . . . . . . # . # # # # . . . . . . . . . .
        quarters    . . . . . . . # # # # # . . . . . . . . . .
        token1      . . . . . . . . # . . . # # # # . . . . . .
        token2      . . . . . . . . . # . . # # # # . . . . . .
        token3      . . . . . . . . . . # . # # # # . . . . . .
        token4      . . . . . . . . . . . # # # # # . . . . . .
        attention1  . . . . . . . . . . . . # . . . # . . . . .
        attention2  . . . . . . . . . . . . . # . . . # . . . .
        attention3  . . . . . . . . . . . . . . # . . . # . . .
        attention4  . . . . . . . . . . . . . . . # . . . # . .
        feed1       . . . . . . . . . . . . . . . . # . . . # .
        feed2       . . . . . . . . . . . . . . . . . # . . # .
        feed3       . . . . . . . . . . . . . . . . . . # . # .
        feed4       . . . . . . . . . . . . . . . . . . . # # .
        head        . . . . . . . . . . . . . . . . . . . . # #
        loss        . . . . . . . . . . . . . . . . . . . . . #
    """,
    "transformer": """
        embed               # # # . . . . . . . .
        block1.attention    . # # . . . . . . . .
        block1.sum1         . . # # # . . . . . .
        block1.feedforward  . . . # # . . . . . .
        block1.sum2         . . . . # # # . . . .
        block2.attention    . . . . . # # . . . .
        block2.sum1         . . . . . . # # # . .
        block2.feedforward  . . . . . . . # # . .
        block2.sum2         . . . . . . . . # # .
        head                . . . . . . . . . # #
        loss                . . . . . . . . . . #
    """,
    "mixture-of-experts": """
        embed    # # # # # # . .
        gate     . # . . . . # .
        expert1  . . # . . . # .
        expert2  . . . # . . # .
        expert3  . . . . # . # .
        expert4  . . . . . # # .
        mix      . . . . . . # #
        loss     . . . . . . . #
    """,
    "equilibrium-layer": """
        input       # # . . .
        layer.sum   . # # . .
        layer.tanh  . # # # .
        head        . . . # #
        loss        . . . . #
    """,
    "hopfield": """
        V       # . # # .
        input   . # # . .
        hidden  . . # # .
        label   . . # # #
        loss    . . . . #
    """,
}


def by_hand(name):
    """Return names of rows, and the pattern."""
    rows = [line.split() for line in PATTERNS[name].strip().splitlines()]
    return [row[0] for row in rows], np.array([[cell == "#" for cell in row[1:]] for row in rows])


def test_each_architecture_has_a_pattern():
    assert set(PATTERNS) == set(architectures.names())


@pytest.mark.parametrize("name", PATTERNS)
def test_a_shows_what_its_sentence_says(name):
    rows, pattern = drawn(architectures.system(name), architectures.load(name).depth)
    names, expected = by_hand(name)
    assert rows == names
    np.testing.assert_array_equal(pattern, expected)


@pytest.mark.parametrize("name", PATTERNS)
def test_condensed_onto_its_scopes_it_shows_the_same(name):
    found = architectures.load(name)
    condensed = architectures.system(name).condense(found.scopes)
    rows, pattern = drawn(condensed, found.depth)
    names, expected = by_hand(name)
    kept = [k for k, row in enumerate(names) if row in found.scopes]  # without weights
    assert rows == [names[k] for k in kept] == list(found.scopes)
    np.testing.assert_array_equal(pattern, expected[np.ix_(kept, kept)])
