"""Which line of the source an instruction comes from, for debuggers and profilers.

With this the machine code carries a table of lines (DWARF): files, functions put in place of their
calls, and lines, as of any compiled program.

Source
------
LLVM Language Reference Manual, *Specialized Metadata Nodes* (DILocation, DISubprogram).
"""

from pathlib import Path
from typing import Any

from llvmlite import ir

from dessim.engines.translate.source import KernelFunction

ERROR_IF_OTHER = 1  # what LLVM does with two values of a flag
VERSIONS = (("Debug Info Version", 3), ("Dwarf Version", 4))


class SourceLines:
    """Names of lines in one module.

    Parameters
    ----------
    module : ir.Module
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        number = ir.IntType(32)
        for name, version in VERSIONS:
            flag = [ir.Constant(number, ERROR_IF_OTHER), name, ir.Constant(number, version)]
            module.add_named_metadata("llvm.module.flags", flag)
        token = ir.DIToken
        unit = {
            "language": token("DW_LANG_Python"),
            "file": self._file(__file__),
            "producer": "dessim",
            "isOptimized": True,
            "runtimeVersion": 0,
            "emissionKind": token("FullDebug"),
        }
        self.unit = module.add_debug_info("DICompileUnit", unit, is_distinct=True)
        module.add_named_metadata("llvm.dbg.cu", self.unit)
        kind = module.add_debug_info("DISubroutineType", {"types": module.add_metadata([None])})
        self.kind = kind
        self.functions: dict[Any, Any] = {}
        self.places: dict[Any, Any] = {}

    def _file(self, path: str) -> Any:
        place = Path(path)
        names = {"filename": place.name, "directory": str(place.parent)}
        return self.module.add_debug_info("DIFile", names)

    def function(self, source: KernelFunction, name: str = "") -> Any:
        """Return what stands for a function of the source."""
        key = (source.function, name)
        if key not in self.functions:
            code = source.function.__code__
            words = {
                "name": name or source.name,
                "scope": self.unit,
                "file": self._file(code.co_filename),
                "line": code.co_firstlineno,
                "type": self.kind,
                "unit": self.unit,
                "spFlags": ir.DIToken("DISPFlagDefinition | DISPFlagOptimized"),
            }
            made = self.module.add_debug_info("DISubprogram", words, is_distinct=True)
            self.functions[key] = made
        return self.functions[key]

    def place(self, scope: Any, line: int, called_from: Any) -> Any:
        """Return what stands for a line, in a function that is put in place of a call, or not."""
        key = (id(scope), line, id(called_from))
        if key not in self.places:
            words = {"line": line, "column": 0, "scope": scope}
            if called_from is not None:
                words["inlinedAt"] = called_from
            self.places[key] = self.module.add_debug_info("DILocation", words, is_distinct=True)
        return self.places[key]
