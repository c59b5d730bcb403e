//! The Child SAs of an IKE SA, from keys to removal.

use crypto::{Prf, Secret};

use crate::exchange::child::{ChildChoice, Keying, keys};
use crate::exchange::init::Agreed;
use crate::ids::Role;
use crate::output::{ChildId, ChildSa, Event, Reason, Sending, Work};

use super::Sa;
use super::authenticated::Authenticated;
use super::context::{Context, News};
use super::phase::{Child, ChildState, Established, Phase};

impl Established {
    /// Whether traffic passes.
    pub fn has_installed_child(&self) -> bool {
        self.children.values().any(|child| match child.state {
            ChildState::Installed(_) | ChildState::Receiving { .. } => true,
            ChildState::Installing | ChildState::Answering(_) => false,
        })
    }

    /// The Child SA that is to take another's place, as far as it is.
    pub fn successor(&self, old: ChildId) -> Option<&Child> {
        self.children.values().find(|child| match &child.state {
            ChildState::Receiving { replaces } => *replaces == old,
            ChildState::Answering(answering) => answering.replaces == Some(old),
            ChildState::Installing | ChildState::Installed(_) => false,
        })
    }
}

/// What a Child SA is made from, beside what was chosen.
pub(super) struct Making<'a> {
    pub prf: Prf,
    pub sk_d: &'a Secret,
    pub keying: Keying<'a>,
    /// Our role in the exchange that makes it.
    pub role: Role,
    pub encapsulated: bool,
    pub sending: Sending,
}

impl Sa {
    /// The first Child SA, from the exchange that made this IKE SA.
    pub(super) fn first_child_sa(
        &self,
        agreed: &Agreed,
        choice: &ChildChoice,
        ctx: &mut Context<'_>,
    ) -> Option<(Child, ChildSa)> {
        let (initiator_nonce, responder_nonce) = match self.role {
            Role::Initiator => (&agreed.local_nonce, &agreed.remote_nonce),
            Role::Responder => (&agreed.remote_nonce, &agreed.local_nonce),
        };
        let making = Making {
            prf: agreed.suite.prf,
            sk_d: &agreed.secrets.sk_d,
            keying: Keying { initiator_nonce, responder_nonce, shared: None },
            role: self.role,
            encapsulated: agreed.nat.any(),
            sending: Sending::AtOnce,
        };
        self.child_sa(&making, choice, ctx)
    }

    /// A Child SA: what we remember of it, and what the kernel gets.
    pub(super) fn child_sa(
        &self,
        making: &Making<'_>,
        choice: &ChildChoice,
        ctx: &mut Context<'_>,
    ) -> Option<(Child, ChildSa)> {
        let (inbound, outbound) = keys(making.prf, making.sk_d, making.keying, choice, making.role)?;
        let sa = ChildSa {
            child: ctx.queue.child_id(),
            peer: self.peer?,
            mode: choice.mode,
            local: self.path.local,
            remote: self.path.remote,
            encapsulated: making.encapsulated,
            inbound_spi: choice.inbound_spi,
            outbound_spi: choice.esp.spi,
            protection: choice.esp.protection,
            esn: choice.esp.esn,
            inbound,
            outbound,
            local_selectors: choice.local.clone(),
            remote_selectors: choice.remote.clone(),
            sending: making.sending,
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
        child: Option<ChildId>,
        result: Result<(), String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let Some(mut child) = child.and_then(|child| established.children.remove(&child)) else {
            return Phase::Established(established);
        };
        match (std::mem::replace(&mut child.state, ChildState::Installing), result) {
            (ChildState::Installing, Ok(())) => self.child_up(&mut established, child, ctx),
            (ChildState::Installing, Err(why)) => {
                return self.close_established(established, Reason::Kernel(why), ctx);
            }
            (ChildState::Answering(answering), result) => {
                self.answer_installed(&mut established, child, *answering, result, ctx);
            }
            // Nothing was asked of the kernel in these states.
            (state @ (ChildState::Receiving { .. } | ChildState::Installed(_)), _) => {
                established.children.insert(child.end.child, Child { state, ..child });
            }
        }
        Phase::Established(established)
    }

    /// The kernel took the outbound half too, or not.
    pub(super) fn child_used(
        &mut self,
        mut established: Box<Established>,
        child: Option<ChildId>,
        result: Result<(), String>,
        ctx: &mut Context<'_>,
    ) -> Phase {
        let Some(child) = child.and_then(|child| established.children.remove(&child)) else {
            return Phase::Established(established);
        };
        if let Err(why) = result {
            established.children.insert(child.end.child, child);
            return self.close_established(established, Reason::Kernel(why), ctx);
        }
        self.child_up(&mut established, child, ctx);
        Phase::Established(established)
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
