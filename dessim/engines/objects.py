"""From LLVM's language to machine code: optimise, emit, load, call.

Only ``llvmlite.binding`` is needed here, and to load an object not even LLVM's parser.
"""

import ctypes
import threading
from collections.abc import Callable, Mapping
from typing import Any

from dessim.engines import line_table

OPTIMISED = 3
_LOCK = threading.Lock()


def _llvm() -> Any:
    """Return LLVM, ready for this machine: imported late."""
    from llvmlite import binding

    with _LOCK:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
    return binding


def _machine(llvm: Any, level: int) -> Any:
    """Return what LLVM knows about this machine's code."""
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=features,
        opt=level,
        reloc="pic",
        codemodel="small",
        jit=True,
    )


def emit(text: str, level: int = OPTIMISED) -> bytes:
    """Return machine code of a module, for the CPU of this machine.

    Parameters
    ----------
    text : str
        LLVM's language, as ``translate`` writes it.
    level : int
        0 to 3: how much is done for speed.
    """
    llvm = _llvm()
    machine = _machine(llvm, level)
    return bytes(machine.emit_object(_optimised(llvm, machine, text, level)))


def optimised(text: str, level: int = OPTIMISED) -> str:
    """Return what LLVM makes of a module, in LLVM's language."""
    llvm = _llvm()
    return str(_optimised(llvm, _machine(llvm, level), text, level))


def _optimised(llvm: Any, machine: Any, text: str, level: int) -> Any:
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


class Loaded:
    """Machine code in memory, and its entry points as functions.

    Parameters
    ----------
    code : bytes
        What ``emit`` returned, on a machine of this kind.
    entries : dict
        Names of entry points and, of each parameter, whether it is an array of words.
    """

    def __init__(self, code: bytes, entries: Mapping[str, tuple[bool, ...]]) -> None:
        llvm = _llvm()
        # JITLink places an object in one piece. LLVM's older linker lets the system place each
        # section, and in a process with GiB of Worlds they end up too far apart for the 32-bit
        # distances by which they refer to each other.
        linker = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in entries:
            linker.export_symbol(name)
        jit = llvm.create_lljit_compiler(_machine(llvm, 0), use_jit_link=True)
        self.linked = linker.link(jit, "code")
        if line_table.is_on():
            name = next(iter(entries))
            line_table.write_map(code, self.linked[name] - line_table.offset_of(code, name))
        self.functions = {name: self._function(name, kinds) for name, kinds in entries.items()}

    def _function(self, name: str, arrays: tuple[bool, ...]) -> Callable[..., int]:
        """Return an entry point that takes arrays and integers; it holds no lock of Python."""
        kinds = [ctypes.c_void_p if array else ctypes.c_int64 for array in arrays]
        call = ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(self.linked[name])

        def entry(*given: Any, linked: Any = self.linked) -> int:  # it owns the code: kept alive
            if len(given) != len(arrays):
                raise TypeError(f"{name} takes {len(arrays)} arguments")
            places = [words_at(value) for value, array in zip(given, arrays, strict=True) if array]
            if len(set(places)) < len(places):
                raise TypeError(f"{name} takes arrays that do not overlap")
            place = iter(places)
            pairs = zip(given, arrays, strict=True)
            return int(call(*(next(place) if array else value for value, array in pairs)))

        return entry


def words_at(array: Any) -> int:
    """Return where the words of an array are.

    Raises
    ------
    TypeError
        If they are not 64-bit integers in a row that may be written.
    """
    fits = array.dtype.str == "<i8" and array.flags.c_contiguous and array.flags.writeable
    if not fits:
        raise TypeError("compiled functions take contiguous arrays of 64-bit integers")
    return int(array.ctypes.data)
