"""Results and runs: kept so that nothing is lost and nothing is trusted unseen."""
