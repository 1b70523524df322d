# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for links between nodes, made with openssl as
docs/operations.md shows it."""

import os
import shutil
import subprocess
import tempfile


class Authority:
    """A CA in a directory of its own."""

    def __init__(self, name: str):
        self.directory = tempfile.mkdtemp(prefix="posthorn-ca-")
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.pem",
        )

    def issue(self, node: str) -> dict:
        """The `tls` section of a node: its new key and certificate."""
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-subj", f"/CN={node}",
            "-keyout", f"{node}.key", "-out", f"{node}.csr",
        )
        self._openssl(
            "x509", "-req", "-in", f"{node}.csr", "-CA", "ca.pem", "-CAkey",
            "ca.key", "-CAcreateserial", "-days", "2", "-out", f"{node}.pem",
        )
        return {
            "certificate": self._path(f"{node}.pem"),
            "key": self._path(f"{node}.key"),
            "ca": self._path("ca.pem"),
        }

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments],
            cwd=self.directory,
            check=True,
            capture_output=True,
            umask=0o077,
        )
