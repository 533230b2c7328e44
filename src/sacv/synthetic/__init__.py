"""Pictures made in code, whose truth is known: textures, scenes of textured shapes, and a clinic."""
