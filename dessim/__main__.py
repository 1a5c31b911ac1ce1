"""`python -m dessim`."""

from dessim.cli import main

main(prog_name="dessim")
