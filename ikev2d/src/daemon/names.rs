//! Words for what was negotiated: algorithms by strongSwan's names, as in the configuration; SPIs as `ip xfrm` prints.

use crypto::{Encryption, IkeSuite, Integrity, KeGroup, Prf, Protection};
use ike_proto::ids::{EspSpi, Role};
use ike_proto::output::DropCause;
use ike_proto::policy::{Connect, Mode};
use ike_proto::status::PeerState;
use ike_proto::wire::TrafficSelector;

/// `aes256gcm16-prfsha256-x25519`.
pub fn ike_suite(suite: &IkeSuite, group: KeGroup) -> String {
    format!("{}-{}-{}", protection(&suite.protection), prf(suite.prf), ke_group(group))
}

/// `aes256gcm16` or `aes256-sha256`.
pub fn protection(protection: &Protection) -> String {
    let cipher = match protection.encryption() {
        Encryption::AesGcm16_128 => "aes128gcm16",
        Encryption::AesGcm16_256 => "aes256gcm16",
        Encryption::ChaCha20Poly1305 => "chacha20poly1305",
        Encryption::AesCbc128 => "aes128",
        Encryption::AesCbc256 => "aes256",
    };
    match protection.integrity() {
        Some(Integrity::HmacSha2_256_128) => format!("{cipher}-sha256"),
        Some(Integrity::HmacSha2_384_192) => format!("{cipher}-sha384"),
        Some(Integrity::HmacSha2_512_256) => format!("{cipher}-sha512"),
        None => cipher.to_owned(),
    }
}

fn prf(prf: Prf) -> &'static str {
    match prf {
        Prf::HmacSha2_256 => "prfsha256",
        Prf::HmacSha2_384 => "prfsha384",
        Prf::HmacSha2_512 => "prfsha512",
    }
}

fn ke_group(group: KeGroup) -> &'static str {
    match group {
        KeGroup::X25519 => "x25519",
        KeGroup::P256 => "ecp256",
        KeGroup::P384 => "ecp384",
        KeGroup::Modp2048 => "modp2048",
        KeGroup::Modp3072 => "modp3072",
        KeGroup::Modp4096 => "modp4096",
    }
}

/// `0xc0ffee00`.
pub fn spi(spi: EspSpi) -> String {
    format!("0x{spi}")
}

/// `initiator` or `responder`.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Initiator => "initiator",
        Role::Responder => "responder",
    }
}

/// `transport` or `tunnel`.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Transport => "transport",
        Mode::Tunnel => "tunnel",
    }
}

/// `always` or `passive`.
pub fn connect(connect: Connect) -> &'static str {
    match connect {
        Connect::Always => "always",
        Connect::Passive => "passive",
    }
}

/// `up`, `connecting`, `down` or `idle`.
pub fn state(state: PeerState) -> &'static str {
    match state {
        PeerState::Up => "up",
        PeerState::Connecting => "connecting",
        PeerState::Down => "down",
        PeerState::Idle => "idle",
    }
}

/// The label of a counter.
pub fn drop_cause(cause: DropCause) -> &'static str {
    match cause {
        DropCause::Malformed => "malformed",
        DropCause::UnknownSpi => "unknown-spi",
        DropCause::Version => "version",
        DropCause::Integrity => "integrity",
        DropCause::Unexpected => "unexpected",
        DropCause::MessageId => "message-id",
        DropCause::HalfOpenLimit => "half-open-limit",
        DropCause::UnknownPeer => "unknown-peer",
        DropCause::UnknownResponse => "unknown-response",
        DropCause::InvalidKeyExchange => "invalid-key-exchange",
        DropCause::UnauthenticatedNotify => "unauthenticated-notify",
    }
}

/// `10.0.0.0-10.0.0.255`, `10.0.0.1`, `10.0.0.1 protocol 6 port 443`.
pub fn selector(selector: &TrafficSelector) -> String {
    let TrafficSelector { protocol, start_port, end_port, start, end } = *selector;
    let mut text = if start == end { start.to_string() } else { format!("{start}-{end}") };
    if protocol != 0 {
        text.push_str(&format!(" protocol {protocol}"));
    }
    match (start_port, end_port) {
        (0, u16::MAX) => {}
        (u16::MAX, 0) => text.push_str(" port opaque"),
        (first, last) if first == last => text.push_str(&format!(" port {first}")),
        (first, last) => text.push_str(&format!(" port {first}-{last}")),
    }
    text
}

/// The text on one line, whatever a peer put into it: control characters escaped.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_sends_stays_on_its_line() {
        assert_eq!(printable("a\n2026 ERROR forged\u{1b}[2J"), "a\\n2026 ERROR forged\\u{1b}[2J");
        assert_eq!(printable("größe"), "größe");
    }

    #[test]
    fn selectors_read_as_an_operator_writes_them() {
        let ts = |protocol, ports: (u16, u16), start: &str, end: &str| {
            let (start, end) = (start.parse().unwrap(), end.parse().unwrap());
            selector(&TrafficSelector { protocol, start_port: ports.0, end_port: ports.1, start, end })
        };
        assert_eq!(ts(0, (0, 65_535), "10.0.0.1", "10.0.0.1"), "10.0.0.1");
        assert_eq!(ts(0, (0, 65_535), "10.0.0.0", "10.0.0.255"), "10.0.0.0-10.0.0.255");
        assert_eq!(ts(6, (443, 443), "fd00::1", "fd00::1"), "fd00::1 protocol 6 port 443");
        assert_eq!(ts(17, (1, 9), "fd00::1", "fd00::1"), "fd00::1 protocol 17 port 1-9");
    }
}
