//! proptest strategies for payloads that can be sent, each field over all that it may hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ike_proto::ids::{EspSpi, IkeSpi};
use ike_proto::wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Octets that live as long as the test, for payloads to borrow.
pub fn octets(size: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = &'static [u8]> {
    vec(any::<u8>(), size).prop_map(|octets| &*octets.leak())
}

pub fn transform() -> impl Strategy<Value = Transform> {
    (any::<u8>(), any::<u16>(), any::<Option<u16>>()).prop_map(|(kind, id, key_length)| Transform {
        kind: TransformType(kind),
        id: TransformId(id),
        key_length,
        unknown_attributes: false,
    })
}

fn spi() -> impl Strategy<Value = Spi> {
    prop_oneof![
        Just(Spi::None),
        any::<u32>().prop_map(|spi| Spi::Esp(EspSpi(spi))),
        any::<[u8; 8]>().prop_map(|spi| Spi::Ike(IkeSpi::from_bytes(spi))),
        vec(any::<u8>(), 1..4).prop_map(Spi::Other),
        vec(any::<u8>(), 9..256).prop_map(Spi::Other),
    ]
}

pub fn sa() -> impl Strategy<Value = SaPayload> {
    let proposal = (any::<u8>(), spi(), vec(transform(), 0..20));
    (1..200u8, vec(proposal, 1..8)).prop_map(|(first, proposals)| SaPayload {
        proposals: (first..)
            .zip(proposals)
            .map(|(number, (protocol, spi, transforms))| Proposal {
                number,
                protocol: Protocol(protocol),
                spi,
                transforms,
            })
            .collect(),
    })
}

pub fn selector() -> impl Strategy<Value = TrafficSelector> {
    let addresses = prop_oneof![
        any::<[Ipv4Addr; 2]>().prop_map(|ends| ends.map(IpAddr::V4)),
        any::<[Ipv6Addr; 2]>().prop_map(|ends| ends.map(IpAddr::V6)),
    ];
    let ports = prop_oneof![any::<[u16; 2]>(), Just([0, u16::MAX]), Just([0, 0])];
    (any::<u8>(), ports, any::<bool>(), addresses).prop_map(|(protocol, mut ports, opaque, mut addresses)| {
        ports.sort_unstable();
        addresses.sort_unstable();
        let [start_port, end_port] = if opaque { [u16::MAX, 0] } else { ports };
        TrafficSelector::new(protocol, start_port, end_port, addresses[0], addresses[1]).unwrap()
    })
}

fn ts() -> impl Strategy<Value = TsPayload> {
    vec(selector(), 1..12).prop_map(|selectors| TsPayload { selectors })
}

fn id() -> impl Strategy<Value = IdPayload<'static>> {
    (any::<u8>(), any::<[u8; 3]>(), octets(0..64)).prop_map(|(id_type, reserved, data)| IdPayload {
        id_type: IdType(id_type),
        reserved,
        data,
    })
}

fn notify() -> impl Strategy<Value = NotifyPayload<'static>> {
    (any::<u8>(), octets(0..=255), any::<u16>(), octets(0..64)).prop_map(|(protocol, spi, kind, data)| {
        NotifyPayload { protocol: Protocol(protocol), spi, kind: NotifyType(kind), data }
    })
}

fn delete() -> impl Strategy<Value = DeletePayload> {
    (any::<u8>(), vec(any::<u32>(), 0..20)).prop_map(|(protocol, spis)| {
        let protocol = Protocol(protocol);
        let spis = if protocol == Protocol::IKE { vec![] } else { spis };
        DeletePayload { protocol, spis: spis.into_iter().map(EspSpi).collect() }
    })
}

fn unknown() -> impl Strategy<Value = UnknownPayload<'static>> {
    let unread = |octet: &u8| !matches!(octet, 0 | 33..=47 | 53);
    let payload_type = any::<u8>().prop_filter("a type that has no variant", unread);
    (payload_type, any::<bool>(), octets(0..64)).prop_map(|(payload_type, critical, body)| UnknownPayload {
        payload_type: PayloadType(payload_type),
        critical,
        body,
    })
}

/// Any payload that may stand before another.
pub fn payload() -> impl Strategy<Value = Payload<'static>> {
    prop_oneof![
        sa().prop_map(Payload::Sa),
        (any::<u16>(), octets(0..600))
            .prop_map(|(group, data)| Payload::Ke(KePayload { group: TransformId(group), data })),
        id().prop_map(Payload::IdInitiator),
        id().prop_map(Payload::IdResponder),
        (any::<u8>(), octets(0..64)).prop_map(|(encoding, data)| {
            Payload::Cert(CertPayload { encoding: CertEncoding(encoding), data })
        }),
        (any::<u8>(), octets(0..64)).prop_map(|(encoding, authorities)| {
            Payload::CertReq(CertReqPayload { encoding: CertEncoding(encoding), authorities })
        }),
        (any::<u8>(), octets(0..64))
            .prop_map(|(method, data)| Payload::Auth(AuthPayload { method: AuthMethod(method), data })),
        octets(16..=256).prop_map(|data| Payload::Nonce(NoncePayload { data })),
        notify().prop_map(Payload::Notify),
        delete().prop_map(Payload::Delete),
        octets(0..64).prop_map(|data| Payload::VendorId(VendorIdPayload { data })),
        ts().prop_map(Payload::TsInitiator),
        ts().prop_map(Payload::TsResponder),
        octets(0..64).prop_map(|body| Payload::Configuration(ConfigurationPayload { body })),
        unknown().prop_map(Payload::Unknown),
    ]
}

/// A payload that ends a chain: SK or SKF.
pub fn last_payload() -> impl Strategy<Value = Payload<'static>> {
    let first = || any::<u8>().prop_map(PayloadType);
    prop_oneof![
        (first(), octets(0..200))
            .prop_map(|(first, body)| Payload::Encrypted(EncryptedPayload { first, body })),
        (first(), any::<[u16; 2]>(), octets(0..200)).prop_map(|(first, numbers, body)| {
            let [number, total] = numbers.map(|number| number.max(1));
            let (number, total) = (number.min(total), number.max(total));
            Payload::Fragment(FragmentPayload { first, number, total, body })
        }),
    ]
}

/// A chain that can be sent, duplicates included.
pub fn chain() -> impl Strategy<Value = Vec<Payload<'static>>> {
    (vec(payload(), 0..12), proptest::option::of(last_payload())).prop_map(|(mut chain, last)| {
        chain.extend(last);
        chain
    })
}

/// A header of version 2 whose length is still to be set.
pub fn header() -> impl Strategy<Value = Header> {
    let spis = any::<[[u8; 8]; 2]>();
    (spis, any::<u8>(), any::<[bool; 2]>(), any::<u32>()).prop_map(
        |([initiator_spi, responder_spi], exchange, [initiator, response], message_id)| Header {
            initiator_spi: IkeSpi::from_bytes(initiator_spi),
            responder_spi: IkeSpi::from_bytes(responder_spi),
            next_payload: PayloadType::NONE,
            major: 2,
            minor: 0,
            exchange: ExchangeType(exchange),
            flags: Flags { initiator, response },
            message_id: ike_proto::ids::MessageId(message_id),
            length: 0,
        },
    )
}

/// The octets of a whole message.
pub fn message(header: Header, chain: &[Payload<'_>]) -> Vec<u8> {
    let mut payloads = Vec::new();
    let next_payload = emit_chain(chain, &mut payloads).unwrap();
    let mut message = Vec::new();
    Header { next_payload, ..header }.emit(&mut message);
    message.extend(payloads);
    patch_length(&mut message);
    message
}
