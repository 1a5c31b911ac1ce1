"""Whatever the files of a cluster hold: an address and certificates that can be used, or none."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from mutants import EDITS, JUNK, edited, paths_of, quick_and_thorough, refused_or_done, replaced

from dessim.errors import UserError
from dessim.study.sweep.dask_scheduler import TLS_FILES, address_of, certificates_of

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="certificates are made by openssl"
)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A certificate that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dessim"]
    words += ["-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    return {name: (folder / name).read_bytes() for name in TLS_FILES}


@pytest.fixture
def whole(certificates: dict[str, bytes]) -> dict[str, bytes]:
    """What is mutated, by name."""
    return certificates


SCHEDULER = {
    "type": "Scheduler",
    "id": "Scheduler-1",
    "address": "tls://10.0.0.1:8786",
    "services": {"dashboard": 8787},
    "workers": {},
}
SCHEDULERS = st.one_of(
    st.tuples(st.just(()), EDITS),
    st.tuples(st.sampled_from(paths_of(SCHEDULER)), JUNK),
    st.tuples(st.just(("address",)), st.from_regex(r"\A(tcp|tls)://[a-z0-9.\[\]:]{0,12}\Z")),
)


@quick_and_thorough(st.tuples(SCHEDULERS, st.booleans(), st.booleans()), 60, 5_000)
def _schedulers(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated scheduler files: an address that Dask can use, or none."""
    (path, change), plain, tls = drawn
    file = Path("scheduler.json")
    if isinstance(change, list) and change and isinstance(change[0], tuple):
        file.write_bytes(edited(json.dumps(SCHEDULER).encode(), change))
    else:
        file.write_text(json.dumps(replaced(SCHEDULER, path, change)))
    found = refused_or_done(lambda: address_of(file, plain=plain, tls=tls))
    if found is not None:
        assert 0 < int(found.rpartition(":")[2]) < 1 << 16
        assert found.startswith("tls://") or not tls


test_quick_schedulers, test_thorough_schedulers = _schedulers


@quick_and_thorough(st.tuples(st.sampled_from(TLS_FILES), EDITS), 40, 5_000)
def _certificates(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated certificates and keys: nobody is asked for a passphrase, and nothing is half used."""
    name, edits = drawn
    for file, data in whole.items():
        Path(file).write_bytes(edited(data, edits) if file == name else data)
    found = refused_or_done(lambda: certificates_of(Path()))
    assert found is None or found["require_encryption"]


test_quick_certificates, test_thorough_certificates = _certificates


def test_a_key_with_a_passphrase_is_refused(whole: dict[str, bytes], tmp_path: Path) -> None:
    """OpenSSL would ask for it at the terminal, and wait."""
    for name, data in whole.items():
        (tmp_path / name).write_bytes(data)
    assert certificates_of(tmp_path)["tls_client_key"] == str(tmp_path / "key.pem")
    words = ["rsa", "-aes128", "-passout", "pass:secret", "-in", "key.pem", "-out", "key.pem"]
    subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(UserError, match=r"key\.pem: .*passphrase"):
        certificates_of(tmp_path)
