"""What a search finds, written from its definition with every value of every image in memory."""

import itertools


def places_of(values, count):
    """Go through all locations from the greatest value, passing over neighbours of those taken."""
    locations = itertools.product(*(range(side) for side in values.shape))
    taken = []
    for location in sorted(locations, key=lambda location: (-values[location], location)):
        near = any(max(abs(a - b) for a, b in zip(location, other, strict=True)) <= 1 for other in taken)
        if not near and len(taken) < count:
            taken.append(location)
    return taken


def best_images(named, top, per_image):
    """From (name, hash, values) of all images, as (name, hash, [(value, location), ...]), the best first."""
    first = {}
    for name, digest, values in sorted(named, key=lambda entry: entry[0]):
        first.setdefault(digest, (name, [(float(values[at]), at) for at in places_of(values, per_image)]))
    found = [(name, digest, places) for digest, (name, places) in first.items()]
    return sorted(found, key=lambda entry: (-entry[2][0][0], entry[1], entry[2][0][1], entry[0]))[:top]


def best_places(named, top, per_image):
    """The greatest locations of all images, as (value, hash, location)."""
    all_of_them = {
        (float(values[at]), digest, at) for _, digest, values in named for at in places_of(values, per_image)
    }
    return sorted(all_of_them, key=lambda entry: (-entry[0], entry[1], entry[2]))[:top]
