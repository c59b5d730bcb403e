//! CPU time of an ESP packet, sealed and opened, beside that of AES-GCM alone over as many octets.
//!
//! One thread; tunnel mode, AES-128-GCM, extended sequence numbers. All four are measured in turns, so that whatever
//! slows the machine down slows down all. The packets of a batch stand in one buffer, as a burst from a queue does.
#![allow(clippy::print_stdout, reason = "a bench's output is its product")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a bench that seals no packet has nothing to measure and must stop"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use crypto::{Encryption, PacketKeys, Protection, Secret};
use esp::{
    Content, Esn, HEADROOM, InboundSa, Limits, Mode, OutboundSa, Parameters, Payload, Spi, TAILROOM,
    WindowSize,
};
use ikev2d_benches::cpu::{Quartiles, time};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Octets of the inner packets.
const SIZES: [u16; 2] = [64, 1400];

/// Packets of a batch: what a queue hands over at once.
const BATCH: usize = 64;

/// Measured batches, unless an argument says otherwise.
const ROUNDS: usize = 2000;

/// Batches before the measuring, for caches and branch predictors.
const WARM_UP: usize = 50;

/// Octets of AES-128's key and of the salt.
const KEY_LEN: usize = 16;
const SALT_LEN: usize = 4;

fn main() -> ExitCode {
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let Ok(rounds) = argument.map_or(Ok(ROUNDS), |argument| argument.parse()) else {
        eprintln!("usage: esp [ROUNDS]");
        return ExitCode::FAILURE;
    };
    println!("CPU time a packet, {rounds} batches of {BATCH}         median   quartiles");
    for size in SIZES {
        let names = ["seal", "AES-GCM alone", "open", "AES-GCM alone"];
        let mut esp = Sas::new(size);
        let mut floor = Floor::new(esp.encrypted_len());
        let mut samples = [const { Vec::new() }; 4];
        for round in 0..WARM_UP + rounds.max(1) {
            let [seal, open] = esp.batch();
            let [floor_seal, floor_open] = floor.batch();
            if round >= WARM_UP {
                let all = [seal, floor_seal, open, floor_open];
                samples.iter_mut().zip(all).for_each(|(samples, time)| samples.push(time));
            }
        }
        for (name, samples) in names.into_iter().zip(samples) {
            report(&format!("{size} octets: {name}"), size, Quartiles::of(samples));
        }
    }
    ExitCode::SUCCESS
}

fn report(name: &str, size: u16, took: Quartiles) {
    let [lower, median, upper] =
        [took.lower, took.median, took.upper].map(|batch| batch.as_secs_f64() * 1e9 / BATCH as f64);
    let rate = f64::from(size) * 1e3 / median;
    println!("{name:<36} {median:9.1} ns   {lower:.1} to {upper:.1} ns   {rate:6.0} MB/s");
}

/// Both ends of an SA, and a batch of IPv4 packets in buffers of their own.
struct Sas {
    outbound: OutboundSa,
    inbound: InboundSa,
    size: usize,
    packet: Vec<u8>,
    buffers: Vec<Vec<u8>>,
}

impl Sas {
    fn new(size: u16) -> Sas {
        let protection = Protection::aead(Encryption::AesGcm16_128).expect("an AEAD");
        let spi = Spi::new(0x0102_0304).expect("not 0");
        let parameters = Parameters { spi, protection, esn: Esn::Yes, limits: Limits::NONE };
        let keys = || PacketKeys {
            encryption: Secret::new(vec![1; KEY_LEN + SALT_LEN]),
            integrity: Secret::new(Vec::new()),
        };
        let mut packet = vec![0; usize::from(size)];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&size.to_be_bytes());
        Sas {
            outbound: OutboundSa::new(parameters, keys()).expect("key lengths"),
            inbound: InboundSa::new(parameters, keys(), Mode::Tunnel, WindowSize::DEFAULT)
                .expect("key lengths"),
            size: usize::from(size),
            buffers: vec![vec![0; HEADROOM + packet.len() + TAILROOM]; BATCH],
            packet,
        }
    }

    fn encrypted_len(&self) -> usize {
        self.outbound.layout().encrypted_len(self.size)
    }

    /// The CPU time to seal a batch, and to open it.
    fn batch(&mut self) -> [Duration; 2] {
        let at = HEADROOM..HEADROOM + self.size;
        for buffer in &mut self.buffers {
            buffer[at.clone()].copy_from_slice(&self.packet);
        }
        let mut ranges = [const { 0..0 }; BATCH];
        let seal = time(|| {
            for (buffer, range) in self.buffers.iter_mut().zip(&mut ranges) {
                let sealed = self.outbound.seal(buffer, at.clone(), Payload::Tunnel { pad_to: 0 });
                *range = sealed.expect("a whole packet").packet;
            }
        });
        let mut opened = 0;
        let open = time(|| {
            for (buffer, range) in self.buffers.iter_mut().zip(&ranges) {
                let content = self.inbound.open(&mut buffer[range.clone()]).expect("authentic").content;
                opened += usize::from(matches!(content, Content::Payload { .. }));
            }
        });
        assert_eq!(opened, BATCH);
        [seal, open]
    }
}

/// AES-GCM over as many octets of text and of associated data as the ESP packets have, and nothing else.
struct Floor {
    key: LessSafeKey,
    counter: u64,
    texts: Vec<Vec<u8>>,
}

/// Octets of associated data: the SPI and an extended sequence number.
const ASSOCIATED: [u8; 12] = [7; 12];

impl Floor {
    fn new(encrypted_len: usize) -> Floor {
        let key = UnboundKey::new(&AES_128_GCM, &[1; KEY_LEN]).expect("the key's length");
        // The text stands where that of the ESP packet does, for the same alignment.
        Floor {
            key: LessSafeKey::new(key),
            counter: 0,
            texts: vec![vec![0; HEADROOM + encrypted_len]; BATCH],
        }
    }

    fn batch(&mut self) -> [Duration; 2] {
        let first = self.counter;
        let Floor { key, counter, texts } = self;
        let mut tags = Vec::with_capacity(BATCH);
        let seal = time(|| {
            for text in texts.iter_mut() {
                let text = &mut text[HEADROOM..];
                let tag = key.seal_in_place_separate_tag(nonce(*counter), Aad::from(ASSOCIATED), text);
                tags.push(tag.expect("short enough"));
                *counter += 1;
            }
        });
        let open = time(|| {
            for (number, (text, tag)) in (first..).zip(texts.iter_mut().zip(tags)) {
                let text = &mut text[HEADROOM..];
                let opened =
                    key.open_in_place_separate_tag(nonce(number), Aad::from(ASSOCIATED), tag, text, 0..);
                black_box(opened.expect("authentic"));
            }
        });
        [seal, open]
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [1; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}
