//! The loop: one thing comes in, the protocol takes it, what it puts out is carried out.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use ike_proto::output::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::{Daemon, notify};
use crate::config::{Errors, Loaded};
use crate::control::Call;
use crate::dataplane::{PlaneError, PlaneEvent};
use crate::net::{MAX_BATCH, RECEIVE_BUFFER};

/// How long peers may take to answer our goodbyes before we leave without: an init system waits longer.
const FAREWELL: Duration = Duration::from_secs(2);

/// The signals that the daemon acts on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to catch them.
    ///
    /// # Errors
    /// The system's.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// What came in.
enum Input {
    Stop,
    Hangup,
    Timer,
    Plane(PlaneEvent),
    Call(Option<Call>),
    Read(Result<Result<Loaded, Errors>, tokio::task::JoinError>),
    Readable(usize),
}

impl Daemon {
    /// Runs until a signal says stop; then says goodbye to all peers and removes what it owns in the kernel.
    pub(super) async fn serve(mut self, mut signals: Signals) -> Result<(), PlaneError> {
        let mut buffer = vec![0; RECEIVE_BUFFER];
        loop {
            self.drain();
            let input = self.next_input(&mut signals, None).await;
            if matches!(input, Input::Stop) {
                break;
            }
            self.take(input, &mut buffer);
        }
        notify::notify("STOPPING=1");
        tracing::info!("stopping: deleting all SAs");
        self.farewell(&mut signals, &mut buffer).await;
        self.plane.clear()
    }

    /// Deletes all SAs politely, for as long as peers may take; a second signal cuts that short.
    async fn farewell(&mut self, signals: &mut Signals, buffer: &mut [u8]) {
        let Some(deadline) = Instant::now().checked_add(FAREWELL) else { return };
        self.endpoint.handle_command(self.clock.now(), Command::Shutdown);
        loop {
            self.drain();
            if self.endpoint.is_idle() || Instant::now() >= deadline {
                return;
            }
            match self.next_input(signals, Some(deadline)).await {
                Input::Stop => return,
                // Whoever calls now learns from the closed connection that we are stopping.
                Input::Hangup | Input::Call(_) | Input::Read(_) => {}
                input @ (Input::Timer | Input::Plane(_) | Input::Readable(_)) => self.take(input, buffer),
            }
        }
    }

    /// Waits for whatever comes first. Timers go before datagrams, so that a flood does not delay them.
    async fn next_input(&mut self, signals: &mut Signals, deadline: Option<Instant>) -> Input {
        let due = self.endpoint.poll_timeout().and_then(|time| self.clock.instant(time));
        let wake = due.into_iter().chain(deadline).min();
        let Daemon { plane, sockets, calls, reloads, .. } = self;
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => Input::Stop,
            _ = signals.interrupt.recv() => Input::Stop,
            _ = signals.hangup.recv() => Input::Hangup,
            () = async { match wake { Some(at) => sleep_until(at).await, None => std::future::pending().await } } =>
                Input::Timer,
            event = poll_fn(|context| plane.poll_event(context)) => Input::Plane(event),
            read = reloads.finished() => Input::Read(read),
            call = calls.recv() => Input::Call(call),
            index = poll_fn(|context| sockets.poll_readable(context)) => Input::Readable(index),
        }
    }

    fn take(&mut self, input: Input, buffer: &mut [u8]) {
        match input {
            Input::Stop | Input::Call(None) => {}
            Input::Hangup => self.start_reload(None),
            Input::Timer => self.endpoint.handle_timeout(self.clock.now()),
            Input::Plane(event) => self.plane_event(event),
            Input::Call(Some(call)) => self.call(call),
            Input::Read(read) => self.finish_reload(read),
            Input::Readable(index) => self.receive(index, buffer),
        }
    }

    /// Takes datagrams of one socket, a bounded number.
    fn receive(&mut self, index: usize, buffer: &mut [u8]) {
        for _ in 0..MAX_BATCH {
            match self.sockets.receive(index, buffer) {
                None => return,
                Some(Ok(received)) => {
                    if let Some(datagram) = buffer.get_mut(..received.length) {
                        self.endpoint.handle_datagram(self.clock.now(), received.path, datagram);
                    }
                }
                // An ICMP error of an earlier datagram: the protocol's own timers decide what that means.
                Some(Err(error)) => tracing::debug!("receive: {error}"),
            }
            self.drain();
        }
    }

    fn plane_event(&mut self, event: PlaneEvent) {
        let now = self.clock.now();
        match event {
            PlaneEvent::Acquire(peer) => self.endpoint.handle_command(now, Command::Acquire(peer)),
            PlaneEvent::Expired { spi, destination, hard } => {
                self.endpoint.handle_command(now, Command::Expired { spi, destination, hard });
            }
            PlaneEvent::Overrun => match self.plane.resync() {
                Ok(events) => {
                    tracing::warn!("events of the kernel were lost; {} SAs are missing", events.len());
                    // A resync never tells of an overrun, so this goes one level deep.
                    events.into_iter().for_each(|event| self.plane_event(event));
                }
                Err(error) => {
                    tracing::error!("events of the kernel were lost, and it cannot be read: {error}")
                }
            },
        }
    }
}
