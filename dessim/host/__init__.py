"""The machine that a person has: what it is made of, what can be measured on it, what it does."""
