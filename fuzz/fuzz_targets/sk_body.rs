//! What a decrypted SK payload holds: the type of the first payload, which stands outside, and the payloads.
#![no_main]

use ike_proto::wire::{PayloadType, parse_chain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    if let Ok(chain) = parse_chain(PayloadType(*first), body) {
        ikev2d_fuzz::assert_same_again(&chain);
    }
});
