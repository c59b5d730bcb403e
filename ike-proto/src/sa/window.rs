//! Message IDs, retransmission and the response cache (RFC 7296 sections 2.1 to 2.3), each direction by itself.

use std::time::Duration;

use crate::ids::MessageId;
use crate::policy::Timing;
use crate::time::Time;
use crate::wire::ExchangeType;

/// Our requests: one at a time ("window size" 1), repeated bit for bit until answered.
pub(crate) struct Outbound {
    next: MessageId,
    in_flight: Option<InFlight>,
}

/// A request that waits for its response.
pub(crate) struct InFlight {
    pub exchange: ExchangeType,
    pub id: MessageId,
    pub message: Vec<u8>,
    sent: u32,
    pause: Duration,
    deadline: Time,
}

/// What a look at the clock says about the request in flight.
pub(crate) enum Due {
    /// Nothing to do yet.
    Wait,
    /// It is to be sent once more.
    Again(Vec<u8>),
    /// All retransmissions went unanswered.
    GiveUp(ExchangeType),
}

impl Outbound {
    pub fn new() -> Outbound {
        Outbound { next: MessageId::ZERO, in_flight: None }
    }

    /// The ID for the next request, if nothing is in flight and IDs are left.
    pub fn free(&self) -> Option<MessageId> {
        // The last ID is never used: "the IKE SA MUST be closed or rekeyed" before IDs wrap (2.2).
        (self.in_flight.is_none() && self.next != MessageId(u32::MAX)).then_some(self.next)
    }

    /// Notes that a request with the ID of [`Outbound::free`] was sent.
    pub fn sent(&mut self, exchange: ExchangeType, message: Vec<u8>, now: Time, timing: &Timing) {
        let id = self.next;
        self.next = id.next().unwrap_or(id);
        self.in_flight = Some(InFlight::new(exchange, id, message, now, timing));
    }

    /// Puts another request in the place of the one in flight, under the same ID: IKE_SA_INIT with a cookie.
    pub fn replaced(&mut self, message: Vec<u8>, now: Time, timing: &Timing) {
        if let Some(old) = self.in_flight.take() {
            self.in_flight = Some(InFlight::new(old.exchange, old.id, message, now, timing));
        }
    }

    /// The request in flight, if a response with this exchange type and ID answers it.
    pub fn matching(&self, exchange: ExchangeType, id: MessageId) -> Option<&InFlight> {
        self.in_flight.as_ref().filter(|request| request.id == id && request.exchange == exchange)
    }

    /// The request was answered.
    pub fn answered(&mut self) -> Option<InFlight> {
        self.in_flight.take()
    }

    /// Retransmits or gives up if it is time.
    pub fn poll(&mut self, now: Time, timing: &Timing) -> Due {
        let Some(request) = self.in_flight.as_mut().filter(|request| request.deadline <= now) else {
            return Due::Wait;
        };
        if request.sent > timing.retransmissions {
            return Due::GiveUp(request.exchange);
        }
        request.sent = request.sent.saturating_add(1);
        request.pause = longer(request.pause);
        request.deadline = now + request.pause;
        Due::Again(request.message.clone())
    }

    /// Waits no longer than until `deadline`, and sends nothing more.
    pub fn last_chance(&mut self, deadline: Time, timing: &Timing) {
        if let Some(request) = self.in_flight.as_mut() {
            request.sent = timing.retransmissions.saturating_add(1);
            request.deadline = request.deadline.min(deadline);
        }
    }

    pub fn deadline(&self) -> Option<Time> {
        self.in_flight.as_ref().map(|request| request.deadline)
    }
}

impl InFlight {
    fn new(exchange: ExchangeType, id: MessageId, message: Vec<u8>, now: Time, timing: &Timing) -> InFlight {
        let pause = timing.retransmit;
        InFlight { exchange, id, message, sent: 1, pause, deadline: now + pause }
    }
}

/// "retransmission times MUST increase exponentially" (2.4).
fn longer(pause: Duration) -> Duration {
    pause.saturating_mul(Timing::BACKOFF_TENTHS).checked_div(10).unwrap_or(pause)
}

/// A request's SHA-256: a repeated one is told from another one under the same ID.
pub(crate) type Digest = [u8; 32];

/// The peer's requests: the last one's response is kept and sent again when asked again.
pub(crate) struct Inbound {
    next: MessageId,
    last: Last,
}

