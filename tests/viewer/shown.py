"""What the page of a saved explanation shows, as plain data."""

from sacv.viewer import read_page


def header(folder):
    return read_page(folder / "index.html").header


def facts(folder):
    """How it was made, by label."""
    return dict(header(folder)["facts"])


def checks(folder, concept=0, layer=0):
    """Of each image its checks, the figure by kind."""
    return [dict(one) for one in header(folder)["checks"][0][layer][concept]]


def marks(folder, kind, concept=0, layer=0):
    """Whether each image has any mark of a kind."""
    values = read_page(folder / "index.html").arrays[f"maps/{layer}/{kind}"][:, concept]
    return values.reshape(len(values), -1).any(axis=1).tolist()
