"""The bench on real photographs: networks and photos with masks from a folder, an experiment for each question."""
