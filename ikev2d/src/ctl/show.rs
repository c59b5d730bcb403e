//! The status for people: what is down comes first, with the reason.

use std::fmt::Write;

use super::table::Table;
use crate::control::{ChildReport, IkeReport, PeerReport, StatusReport};

/// The whole status; with every SA if `detailed`.
pub(super) fn status(report: &StatusReport, detailed: bool) -> String {
    let mut text = String::new();
    if !detailed {
        header(&mut text, report);
    }
    report.warnings.iter().for_each(|warning| line(&mut text, &format!("WARNING: {warning}")));
    if detailed {
        report.peers.iter().for_each(|peer| peer_in_full(&mut text, peer));
    } else {
        text.push_str(&peers(&report.peers));
        counters(&mut text, report);
    }
    text
}

/// Hours, minutes and seconds (UTC) of a time since 1970.
pub(super) fn time_of_day(time_ms: u64) -> String {
    let seconds = time_ms.checked_div(1000).unwrap_or(0).checked_rem(86_400).unwrap_or(0);
    let part =
        |size: u64, modulus: u64| seconds.checked_div(size).unwrap_or(0).checked_rem(modulus).unwrap_or(0);
    format!("{:02}:{:02}:{:02}Z", part(3600, 24), part(60, 60), part(1, 60))
}

fn header(text: &mut String, report: &StatusReport) {
    let count = |state: &str| report.peers.iter().filter(|peer| peer.state == state).count();
    line(
        text,
        &format!(
            "{}: ikev2d {}, running for {}, data plane {} ({})",
            report.node,
            report.daemon,
            duration(report.uptime_seconds),
            report.data_plane,
            report.data_plane_reason
        ),
    );
    line(
        text,
        &format!(
            "{} peers: {} up, {} connecting, {} down, {} idle",
            report.peers.len(),
            count("up"),
            count("connecting"),
            count("down"),
            count("idle")
        ),
    );
}

fn peers(peers: &[PeerReport]) -> String {
    if peers.is_empty() {
        return String::new();
    }
    let rank = |peer: &PeerReport| match peer.state.as_str() {
        _ if peer.policy_error.is_some() => 0,
        "down" => 1,
        "connecting" => 2,
        "idle" => 3,
        _ => 4,
    };
    let mut sorted: Vec<&PeerReport> = peers.iter().collect();
    sorted.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
    let mut table = Table::default();
    table.row(["PEER", "STATE", "FOR", "ADDRESS", "MODE", "IN", "OUT", "WHY"]);
    for peer in sorted {
        let children = || peer.ike_sas.iter().flat_map(|sa| &sa.children);
        let total = |of: fn(&ChildReport) -> u64| children().map(of).fold(0, u64::saturating_add);
        let carried = |of| if peer.state == "up" { bytes(total(of)) } else { "-".to_owned() };
        table.row([
            peer.name.clone(),
            peer.state.clone(),
            duration(peer.since_seconds),
            peer.address.clone(),
            peer.mode.clone(),
            carried(|child| child.bytes_in),
            carried(|child| child.bytes_out),
            why(peer),
        ]);
    }
    format!("\n{}", table.lines())
}

/// Why a peer is not up, and what comes next.
fn why(peer: &PeerReport) -> String {
    let policy = peer.policy_error.as_ref().map(|error| format!("POLICIES NOT IN FORCE: {error}"));
    let failure = peer.last_failure.as_ref().map(|failure| failure.reason.clone());
    let next = peer
        .retry_seconds
        .map(|seconds| format!("attempt {} in {}", peer.attempts.saturating_add(1), duration(seconds)));
    let passive = (peer.state == "idle").then(|| "waits for the peer to connect".to_owned());
    let parts: Vec<String> = [policy, failure, next, passive].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { parts.join("; ") }
}

fn counters(text: &mut String, report: &StatusReport) {
    let shown = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    if !report.drops.is_empty() {
        line(text, &format!("\ndropped datagrams: {}", shown(&report.drops)));
    }
    if !report.packet_drops.is_empty() {
        line(text, &format!("dropped packets: {}", shown(&report.packet_drops)));
    }
    if !report.send_errors.is_empty() {
        line(text, &format!("datagrams not sent: {}", shown(&report.send_errors)));
    }
}

