"""Schemes, actors and protocols by name: their folders are the registry.

Those are ``dessim/schemes``, ``dessim/actors`` and ``dessim/protocols``; ``./schemes``,
``./actors`` and ``./protocols`` of the working directory belong to it. ``files`` finds them
without running any, ``catalogue`` loads what is named, ``programs`` builds what tasks run.
"""

from typing import TYPE_CHECKING

from dessim.lazy import exports

if TYPE_CHECKING:
    from dessim.registry.catalogue import (
        Actor,
        ProtocolFile,
        Scheme,
        UnknownScheme,
        actor_names,
        columns,
        load,
        load_actor,
        load_protocol,
        names,
        options_of,
        protocol_names,
        read_option,
    )
    from dessim.registry.files import SHORT_NAMES, Found, SchemeFileError, listed, own_files
    from dessim.registry.parts import Option
    from dessim.registry.programs import (
        faulting_program,
        program_of_actor,
        thread_program,
        whole_life,
    )

__getattr__, __dir__ = exports(
    __name__,
    {
        "catalogue": (
            "Actor",
            "ProtocolFile",
            "Scheme",
            "UnknownScheme",
            "actor_names",
            "columns",
            "load",
            "load_actor",
            "load_protocol",
            "names",
            "options_of",
            "protocol_names",
            "read_option",
        ),
        "files": (
            "SHORT_NAMES",
            "Found",
            "SchemeFileError",
            "listed",
            "own_files",
        ),
        "parts": ("Option",),
        "programs": (
            "faulting_program",
            "program_of_actor",
            "thread_program",
            "whole_life",
        ),
    },
)

__all__ = [
    "SHORT_NAMES",
    "Actor",
    "Found",
    "Option",
    "ProtocolFile",
    "Scheme",
    "SchemeFileError",
    "UnknownScheme",
    "actor_names",
    "columns",
    "faulting_program",
    "listed",
    "load",
    "load_actor",
    "load_protocol",
    "names",
    "options_of",
    "own_files",
    "program_of_actor",
    "protocol_names",
    "read_option",
    "thread_program",
    "whole_life",
]
