//! The invariants that hold after every step of every run.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ike_proto::ids::{IkeSpi, MessageId};
use ike_proto::output::{Output, RequestId, Socket, Transmit, Work};
use ike_proto::time::Time;
use ike_proto::wire::{ExchangeType, Header};

use crate::node::Node;

/// What is remembered of one node to judge its next step.
#[derive(Default)]
pub struct Watch {
    /// Each message that was sent, by sender's path and name: a retransmission must be the same octets.
    sent: BTreeMap<(SocketAddr, IkeSpi, IkeSpi, MessageId, bool), Vec<u8>>,
    /// The request that each IKE SA has in flight, by our SPI.
    in_flight: BTreeMap<IkeSpi, MessageId>,
    /// The next `RequestId` must be a new one.
    last_request: Option<RequestId>,
}

impl Watch {
    /// Judges one output.
    pub fn output(&mut self, output: &Output) {
        assert_silent(output);
        match output {
            Output::Transmit(transmit) => self.transmit(transmit),
            Output::Work(id, _) => {
                assert!(self.last_request < Some(*id), "{id:?} was given twice");
                self.last_request = Some(*id);
            }
            Output::Event(_) => {}
        }
    }

    fn transmit(&mut self, transmit: &Transmit) {
        let Some((header, message)) = message_of(transmit.path.socket, &transmit.octets) else { return };
        let key = (
            transmit.path.remote,
            header.initiator_spi,
            header.responder_spi,
            header.message_id,
            header.flags.response,
        );
        // A stateless answer may differ from one copy of a request to the next, and IKE_SA_INIT is asked anew with
        // a cookie or another group; everything under an IKE SA's keys is repeated bit for bit (RFC 7296 2.1).
        if header.exchange != ExchangeType::IKE_SA_INIT && !header.responder_spi.is_zero() {
            let unprotected = message.len() <= Header::LEN + 8;
            let old = self.sent.entry(key).or_insert_with(|| message.to_vec());
            assert!(unprotected || old == message, "a retransmission differs: {header:?}");
        }
        if !header.flags.response {
            let ours = if header.flags.initiator { header.initiator_spi } else { header.responder_spi };
            let last = self.in_flight.entry(ours).or_insert(header.message_id);
            assert!(*last <= header.message_id, "an answered request is sent again: {header:?}");
            *last = header.message_id;
        }
    }

    /// Judges a node between steps.
    pub fn settled(node: &Node, now: Time) {
        if let Some(due) = node.endpoint.poll_timeout() {
            assert!(due > now, "a timer stays in the past: {due:?} at {now:?}");
        }
    }
}

/// The IKE message inside a datagram, if it is one.
pub fn message_of(socket: Socket, octets: &[u8]) -> Option<(Header, &[u8])> {
    let message = match socket {
        Socket::Ike => octets,
        Socket::NatTraversal => octets.strip_prefix(&[0; 4])?,
    };
    Some((Header::parse(message).ok()?, message))
}

/// No key may be seen in what an operator could log.
fn assert_silent(output: &Output) {
    let Output::Work(_, Work::InstallChild(child)) = output else { return };
    let shown = format!("{output:?}");
    for key in [&child.inbound.encryption, &child.outbound.encryption] {
        let octets = format!("{:?}", key.expose());
        let inside = octets.trim_matches(['[', ']']);
        assert!(!shown.contains(inside), "Debug shows a key");
    }
}
