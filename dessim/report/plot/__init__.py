"""How figures are drawn, saved and checked."""
