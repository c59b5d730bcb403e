//! One task for each client: none can hold up the daemon, or another client.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::time::timeout;

use super::line::{Line, MAX_REQUEST, read_line};
use super::protocol::{Answer, Code, Envelope, EventReport, Failure, Outcome, Request, parse_request};
use super::{ControlSocket, protocol};

/// Most clients at a time: operators and a few monitors.
pub const MAX_CLIENTS: usize = 32;
/// A client that says nothing for this long is let go, so that forgotten connections do not use up the clients.
const IDLE: Duration = Duration::from_secs(60);
/// A client that does not take what it is sent for this long is let go.
const SLOW: Duration = Duration::from_secs(10);
/// The pause after a failed `accept`, which fails at once again while the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request on its way to the daemon, with the way back for the outcome.
#[derive(Debug)]
pub struct Call {
    /// What is asked for; never [`Request::Monitor`], which needs no daemon.
    pub request: Request,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Result<Answer, Failure>>,
}

/// Serves clients for ever. Requests go to `calls`; monitors get what is sent to `events`.
pub async fn serve(socket: ControlSocket, calls: mpsc::Sender<Call>, events: broadcast::Sender<EventReport>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok(stream) = socket.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let client = Client::new(stream, calls.clone(), events.clone());
        match places.clone().try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(async move {
                // However it ends, the client knows; nobody else needs to.
                let _ = client.run().await;
                drop(place);
            })),
            Err(_) => drop(tokio::spawn(client.turn_away())),
        }
    }
}

struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    calls: mpsc::Sender<Call>,
    events: broadcast::Sender<EventReport>,
}

impl Client {
    fn new(stream: UnixStream, calls: mpsc::Sender<Call>, events: broadcast::Sender<EventReport>) -> Client {
        let (reader, writer) = stream.into_split();
        Client { reader: BufReader::with_capacity(MAX_REQUEST, reader), writer, calls, events }
    }

    async fn turn_away(mut self) {
        let message = format!("{MAX_CLIENTS} clients are connected already");
        let _ = self.write(Outcome::Error(Failure { code: Code::Busy, message })).await;
    }

    /// Answers requests until the client closes, errs, or falls silent.
    async fn run(mut self) -> io::Result<()> {
        loop {
            let Ok(line) = timeout(IDLE, read_line(&mut self.reader, MAX_REQUEST)).await else {
                return Ok(());
            };
            let line = match line? {
                Line::Whole(line) => line,
                Line::End => return Ok(()),
                Line::TooLong => {
                    let message = format!("a request has at most {MAX_REQUEST} octets");
                    return self.write(Outcome::Error(Failure { code: Code::BadRequest, message })).await;
                }
            };
            match parse_request(&line) {
                Ok(Request::Monitor {}) => return self.monitor().await,
                Ok(request) => {
                    let outcome = self.call(request).await;
                    self.write(outcome).await?;
                }
                Err(failure) => self.write(Outcome::Error(failure)).await?,
            }
        }
    }

    async fn call(&self, request: Request) -> Outcome {
        let stopping =
            || Outcome::Error(Failure { code: Code::Stopping, message: "the daemon is stopping".to_owned() });
        let (reply, outcome) = oneshot::channel();
        if self.calls.send(Call { request, reply }).await.is_err() {
            return stopping();
        }
        match outcome.await {
            Ok(Ok(answer)) => Outcome::Ok(answer),
            Ok(Err(failure)) => Outcome::Error(failure),
            Err(_) => stopping(),
        }
    }

    /// Passes events on until the client closes or says anything more.
    async fn monitor(mut self) -> io::Result<()> {
        let mut events = self.events.subscribe();
        self.write(Outcome::Ok(Answer::Monitoring)).await?;
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                _ = read_line(&mut self.reader, MAX_REQUEST) => return Ok(()),
            };
            let event = match event {
                Ok(event) => event,
                Err(RecvError::Lagged(count)) => protocol::EventReport {
                    time_ms: crate::log::unix_millis(),
                    event: "lost".to_owned(),
                    peer: None,
                    reason: None,
                    retry_seconds: None,
                    message: format!("{count} events were not told: this monitor is too slow"),
                },
                Err(RecvError::Closed) => return Ok(()),
            };
            self.write(Outcome::Event(event)).await?;
        }
    }

    async fn write(&mut self, outcome: Outcome) -> io::Result<()> {
        let line = to_line(&Envelope::new(outcome))?;
        timeout(SLOW, self.writer.write_all(&line))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn to_line<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}
