//! A datagram of any octets, as the socket hands it over.
#![no_main]

use ike_proto::wire::{Header, parse_chain, patch_length};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    read(datagram);
    // Most inputs fail on the Length field alone: try what is behind it too.
    let mut patched = datagram.to_vec();
    patch_length(&mut patched);
    read(&patched);
});

fn read(datagram: &[u8]) {
    let Ok(header) = Header::parse(datagram) else { return };
    let mut out = Vec::new();
    header.emit(&mut out);
    assert_eq!(Header::parse_any_version(&out), Ok(Header { minor: 0, ..header }));
    if let Ok(chain) = parse_chain(header.next_payload, &datagram[Header::LEN..]) {
        ikev2d_fuzz::assert_same_again(&chain);
    }
}
