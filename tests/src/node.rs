//! One simulated node: a real endpoint, a mock kernel, a keeper with one PSK per peer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crypto::{Secret, SeededEntropy, auth_equal, psk_auth};
use ike_proto::endpoint::{Endpoint, EndpointConfig};
use ike_proto::output::{Completion, Event, Work};
use ike_proto::policy::PeerId;

use crate::kernel::Kernel;

/// A node and all that it has seen.
pub struct Node {
    /// The machine under test.
    pub endpoint: Endpoint,
    /// Its only address.
    pub address: IpAddr,
    /// What stands in for the kernel.
    pub kernel: Kernel,
    /// Each peer's PSK; a peer without one cannot be authenticated.
    pub psks: BTreeMap<PeerId, Vec<u8>>,
    /// Every event in order.
    pub events: Vec<Event>,
    /// `Work::Route` fails with this text.
    pub no_route: Option<String>,
}

impl Node {
    /// A node without peers.
    pub fn new(address: IpAddr, config: EndpointConfig, seed: u64) -> Node {
        Node {
            endpoint: Endpoint::new(config, Box::new(SeededEntropy::new(seed))),
            address,
            kernel: Kernel::default(),
            psks: BTreeMap::new(),
            events: Vec::new(),
            no_route: None,
        }
    }

    /// Carries out one piece of work, as the daemon would.
    pub fn work(&mut self, work: Work) -> Completion {
        match work {
            Work::Route { .. } => Completion::Routed(match &self.no_route {
                Some(why) => Err(why.clone()),
                None => Ok(self.address),
            }),
            Work::Sign { peer, prf, octets, .. } => Completion::Signed(match self.psks.get(&peer) {
                Some(psk) => Ok(psk_auth(prf, &Secret::copy_from(psk), &[&octets]).expose().to_vec()),
                None => Err("no PSK for this peer".into()),
            }),
            Work::Verify { peer, prf, octets, auth, .. } => {
                let expected =
                    self.psks.get(&peer).map(|psk| psk_auth(prf, &Secret::copy_from(psk), &[&octets]));
                Completion::Verified(expected.is_some_and(|expected| auth_equal(expected.expose(), &auth)))
            }
            Work::InstallChild(child) => Completion::Installed(self.kernel.install(*child)),
            Work::UseChild(end) => Completion::Used(self.kernel.use_outbound(end)),
            Work::RemoveChild(end) => {
                self.kernel.remove(end);
                Completion::Removed
            }
        }
    }
}
