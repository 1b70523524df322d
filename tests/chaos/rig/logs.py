# SPDX-License-Identifier: Apache-2.0
"""Lines of the logs that the checker reads, made up for its tests."""

import hashlib


def raw_event(name: str) -> str:
    return '{ "event_id":"%s", "content":{"n":1.10,"body":"]}"} }' % name


def sent(feed: str, services: list[str], txn: int, names: list[str], acked=True) -> dict:
    events = []
    for name in names:
        digest = hashlib.sha256(raw_event(name).encode()).hexdigest()
        events.append({"id": name, "sha256": digest})
    return {
        "feed": feed,
        "services": services,
        "txn_id": str(txn),
        "events": events,
        "acked": float(txn) if acked else None,
    }


def got(service: str, txn: str, names: list[str], when: float, status=200) -> dict:
    body = '{"ephemeral":[{"events":[]}],"events":[%s]}'
    return {
        "service": service,
        "txn_id": txn,
        "body": body % ",".join(raw_event(name) for name in names),
        "opened": when,
        "closed": when + 0.5,
        "status": status,
    }
