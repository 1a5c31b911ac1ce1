"""`dessim report`: results as one HTML page that needs nothing else, and asks nobody."""
