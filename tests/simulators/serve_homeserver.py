"""The simulated homeserver as a process of its own, with messages ready to be reported: for benches."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import uvicorn

from nightlight.hazmat import base64url
from tests.simulators.homeserver import ADMIN_TOKEN, SERVER_NAME, SimulatedHomeserver


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True, help="encrypted messages to make")
    parser.add_argument("--accounts", type=int, default=50, help="reporters they are spread over")
    parser.add_argument("--out", type=Path, required=True, help="file for the reports, as JSON")
    wanted = parser.parse_args()
    simulator = SimulatedHomeserver()
    mallory = simulator.account("mallory")
    reporters = [simulator.account(f"reporter{number}") for number in range(wanted.accounts)]
    rooms = {reporter: simulator.room(reporter, mallory) for reporter in reporters}
    tokens = {reporter: simulator.token_for(reporter) for reporter in reporters}
    reports = []
    for number in range(wanted.messages):
        reporter = reporters[number % len(reporters)]
        event = simulator.say(rooms[reporter], mallory, f"[message {number}]")
        message = {"event_id": event, "message_key": base64url.encode_urlsafe(simulator.message_keys[event])}
        body = {"room_id": rooms[reporter], "category": "spam", "messages": [message]}
        reports.append({"token": tokens[reporter], "body": body})
    draft = wanted.out.with_suffix(".draft")
    draft.write_text(json.dumps({"server_name": SERVER_NAME, "admin_token": ADMIN_TOKEN, "reports": reports}))
    draft.rename(wanted.out)
    uvicorn.run(simulator.app, host="127.0.0.1", port=wanted.port, log_level="error")


if __name__ == "__main__":
    main()
