//! The client's end of the control socket, for `ikectl`: blocking, one request at a time.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Answer, Envelope, EventReport, Failure, Outcome, Request, VERSION};

/// Octets of the longest line that we take from a daemon: the status of 20,000 peers.
const MAX_LINE: u64 = 64 * 1024 * 1024;
/// How long the daemon may take for an answer; reading a large configuration is the longest.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens.
    NotRunning(PathBuf),
    /// The socket is there, but not for us.
    NotAllowed(PathBuf),
    /// The connection failed.
    Connection(io::Error),
    /// What came is not this protocol.
    Malformed(String),
    /// The daemon refused.
    Refused(Failure),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NotRunning(path) => {
                write!(f, "ikev2d is not running (nobody listens on {})", path.display())
            }
            ClientError::NotAllowed(path) => {
                write!(f, "no permission for {}: run ikectl as root", path.display())
            }
            ClientError::Connection(error) if is_timeout(error) => {
                f.write_str("the daemon does not answer in time")
            }
            ClientError::Connection(error) => write!(f, "the connection to the daemon failed: {error}"),
            ClientError::Malformed(what) => write!(f, "the daemon's answer is not understood: {what}"),
            ClientError::Refused(failure) => f.write_str(&failure.message),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        ClientError::Connection(error)
    }
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens, or we may not.
    pub fn connect(path: &Path) -> Result<Client, ClientError> {
        let stream = UnixStream::connect(path).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ECONNREFUSED) => ClientError::NotRunning(path.to_owned()),
            Some(libc::EACCES | libc::EPERM) => ClientError::NotAllowed(path.to_owned()),
            _ => ClientError::Connection(error),
        })?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The daemon's refusal, or the connection's failure.
    pub fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let mut line = serde_json::to_vec(&Envelope::new(request)).map_err(io::Error::from)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)?;
        match self.read()? {
            Outcome::Ok(answer) => Ok(answer),
            Outcome::Error(failure) => Err(ClientError::Refused(failure)),
            Outcome::Event(_) => Err(ClientError::Malformed("an event came before the answer".to_owned())),
        }
    }

    /// Waits for the next event after a `monitor` request; `None` when the time is over.
    ///
    /// # Errors
    /// The connection's failure; the daemon's end is `UnexpectedEof`.
    pub fn next_event(&mut self, within: Option<Duration>) -> Result<Option<EventReport>, ClientError> {
        // A time-out of zero would mean none.
        let within = within.map(|time| time.max(Duration::from_millis(1)));
        self.stream.get_ref().set_read_timeout(within)?;
        match self.read() {
            Ok(Outcome::Event(event)) => Ok(Some(event)),
            Ok(Outcome::Ok(_) | Outcome::Error(_)) => Err(ClientError::Malformed("not an event".to_owned())),
            Err(ClientError::Connection(error)) if is_timeout(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> Result<Outcome, ClientError> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let envelope: Envelope<Outcome> =
            serde_json::from_slice(&line).map_err(|error| ClientError::Malformed(error.to_string()))?;
        if envelope.version != VERSION {
            return Err(ClientError::Malformed(format!("version {} of the protocol", envelope.version)));
        }
        Ok(envelope.body)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
