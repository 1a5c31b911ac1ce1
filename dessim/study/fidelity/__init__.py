"""How far off: published cells, calibration, predictions."""
