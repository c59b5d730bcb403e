//! Requests, replies and events as they are written on the control socket.

use serde::{Deserialize, Serialize};

use super::report::StatusReport;

/// The version of the protocol. Fields and events may be added within a version; readers ignore what they do not know.
pub const VERSION: u32 = 1;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The state of everything, or of one peer.
    Status {
        /// A peer's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
    },
    /// Connect to a peer now, and keep it connected.
    Up {
        /// Its name.
        peer: String,
    },
    /// Delete a peer's SAs and do not connect to it again.
    Down {
        /// Its name.
        peer: String,
    },
    /// Read the configuration again.
    Reload {},
    /// Tell what happens from now on: events follow the reply until the client closes the connection.
    Monitor {},
}

/// A message with the version in front.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Always [`VERSION`].
    pub version: u32,
    /// The message.
    #[serde(flatten)]
    pub body: T,
}

impl<T> Envelope<T> {
    /// A message of this version.
    pub fn new(body: T) -> Envelope<T> {
        Envelope { version: VERSION, body }
    }
}

/// What the daemon writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The request was carried out.
    Ok(Answer),
    /// It was not.
    Error(Failure),
    /// Something happened, after a `monitor` request.
    Event(EventReport),
}

/// What came out of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// To `status`.
    Status(Box<StatusReport>),
    /// To `up` and `down`: what was begun; how it ends is an event.
    Begun(Action),
    /// To `reload`: what the new configuration changes.
    Reloaded {
        /// Peers that are new.
        added: usize,
        /// Peers that are gone.
        removed: usize,
        /// Peers that are negotiated again.
        changed: usize,
        /// Peers whose SAs stay although something changed.
        touched: usize,
        /// Peers that stay as they are.
        unchanged: usize,
        /// What the operator should know.
        warnings: Vec<String>,
    },
    /// To `monitor`: events follow.
    Monitoring,
}

/// The state of a peer when `up` or `down` was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The peer's name.
    pub peer: String,
    /// Its state then: `up`, `connecting`, `down` or `idle`.
    pub state: String,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people; may have several lines.
    pub message: String,
}

/// The kinds of failure.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Not a request: malformed, or too long.
    BadRequest,
    /// A version that this daemon does not speak.
    BadVersion,
    /// No peer has this name.
    UnknownPeer,
    /// The new configuration is broken; the old one stays in force.
    BadConfiguration,
    /// Too many clients.
    Busy,
    /// The daemon is stopping.
    Stopping,
    /// Anything else that went wrong, the message says what.
    Failed,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReport {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// `ike-up`, `ike-down`, `child-up`, `child-down`, `attempt-failed`, `refused`, `reloaded`, `lost`.
    pub event: String,
    /// The peer's name, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Why, if there is a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds to the next attempt, if there will be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
    /// One line for people, whatever a peer sent in it escaped.
    pub message: String,
}

/// A request line, looked at.
pub type Parsed = Result<Request, Failure>;

/// Reads a request line.
///
/// # Errors
/// The failure to answer with.
pub fn parse_request(line: &[u8]) -> Parsed {
    /// The version is looked at first, so that a newer client learns that, and not that its request is unknown.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let bad = |code, message: String| Failure { code, message };
    let malformed = |error: serde_json::Error| bad(Code::BadRequest, format!("not a request: {error}"));
    let Version { version } = serde_json::from_slice(line).map_err(malformed)?;
    if version != VERSION {
        let message = format!("this daemon speaks version {VERSION} of the control protocol, not {version}");
        return Err(bad(Code::BadVersion, message));
    }
    let mut value: serde_json::Value = serde_json::from_slice(line).map_err(malformed)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("version");
    }
    serde_json::from_value(value).map_err(malformed)
}
