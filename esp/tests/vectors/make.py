#!/usr/bin/env python3
"""Turns kernel.pcap, sa.txt and kernel.txt of capture.sh, in the folder given, into kernel.json on standard output.

Each packet has the ESP packet and the inner packet as the receiving kernel delivered it; in transport mode and
under UDP encapsulation there was no capture of the inner packet, and the text in it is given instead.
"""
import json
import struct
import sys

ESP, UDP = 50, 17


def records(pcap):
    """The IP packets of a little-endian pcap of Ethernet frames."""
    assert pcap[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1")
    at = 24
    while at < len(pcap):
        length = struct.unpack_from("<I", pcap, at + 8)[0]
        yield pcap[at + 16 + 14 : at + 16 + length]
        at += 16 + length


def esp_of(packet):
    """The ESP packet in an IPv4 packet, or None."""
    if packet[0] != 0x45:
        return None
    payload = packet[20 : int.from_bytes(packet[2:4], "big")]
    if packet[9] == UDP and payload[:4] == b"\x11\x94\x11\x94":
        return payload[8:]
    return payload if packet[9] == ESP else None


def keys(arguments):
    """The algorithms' names and keys in the arguments of `ip xfrm state add`."""
    found = {}
    for kind in ("aead", "enc", "auth-trunc"):
        if kind in arguments:
            at = arguments.index(kind)
            found[kind] = {"name": arguments[at + 1], "key": arguments[at + 2][2:]}
    return found


def main(folder):
    with open(folder + "/kernel.pcap", "rb") as file:
        packets = list(records(file.read()))
    esp = {}
    for at, packet in enumerate(packets):
        outer = esp_of(packet)
        if outer is None:
            continue
        following = packets[at + 1] if at + 1 < len(packets) else b""
        inner = following if following and esp_of(following) is None else None
        entry = {"esp": outer.hex(), "inner": inner.hex()} if inner else {"esp": outer.hex(), "text": "the quick brown fox"}
        esp.setdefault(int.from_bytes(outer[:4], "big"), []).append(entry)
    sas = []
    with open(folder + "/sa.txt") as file:
        for line in file:
            name, spi, mode, low, high, *arguments = line.split()
            sas.append({
                "name": name, "spi": int(spi, 16), "mode": mode, "esn": "esn" in arguments,
                "sent_before": (int(high, 0) << 32) + int(low, 0), **keys(arguments), "packets": esp[int(spi, 16)],
            })
    with open(folder + "/kernel.txt") as file:
        kernel = file.read().strip()
    json.dump({"kernel": "Linux " + kernel, "sas": sas}, sys.stdout, indent=1)
    print()


main(sys.argv[1])
