//! The Child SAs of an IKE SA, from keys to removal.

use crypto::{Prf, Secret};

use crate::exchange::child::{ChildChoice, Keying, keys};
use crate::exchange::init::Agreed;
use crate::ids::Role;
use crate::output::{ChildId, ChildSa, Event, Reason, Sending, Work};

use super::Sa;
use super::authenticated::{Authenticated, soft_lifetime};
use super::context::{Context, News};
use super::phase::{Age, Child, ChildState, Established, Phase};

impl Established {
    /// Whether traffic passes.
    pub fn has_installed_child(&self) -> bool {
        self.children.values().any(|child| match child.state {
            ChildState::Installed(_)
            | ChildState::Receiving { .. }
            | ChildState::Waiting(_)
            | ChildState::Using => true,
            ChildState::Installing
            | ChildState::Answering(_)
            | ChildState::Taking { .. }
            | ChildState::Condemned
            | ChildState::Deleting => false,
        })
    }

    /// Whether another Child SA is about to take this one's place.
    pub fn has_successor(&self, old: ChildId) -> bool {
        self.children.values().any(|child| child.replaces() == Some(old))
    }

    /// The Child SA that the peer made to take another's place, and that we do not send on yet.
    pub fn kept_back(&mut self, old: ChildId) -> Option<&mut Child> {
        self.children
            .values_mut()
            .find(|child| matches!(child.state, ChildState::Receiving { replaces } if replaces == old))
    }
}

impl Child {
    /// The one whose place it is about to take.
    fn replaces(&self) -> Option<ChildId> {
        match &self.state {
            ChildState::Receiving { replaces } | ChildState::Taking { replaces, .. } => Some(*replaces),
            ChildState::Answering(answering) => answering.replaces,
            ChildState::Installing
            | ChildState::Waiting(_)
            | ChildState::Using
            | ChildState::Installed(_)
            | ChildState::Condemned
            | ChildState::Deleting => None,
        }
    }

    /// Whether it is being made or deleted.
    pub fn is_in_transit(&self) -> bool {
        match self.state {
            ChildState::Installing
            | ChildState::Answering(_)
            | ChildState::Taking { .. }
            | ChildState::Condemned
            | ChildState::Deleting => true,
            ChildState::Receiving { .. }
            | ChildState::Waiting(_)
            | ChildState::Using
            | ChildState::Installed(_) => false,
        }
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
        sending: Sending,
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
            sending,
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
            role: making.role,
            shown: false,
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
            (ChildState::Taking { goes, replaces }, result) => {
                return self.taken(established, child, (goes, replaces), result, ctx);
            }
            // Nothing was asked of the kernel in these states.
            (
                state @ (ChildState::Receiving { .. }
                | ChildState::Waiting(_)
                | ChildState::Using
                | ChildState::Installed(_)
                | ChildState::Condemned
                | ChildState::Deleting),
                _,
            ) => {
                established.children.insert(child.end.child, Child { state, ..child });
            }
        }
        Phase::Established(established)
    }

    /// Has the kernel install the outbound half that was kept back.
    pub(super) fn use_child(&self, child: &mut Child, ctx: &mut Context<'_>) {
        child.state = ChildState::Using;
        ctx.queue.work(self.spi, Work::UseChild(child.end));
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
        let mut jitter = [0];
        ctx.entropy.public(&mut jitter);
        let [jitter] = jitter;
        let lifetime = self.timing.child_lifetime;
        child.shown = true;
        child.state = ChildState::Installed(Age {
            since: ctx.now,
            soft: ctx.now + soft_lifetime(lifetime, child.role, jitter),
            hard: ctx.now + lifetime,
        });
        self.carried = true;
        ctx.queue.event(Event::ChildUp(child.end));
        ctx.queue.news(self.origin(), News::ChildUp(child.end));
        established.children.insert(child.end.child, child);
    }

    /// Has the kernel remove a Child SA.
    pub(super) fn child_down(&self, child: &Child, reason: &Reason, ctx: &mut Context<'_>) {
        if child.shown {
            ctx.queue.event(Event::ChildDown { child: child.end, reason: reason.clone() });
            ctx.queue.news(self.origin(), News::ChildDown(child.end));
        }
        ctx.queue.work(self.spi, Work::RemoveChild(child.end));
    }
}
