"""The user's network: loading, capture of activations and gradients at a layer, layouts, receptive fields."""
