"""A translator from the kernel's own functions to LLVM's language (``docs/translator.md``)."""