fn peer_in_full(text: &mut String, peer: &PeerReport) {
    let head = format!("{}: {} for {}", peer.name, peer.state, duration(peer.since_seconds));
    let why = why(peer);
    line(text, &if why.is_empty() { head } else { format!("{head}: {why}") });
    let mut table = Table::default();
    table.row(["  identity", &peer.id]);
    table.row(["  address", &peer.address]);
    table.row(["  mode", &peer.mode]);
    table.row(["  connect", &peer.connect]);
    table.row(["  reqid", &format!("{} ({:#010x})", peer.reqid, peer.reqid)]);
    if let Some(failure) = &peer.last_failure {
        let ago = duration(failure.seconds_ago);
        table.row(["  last failure", &format!("{ago} ago: {}", failure.reason)]);
    }
    text.push_str(&table.lines());
    peer.ike_sas.iter().for_each(|sa| ike_sa(text, sa));
}

fn ike_sa(text: &mut String, sa: &IkeReport) {
    let age = sa.established_seconds.map_or(String::new(), |s| format!(" for {}", duration(s)));
    line(text, &format!("  IKE SA {} {}: {}{age}, {}", sa.local_spi, sa.remote_spi, sa.phase, sa.role));
    let nat = match (sa.nat_local, sa.nat_remote) {
        (false, false) => "",
        (true, false) => ", NAT before us",
        (false, true) => ", NAT before the peer",
        (true, true) => ", NAT before both",
    };
    line(text, &format!("    {} - {}{nat}", sa.local, sa.remote));
    if let Some(algorithms) = &sa.algorithms {
        line(text, &format!("    {algorithms}"));
    }
    sa.children.iter().for_each(|child| child_sa(text, child));
}

fn child_sa(text: &mut String, child: &ChildReport) {
    let udp = if child.encapsulated { " in UDP" } else { "" };
    let esn = if child.esn { "-esn" } else { "" };
    line(
        text,
        &format!(
            "    Child SA in {} out {}: {}{udp}, {}{esn}, for {}",
            child.inbound_spi,
            child.outbound_spi,
            child.mode,
            child.algorithms,
            duration(child.age_seconds)
        ),
    );
    line(text, &format!("      {} === {}", child.local.join(", "), child.remote.join(", ")));
    line(
        text,
        &format!(
            "      in {} bytes, {} packets; out {} bytes, {} packets",
            child.bytes_in, child.packets_in, child.bytes_out, child.packets_out
        ),
    );
}

fn line(text: &mut String, content: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

/// The two largest units: `5 s`, `2 min 3 s`, `7 h 59 min`, `12 d 4 h`.
fn duration(seconds: u64) -> String {
    /// Each unit with its length in seconds, the largest first.
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        let count = rest.checked_div(length).unwrap_or(0);
        rest = rest.checked_rem(length).unwrap_or(0);
        if count > 0 || !parts.is_empty() {
            parts.push((count, unit));
        }
    }
    let shown = parts.iter().take(2).filter(|(count, _)| *count > 0);
    let text = shown.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "0 s".to_owned() } else { text }
}

