"""Synthetic images with ground truth: textures, and scenes of textured shapes."""
