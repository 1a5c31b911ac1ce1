"""Where time goes, and what a cheaper step would change."""
