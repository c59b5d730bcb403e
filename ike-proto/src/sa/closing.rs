//! The end of an IKE SA: politely, silently, or because nobody answers (RFC 7296 sections 1.4.1, 2.4).

use std::mem;

use crate::exchange::Refusal;
use crate::message::{Kind, Label};
use crate::output::Reason;
use crate::wire::ExchangeType;

use super::context::{Context, News};
use super::phase::{Closing, Farewell, InitSent, Phase};
use super::{Sa, established};

impl Sa {
    /// "repeated attempts to contact it have gone unanswered for a timeout period" (2.4): the peer has failed.
    pub(super) fn give_up(&mut self, exchange: ExchangeType, ctx: &mut Context<'_>) {
        let reason = if let Phase::InitSent(InitSent { refused: Some(kind), .. }) = &self.phase {
            Reason::PeerRefused(exchange, *kind)
        } else {
            Reason::NoAnswer(exchange)
        };
        self.abandon(reason, ctx);
    }

    /// Ends the SA for a reason of ours, politely if there is anybody to be polite to.
    pub fn close(&mut self, reason: Reason, ctx: &mut Context<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        self.phase = if let Phase::Established(sa) = phase {
            self.close_established(sa, reason, ctx)
        } else if phase.is_down() {
            phase
        } else {
            self.fail(reason, ctx)
        };
    }

    /// Ends the SA without a word: the peer does not know it any more, or never did.
    pub fn abandon(&mut self, reason: Reason, ctx: &mut Context<'_>) {
        let phase = mem::replace(&mut self.phase, Phase::Ended);
        if let Phase::Established(sa) = phase {
            self.down(*sa, reason, ctx);
        } else if !phase.is_down() {
            self.fail(reason, ctx);
        }
    }

    /// An SA that never was established ends.
    pub(super) fn fail(&mut self, reason: Reason, ctx: &mut Context<'_>) -> Phase {
        ctx.queue.news(self.origin(), News::Down { reason, established: false });
        Phase::Ended
    }

    /// Sends the last request of this SA when the window is free, and ends when that is answered.
    pub(super) fn say_farewell(&mut self, mut closing: Closing, ctx: &mut Context<'_>) -> Phase {
        let Some(id) = self.outbound.free() else { return Phase::Closing(closing) };
        let label = Label { exchange: ExchangeType::INFORMATIONAL, kind: Kind::Request, id };
        let refusal = Refusal::AuthenticationFailed.notify();
        let payload = match closing.farewell {
            Farewell::Sent => return Phase::Ended,
            Farewell::Delete => established::delete_ike(),
            Farewell::AuthenticationFailed => refusal.payload(),
        };
        match closing.channel.seal(label, &[payload], ctx.entropy) {
            Ok(message) => {
                self.send_request(ExchangeType::INFORMATIONAL, message, ctx);
                closing.farewell = Farewell::Sent;
                Phase::Closing(closing)
            }
            Err(_) => Phase::Ended,
        }
    }
}
