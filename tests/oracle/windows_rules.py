#!/usr/bin/env python3
"""The matches of `rules/windows/` on a recording, worked out without the engine.

    python3 tests/oracle/windows_rules.py RECORDING.zip > expected.ndjson

Every rule is written down again here, by hand, as plain loops over a list of events: no rule file is read, no
expression is parsed, nothing is shared with the engine. What a condition does with a missing field, a number in quotes
or letter case is spelled out where it matters, so that the two can be compared line by line.

Events are taken in the order (event time, line number), which is what the engine does when no event is late.
"""

import collections
import ipaddress
import json
import sys
import zipfile
from datetime import datetime, timezone

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


class Event:
    """One line of the recording."""

    def __init__(self, line, data):
        self.line = line
        self.data = data
        self.time = nanoseconds(data["@timestamp"])
        self.type = f"win.{data['EventID']}"

    def __getitem__(self, field):
        return self.data.get(field)

    def text(self, field):
        """The field as text; empty where it is missing, so that no comparison below holds on it."""
        value = self.data.get(field)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def number(self, field):
        """The field as a whole number, also when it is written in quotes; None where it is neither."""
        try:
            return int(self.text(field))
        except ValueError:
            return None

    def inside(self, field, network):
        """Whether the field is an address inside the network."""
        try:
            return ipaddress.ip_address(self.text(field)) in ipaddress.ip_network(network)
        except ValueError:
            return False


