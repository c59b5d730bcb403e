//! Messages and payloads that RFCs print, read and written octet for octet.

use ike_proto::ids::{IkeSpi, MessageId};
use ike_proto::wire::*;

/// RFC 7634 Appendix B: a whole message with an SK payload.
const RFC_7634_MESSAGE: &str = "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029101112131415161761039470\
    1f8d017f7c129248896b71bfe25236efd7cdc67066906315b2";

/// RFC 7634 Appendix B: the payload inside it.
const RFC_7634_INNER: &str = "0000000c000040010000000a";

/// RFC 5903 section 8.1: the KEi payload of the 256-bit random ECP group.
const RFC_5903_KE: &str = "0000004800130000dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a046\
    1cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3";

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The one payload in `input`, once it has been emitted to the same octets again.
fn only(first: PayloadType, input: &[u8]) -> Payload<'_> {
    let chain = parse_chain(first, input).unwrap();
    let mut out = Vec::new();
    assert_eq!(emit_chain(&chain, &mut out), Ok(first));
    assert_eq!(out, input);
    let [payload] = chain.try_into().unwrap();
    payload
}

#[test]
fn the_message_of_rfc_7634_is_a_header_and_an_encrypted_payload() {
    let message = octets(RFC_7634_MESSAGE);
    let header = Header::parse(&message).unwrap();
    assert_eq!(header.initiator_spi, IkeSpi::from_bytes([0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7]));
    assert_eq!(header.responder_spi, IkeSpi::from_bytes([0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7]));
    assert_eq!(header.exchange, ExchangeType::INFORMATIONAL);
    assert_eq!((header.message_id, header.length), (MessageId(9), 69));
    let body = &message[Header::LEN + 4..];
    let encrypted = EncryptedPayload { first: PayloadType::NOTIFY, body };
    assert_eq!(only(header.next_payload, &message[Header::LEN..]), Payload::Encrypted(encrypted));
}

#[test]
fn the_inner_payload_of_rfc_7634_sets_the_window_size() {
    let inner = octets(RFC_7634_INNER);
    let notify = NotifyPayload::new(NotifyType::SET_WINDOW_SIZE, &[0, 0, 0, 10]);
    assert_eq!(only(PayloadType::NOTIFY, &inner), Payload::Notify(notify));
}

#[test]
fn the_key_exchange_of_rfc_5903_is_two_coordinates_in_group_19() {
    let input = octets(RFC_5903_KE);
    let ke = KePayload { group: ke::ECP_256, data: &input[8..] };
    assert_eq!(ke.data.len(), 64);
    assert_eq!(only(PayloadType::KE, &input), Payload::Ke(ke));
}
