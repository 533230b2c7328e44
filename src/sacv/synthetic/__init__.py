"""Pictures made in code, whose truth is known: textures, and scenes of textured shapes."""
