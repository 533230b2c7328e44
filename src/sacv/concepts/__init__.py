"""Where guidance images come from."""
