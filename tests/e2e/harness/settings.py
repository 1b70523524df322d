# SPDX-License-Identifier: Apache-2.0
"""posthorn.yaml and registration files, written without a YAML library."""

import json
import re
from dataclasses import dataclass, field

CATCH_ALL_TOKEN = "hs_catch_all"

_PLAIN = re.compile(r"\d+(ms|s|m|h|KiB|MiB|GiB)")


@dataclass
class Service:
    """A registration; `more` is merged into it (flags, protocols)."""

    id: str
    url: str | None
    users: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)
    more: dict = field(default_factory=dict)

    @property
    def hs_token(self) -> str:
        return f"hs_{self.id}"

    def registration(self) -> dict:
        return {
            "id": self.id,
            "url": self.url,
            "as_token": f"as_{self.id}",
            "hs_token": self.hs_token,
            "sender_localpart": f"{self.id}bot",
            "namespaces": {
                "users": [{"regex": r, "exclusive": True} for r in self.users],
                "aliases": [{"regex": r, "exclusive": False} for r in self.aliases],
                "rooms": [{"regex": r, "exclusive": False} for r in self.rooms],
            },
            **self.more,
        }


def catch_all_registration(url: str) -> dict:
    """Posthorn's own registration."""
    own = Service("posthorn", url, rooms=[".*"])
    return {
        **own.registration(),
        "hs_token": CATCH_ALL_TOKEN,
        "sender_localpart": "posthorn",
    }


def to_yaml(value, indent: int = 0) -> str:
    """Block style; strings in double quotes, durations and sizes plain."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, one in value.items():
            nested = isinstance(one, dict | list) and one
            gap = "\n" if nested else " "
            lines.append(f"{pad}{key}:{gap}{to_yaml(one, indent + 1)}")
        return "\n".join(lines)
    if isinstance(value, list) and value:
        lines = []
        for one in value:
            text = to_yaml(one, indent + 1)
            lines.append(f"{pad}- {text.lstrip()}")
        return "\n".join(lines)
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value)


def merged(base: dict, more: dict) -> dict:
    """`base` with the keys of `more` put in, nested mappings key by key; a
    value of None takes a key out."""
    result = dict(base)
    for key, value in more.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
