//! The Child SAs of an IKE SA, from keys to removal.

use crate::exchange::child::{ChildChoice, ExchangeNonces, keys};
use crate::exchange::init::Agreed;
use crate::ids::Role;
use crate::output::{ChildSa, Event, Reason, Work};

use super::Sa;
use super::authenticated::Authenticated;
use super::context::{Context, News};
use super::phase::{Child, ChildState, Established, Phase};

impl Established {
    pub fn has_installed_child(&self) -> bool {
        self.children.values().any(|child| matches!(child.state, ChildState::Installed(_)))
    }
}

impl Sa {
    /// A Child SA from the exchange that made this IKE SA: what we remember of it, and what the kernel gets.
    pub(super) fn child_sa(
        &self,
        agreed: &Agreed,
        choice: &ChildChoice,
        ctx: &mut Context<'_>,
    ) -> Option<(Child, ChildSa)> {
        let peer = self.peer?;
        let nonces = match self.role {
            Role::Initiator => (&agreed.local_nonce, &agreed.remote_nonce),
            Role::Responder => (&agreed.remote_nonce, &agreed.local_nonce),
        };
        let nonces = ExchangeNonces { initiator: nonces.0, responder: nonces.1 };
        let (inbound, outbound) = keys(agreed.suite.prf, &agreed.secrets.sk_d, nonces, choice, self.role)?;
        let sa = ChildSa {
            child: ctx.queue.child_id(),
            peer,
            mode: choice.mode,
            local: self.path.local,
            remote: self.path.remote,
            encapsulated: agreed.nat.any(),
            inbound_spi: choice.inbound_spi,
            outbound_spi: choice.esp.spi,
            protection: choice.esp.protection,
            esn: choice.esp.esn,
            inbound,
            outbound,
            local_selectors: choice.local.clone(),
            remote_selectors: choice.remote.clone(),
        };
        let child = Child {
            end: sa.end(),
            mode: choice.mode,
            esp: choice.esp,
            encapsulated: sa.encapsulated,
            local: choice.local.clone(),
            remote: choice.remote.clone(),
            state: ChildState::Installing,
        };
        Some((child, sa))
    }

    /// From authenticated to established.
    pub(super) fn establish(
        &mut self,
        authenticated: Authenticated,
        initial_contact: bool,
        ctx: &mut Context<'_>,
    ) -> Box<Established> {
        let mut jitter = [0];
        ctx.entropy.public(&mut jitter);
        let [jitter] = jitter;
        if let Some(peer) = self.peer {
            ctx.queue.event(Event::IkeUp { peer, spis: self.spis(), role: self.role, path: self.path });
        }
        ctx.queue.news(self.origin(), News::Established { initial_contact });
        Box::new(authenticated.establish(ctx.now, self.role, &self.timing, jitter))
    }

    /// Has the kernel install a Child SA of an established IKE SA.
    pub(super) fn install(
        &mut self,
        mut established: Box<Established>,
        child: Child,
        sa: ChildSa,
        ctx: &mut Context<'_>,
    ) -> Phase {
        established.children.insert(child.end.child, child);
        ctx.queue.work(self.spi, Work::InstallChild(Box::new(sa)));
        Phase::Established(established)
    }

    /// The kernel took it, or not.
    pub(super) fn child_installed(
        &mut self,
        mut established: Box<Established>,
        result: Result<(), String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let installing = established.children.iter().find(|(_, child)| child.state == ChildState::Installing);
        let Some(id) = installing.map(|(id, _)| *id) else { return Phase::Established(established) };
        let Some(child) = established.children.remove(&id) else { return Phase::Established(established) };
        match result {
            Ok(()) => {
                self.child_up(&mut established, child, ctx);
                Phase::Established(established)
            }
            Err(why) => self.close_established(established, Reason::Kernel(why), ctx),
        }
    }

    pub(super) fn child_up(
        &mut self,
        established: &mut Established,
        mut child: Child,
        ctx: &mut Context<'_>,
    ) {
        child.state = ChildState::Installed(ctx.now);
        self.carried = true;
        ctx.queue.event(Event::ChildUp(child.end));
        ctx.queue.news(self.origin(), News::ChildUp(child.end));
        established.children.insert(child.end.child, child);
    }

    /// Has the kernel remove a Child SA.
    pub(super) fn child_down(&self, child: &Child, reason: &Reason, ctx: &mut Context<'_>) {
        if let ChildState::Installed(_) = child.state {
            ctx.queue.event(Event::ChildDown { child: child.end, reason: reason.clone() });
            ctx.queue.news(self.origin(), News::ChildDown(child.end));
        }
        ctx.queue.work(self.spi, Work::RemoveChild(child.end));
    }
}
