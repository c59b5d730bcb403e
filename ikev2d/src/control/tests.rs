//! Clients of every kind against a served socket, with a stand-in for the daemon that answers at once.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc};

use super::*;

fn open(path: &Path) -> Result<ControlSocket, ListenError> {
    ControlLock::take(path)?.listen()
}

/// Serves a socket in a new directory. Every request is answered with the name of its peer, or "-".
fn start() -> (TempDir, std::path::PathBuf, broadcast::Sender<EventReport>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/control.sock");
    let socket = open(&path).unwrap();
    let (calls, mut received) = mpsc::channel::<Call>(1);
    let (events, _) = broadcast::channel(4);
    tokio::spawn(serve(socket, calls, events.clone()));
    tokio::spawn(async move {
        while let Some(call) = received.recv().await {
            let peer = match call.request {
                Request::Up { peer } | Request::Down { peer } => peer,
                Request::Status { .. } | Request::Reload {} | Request::Monitor {} => "-".to_owned(),
            };
            let answer = Answer::Begun(Action { peer, state: "down".to_owned() });
            let _ = call.reply.send(Ok(answer));
        }
    });
    (directory, path, events)
}

async fn exchange(path: &Path, octets: &[u8]) -> String {
    let mut stream = BufReader::new(UnixStream::connect(path).await.unwrap());
    stream.write_all(octets).await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

const UP: &[u8] = b"{\"version\":1,\"request\":\"up\",\"peer\":\"db-1\"}\n";
const UP_ANSWER: &str = "{\"version\":1,\"ok\":{\"kind\":\"begun\",\"peer\":\"db-1\",\"state\":\"down\"}}\n";

#[tokio::test]
async fn a_request_gets_its_answer_on_one_line() {
    let (_directory, path, _) = start();
    assert_eq!(exchange(&path, UP).await, UP_ANSWER);
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_order() {
    let (_directory, path, _) = start();
    let mut stream = BufReader::new(UnixStream::connect(&path).await.unwrap());
    let two = [UP, b"{\"version\":1,\"request\":\"down\",\"peer\":\"db-2\"}\n"].concat();
    stream.write_all(&two).await.unwrap();
    let mut lines = stream.lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("db-1"));
    assert!(lines.next_line().await.unwrap().unwrap().contains("db-2"));
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_request_is_served() {
    let (_directory, path, _) = start();
    for (octets, code) in [
        (&b"hello\n"[..], "bad-request"),
        (b"\n", "bad-request"),
        (b"\xff\xfe\x00\n", "bad-request"),
        (b"[1,2]\n", "bad-request"),
        (b"{\"version\":1,\"request\":\"launch\"}\n", "bad-request"),
        (b"{\"version\":1,\"request\":\"up\"}\n", "bad-request"),
        (b"{\"version\":1,\"request\":\"reload\",\"force\":true}\n", "bad-request"),
        (b"{\"version\":2,\"request\":\"teleport\"}\n", "bad-version"),
        (b"{\"request\":\"status\"}\n", "bad-request"),
    ] {
        let answer = exchange(&path, octets).await;
        assert!(answer.starts_with("{\"version\":1,\"error\":{\"code\":\""), "{answer}");
        assert!(answer.contains(code), "{} -> {answer}", octets.escape_ascii());
    }
    assert_eq!(exchange(&path, UP).await, UP_ANSWER);
}

#[tokio::test]
async fn an_endless_line_is_cut_off() {
    let (_directory, path, _) = start();
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(&vec![b'x'; super::line::MAX_REQUEST + 1]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("at most 4096 octets"), "{answer}");
}

#[tokio::test]
async fn a_client_that_stops_half_way_holds_up_nobody() {
    let (_directory, path, _) = start();
    let mut half = UnixStream::connect(&path).await.unwrap();
    half.write_all(&UP[..10]).await.unwrap();
    assert_eq!(exchange(&path, UP).await, UP_ANSWER);
    half.write_all(&UP[10..]).await.unwrap();
    let mut line = String::new();
    BufReader::new(half).read_line(&mut line).await.unwrap();
    assert_eq!(line, UP_ANSWER);
}

#[tokio::test]
async fn one_client_too_many_is_turned_away_until_another_leaves() {
    let (_directory, path, _) = start();
    let mut clients = Vec::new();
    for _ in 0..MAX_CLIENTS {
        let mut client = BufReader::new(UnixStream::connect(&path).await.unwrap());
        client.write_all(UP).await.unwrap();
        client.read_line(&mut String::new()).await.unwrap();
        clients.push(client);
    }
    let answer = exchange(&path, UP).await;
    assert!(answer.contains("\"busy\""), "{answer}");
    clients.clear();
    // The places are free as soon as the tasks have seen that their clients are gone.
    loop {
        if exchange(&path, UP).await == UP_ANSWER {
            break;
        }
        tokio::task::yield_now().await;
    }
}

fn event(message: &str) -> EventReport {
    let (event, message) = ("child-up".to_owned(), message.to_owned());
    EventReport { time_ms: 1, event, peer: None, reason: None, retry_seconds: None, message }
}

#[tokio::test]
async fn a_monitor_is_told_what_happens_and_what_it_missed() {
    let (_directory, path, events) = start();
    let mut stream = BufReader::new(UnixStream::connect(&path).await.unwrap());
    stream.write_all(b"{\"version\":1,\"request\":\"monitor\"}\n").await.unwrap();
    let mut lines = stream.lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("monitoring"));
    events.send(event("first")).unwrap();
    assert!(lines.next_line().await.unwrap().unwrap().contains("first"));
    // More at a time than the channel holds, while the monitor's task has no chance to run.
    for _ in 0..9 {
        events.send(event("flood")).unwrap();
    }
    assert!(lines.next_line().await.unwrap().unwrap().contains("5 events were not told"));
}

#[tokio::test]
async fn the_socket_is_for_its_owner_alone() {
    let (_directory, path, _) = start();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_a_dead_ones_socket_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let first = open(&path).unwrap();
    let second = ControlLock::take(&path).unwrap_err().to_string();
    assert!(second.contains(&format!("already running (process {})", std::process::id())), "{second}");
    drop(first);
    assert!(!path.exists());
    open(&path).unwrap();
}

#[tokio::test]
async fn a_file_in_the_way_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    std::fs::write(&path, "precious").unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("is not a socket"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
