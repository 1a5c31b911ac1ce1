"""The alphabet, the assembler, the World, and the meaning and cost of every step."""
