//! A kernel that only remembers which Child SAs it was given.

use std::collections::BTreeMap;

use ike_proto::ids::EspSpi;
use ike_proto::output::{ChildEnd, ChildSa, Sending};

/// The Child SAs of one node by inbound SPI.
#[derive(Default)]
pub struct Kernel {
    children: BTreeMap<EspSpi, ChildSa>,
    /// Makes the next installations fail with this text.
    pub refuses: Option<String>,
}

impl Kernel {
    /// Takes both directions, as a real kernel would; a second SA under an SPI is refused.
    pub fn install(&mut self, child: ChildSa) -> Result<(), String> {
        if let Some(why) = &self.refuses {
            return Err(why.clone());
        }
        if self.children.contains_key(&child.inbound_spi) {
            return Err("File exists".into());
        }
        self.children.insert(child.inbound_spi, child);
        Ok(())
    }

    /// Begins to send on a Child SA that was installed to be used later.
    pub fn use_outbound(&mut self, end: ChildEnd) -> Result<(), String> {
        let child = self.children.get_mut(&end.inbound_spi).ok_or("No such process")?;
        child.sending = Sending::AtOnce;
        Ok(())
    }

    /// The Child SA that a packet leaves by: the newest of those that are sent on.
    pub fn outbound(&self) -> Option<&ChildSa> {
        self.children
            .values()
            .filter(|child| child.sending == Sending::AtOnce)
            .max_by_key(|child| child.child)
    }

    /// Forgets both directions; removing what is not there is no error.
    pub fn remove(&mut self, end: ChildEnd) {
        self.children.remove(&end.inbound_spi);
    }

    /// Every Child SA.
    pub fn children(&self) -> impl Iterator<Item = &ChildSa> {
        self.children.values()
    }

    /// The one that packets with this SPI are for.
    pub fn child(&self, inbound: EspSpi) -> Option<&ChildSa> {
        self.children.get(&inbound)
    }

    /// Whether packets that this child sends would be decrypted by `peer`: SPIs, keys, mode, selectors all fit.
    pub fn pairs_with(child: &ChildSa, peer: &Kernel) -> bool {
        peer.child(child.outbound_spi).is_some_and(|other| {
            other.outbound_spi == child.inbound_spi
                && other.inbound == child.outbound
                && other.outbound == child.inbound
                && other.mode == child.mode
                && other.protection == child.protection
                && other.esn == child.esn
                && other.encapsulated == child.encapsulated
                && other.local_selectors == child.remote_selectors
                && other.remote_selectors == child.local_selectors
        })
    }
}
