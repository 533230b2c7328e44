"""The procedure that the SACV authors published as a notebook, as an exhibit of what goes wrong.

Each image's activation `(channels, height * width)` is reshaped, not transposed, to `(height * width, channels)`, so
that a "vector" mixes channels and places; the concept is labelled 0 and random 1, so that the weights point to random.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression


def scrambled(activations):
    """From `(n, channels, height, width)` to rows of `channels` numbers, as the notebook makes them."""
    channels = activations.shape[1]
    return np.concatenate([image.reshape(channels, -1).reshape(-1, channels) for image in activations])


def direction(concept, random):
    """The notebook's vector, and its accuracy on the second half of the images."""
    half = len(concept) // 2
    train = [scrambled(concept[:half]), scrambled(random[:half])]
    held = [scrambled(concept[half:]), scrambled(random[half:])]
    model = LogisticRegression(max_iter=1000)
    model.fit(np.concatenate(train), np.r_[np.zeros(len(train[0])), np.ones(len(train[1]))])
    right = np.r_[model.predict(held[0]) == 0, model.predict(held[1]) == 1].mean()
    weights = model.coef_[0]
    return weights / np.linalg.norm(weights), float(right)
