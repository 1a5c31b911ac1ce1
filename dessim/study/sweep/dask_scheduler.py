"""A Dask scheduler that runs already: what its file says, and whether it answers."""

from __future__ import annotations

import re
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from dessim.errors import UserError
from dessim.files.reading import MIB, UnreadableError, read_file, read_json

TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
PLAIN, ENCRYPTED = ("tcp", "ws", "ucx"), ("tls", "wss")
_ADDRESS = re.compile(
    rf"(?P<scheme>{'|'.join(PLAIN + ENCRYPTED)})://"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.%]+\]):(?P<port>[0-9]{1,5})"
)
MOST_PORTS = 1 << 16
LOCAL = "local"
"""Stands for a cluster of workers here."""


class ClusterMissingError(UserError):
    """A cluster that cannot be used: the library or its scheduler is not there."""


def certificates_of(folder: Path) -> dict[str, Any]:
    """Return what Dask calls the files of a folder, once they have been found to be usable.

    Raises
    ------
    ClusterMissingError
        If one is not there, holds no certificate or key, or a key that needs a passphrase: OpenSSL
        would ask for it at the terminal.
    """
    import ssl

    ca, cert, key = (folder / name for name in TLS_FILES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in (ca, cert, key):
        try:
            text = read_file(path, MIB)
        except UnreadableError as error:
            raise ClusterMissingError(
                f"{error}; --cluster-tls wants a folder with {', '.join(TLS_FILES)}"
            ) from None
        if b"\nProc-Type: 4,ENCRYPTED" in text or b"BEGIN ENCRYPTED" in text:
            raise ClusterMissingError(f"{path}: it needs a passphrase: give a key without one")
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ValueError) as error:
        raise ClusterMissingError(f"{ca}: no certificate: {_reason(error)}") from None
    try:
        context.load_cert_chain(cert, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise ClusterMissingError(
            f"{cert}, {key}: no certificate and its key: {_reason(error)}"
        ) from None
    files = {"tls_ca_file": str(ca), "tls_client_cert": str(cert), "tls_client_key": str(key)}
    return {"require_encryption": True, **files}


def _no_passphrase() -> str:
    raise ValueError("it needs a passphrase")


def _reason(error: BaseException) -> str:
    return " ".join((getattr(error, "reason", None) or str(error)).split())


def address_of(file: Path, *, plain: bool = False, tls: bool = False) -> str:
    """Return the address in a scheduler file.

    Whoever answers there can run any code here and on the workers: Dask talks pickle. So another
    machine is spoken to by TLS, or where somebody says that the network is trusted.

    Raises
    ------
    ClusterMissingError
        If the file holds none, or one that is not to be trusted.
    """
    try:
        found = read_json(file, MIB)
    except UnreadableError as error:
        raise ClusterMissingError(
            f"{error}: `dask scheduler --scheduler-file` writes one"
        ) from None
    address = found.get("address") if isinstance(found, dict) else None
    parts = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if parts is None or not 0 < int(parts["port"]) < MOST_PORTS:
        text = f"{file}: not a scheduler file: it has no address such as tls://10.0.0.1:8786"
        raise ClusterMissingError(text)
    if tls and parts["scheme"] in PLAIN:
        raise ClusterMissingError(
            f"{file}: {parts[0]} is not encrypted: give scheduler and workers --tls-ca-file,"
            " --tls-cert and --tls-key (docs/scale.md)"
        )
    if parts["scheme"] in PLAIN and not plain and not _is_here(parts["host"]):
        raise ClusterMissingError(
            f"{file}: {parts[0]} is another machine, without encryption: anyone who answers there"
            " can run code here. Give scheduler, workers and this command TLS (--cluster-tls,"
            " docs/scale.md), or pass --cluster-plain on a trusted network"
        )
    return parts[0]


def _is_here(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_cluster(cluster: str | None, *, plain: bool, tls: Path | None) -> None:
    """Refuse options of a cluster that do not fit, and files of it that cannot be used.

    Nobody is asked, and no library is imported: whether the scheduler answers is seen later.

    Raises
    ------
    ClusterMissingError
        If an option is about a scheduler, and none is named, or as of ``address_of`` and
        ``certificates_of``.
    """
    if cluster is None or cluster == LOCAL:
        for flag, given in (("--cluster-plain", plain), ("--cluster-tls", tls is not None)):
            if given:
                raise ClusterMissingError(
                    f"{flag} is about a scheduler that runs already: name its file by --cluster"
                )
        return
    address_of(Path(cluster), plain=plain, tls=tls is not None)
    if tls is not None:
        certificates_of(tls)


def shake_hands(file: str, address: str, security: Any, seconds: float) -> None:
    """Make sure that a scheduler answers.

    Dask's client waits for ever for somebody who accepts and says nothing, and ends in a traceback
    where somebody speaks something else.

    Raises
    ------
    ClusterMissingError
        If nobody answers in time, or it is no scheduler; if the address needs certificates, or is
        of a kind that the library does not have.
    """
    import asyncio

    scheme = address.partition(":")[0]
    comm: Any = import_module("distributed.comm")
    try:
        comm.registry.get_backend(scheme).get_connector()
    except Exception as error:  # whatever a plug-in raises
        raise ClusterMissingError(
            f"{file}: {address}: this dask.distributed does not speak {scheme}; it speaks tcp, tls,"
            " ws and wss"
        ) from error
    given = security.get_connection_args("client")
    if scheme in ENCRYPTED and given.get("ssl_context") is None:
        raise ClusterMissingError(
            f"{file}: {address} needs certificates: pass --cluster-tls FOLDER (docs/scale.md)"
        )

    async def meet() -> None:
        # A little less time to connect than for all, so that its error says what went wrong.
        (await comm.connect(address, timeout=0.9 * seconds, **given)).abort()

    try:
        asyncio.run(asyncio.wait_for(meet(), seconds))
    except TimeoutError:
        raise ClusterMissingError(
            f"{file}: no scheduler answers: {address} accepts, and says nothing for {seconds:g} s"
        ) from None
    except OSError as error:
        raise ClusterMissingError(f"{file}: no scheduler answers: {_reason(error)}") from error
    except Exception as error:  # whatever comes of bytes that mean something else
        raise ClusterMissingError(
            f"{file}: no scheduler answers: what listens at {address} is none that this"
            f" dask.distributed can talk to: {type(error).__name__}"
        ) from error
