//! Packets that others made: RFC 7634's, and those of a Linux kernel. They open, and we make the same octets.

use crypto::{Encryption, Integrity, PacketKeys, Protection, Secret};
use serde_json::Value;

use crate::replay::Replay;
use crate::sa::halves;
use crate::{
    Content, Datagram, Esn, HEADROOM, Header, InboundSa, Layout, Limits, Mode, OutboundSa, Parameters,
    Payload, Spi, TAILROOM, WindowSize,
};

/// Octets that the capture's TFC padding fills the payload up to, and the name of its SA.
const TFC: (&str, usize) = ("gcm128-tfc", 700);
/// The UDP header's octets before the text, in transport mode.
const UDP_HEADER_LEN: usize = 8;

fn read(path: &str) -> Value {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// An SA, its keys and the mode, as a sender and a receiver know them.
struct Known {
    parameters: Parameters,
    keys: PacketKeys,
    mode: Mode,
}

impl Known {
    /// Opens `packet` as the one after `sent`, then makes the same packet of what it carried.
    fn check(&self, packet: &[u8], number: u64, pad_to: usize) -> (Vec<u8>, u8) {
        let before = number.checked_sub(1).unwrap();
        let window = Replay::at(WindowSize::DEFAULT, before);
        let mut inbound = InboundSa::with(window, self.parameters, &self.keys, self.mode).unwrap();
        let mut opened = packet.to_vec();
        let Content::Payload { at, next_header } = inbound.open(&mut opened).unwrap().content else {
            panic!("a dummy");
        };
        let payload = opened[at].to_vec();

        let outbound = OutboundSa::after(before, self.parameters, &self.keys).unwrap();
        let mut buffer = [&[0; HEADROOM], payload.as_slice(), &[0; TAILROOM], &vec![0xff; pad_to]].concat();
        let kind = match self.mode {
            Mode::Tunnel => Payload::Tunnel { pad_to },
            Mode::Transport => Payload::Transport { next_header },
        };
        let iv_at = Layout::of(self.parameters.protection).iv();
        let sealed = outbound
            .seal_with(&mut buffer, HEADROOM..HEADROOM + payload.len(), kind, |given, iv| {
                assert_eq!(given, number);
                iv.copy_from_slice(&packet[iv_at]);
            })
            .unwrap();
        assert!(buffer[sealed.packet] == *packet, "the same octets again");
        (payload, next_header)
    }
}

#[test]
fn the_packet_of_rfc_7634_opens_and_is_made_again() {
    let vector = &read("../tests/vectors/rfc/rfc_vectors.json")["rfc7634_esp"];
    let known = Known {
        parameters: Parameters {
            spi: Spi::new(0x0102_0304).unwrap(),
            protection: Protection::aead(Encryption::ChaCha20Poly1305).unwrap(),
            esn: Esn::No,
            limits: Limits::NONE,
        },
        keys: PacketKeys {
            encryption: Secret::new(hex(&vector["keymat"])),
            integrity: Secret::new(Vec::new()),
        },
        mode: Mode::Tunnel,
    };
    let ip_packet = hex(&vector["esp_packet"]);
    assert_eq!(known.check(&ip_packet[20..], 5, 0), (hex(&vector["source_packet"]), 4));
}

fn known(sa: &Value) -> Known {
    let key =
        |kind: &str| Secret::new(sa.get(kind).map(|algorithm| hex(&algorithm["key"])).unwrap_or_default());
    let name = |kind: &str| sa.get(kind).and_then(|algorithm| algorithm["name"].as_str());
    let aead = |encryption| Protection::aead(encryption).unwrap();
    let (protection, encryption) = if let Some(cipher) = name("aead") {
        let key = key("aead");
        let protection = match (cipher, key.len()) {
            ("rfc4106(gcm(aes))", 20) => aead(Encryption::AesGcm16_128),
            ("rfc4106(gcm(aes))", 36) => aead(Encryption::AesGcm16_256),
            ("rfc7539esp(chacha20,poly1305)", 36) => aead(Encryption::ChaCha20Poly1305),
            other => panic!("{other:?}"),
        };
        (protection, key)
    } else {
        let key = key("enc");
        let encryption = if key.len() == 16 { Encryption::AesCbc128 } else { Encryption::AesCbc256 };
        let integrity = match name("auth-trunc") {
            Some("hmac(sha256)") => Integrity::HmacSha2_256_128,
            Some("hmac(sha384)") => Integrity::HmacSha2_384_192,
            Some("hmac(sha512)") => Integrity::HmacSha2_512_256,
            other => panic!("{other:?}"),
        };
        (Protection::cbc(encryption, integrity).unwrap(), key)
    };
    let spi = u32::try_from(sa["spi"].as_u64().unwrap()).unwrap();
    let esn = if sa["esn"].as_bool().unwrap() { Esn::Yes } else { Esn::No };
    Known {
        parameters: Parameters { spi: Spi::new(spi).unwrap(), protection, esn, limits: Limits::NONE },
        keys: PacketKeys { encryption, integrity: key("auth-trunc") },
        mode: if sa["mode"] == "tunnel" { Mode::Tunnel } else { Mode::Transport },
    }
}

#[test]
fn packets_of_a_linux_kernel_open_and_are_made_again() {
    let capture = read("tests/vectors/kernel.json");
    let sas = capture["sas"].as_array().unwrap();
    let mut packets = 0;
    for sa in sas {
        let (name, known) = (sa["name"].as_str().unwrap(), known(sa));
        let pad_to = if name == TFC.0 { TFC.1 } else { 0 };
        let mut number = sa["sent_before"].as_u64().unwrap();
        for packet in sa["packets"].as_array().unwrap() {
            number += 1;
            packets += 1;
            let esp = hex(&packet["esp"]);
            assert_eq!(Header::parse(&esp).unwrap().sequence_number, halves(number).1, "{name}");
            assert!(
                matches!(Datagram::classify(&mut esp.clone()), Datagram::Esp(spi, _) if spi == known.parameters.spi)
            );
            let (payload, next_header) = known.check(&esp, number, pad_to);
            match packet.get("inner") {
                // The capture has the inner packet before the receiver's IP layer cuts TFC padding off.
                Some(inner) => {
                    let mut padded = payload.clone();
                    padded.resize(payload.len().max(pad_to), 0);
                    assert!(padded == hex(inner), "{name}: packet {number}");
                }
                None => assert!(payload.ends_with(packet["text"].as_str().unwrap().as_bytes()), "{name}"),
            }
            match (known.mode, payload[0] >> 4) {
                (Mode::Tunnel, 4) => assert_eq!(next_header, 4),
                (Mode::Tunnel, _) => assert_eq!(next_header, 41),
                (Mode::Transport, _) => {
                    assert_eq!(next_header, 17);
                    assert_eq!(usize::from(payload[5]), payload.len());
                    assert_eq!(payload.len(), UDP_HEADER_LEN + packet["text"].as_str().unwrap().len());
                }
            }
        }
    }
    assert_eq!((sas.len(), packets), (15, 41));
}

/// One receiver takes a whole flow over the wrap of the lower half, in any order, each packet once.
#[test]
fn a_flow_of_the_kernel_over_the_wrap_is_received_in_any_order() {
    let capture = read("tests/vectors/kernel.json");
    let flows = capture["sas"].as_array().unwrap().iter().filter(|sa| sa["sent_before"] == 0xffff_fffdu64);
    let mut count = 0;
    for sa in flows {
        let known = known(sa);
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let window = Replay::at(WindowSize::DEFAULT, 0xffff_fffd);
            let mut inbound = InboundSa::with(window, known.parameters, &known.keys, known.mode).unwrap();
            for at in order {
                let esp = hex(&sa["packets"][at]["esp"]);
                assert!(inbound.open(&mut esp.clone()).is_ok(), "{} packet {at}", sa["name"]);
                assert_eq!(inbound.open(&mut esp.clone()), Err(crate::Dropped::Replayed));
            }
        }
        count += 1;
    }
    assert_eq!(count, 3);
}
