"""Files of certificates for the servers and for the client.

Refuses: to make an authority of its own: `tests.peers` has it.
Called by: conftest.py, which keeps them for the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme
from tests.peers import authority, certificate

NAMES = ("localhost", "127.0.0.1", "*.live.test")
"""Whom the servers' certificate is for: loopback, and every name that squid's hosts file has."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files; those of a certificate hold its key too."""

    authority: str
    server: str
    misnamed: str
    """Signed by the authority, for another host."""
    client: str
    other_client: str
    """Signed by the authority too, for another subject."""
    stranger: str
    """A client's certificate that another authority signed."""
    other_authority: str

    @classmethod
    def write(cls, folder: Path) -> Self:
        """Make them all, in `folder`."""
        other = trustme.CA(organization_name="another authority")
        authorities = {"authority": authority(), "other_authority": other}
        leaves = {
            "server": certificate(*NAMES),
            "misnamed": certificate("elsewhere.test"),
            "client": authority().issue_cert("client@live.test", common_name="client"),
            "other_client": authority().issue_cert("other@live.test", common_name="other client"),
            "stranger": other.issue_cert("client@live.test", common_name="client"),
        }
        paths = {name: folder / f"{name}.pem" for name in (*authorities, *leaves)}
        for name, made in authorities.items():
            made.cert_pem.write_to_path(paths[name])
        for name, leaf in leaves.items():
            leaf.private_key_and_cert_chain_pem.write_to_path(paths[name])
        return cls(**{name: str(path) for name, path in paths.items()})
