"""Other people's methods, each written from its paper, to be measured on the same activations.

- `tcav`: TCAV with the CAV of the flattened layer, and of the layer averaged over its grid.
- `visual_tcav`: the concept map and the attribution of Visual-TCAV.
- `net2vec`: a 1x1 convolution trained on masks; it sees what the others must find, and so is the upper bound.
- `notebook`: the direction of the notebook that the SACV authors published, with its mistakes, as an exhibit.
- `captum_tcav`: captum itself, run unchanged.

All but the last are functions on arrays: activations and gradients are `(n, *grid, channels)`.
"""
