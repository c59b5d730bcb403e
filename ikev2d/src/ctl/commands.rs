//! One function for each subcommand of `ikectl`.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::arguments::{Arguments, Command};
use super::show;
use crate::control::{Action, Answer, Client, ClientError, Request};

/// How it ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Refused or failed; the reason has been printed.
    Failed,
    /// Nobody listens on the socket.
    NotRunning,
}

/// Why a command ended early.
enum Trouble {
    /// The daemon, or the way to it.
    Daemon(ClientError),
    /// Whatever takes our output has closed: `ikectl status | head`.
    Output,
    /// What the daemon answered does not answer the question.
    Answer,
    /// The peer did not come up, in one line.
    NotUp(String),
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Trouble {
        Trouble::Daemon(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Trouble {
        Trouble::Output
    }
}

/// Does what the command line says; output goes to `out`, the reason of a failure to standard error.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Exit {
    let socket = arguments.socket.as_path();
    let done = match &arguments.command {
        Command::Status { peer, json } => status(socket, peer.clone(), *json, out),
        Command::Up { peer, timeout } => up(socket, peer, Duration::from_secs(*timeout), out),
        Command::Down { peer } => down(socket, peer, out),
        Command::Reload => reload(socket, out),
        Command::Monitor { json } => monitor(socket, *json, out),
    };
    match done {
        Ok(()) | Err(Trouble::Output) => Exit::Done,
        Err(Trouble::Daemon(error)) => {
            eprintln!("ikectl: {error}");
            match error {
                ClientError::NotRunning(_) => Exit::NotRunning,
                ClientError::NotAllowed(_)
                | ClientError::Connection(_)
                | ClientError::Malformed(_)
                | ClientError::Refused(_) => Exit::Failed,
            }
        }
        Err(Trouble::Answer) => {
            eprintln!("ikectl: the daemon answered something else than asked: is it of another version?");
            Exit::Failed
        }
        Err(Trouble::NotUp(why)) => {
            eprintln!("ikectl: {why}");
            Exit::Failed
        }
    }
}

fn status(socket: &Path, peer: Option<String>, json: bool, out: &mut dyn Write) -> Result<(), Trouble> {
    let detailed = peer.is_some();
    let Answer::Status(report) = Client::connect(socket)?.ask(&Request::Status { peer })? else {
        return Err(Trouble::Answer);
    };
    if json {
        let text = serde_json::to_string_pretty(&report).map_err(io::Error::from)?;
        writeln!(out, "{text}")?;
    } else {
        out.write_all(show::status(&report, detailed).as_bytes())?;
    }
    Ok(())
}

/// The monitor is connected first, so that the outcome cannot come before we listen.
fn up(socket: &Path, peer: &str, patience: Duration, out: &mut dyn Write) -> Result<(), Trouble> {
    let mut events = Client::connect(socket)?;
    events.ask(&Request::Monitor {})?;
    let asked = Client::connect(socket)?.ask(&Request::Up { peer: peer.to_owned() })?;
    let Answer::Begun(Action { state, .. }) = asked else { return Err(Trouble::Answer) };
    if state == "up" {
        writeln!(out, "{peer}: up")?;
        return Ok(());
    }
    let start = Instant::now();
    loop {
        let left = patience.saturating_sub(start.elapsed());
        let event = if left.is_zero() { None } else { events.next_event(Some(left))? };
        let Some(event) = event else {
            let seconds = patience.as_secs();
            return Err(Trouble::NotUp(format!(
                "{peer} is not up after {seconds} s; the daemon keeps trying"
            )));
        };
        if event.peer.as_deref() != Some(peer) {
            continue;
        }
        match event.event.as_str() {
            "child-up" => {
                writeln!(out, "{}", event.message)?;
                return Ok(());
            }
            "attempt-failed" => return Err(Trouble::NotUp(event.message)),
            _ => {}
        }
    }
}

fn down(socket: &Path, peer: &str, out: &mut dyn Write) -> Result<(), Trouble> {
    match Client::connect(socket)?.ask(&Request::Down { peer: peer.to_owned() })? {
        Answer::Begun(_) => {
            writeln!(out, "{peer}: down until `ikectl up {peer}`; its traffic is held back")?;
            Ok(())
        }
        Answer::Status(_) | Answer::Reloaded { .. } | Answer::Monitoring => Err(Trouble::Answer),
    }
}

fn reload(socket: &Path, out: &mut dyn Write) -> Result<(), Trouble> {
    let answer = Client::connect(socket)?.ask(&Request::Reload {})?;
    let Answer::Reloaded { added, removed, changed, touched, unchanged, warnings } = answer else {
        return Err(Trouble::Answer);
    };
    for warning in warnings {
        writeln!(out, "{warning}")?;
    }
    writeln!(
        out,
        "reloaded: {added} added, {removed} removed, {changed} changed, {touched} touched, {unchanged} unchanged"
    )?;
    Ok(())
}

fn monitor(socket: &Path, json: bool, out: &mut dyn Write) -> Result<(), Trouble> {
    let mut events = Client::connect(socket)?;
    events.ask(&Request::Monitor {})?;
    while let Some(event) = events.next_event(None)? {
        if json {
            let text = serde_json::to_string(&event).map_err(io::Error::from)?;
            writeln!(out, "{text}")?;
        } else {
            writeln!(out, "{} {:<14} {}", show::time_of_day(event.time_ms), event.event, event.message)?;
        }
        out.flush()?;
    }
    Ok(())
}
