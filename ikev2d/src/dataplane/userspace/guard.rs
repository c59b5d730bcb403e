//! What comes in clear from where only protected packets may come from is dropped, by nftables.
//!
//! Routes decide what leaves; nothing in them keeps the kernel from taking a packet that came in clear. One table of
//! our own does, made anew in one transaction whenever the prefixes change. It outlives a crash, as policies do.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use ike_proto::endpoint::Ports;
use xfrm::{Family, Prefix};

use super::tun;

/// The table's name.
const TABLE: &str = "ikev2d";

/// Lets from these prefixes nothing in but through the tunnel: IKE, ESP in UDP and neighbour discovery excepted.
///
/// # Errors
/// There is no `nft`, or what it says.
pub(super) fn hold_back(prefixes: &[Prefix], ports: Ports) -> io::Result<()> {
    nft(&["-f", "-"], &ruleset(prefixes, ports))
}

/// Whether [`hold_back`] would work; changes nothing.
///
/// # Errors
/// There is no `nft`, or what it says.
pub(super) fn check(ports: Ports) -> io::Result<()> {
    nft(&["--check", "-f", "-"], &ruleset(&[], ports))
}

/// Removes the table, if it is there.
///
/// # Errors
/// There is no `nft`, or what it says.
pub(super) fn remove() -> io::Result<()> {
    nft(&["-f", "-"], &removal())
}

/// "add" first, so that there is something to delete.
fn removal() -> String {
    format!("add table inet {TABLE}\ndelete table inet {TABLE}\n")
}

fn ruleset(prefixes: &[Prefix], ports: Ports) -> String {
    let Ports { ike, nat_traversal } = ports;
    let mut text = removal();
    let device = tun::NAME;
    let mut sets = String::new();
    let mut drops = String::new();
    for (family, kind, word) in [(Family::V4, "ipv4_addr", "ip"), (Family::V6, "ipv6_addr", "ip6")] {
        let elements: Vec<String> = prefixes
            .iter()
            .filter(|prefix| prefix.family() == family)
            .map(|prefix| format!("{}/{}", prefix.address, prefix.length))
            .collect();
        if elements.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(
            sets,
            "set {word}_peers {{ type {kind}; flags interval; auto-merge; elements = {{ {} }} }}",
            elements.join(", ")
        );
        let _ = writeln!(drops, "{word} saddr @{word}_peers counter drop");
    }
    // IPv6 fragments are put together behind the chain. Those without ports are nothing without the first, which has.
    let discovery = "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert";
    let _ = write!(
        text,
        "table inet {TABLE} {{\n{sets}\
         chain clear {{\niifname {{ \"lo\", \"{device}\" }} accept\n{drops}}}\n\
         chain input {{\ntype filter hook input priority mangle; policy accept;\n\
         udp dport {{ {ike}, {nat_traversal} }} accept\nfrag frag-off != 0 accept\nicmpv6 type {{ {discovery} }} accept\njump clear\n}}\n\
         chain forward {{\ntype filter hook forward priority mangle; policy accept;\njump clear\n}}\n}}\n"
    );
    text
}

/// Has `nft` carry out or check a script, whole or not at all.
fn nft(arguments: &[&str], script: &str) -> io::Result<()> {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // A pipe that breaks means that nft has ended: its own words say why.
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(script.as_bytes()));
    let output = child.wait_with_output()?;
    if output.status.success() {
        return written;
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(text.lines().next().unwrap_or("nft failed").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_name_the_prefixes_of_each_family_that_has_some() {
        let prefixes = [
            Prefix::host("192.0.2.1".parse().unwrap()),
            Prefix { address: "10.0.0.0".parse().unwrap(), length: 8 },
        ];
        let rules = ruleset(&prefixes, Ports { ike: 500, nat_traversal: 4500 });
        for part in [
            "elements = { 192.0.2.1/32, 10.0.0.0/8 }",
            "ip saddr @ip_peers counter drop",
            "udp dport { 500, 4500 } accept",
            "iifname { \"lo\", \"ikev2d0\" } accept",
        ] {
            assert!(rules.contains(part), "{part}: {rules}");
        }
        assert!(!rules.contains("ip6_peers"), "{rules}");
        let rules = ruleset(&[Prefix::host("fd00::1".parse().unwrap())], Ports::default());
        assert!(rules.contains("ip6 saddr @ip6_peers") && !rules.contains("ip_peers"), "{rules}");
    }
}
