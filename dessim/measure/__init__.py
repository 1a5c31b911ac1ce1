"""From runs to numbers, each with its interval."""
