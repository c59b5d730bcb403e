//! Links, routes and rules by rtnetlink, for callers that cannot wait asynchronously.
//!
//! The data plane's calls return when a change is in force. rtnetlink is asynchronous, so it runs on a thread of its own;
//! the caller waits for the kernel's answer, which comes within the system call.

use std::io;
use std::sync::mpsc::{Sender, channel};

use futures_util::StreamExt;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One request: a message and its `NLM_F_` flags.
pub(super) type Request = (RouteNetlinkMessage, u16);
/// What the kernel answered: nothing but success, or the entries of a dump.
pub(super) type Answer = io::Result<Vec<RouteNetlinkMessage>>;

/// A connection to the kernel, in the network namespace where it was opened.
#[derive(Debug)]
pub(super) struct Netlink {
    jobs: UnboundedSender<Job>,
}

struct Job {
    requests: Vec<Request>,
    reply: Sender<Vec<Answer>>,
}

impl Netlink {
    /// Opens the connection and starts its thread, which ends with the connection.
    ///
    /// # Errors
    /// The system's answer.
    pub fn open() -> io::Result<Netlink> {
        let (jobs, received) = unbounded_channel();
        let (opened, outcome) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("netlink".to_owned()).spawn(move || {
            runtime.block_on(async {
                match rtnetlink::new_connection() {
                    Ok((connection, handle, _)) => {
                        tokio::spawn(connection);
                        // Whoever opened us waits for this.
                        let _ = opened.send(Ok(()));
                        serve(handle, received).await;
                    }
                    Err(error) => drop(opened.send(Err(error))),
                }
            });
        })?;
        outcome.recv().map_err(|_| gone())??;
        Ok(Netlink { jobs })
    }

    /// Makes all requests, in order, whatever each one's outcome; as many answers as requests.
    pub fn all(&self, requests: Vec<Request>) -> Vec<Answer> {
        let count = requests.len();
        let (reply, answers) = channel();
        let sent = self.jobs.send(Job { requests, reply }).is_ok();
        let received = if sent { answers.recv().ok() } else { None };
        received.unwrap_or_else(|| (0..count).map(|_| Err(gone())).collect())
    }

    /// Makes one request.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn one(&self, request: Request) -> Answer {
        self.all(vec![request]).pop().unwrap_or_else(|| Err(gone()))
    }
}

async fn serve(mut handle: rtnetlink::Handle, mut jobs: UnboundedReceiver<Job>) {
    while let Some(Job { requests, reply }) = jobs.recv().await {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(ask(&mut handle, request).await);
        }
        // Who asked may have given up.
        let _ = reply.send(answers);
    }
}

async fn ask(handle: &mut rtnetlink::Handle, (message, flags): Request) -> Answer {
    let mut request = NetlinkMessage::from(message);
    request.header.flags = flags;
    let mut answers = handle.request(request).map_err(io::Error::other)?;
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        // Besides, there is the acknowledgement, and the end of a dump.
        if let NetlinkPayload::InnerMessage(inner) = answer.payload {
            found.push(inner);
        } else if let NetlinkPayload::Error(error) = answer.payload
            && error.code.is_some()
        {
            return Err(error.to_io());
        }
    }
    Ok(found)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the netlink thread is gone")
}
