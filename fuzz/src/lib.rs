//! What the fuzz targets check. Run one with `cargo +nightly fuzz run message -- -max_total_time=60`.
//!
//! | target | input | what must hold |
//! |---|---|---|
//! | `message` | a datagram | no panic; what parses says the same when it is emitted again |
//! | `sk_body` | a payload type, then the payloads of a decrypted SK payload | the same |
//! | `config` | a node file's text | no panic; what is refused has an error that can be shown |
//! | `esp` | choices, then ESP packets and plaintexts | no panic; nothing forged opens; what opens lies inside, once; what is sealed opens |
//!
//! `corpus/` holds a few seeds by name; what a run adds is named by hash and not kept in git.

use ike_proto::wire::{Payload, emit_chain, parse_chain};

/// Panics unless the chain, emitted and parsed, is the same chain.
///
/// A chain that was not kept whole must refuse to be emitted instead: one with attributes or selectors of
/// unknown types only.
pub fn assert_same_again(chain: &[Payload<'_>]) {
    let mut out = Vec::new();
    match emit_chain(chain, &mut out) {
        Ok(first) => {
            let again = parse_chain(first, &out);
            assert_eq!(again.as_deref(), Ok(chain), "emitted and parsed again");
        }
        Err(error) => assert!(chain.iter().any(is_partial), "cannot be emitted: {error}"),
    }
}

fn is_partial(payload: &Payload<'_>) -> bool {
    if let Payload::Sa(sa) = payload {
        let mut transforms = sa.proposals.iter().flat_map(|proposal| &proposal.transforms);
        transforms.any(|transform| transform.unknown_attributes)
    } else if let Payload::TsInitiator(ts) | Payload::TsResponder(ts) = payload {
        ts.selectors.is_empty()
    } else {
        false
    }
}
