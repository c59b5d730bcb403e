//! ESP packets of a forger, and of a peer that seals anything: a byte of choices, then packets, each with its length.
#![no_main]

use crypto::{Encryption, Integrity, PacketKeys, Protection, Sealer, Secret};
use esp::{
    Content, Datagram, Ecn, Esn, HEADROOM, InboundSa, Limits, Mode, OutboundSa, Parameters, Payload, Spi,
    TAILROOM, Volume, WindowSize, leave_tunnel,
};
use libfuzzer_sys::fuzz_target;

const SPI: u32 = 0xc0ff_ee01;

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let protection = protection(choice & 3);
    let esn = if choice & 4 == 0 { Esn::No } else { Esn::Yes };
    let mode = if choice & 8 == 0 { Mode::Tunnel } else { Mode::Transport };
    let limits = Limits { hard: Volume { packets: 100, octets: 1 << 20 }, ..Limits::NONE };
    let parameters = Parameters { spi: Spi::new(SPI).expect("not 0"), protection, esn, limits };
    let mut inbound =
        InboundSa::new(parameters, keys(protection), mode, WindowSize::DEFAULT).expect("key lengths");
    let outbound = OutboundSa::new(parameters, keys(protection)).expect("key lengths");
    forge(&mut inbound, rest);
    let mut other =
        InboundSa::new(parameters, keys(protection), mode, WindowSize::DEFAULT).expect("key lengths");
    for packet in packets(rest) {
        if let Some(sealed) = authentic(protection, esn, packet) {
            receive(&mut inbound, &sealed);
        }
        round_trip(&outbound, &mut other, packet, mode);
    }
    assert!(inbound.used().packets <= 100);
});

fn protection(choice: u8) -> Protection {
    let found = match choice {
        0 => Protection::aead(Encryption::AesGcm16_128),
        1 => Protection::aead(Encryption::ChaCha20Poly1305),
        2 => Protection::cbc(Encryption::AesCbc128, Integrity::HmacSha2_256_128),
        _ => Protection::cbc(Encryption::AesCbc256, Integrity::HmacSha2_512_256),
    };
    found.expect("these pairs exist")
}

fn keys(protection: Protection) -> PacketKeys {
    PacketKeys {
        encryption: Secret::new(vec![1; protection.encryption_key_len()]),
        integrity: Secret::new(vec![2; protection.integrity_key_len()]),
    }
}

/// The input in pieces, each behind an octet that states its length.
fn packets(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first()?;
        let (packet, after) = after.split_at(after.len().min(usize::from(*len)));
        rest = after;
        Some(packet)
    })
}

/// Nothing that was not sealed opens.
fn forge(inbound: &mut InboundSa, octets: &[u8]) {
    let mut datagram = octets.to_vec();
    if let Datagram::Esp(_, packet) = Datagram::classify(&mut datagram) {
        assert!(inbound.open(packet).is_err());
    }
    let mut packet = [&SPI.to_be_bytes(), octets].concat();
    assert!(inbound.open(&mut packet).is_err());
    assert_eq!(inbound.used(), Volume::default());
}

/// A packet that verifies: the lower half of a number, an octet for the IV, any plaintext.
fn authentic(protection: Protection, esn: Esn, packet: &[u8]) -> Option<Vec<u8>> {
    let (number, rest) = packet.split_first_chunk::<4>()?;
    let (iv, text) = rest.split_first()?;
    let iv = vec![*iv; protection.encryption().iv_len()];
    let mut sealed = [&SPI.to_be_bytes(), &number[..], &iv, text].concat();
    sealed.resize(sealed.len() + protection.icv_len(), 0);
    let high = match esn {
        Esn::No => None,
        Esn::Yes => Some(0),
    };
    Sealer::new(protection, &keys(protection)).ok()?.seal_esp(&mut sealed, high).ok()?;
    Some(sealed)
}

/// Whatever opens lies inside of the packet, and opens once.
fn receive(inbound: &mut InboundSa, sealed: &[u8]) {
    let before = inbound.used().packets;
    let mut packet = sealed.to_vec();
    if let Ok(opened) = inbound.open(&mut packet) {
        assert_eq!(inbound.used().packets, before + 1);
        if let Content::Payload { at, next_header } = opened.content {
            assert_ne!(next_header, 59);
            let _ = leave_tunnel(&mut packet[at], Ecn::Ce);
        }
    }
    assert!(inbound.open(&mut sealed.to_vec()).is_err(), "opened twice");
}

/// What is sealed opens at the other end as it was.
fn round_trip(outbound: &OutboundSa, inbound: &mut InboundSa, payload: &[u8], mode: Mode) {
    let mut buffer = [&[0; HEADROOM], payload, &[0; TAILROOM]].concat();
    let kind = match mode {
        Mode::Tunnel => Payload::Tunnel { pad_to: payload.len() },
        Mode::Transport => Payload::Transport { next_header: 17 },
    };
    if let Ok(sealed) = outbound.seal(&mut buffer, HEADROOM..HEADROOM + payload.len(), kind) {
        assert_eq!(sealed.packet.len(), outbound.layout().sealed_len(payload.len()));
        let packet = &mut buffer[sealed.packet];
        let Ok(opened) = inbound.open(packet) else { panic!("sealed and not opened") };
        let Content::Payload { at, .. } = opened.content else { panic!("no dummy was sealed") };
        assert_eq!(packet[at], *payload);
    }
}
