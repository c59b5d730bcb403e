#!/usr/bin/env python3
"""Makes modp.json: key exchanges in the groups of RFC 3526, computed with Python's own integers.

No public vectors of these groups with short exponents exist in a small file. The generator is seeded, so a second
run gives the same file. Of each group, one exchange has a shared secret that starts with a zero octet.
"""
import json
import pathlib
import random

here = pathlib.Path(__file__).parent
primes = json.loads((here / "../rfc/rfc_vectors.json").read_text())["modp_primes"]
random.seed(3526)


def exchange(prime, bits):
    i, r = (random.getrandbits(bits) | 1 << (bits - 1) for _ in range(2))
    return i, r, pow(2, i, prime), pow(2, r, prime), pow(2, i * r, prime)


cases = []
for group, bits in (("14", 256), ("15", 320), ("16", 384)):
    prime = int(primes[group]["prime"], 16)
    length = primes[group]["bits"] // 8
    chosen = [exchange(prime, bits) for _ in range(3)]
    while chosen[-1][4] >> (8 * length - 8):
        chosen[-1] = exchange(prime, bits)
    for i, r, public_i, public_r, shared in chosen:
        case = {"group": int(group), "i": f"{i:x}", "r": f"{r:x}"}
        for name, value in (("public_i", public_i), ("public_r", public_r), ("shared", shared)):
            case[name] = value.to_bytes(length, "big").hex()
        cases.append(case)

(here / "modp.json").write_text(json.dumps(cases, indent=1) + "\n")
