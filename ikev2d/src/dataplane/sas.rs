//! A Child SA as the kernel takes it: two SAs, each with its own key.

use crypto::{Encryption, Integrity, PacketKeys};
use ike_proto::ids::EspSpi;
use ike_proto::output::{ChildEnd, ChildSa};
use ike_proto::policy::{Esn, Mode};
use xfrm::{
    Aead, Cipher, Encapsulation, KeyLength, Limits, Protection, Sa, SaDirection, SaId, SaParameters, Secret,
    Spi,
};

use super::owned;
use super::policies;

/// Packets that may come this much out of order: at 10 Gbit/s with several queues, packets of one SA are reordered by
/// some hundreds. The kernel allows 4096; a bitmap of 128 octets per SA is cheap.
const REPLAY_WINDOW: u32 = 1024;

/// The last 32-bit sequence number, which "must never be allowed to cycle" (RFC 4303 section 2.2).
const LAST_SEQUENCE: u64 = u32::MAX as u64;
/// Sequence numbers that are left when the SA is to be replaced: three minutes at a million packets a second.
const SEQUENCE_RESERVE: u64 = 1 << 28;

/// The inbound and the outbound SA.
///
/// # Errors
/// When a key does not fit its algorithm.
pub(super) fn of_child(child: &ChildSa) -> Result<[Sa; 2], KeyLength> {
    let inbound = Sa {
        direction: SaDirection::In,
        parameters: parameters(child, SaDirection::In),
        protection: protection(child, &child.inbound)?,
    };
    let outbound = Sa {
        direction: SaDirection::Out,
        parameters: parameters(child, SaDirection::Out),
        protection: protection(child, &child.outbound)?,
    };
    Ok([inbound, outbound])
}

/// What names the inbound SA.
pub(super) fn inbound_id(child: &ChildEnd) -> SaId {
    SaId::new(child.remote, child.local, spi(child.inbound_spi))
}

/// What names the outbound SA.
pub(super) fn outbound_id(child: &ChildEnd) -> SaId {
    SaId::new(child.local, child.remote, spi(child.outbound_spi))
}

fn spi(spi: EspSpi) -> Spi {
    Spi(spi.0)
}

fn parameters(child: &ChildSa, direction: SaDirection) -> SaParameters {
    let end = child.end();
    let outbound = policies::single_selector(&child.local_selectors, &child.remote_selectors);
    let (id, selector, source, destination) = match direction {
        SaDirection::In => {
            (inbound_id(&end), outbound.map(|s| s.reversed()), child.remote.port(), child.local.port())
        }
        SaDirection::Out => (outbound_id(&end), outbound, child.local.port(), child.remote.port()),
    };
    let mode = match child.mode {
        Mode::Transport => xfrm::Mode::Transport,
        Mode::Tunnel => xfrm::Mode::Tunnel,
    };
    let esn = child.esn == Esn::Yes;
    let packets = |limit| Limits { packets: (!esn).then_some(limit), ..Limits::default() };
    SaParameters {
        esn,
        replay_window: if direction == SaDirection::In { REPLAY_WINDOW } else { 0 },
        encapsulation: child
            .encapsulated
            .then_some(Encapsulation { source_port: source, destination_port: destination }),
        selector,
        soft: packets(LAST_SEQUENCE.saturating_sub(SEQUENCE_RESERVE)),
        hard: packets(LAST_SEQUENCE),
        ..SaParameters::new(id, owned::reqid(child.peer), mode)
    }
}

fn protection(child: &ChildSa, keys: &PacketKeys) -> Result<Protection, KeyLength> {
    let key = || Secret::copy_from(keys.encryption.expose());
    let (encryption, integrity) = (child.protection.encryption(), child.protection.integrity());
    match (encryption, integrity) {
        (Encryption::AesGcm16_128 | Encryption::AesGcm16_256, _) => Protection::aead(Aead::AesGcm16, key()),
        (Encryption::ChaCha20Poly1305, _) => Protection::aead(Aead::ChaCha20Poly1305, key()),
        (Encryption::AesCbc128 | Encryption::AesCbc256, Some(integrity)) => {
            let mac_key = Secret::copy_from(keys.integrity.expose());
            Protection::separate(Cipher::AesCbc, key(), mac(integrity), mac_key)
        }
        // A `crypto::Protection` of CBC always has a MAC; without one the kernel is told nothing.
        (Encryption::AesCbc128 | Encryption::AesCbc256, None) => {
            Err(KeyLength { algorithm: "cbc(aes) without integrity", octets: 0 })
        }
    }
}

fn mac(integrity: Integrity) -> xfrm::Integrity {
    match integrity {
        Integrity::HmacSha2_256_128 => xfrm::Integrity::HmacSha256_128,
        Integrity::HmacSha2_384_192 => xfrm::Integrity::HmacSha384_192,
        Integrity::HmacSha2_512_256 => xfrm::Integrity::HmacSha512_256,
    }
}
