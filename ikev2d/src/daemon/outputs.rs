//! Carries out what the protocol puts out, in its order.

use ike_proto::output::{Completion, Output, RequestId, Work};

use super::Daemon;
use crate::dataplane::PlaneError;
use crate::net::source_address;

impl Daemon {
    /// Carries out everything that waits, and what follows from it.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    if let Err(error) = self.sockets.send(&transmit) {
                        self.journal.unsent(transmit.path.remote, &error);
                    }
                }
                Output::Work(id, work) => self.work(id, work),
                Output::Event(event) => self.journal.tell(&event, &self.roster, &self.clock),
            }
        }
    }

    /// All work is fast enough to be done at once: a MAC takes microseconds, the kernel answers within the call.
    fn work(&mut self, id: RequestId, work: Work) {
        let done = match work {
            Work::Route { remote, .. } => {
                let routed = source_address(remote, self.plane.as_ref()).map_err(|error| error.to_string());
                Completion::Routed(routed.map(|address| self.sockets.source_for(address)))
            }
            Work::Sign { peer, authentication, prf, octets } => {
                self.keeper.sign(peer, authentication, prf, &octets)
            }
            Work::Verify { peer, authentication, prf, octets, auth } => {
                self.keeper.verify(peer, authentication, prf, &octets, &auth)
            }
            Work::InstallChild(child) => Completion::Installed(self.plane.install(&child).map_err(|e| e.0)),
            Work::UseChild(child) => Completion::Used(self.plane.use_outbound(&child).map_err(|e| e.0)),
            Work::RemoveChild(child) => {
                if let Err(PlaneError(error)) = self.plane.remove(&child) {
                    let name = self.roster.name(child.peer);
                    tracing::warn!("{name}: cannot remove the Child SA: {error}");
                }
                Completion::Removed
            }
        };
        self.endpoint.handle_completion(self.clock.now(), id, done);
    }
}
