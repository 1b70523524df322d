# SPDX-License-Identifier: Apache-2.0
"""No token in anything that is printed or stored: asked of every test's node."""

import http.client
import os
import re

# What holds tokens by design: the operator's own files.
_SETTINGS = (".yaml", ".yml")

_PAGES = (
    "/metrics",
    "/health/ready",
    "/admin/v1/openapi.json",
    "/admin/v1/services",
    "/admin/v1/actors",
    "/admin/v1/store",
)


def tokens_in(settings: dict) -> set[str]:
    """The tokens of a posthorn.yaml or of a registration."""
    keys = ("as_token", "hs_token", "admin_token")
    found = [settings.get(key) for key in keys]
    return {one for one in found if isinstance(one, str) and one}


def leaks(secrets: set[str], what: str, text: bytes) -> list[str]:
    """Which secrets stand in `text`. Short ones only count as whole words:
    those of the tests are as short as hs_a."""
    found = []
    for secret in sorted(secrets):
        raw = re.escape(secret.encode())
        if len(secret) < 8:
            raw = rb"(?<![A-Za-z0-9_])" + raw + rb"(?![A-Za-z0-9_])"
        if re.search(raw, text):
            found.append(f"the token {secret} stands in {what}")
    return found


def leaks_of(node) -> list[str]:
    """Looks through all that a node has printed, answered and stored, and what
    it answers now, should it still run."""
    found = []
    for what, text in node.said + _answers(node):
        found += leaks(node.secrets, what, text)
    for folder, _, names in os.walk(node.directory):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(_SETTINGS) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                found += leaks(node.secrets, name, file.read())
    return sorted(set(found))


def _answers(node) -> list[tuple[str, bytes]]:
    if node.process is None or node.process.poll() is not None:
        return []
    result = []
    for page in _PAGES:
        try:
            reply = node.admin("GET", page, seconds=2)
        except (OSError, http.client.HTTPException):
            break
        result.append((page, reply.body))
    return result