def nanoseconds(text):
    """An RFC 3339 time in UTC, with up to microseconds, as nanoseconds since the Unix epoch."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * SECOND + moment.microsecond * 1000


def rfc3339(time):
    """Nanoseconds as RFC 3339 in UTC, with the fewest of 0, 3, 6 or 9 digits of fraction that are exact."""
    seconds, fraction = divmod(time, SECOND)
    text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def key_of(event, by):
    """The rule key: None without `by`, a value, or a list. False when a part is missing: the event takes no part."""
    if by is None:
        return None
    if isinstance(by, str):
        return event[by] if event[by] is not None else False
    values = [event[field] for field in by]
    return False if any(value is None for value in values) else values


def partitions(events, by):
    """The events of each key, in order."""
    groups = collections.OrderedDict()
    for event in events:
        key = key_of(event, by)
        if key is not False:
            groups.setdefault(json.dumps(key), (key, []))[1].append(event)
    return groups.values()


# ---------------------------------------------------------------------------------------------------------------------
# Sequences: every event of the first step starts its own match, each later step takes the first event that satisfies it.


def sequence(rule, events, by, steps, emit, within=None):
    """`steps` are (name, condition, within or None); `emit` turns {name: event} into the emitted object."""
    for key, group in partitions(events, by):
        for position, event in enumerate(group):
            if not steps[0][1](event):
                continue
            chain = [event]
            for candidate in group[position + 1:]:
                if len(chain) == len(steps):
                    break
                if within is not None and candidate.time - chain[0].time >= within:
                    break
                step_within = steps[len(chain)][2]
                if step_within is not None and candidate.time - chain[-1].time >= step_within:
                    break
                if steps[len(chain)][1](candidate):
                    chain.append(candidate)
            if len(chain) == len(steps):
                named = {step[0]: taken for step, taken in zip(steps, chain)}
                yield {
                    "rule": rule,
                    "key": key,
                    "start": rfc3339(chain[0].time),
                    "end": rfc3339(chain[-1].time),
                    "emit": emit(named),
                    "events": {name: [taken.line] for name, taken in named.items()},
                }


# ---------------------------------------------------------------------------------------------------------------------
# Windows: each function yields (start, end, events) of every window that is judged, in the order of its key's events.


def count_windows(group, size):
    """The last `size` events, from the moment that there are as many."""
    for end in range(size, len(group) + 1):
        content = group[end - size:end]
        yield content[0].time, content[-1].time, content


def sliding_windows(group, size):
    """At each event, the events of (t - size, t] that came so far."""
    for position, event in enumerate(group):
        content = [other for other in group[:position + 1] if event.time - size < other.time]
        yield event.time - size, event.time, content


def hopping_windows(group, size, every):
    """Windows [start, end) that start at multiples of `every` since the Unix epoch; empty ones are not judged."""
    starts = set()
    for event in group:
        start = event.time // every * every
        while start > event.time - size:
            starts.add(start)
            start -= every
    for start in sorted(starts):
        yield start, start + size, [event for event in group if start <= event.time < start + size]


def session_windows(group, gap):
    """Runs of events with pauses below `gap`; a session ends one gap after its last event."""
    content = []
    for event in group:
        if content and event.time - content[-1].time >= gap:
            yield content[0].time, content[-1].time + gap, content
            content = []
        content.append(event)
    if content:
        yield content[0].time, content[-1].time + gap, content


def window(rule, events, by, windows, where, having, emit):
    """Judges every window of the events on which `where` holds."""
    for key, group in partitions(filter(where, events), by):
        for start, end, content in windows(group):
            if having(content):
                yield {
                    "rule": rule,
                    "key": key,
                    "window": {
                        "start": rfc3339(start),
                        "end": rfc3339(end),
                        "count": len(content),
                        "first": content[0].line,
                        "last": content[-1].line,
                    },
                    "emit": emit(content),
                }


def distinct(content, value):
    """How many different values there are; missing ones do not count."""
    if isinstance(value, str):
        field = value
        value = lambda event: event[field]
    return len({json.dumps(found) for found in map(value, content) if found is not None})


# ---------------------------------------------------------------------------------------------------------------------
# The rules of credential_access.yaml.


def windows_password_spraying(events):
    return window(
        "windows_password_spraying",
        events,
        by=["Hostname", "IpAddress"],
        windows=lambda group: sliding_windows(group, MINUTE),
        where=lambda e: e.type == "win.4625" and e.number("LogonType") in (2, 3, 10),
        having=lambda content: distinct(content, "TargetUserName") >= 5,
        emit=lambda content: {
            "host": content[0]["Hostname"],
            "source": content[0]["IpAddress"],
            "accounts": distinct(content, "TargetUserName"),
            "failures": len(content),
        },
    )


def windows_ntlm_password_spraying(events):
    return window(
        "windows_ntlm_password_spraying",
        events,
        by="Workstation",
        windows=lambda group: hopping_windows(group, 10 * SECOND, 10 * SECOND),
        where=lambda e: e.type == "win.4776" and e.text("Status") == "0xc000006a",
        having=lambda content: distinct(content, "TargetUserName") >= 5,
        emit=lambda content: {
            "workstation": content[0]["Workstation"],
            "accounts": distinct(content, "TargetUserName"),
            "domain_controllers": distinct(content, "Hostname"),
        },
    )


def windows_kerberoasting(events):
    return window(
        "windows_kerberoasting",
        events,
        by=["TargetUserName", "IpAddress"],
        windows=lambda group: session_windows(group, 2 * SECOND),
        where=lambda e: e.type == "win.4769"
        and e.text("TicketEncryptionType") in ("0x17", "0x18")
        and e["ServiceName"] is not None
        and not e.text("ServiceName").endswith("$")
        and e.text("Status") == "0x0",
        having=lambda content: distinct(content, "ServiceName") >= 3,
        emit=lambda content: {
            "account": content[0]["TargetUserName"],
            "client": content[0]["IpAddress"],
            "services": distinct(content, "ServiceName"),
            "tickets": len(content),
        },
    )


def windows_failure_confirmed_by_domain_controller(events):
    return sequence(
        "windows_failure_confirmed_by_domain_controller",
        events,
        by="TargetUserName",
        steps=[
            ("host", lambda e: e.type == "win.4625" and e.text("SubStatus") == "0xc000006a", None),
            ("controller", lambda e: e.type == "win.4776" and e.text("Status") == "0xc000006a", SECOND),
        ],
        emit=lambda m: {
            "account": m["host"]["TargetUserName"],
            "host": m["host"]["Hostname"],
            "controller": m["controller"]["Hostname"],
            "failed_at": m["host"]["@timestamp"],
            "failed": m["controller"].text("Workstation").lower() + ": " + m["host"].text("TargetUserName"),
            "keywords": m["host"]["Keywords"],
        },
    )


def windows_logon_after_failure(events):
    return sequence(
        "windows_logon_after_failure",
        events,
        by="TargetUserName",
        steps=[
            (
                "failure",
                lambda e: e.type in ("win.4625", "win.4776")
                and (e.text("SubStatus") == "0xc000006a" or e.text("Status") == "0xc000006a"),
                None,
            ),
            (
                "logon",
                lambda e: e.type == "win.4624"
                and e.number("LogonType") == 3
                and e["IpAddress"] is not None
                and e.text("IpAddress") != "-",
                5 * MINUTE,
            ),
        ],
        emit=lambda m: {
            "account": m["logon"]["TargetUserName"],
            "from": m["logon"]["IpAddress"],
            "failure": m["failure"].type,
            "logon_id": m["logon"]["TargetLogonId"],
        },
    )


# ---------------------------------------------------------------------------------------------------------------------
# The rules of lateral_movement.yaml.


def opens_admin_port(event):
    """A connection that the host opened, to SMB or WinRM."""
    return (
        event.type == "win.3"
        and event.text("Initiated") == "true"
        and event.number("DestinationPort") in (445, 5985, 5986)
    )


def windows_user_process_dials_inward(events):
    return sequence(
        "windows_user_process_dials_inward",
        events,
        by="ProcessGuid",
        steps=[
            (
                "start",
                lambda e: e.type == "win.1"
                and e["Image"] is not None
                and not e.text("Image").lower().startswith("c:\\windows\\"),
                None,
            ),
            ("connection", lambda e: opens_admin_port(e) and e.inside("DestinationIp", "172.16.0.0/12"), MINUTE),
        ],
        emit=lambda m: {
            "host": m["start"]["Hostname"],
            "user": m["start"]["User"],
            "image": m["start"]["Image"],
            "target": m["connection"]["DestinationIp"],
            "port": m["connection"]["DestinationPort"],
            "started": m["start"]["UtcTime"],
        },
    )


def windows_admin_port_fan_out(events):
    return window(
        "windows_admin_port_fan_out",
        events,
        by="ProcessGuid",
        windows=lambda group: sliding_windows(group, 5 * SECOND),
        where=opens_admin_port,
        having=lambda content: distinct(content, "DestinationIp") >= 3,
        emit=lambda content: {
            "process": content[0]["ProcessGuid"],
            "hosts": distinct(content, "DestinationIp"),
            "ports": distinct(content, "DestinationPort"),
            "connections": len(content),
        },
    )


def windows_remote_shell_over_winrm(events):
    return sequence(
        "windows_remote_shell_over_winrm",
        events,
        by="Hostname",
        steps=[
            (
                "logon",
                lambda e: e.type == "win.4624"
                and e.number("LogonType") == 3
                and e["TargetUserName"] is not None
                and not e.text("TargetUserName").endswith("$"),
                None,
            ),
            ("service", lambda e: e.type == "win.1" and e.text("Image").endswith("\\wsmprovhost.exe"), 30 * SECOND),
            (
                "shell",
                lambda e: e.type == "win.1"
                and e.text("ParentImage").endswith("\\wsmprovhost.exe")
                and e.text("Image").endswith("\\powershell.exe"),
                5 * SECOND,
            ),
        ],
        emit=lambda m: {
            "host": m["shell"]["Hostname"],
            "account": m["logon"]["TargetUserName"],
            "source": m["logon"]["IpAddress"],
            "user": m["shell"]["User"],
            "process": m["shell"]["ProcessGuid"],
        },
    )


def windows_short_network_logon(events):
    return sequence(
        "windows_short_network_logon",
        events,
        by=["Hostname", "TargetLogonId"],
        steps=[
            (
                "logon",
                lambda e: e.type == "win.4624"
                and e.number("LogonType") == 3
                and e.inside("IpAddress", "172.18.0.0/16"),
                None,
            ),
            ("logoff", lambda e: e.type == "win.4634", 10 * SECOND),
        ],
        emit=lambda m: {
            "host": m["logon"]["Hostname"],
            "account": m["logon"]["TargetUserName"],
            "source": m["logon"]["IpAddress"],
            "logoff_at": rfc3339(m["logoff"].time),
        },
    )


def windows_share_enumeration(events):
    return window(
        "windows_share_enumeration",
        events,
        by=["SubjectUserName", "IpAddress"],
        windows=lambda group: hopping_windows(group, 10 * SECOND, 10 * SECOND),
        where=lambda e: e.type == "win.5145"
        and e.text("ShareName").endswith("\\IPC$")
        and e.text("RelativeTargetName") in ("srvsvc", "wkssvc"),
        having=lambda content: distinct(content, "Hostname") >= 3,
        emit=lambda content: {
            "account": content[0]["SubjectUserName"],
            "source": content[0]["IpAddress"],
            "hosts": distinct(content, "Hostname"),
        },
    )


# ---------------------------------------------------------------------------------------------------------------------
# The rules of execution.yaml.


def windows_remote_powershell_lifetime(events):
    def is_pipe(event):
        name = event.text("PipeName")
        prefix, suffix = "\\PSHost.", ".powershell"
        return (
            event.type == "win.17"
            and len(name) >= len(prefix) + len(suffix)
            and name.startswith(prefix)
            and name.endswith(suffix)
        )

    return sequence(
        "windows_remote_powershell_lifetime",
        events,
        by="ProcessGuid",
        within=MINUTE,
        steps=[
            (
                "start",
                lambda e: e.type == "win.1"
                and e.text("ParentImage").lower().endswith("\\wsmprovhost.exe")
                and e.text("Image").lower().endswith("\\powershell.exe"),
                None,
            ),
            ("pipe", is_pipe, None),
            ("end", lambda e: e.type == "win.5", None),
        ],
        emit=lambda m: {
            "host": m["start"]["Hostname"],
            "user": m["start"]["User"],
            "pipe": m["pipe"]["PipeName"],
            "sysmon_version": m["start"]["Version"],
            "collector_version": m["start"]["@version"],
        },
    )


def windows_powershell_burst(events):
    return window(
        "windows_powershell_burst",
        events,
        by="Hostname",
        windows=lambda group: session_windows(group, 2 * SECOND),
        where=lambda e: e.type in ("win.4103", "win.4104"),
        having=lambda content: len(content) >= 20,
        emit=lambda content: {
            "host": content[0]["Hostname"],
            "records": len(content),
            "kinds": distinct(content, lambda e: e.type),
            "parts": sum(e["MessageNumber"] is not None for e in content),
            "first_record": min(e["RecordNumber"] for e in content),
            "last_record": max(e["RecordNumber"] for e in content),
        },
    )


def windows_registry_write_burst(events):
    return window(
        "windows_registry_write_burst",
        events,
        by="Hostname",
        windows=lambda group: hopping_windows(group, 10 * SECOND, 5 * SECOND),
        where=lambda e: e.type == "win.13" and e.text("Channel") == "Microsoft-Windows-Sysmon/Operational",
        having=lambda content: len(content) >= 100,
        emit=lambda content: {
            "host": content[0]["Hostname"],
            "writes": len(content),
            "programs": distinct(content, lambda e: None if e["Image"] is None else e.text("Image").lower()),
        },
    )


def windows_pipes_of_reconnaissance(events):
    return window(
        "windows_pipes_of_reconnaissance",
        events,
        by=["Hostname", "Image"],
        windows=lambda group: count_windows(group, 3),
        where=lambda e: e.type == "win.18" and e.text("PipeName") in ("\\lsass", "\\samr", "\\srvsvc", "\\wkssvc"),
        having=lambda content: distinct(content, "PipeName") >= 2,
        emit=lambda content: {
            "host": content[0]["Hostname"],
            "image": content[0]["Image"],
            "pipes": distinct(content, "PipeName"),
        },
    )


def windows_event_variety(events):
    def emit(content):
        severities = [e["SeverityValue"] for e in content if e["SeverityValue"] is not None]
        return {
            "host": content[0]["Hostname"],
            "kinds": distinct(content, lambda e: e.type),
            "events": len(content),
            "severity": sum(severities) / len(severities),
            "worst": max(severities),
            "audit_failures": sum(e.text("EventType") == "AUDIT_FAILURE" for e in content),
        }

    return window(
        "windows_event_variety",
        events,
        by="Hostname",
        windows=lambda group: hopping_windows(group, 10 * SECOND, 10 * SECOND),
        where=lambda e: True,
        having=lambda content: distinct(content, lambda e: e.type) >= 25,
        emit=emit,
    )


# ---------------------------------------------------------------------------------------------------------------------
# The rules of campaign.yaml.


def windows_spray_roast_move(events):
    return sequence(
        "windows_spray_roast_move",
        events,
        by=None,
        within=MINUTE,
        steps=[
            ("spray", lambda e: e.type == "win.4625" and e.text("SubStatus") == "0xc000006a", None),
            (
                "roast",
                lambda e: e.type == "win.4769"
                and e.text("TicketEncryptionType") == "0x17"
                and e["ServiceName"] is not None
                and not e.text("ServiceName").endswith("$"),
                None,
            ),
            ("move", lambda e: e.type == "win.1" and e.text("Image").endswith("\\wsmprovhost.exe"), None),
        ],
        emit=lambda m: {
            "victim": m["spray"]["TargetUserName"],
            "attacker": m["roast"].text("TargetUserName").split("@")[0],
            "service": m["roast"]["ServiceName"],
            "from": m["spray"].text("WorkstationName").upper(),
            "to": m["move"].text("Hostname").split(".")[0],
        },
    )


def windows_audit_log_cleared(events):
    return sequence(
        "windows_audit_log_cleared",
        events,
        by="Hostname",
        steps=[
            (
                "cleared",
                lambda e: e.type in ("win.1102", "win.104") and e.text("Channel") in ("Security", "System"),
                None,
            ),
        ],
        emit=lambda m: {"host": m["cleared"]["Hostname"], "account": m["cleared"]["SubjectUserName"]},
    )


RULES = [
    windows_password_spraying,
    windows_ntlm_password_spraying,
    windows_kerberoasting,
    windows_failure_confirmed_by_domain_controller,
    windows_logon_after_failure,
    windows_user_process_dials_inward,
    windows_admin_port_fan_out,
    windows_remote_shell_over_winrm,
    windows_short_network_logon,
    windows_share_enumeration,
    windows_remote_powershell_lifetime,
    windows_powershell_burst,
    windows_registry_write_burst,
    windows_pipes_of_reconnaissance,
    windows_event_variety,
    windows_spray_roast_move,
    windows_audit_log_cleared,
]


def read(path):
    """The events of the recording in line order; a zip of one or more members of JSON lines."""
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".json") and "__MACOSX/" not in name]
        if len(members) != 1:
            sys.exit(f"{path}: expected one member of JSON lines, found {members}")
        with archive.open(members[0]) as lines:
            return [Event(number, json.loads(line)) for number, line in enumerate(lines)]


def smallest_bound(events):
    """How far an event lies behind the latest before it, at most: the smallest bound under which none is late."""
    latest, bound = events[0].time, 0
    for event in events:
        bound = max(bound, latest - event.time)
        latest = max(latest, event.time)
    return bound


def order(match):
    """Sorts matches by rule, end, start, key and the lines of their events."""
    window = match.get("window", match)
    lines = list(match["events"].values()) if "events" in match else [window["first"], window["last"]]
    return match["rule"], nanoseconds(window["end"]), nanoseconds(window["start"]), json.dumps(match["key"]), lines


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: windows_rules.py RECORDING.zip")
    recorded = read(sys.argv[1])
    events = sorted(recorded, key=lambda event: (event.time, event.line))
    print(f"{len(events)} events, out-of-order bound {smallest_bound(recorded) // 1_000_000} ms", file=sys.stderr)
    matches = []
    for rule in RULES:
        found = list(rule(events))
        print(f"{len(found):6} {rule.__name__}", file=sys.stderr)
        matches.extend(found)
    for match in sorted(matches, key=order):
        print(json.dumps(match, ensure_ascii=False))


if __name__ == "__main__":
    main()
