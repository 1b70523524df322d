# SPDX-License-Identifier: Apache-2.0
"""Events as bytes: what a feed sends and a receiver must get unchanged."""

import json

_decoder = json.JSONDecoder()


def event(
    event_id: str,
    *,
    kind: str = "m.room.message",
    room_id: str = "!room:example.org",
    sender: str = "@alice:example.org",
    state_key: str | None = None,
    content: dict | None = None,
    size: int = 0,
) -> bytes:
    """One event; padded to `size` bytes when that is more than it needs."""
    fields: dict = {
        "event_id": event_id,
        "type": kind,
        "room_id": room_id,
        "sender": sender,
        "origin_server_ts": 1_700_000_000_000,
        "content": {"body": ""} if content is None else content,
    }
    if state_key is not None:
        fields["state_key"] = state_key
    text = json.dumps(fields)
    if len(text) < size:
        fields["content"]["body"] = "x" * (size - len(text))
        text = json.dumps(fields)
    return text.encode()


def numbered(count: int, first: int = 1, **fields) -> list[bytes]:
    """Events with the ids $<first>, $<first + 1>, ..."""
    return [event(f"${n}", **fields) for n in range(first, first + count)]


def body_of(events: list[bytes], extra: dict[str, bytes] | None = None) -> bytes:
    """A transaction's body: the events and, by key, raw JSON of anything else."""
    parts = [b'"events":[' + b",".join(events) + b"]"]
    for key, value in (extra or {}).items():
        parts.append(json.dumps(key).encode() + b":" + value)
    return b"{" + b",".join(parts) + b"}"


def raw_events(body: bytes, key: str = "events") -> list[bytes]:
    """The raw bytes of each element of the list `key` of a transaction."""
    text = body.decode()
    at = text.index("[", text.index(json.dumps(key))) + 1
    found = []
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return found
        _, end = _decoder.raw_decode(text, at)
        found.append(text[at:end].encode())
        at = end


def event_ids(body: bytes) -> list[str]:
    """The event ids of a transaction, in order."""
    return [one["event_id"] for one in json.loads(body)["events"]]
