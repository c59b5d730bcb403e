//! No packet costs an allocation: sealed, opened, dummy, replayed or forged, under any protection.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unsafe_code,
    reason = "a test stops at what it does not expect, and an allocator is unsafe by its trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crypto::{Encryption, Integrity, PacketKeys, Protection, Secret};
use esp::{
    Esn, HEADROOM, InboundSa, Limits, Mode, OutboundSa, Parameters, Payload, Spi, TAILROOM, WindowSize,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get().saturating_add(1));
        // SAFETY: the caller's promise is the system's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get().saturating_sub(before)
}

fn keys(protection: Protection) -> PacketKeys {
    PacketKeys {
        encryption: Secret::new(vec![1; protection.encryption_key_len()]),
        integrity: Secret::new(vec![2; protection.integrity_key_len()]),
    }
}

const PAYLOAD_LEN: usize = 1400;

#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocations(|| drop(Box::new(std::hint::black_box(1)))), 1);
}

#[test]
fn no_packet_allocates() {
    let aeads = [Encryption::AesGcm16_128, Encryption::AesGcm16_256, Encryption::ChaCha20Poly1305];
    let macs = [Integrity::HmacSha2_256_128, Integrity::HmacSha2_384_192, Integrity::HmacSha2_512_256];
    let cbcs = macs
        .into_iter()
        .flat_map(|mac| [Encryption::AesCbc128, Encryption::AesCbc256].map(|cbc| Protection::cbc(cbc, mac)));
    let protections: Vec<_> = aeads.into_iter().map(Protection::aead).chain(cbcs).flatten().collect();
    assert_eq!(protections.len(), 9);
    for protection in protections {
        let spi = Spi::new(7).unwrap();
        let parameters = Parameters { spi, protection, esn: Esn::Yes, limits: Limits::NONE };
        let outbound = OutboundSa::new(parameters, keys(protection)).unwrap();
        let mut inbound =
            InboundSa::new(parameters, keys(protection), Mode::Transport, WindowSize::DEFAULT).unwrap();
        let mut buffer = vec![0; HEADROOM + PAYLOAD_LEN + TAILROOM];
        let mut copy = buffer.clone();
        let count = allocations(|| {
            for payload in [Payload::Transport { next_header: 17 }, Payload::Dummy].repeat_each(50) {
                let sealed = outbound.seal(&mut buffer, HEADROOM..HEADROOM + PAYLOAD_LEN, payload).unwrap();
                copy.copy_from_slice(&buffer);
                copy[sealed.packet.start + 100] ^= 1;
                assert!(inbound.open(&mut copy[sealed.packet.clone()]).is_err(), "forged");
                copy.copy_from_slice(&buffer);
                assert!(inbound.open(&mut buffer[sealed.packet.clone()]).is_ok());
                assert!(inbound.open(&mut copy[sealed.packet]).is_err(), "replayed");
            }
        });
        assert_eq!(count, 0, "{protection:?}");
        assert_eq!(inbound.used().packets, 100);
    }
}

/// Each item several times, without an allocation.
trait RepeatEach: Sized + IntoIterator
where
    Self::Item: Copy,
{
    fn repeat_each(self, times: usize) -> impl Iterator<Item = Self::Item> {
        self.into_iter().flat_map(move |item| std::iter::repeat_n(item, times))
    }
}

impl<const N: usize> RepeatEach for [Payload; N] {}
