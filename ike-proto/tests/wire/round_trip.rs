//! What is emitted parses to what it was.

use ike_proto::wire::{Header, Payload, emit_chain, parse_chain};
use proptest::prelude::*;

use crate::generate::{chain, header, last_payload, message, payload};

fn emitted_and_parsed(payload: Payload<'_>) -> Result<(), TestCaseError> {
    let mut out = Vec::new();
    let first = emit_chain(std::slice::from_ref(&payload), &mut out).unwrap();
    prop_assert_eq!(first, payload.payload_type());
    prop_assert_eq!(parse_chain(first, &out), Ok(vec![payload]));
    Ok(())
}

proptest! {
    #[test]
    fn every_payload_comes_back_as_it_went(payload in prop_oneof![15 => payload(), 2 => last_payload()]) {
        emitted_and_parsed(payload)?;
    }

    #[test]
    fn every_chain_comes_back_as_it_went_duplicates_and_order_included(chain in chain()) {
        let mut out = Vec::new();
        let first = emit_chain(&chain, &mut out).unwrap();
        prop_assert_eq!(parse_chain(first, &out), Ok(chain));
    }

    #[test]
    fn every_message_comes_back_as_it_went(header in header(), chain in chain()) {
        let octets = message(header, &chain);
        let parsed = Header::parse(&octets).unwrap();
        let next_payload = chain.first().map_or(header.next_payload, Payload::payload_type);
        let length = u32::try_from(octets.len()).unwrap();
        prop_assert_eq!(parsed, Header { next_payload, length, ..header });
        prop_assert_eq!(parse_chain(parsed.next_payload, &octets[Header::LEN..]), Ok(chain));
    }

    #[test]
    fn a_chain_is_appended_and_touches_nothing_before_it(chain in chain(), before in any::<[u8; 7]>()) {
        let (mut alone, mut appended) = (Vec::new(), before.to_vec());
        emit_chain(&chain, &mut alone).unwrap();
        emit_chain(&chain, &mut appended).unwrap();
        prop_assert_eq!(appended, [&before[..], &alone].concat());
    }
}