/// `999 B`, `1.5 kB`, `12.3 MB`.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // In tenths of the unit, so that no float is needed.
    let mut tenths = count.checked_div(100).unwrap_or(0);
    for unit in UNITS {
        if tenths < 10_000 {
            let (whole, tenth) = (tenths.checked_div(10).unwrap_or(0), tenths.checked_rem(10).unwrap_or(0));
            return format!("{whole}.{tenth} {unit}");
        }
        tenths = tenths.checked_div(1000).unwrap_or(0);
    }
    format!("{count} B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::FailureReport;

    fn peer(name: &str, state: &str) -> PeerReport {
        PeerReport {
            name: name.to_owned(),
            id: format!("{name}.example.net"),
            address: "192.0.2.20".to_owned(),
            mode: "transport".to_owned(),
            connect: "always".to_owned(),
            reqid: 0x1D00_0001,
            state: state.to_owned(),
            since_seconds: 125,
            attempts: 0,
            retry_seconds: None,
            last_failure: None,
            policy_error: None,
            ike_sas: vec![],
        }
    }

    fn report(peers: Vec<PeerReport>) -> StatusReport {
        StatusReport {
            daemon: "1.2.3".to_owned(),
            node: "web-1.example.net".to_owned(),
            data_plane: "xfrm".to_owned(),
            data_plane_reason: "as configured".to_owned(),
            warnings: vec![],
            uptime_seconds: 3600,
            listen: vec!["0.0.0.0:500".to_owned()],
            half_open: 0,
            drops: [("unknown-spi".to_owned(), 3)].into(),
            packet_drops: [("out-no-sa".to_owned(), 2)].into(),
            send_errors: Default::default(),
            peers,
        }
    }

    #[test]
    fn what_is_down_comes_first_with_the_reason() {
        let failed = FailureReport { reason: "no answer to IKE_SA_INIT".to_owned(), seconds_ago: 9, time: 1 };
        let down = PeerReport {
            attempts: 3,
            retry_seconds: Some(16),
            last_failure: Some(failed),
            ..peer("z-down", "down")
        };
        let text = status(&report(vec![peer("a-up", "up"), down]), false);
        let expected = "\
web-1.example.net: ikev2d 1.2.3, running for 1 h, data plane xfrm (as configured)
2 peers: 1 up, 0 connecting, 1 down, 0 idle

PEER    STATE  FOR        ADDRESS     MODE       IN   OUT  WHY
z-down  down   2 min 5 s  192.0.2.20  transport  -    -    no answer to IKE_SA_INIT; attempt 4 in 16 s
a-up    up     2 min 5 s  192.0.2.20  transport  0 B  0 B

dropped datagrams: unknown-spi 3
dropped packets: out-no-sa 2
";
        assert_eq!(text, expected);
    }

    #[test]
    fn one_peer_is_shown_with_its_sas() {
        let child = ChildReport {
            inbound_spi: "0xc0000001".to_owned(),
            outbound_spi: "0xc0000002".to_owned(),
            mode: "transport".to_owned(),
            algorithms: "aes256gcm16".to_owned(),
            esn: true,
            encapsulated: true,
            local: vec!["192.0.2.10".to_owned()],
            remote: vec!["192.0.2.20".to_owned()],
            age_seconds: 60,
            bytes_in: 84,
            packets_in: 1,
            bytes_out: 168,
            packets_out: 2,
        };
        let sa = IkeReport {
            local_spi: "00000000000000aa".to_owned(),
            remote_spi: "00000000000000bb".to_owned(),
            role: "initiator".to_owned(),
            phase: "established".to_owned(),
            local: "192.0.2.10:4500".to_owned(),
            remote: "192.0.2.20:4500".to_owned(),
            algorithms: Some("aes256gcm16-prfsha256-x25519".to_owned()),
            nat_local: false,
            nat_remote: true,
            established_seconds: Some(60),
            children: vec![child],
        };
        let text = status(&report(vec![PeerReport { ike_sas: vec![sa], ..peer("db-1", "up") }]), true);
        let expected = "\
db-1: up for 2 min 5 s
  identity  db-1.example.net
  address   192.0.2.20
  mode      transport
  connect   always
  reqid     486539265 (0x1d000001)
  IKE SA 00000000000000aa 00000000000000bb: established for 1 min, initiator
    192.0.2.10:4500 - 192.0.2.20:4500, NAT before the peer
    aes256gcm16-prfsha256-x25519
    Child SA in 0xc0000001 out 0xc0000002: transport in UDP, aes256gcm16-esn, for 1 min
      192.0.2.10 === 192.0.2.20
      in 84 bytes, 1 packets; out 168 bytes, 2 packets
";
        assert_eq!(text, expected);
    }

    #[test]
    fn durations_and_octets_read_easily() {
        let shown = [0, 59, 60, 3599, 3600, 90_061].map(duration);
        assert_eq!(shown, ["0 s", "59 s", "1 min", "59 min 59 s", "1 h", "1 d 1 h"]);
        let shown = [0, 999, 1000, 123_456, 999_999, 1_000_000, u64::MAX].map(bytes);
        assert_eq!(shown[..6], ["0 B", "999 B", "1.0 kB", "123.4 kB", "999.9 kB", "1.0 MB"]);
        assert_eq!(time_of_day(86_400_000 + 3_723_000), "01:02:03Z");
    }
}
