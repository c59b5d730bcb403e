//! Which data plane, and why.

use ike_proto::endpoint::Ports;
use xfrm::Family;

use crate::config::{DataPlaneChoice, Node, Peer};
use crate::dataplane::{DataPlane, KernelPlane, NullPlane, PlaneError, UserspacePlane};

/// What carries the traffic, from the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Plane {
    /// As the configuration may say, too.
    Choice(DataPlaneChoice),
    /// Nothing: for machines without ESP, and for tests.
    Null,
}

/// A data plane and why it was chosen.
pub(super) struct Opened {
    pub plane: Box<dyn DataPlane>,
    pub reason: String,
}

/// Opens what the command line says, or else the configuration.
///
/// # Errors
/// Why the data plane cannot work; for `auto`, why neither can.
pub(super) fn open(told: Option<Plane>, (node, peers): (&Node, &[Peer])) -> Result<Opened, PlaneError> {
    let reason = match told {
        Some(_) => "by the command line",
        None => "as configured",
    };
    let reason = reason.to_owned();
    match told.unwrap_or(Plane::Choice(node.data_plane)) {
        Plane::Null => Ok(Opened { plane: Box::new(NullPlane::default()), reason }),
        Plane::Choice(DataPlaneChoice::Kernel) => Ok(Opened { plane: Box::new(kernel(peers)?), reason }),
        Plane::Choice(DataPlaneChoice::Userspace) => Ok(Opened { plane: Box::new(userspace(node)?), reason }),
        Plane::Choice(DataPlaneChoice::Auto) => auto(node, peers),
    }
}

/// The kernel if it can really do it, and userspace otherwise.
fn auto(node: &Node, peers: &[Peer]) -> Result<Opened, PlaneError> {
    let missing = match kernel(peers) {
        Ok(plane) => {
            let reason = "auto: the kernel has ESP".to_owned();
            return Ok(Opened { plane: Box::new(plane), reason });
        }
        Err(missing) => missing,
    };
    // Nobody has chosen a data plane that lets in what comes in clear: then it must not.
    let guarded = userspace(node).and_then(|plane| match plane.can_hold_back() {
        Ok(()) => Ok(plane),
        Err(why) => Err(PlaneError(format!(
            "what comes in clear could not be held back ({why}): install nftables, or accept that by dataplane = \"userspace\""
        ))),
    });
    match guarded {
        Ok(plane) => {
            Ok(Opened { plane: Box::new(plane), reason: format!("auto: the kernel cannot: {missing}") })
        }
        Err(error) => Err(PlaneError(format!("the kernel: {missing}; userspace: {error}"))),
    }
}

fn userspace(node: &Node) -> Result<UserspacePlane, PlaneError> {
    UserspacePlane::open(Ports { ike: node.ike_port, nat_traversal: node.nat_port })
}

/// The kernel, for the families that the peers use; if there are no peers yet, for IPv4.
fn kernel(peers: &[Peer]) -> Result<KernelPlane, PlaneError> {
    let uses = |family| peers.iter().any(|peer| Family::of(peer.policy.remote) == family);
    let mut families: Vec<Family> = [Family::V4, Family::V6].into_iter().filter(|f| uses(*f)).collect();
    if families.is_empty() {
        families.push(Family::V4);
    }
    KernelPlane::open(&families)
}