enum Last {
    None,
    /// Being worked on, perhaps by a signer: repetitions are ignored.
    Busy(Digest),
    Answered(Digest, Vec<u8>),
}

/// What an arriving request is.
pub(crate) enum Arrival {
    /// The next one.
    New,
    /// The last one again, not yet answered.
    Busy,
    /// The last one again: send this response again, do nothing else.
    Again(Vec<u8>),
    /// Neither: no answer (2.3).
    Outside,
}

impl Inbound {
    pub fn new() -> Inbound {
        Inbound { next: MessageId::ZERO, last: Last::None }
    }

    pub fn arrival(&self, id: MessageId, digest: &Digest) -> Arrival {
        match &self.last {
            Last::Answered(..) | Last::None if id == self.next => Arrival::New,
            Last::Busy(last) if self.is_last(id) && last == digest => Arrival::Busy,
            Last::Answered(last, response) if self.is_last(id) && last == digest => {
                Arrival::Again(response.clone())
            }
            Last::None | Last::Busy(_) | Last::Answered(..) => Arrival::Outside,
        }
    }

    fn is_last(&self, id: MessageId) -> bool {
        id.next() == Some(self.next)
    }

    /// Notes that an authentic new request is being worked on.
    pub fn accepted(&mut self, digest: Digest) {
        self.next = self.next.next().unwrap_or(self.next);
        self.last = Last::Busy(digest);
    }

    /// Keeps the response to it.
    pub fn answered(&mut self, response: Vec<u8>) {
        if let Last::Busy(digest) = self.last {
            self.last = Last::Answered(digest, response);
        }
    }

    /// The ID of the last accepted request: its response carries it.
    pub fn last_id(&self) -> MessageId {
        MessageId(self.next.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::at(Duration::from_millis(millis))
    }

    #[test]
    fn a_request_is_repeated_with_growing_pauses_and_then_given_up() {
        let timing = Timing { retransmissions: 2, ..Timing::default() };
        let mut window = Outbound::new();
        window.sent(ExchangeType::IKE_SA_INIT, vec![1, 2, 3], at(0), &timing);
        assert!(matches!(window.poll(at(999), &timing), Due::Wait));
        assert!(matches!(window.poll(at(1000), &timing), Due::Again(m) if m == [1, 2, 3]));
        assert_eq!(window.deadline(), Some(at(2800)));
        assert!(matches!(window.poll(at(2800), &timing), Due::Again(_)));
        assert_eq!(window.deadline(), Some(at(6040)));
        assert!(matches!(window.poll(at(6040), &timing), Due::GiveUp(ExchangeType::IKE_SA_INIT)));
    }

    #[test]
    fn only_one_request_is_in_flight() {
        let timing = Timing::default();
        let mut window = Outbound::new();
        assert_eq!(window.free(), Some(MessageId(0)));
        window.sent(ExchangeType::IKE_SA_INIT, vec![], at(0), &timing);
        assert_eq!(window.free(), None);
        assert!(window.matching(ExchangeType::IKE_SA_INIT, MessageId(1)).is_none());
        assert!(window.matching(ExchangeType::IKE_AUTH, MessageId(0)).is_none());
        assert!(window.matching(ExchangeType::IKE_SA_INIT, MessageId(0)).is_some());
        window.answered();
        assert_eq!(window.free(), Some(MessageId(1)));
    }

    #[test]
    fn a_repeated_request_gets_the_old_response_and_another_one_nothing() {
        let mut window = Inbound::new();
        assert!(matches!(window.arrival(MessageId(0), &[1; 32]), Arrival::New));
        window.accepted([1; 32]);
        assert!(matches!(window.arrival(MessageId(0), &[1; 32]), Arrival::Busy));
        assert!(matches!(window.arrival(MessageId(1), &[2; 32]), Arrival::Outside));
        window.answered(vec![9]);
        assert!(matches!(window.arrival(MessageId(0), &[1; 32]), Arrival::Again(r) if r == [9]));
        assert!(matches!(window.arrival(MessageId(0), &[3; 32]), Arrival::Outside));
        assert!(matches!(window.arrival(MessageId(1), &[2; 32]), Arrival::New));
        assert!(matches!(window.arrival(MessageId(2), &[2; 32]), Arrival::Outside));
    }
}
