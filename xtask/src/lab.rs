//! Runs a script as root in the guest: live output, exit status, the `$OUT` folder back.

use crate::cargo;
use crate::cpio::Archive;
use crate::guest::Guest;
use crate::process::{Result, at, root, shown};
use crate::qemu::{self, Machine};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// Exit status of `timeout` when the time was up.
const TIMED_OUT: u8 = 124;
/// Our exit status when the guest ended without giving the script's.
const GUEST_DIED: u8 = 125;
/// How much of the guest's console is shown when it died, in lines.
const CONSOLE_TAIL: usize = 20;

/// One run in the guest.
pub struct Job {
    /// The bash script.
    pub script: PathBuf,
    /// The script's arguments.
    pub arguments: Vec<String>,
    /// Files and folders of this machine, and their names under /job.
    pub files: Vec<(PathBuf, String)>,
    /// Variables for the script.
    pub variables: Vec<(String, String)>,
    /// Where `$OUT` comes back to; by default a folder named after the script in the target folder.
    pub out: Option<PathBuf>,
    /// Seconds until the guest is killed.
    pub timeout: u32,
    /// The guest's memory in MiB.
    pub memory: u32,
}

impl Job {
    /// A job with the defaults of `cargo xtask lab`.
    pub fn new(script: PathBuf) -> Self {
        Self {
            script,
            arguments: Vec::new(),
            files: Vec::new(),
            variables: Vec::new(),
            out: None,
            timeout: 300,
            memory: 1024,
        }
    }

    /// Ships the daemon's two programs, built now.
    pub fn with_daemon(mut self) -> Result<Self> {
        for program in cargo::daemon()? {
            let name =
                program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            self.files.push((program, format!("bin/{name}")));
        }
        Ok(self)
    }
}

/// `cargo xtask lab [OPTIONS] -- SCRIPT [ARGS]`.
pub fn command(arguments: &[String]) -> Result<u8> {
    let mut job = Job::new(PathBuf::new());
    let mut build = true;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(|| format!("lab: {word} needs a value"));
        match word.as_str() {
            "--files" => job.files.push(file_and_name(&value()?)),
            "--timeout" => job.timeout = number(word, &value()?)?,
            "--memory" => job.memory = number(word, &value()?)?,
            "--out" => job.out = Some(PathBuf::from(value()?)),
            "--no-build" => build = false,
            "--env" => {
                let pair = value()?;
                let (name, text) =
                    pair.split_once('=').ok_or_else(|| format!("lab: --env {pair}: expected NAME=VALUE"))?;
                job.variables.push((name.to_owned(), text.to_owned()));
            }
            "--" => break,
            other => return Err(format!("lab: no option `{other}` (the script comes after `--`)")),
        }
    }
    job.script = words
        .next()
        .map(PathBuf::from)
        .ok_or("lab: no script; usage: cargo xtask lab [OPTIONS] -- SCRIPT")?;
    job.arguments = words.cloned().collect();
    if build {
        job = job.with_daemon()?;
    }
    Ok(run(job)?.status)
}

/// What came of a job.
pub struct Done {
    /// The script's exit status, or [`TIMED_OUT`] or [`GUEST_DIED`].
    pub status: u8,
    /// The folder with what the guest left in `$OUT`.
    pub out: PathBuf,
}

/// Runs a job to its end.
pub fn run(job: Job) -> Result<Done> {
    let guest = Guest::ready()?;
    if !job.script.is_file() {
        return Err(format!("lab: {}: no such script", job.script.display()));
    }
    let scratch = Scratch::create()?;
    let work = &scratch.0;
    let out = match &job.out {
        Some(out) => out.clone(),
        None => fresh_out(&job.script)?,
    };
    fs::create_dir_all(&out).map_err(at(&out))?;
    let _ = fs::remove_file(out.join(".status"));

    let initrd = work.join("initrd");
    write_initrd(&guest, &job, &initrd)?;
    let live = listen(&work.join("live"))?;
    let result = listen(&work.join("result"))?;
    let log = File::create(out.join("stdout.log")).map_err(at(&out))?;
    let live = thread::spawn(move || copy_live(&live, log));
    let result = thread::spawn(move || collect(&result));

    let mut qemu =
        qemu::command(&guest, &Machine { timeout: job.timeout, memory: job.memory, work, out: &out });
    let ended = qemu.status().map_err(|error| format!("cannot start `{}`: {error}", shown(&qemu)));
    // If QEMU never connected, the threads still wait for somebody.
    for socket in ["live", "result"] {
        drop(UnixStream::connect(work.join(socket)));
    }
    let _ = live.join();
    unpack(&result.join().unwrap_or_default(), &out)?;
    // 137: `timeout` had to use SIGKILL.
    let killed = matches!(ended?.code(), Some(124 | 137));
    let status = fs::read_to_string(out.join(".status")).ok().and_then(|text| text.trim().parse().ok());
    let status = status.unwrap_or_else(|| {
        eprintln!("{}", last_words(&out.join("console.log"), killed.then_some(job.timeout)));
        if killed { TIMED_OUT } else { GUEST_DIED }
    });
    eprintln!("xtask: the guest's files are in {}", out.display());
    Ok(Done { status, out })
}

/// A temporary folder for one run, gone when the run ends in whatever way.
struct Scratch(PathBuf);

impl Scratch {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("ikev2d-lab-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(at(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The default place for what the guest leaves, without what an earlier run left there.
fn fresh_out(script: &Path) -> Result<PathBuf> {
    let stem = script.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let out = cargo::target()?.join("lab").join(stem);
    if out.exists() {
        fs::remove_dir_all(&out).map_err(at(&out))?;
    }
    Ok(out)
}

/// Everything that the guest gets: its first programs, the lab's scripts, the job.
fn write_initrd(guest: &Guest, job: &Job, path: &Path) -> Result<()> {
    let scripts = root().join("tests/lab");
    let mut archive = Archive::create(path)?;
    archive.copy(&guest.initrd().join("bin"), "bin")?;
    archive.copy(&guest.initrd().join("modules"), "modules")?;
    archive.copy(&scripts.join("initrd-init"), "init")?;
    archive.copy(&scripts, "job")?;
    archive.copy(&job.script, "job/script")?;
    archive.bytes("job/command", false, command_text(job).as_bytes())?;
    let mut folders = vec!["job".to_owned()];
    for (source, name) in &job.files {
        let mut folder = "job".to_owned();
        let parents = name.rsplit_once('/').map_or("", |(parents, _)| parents);
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            folder = format!("{folder}/{part}");
            if !folders.contains(&folder) {
                archive.folder(&folder)?;
                folders.push(folder.clone());
            }
        }
        archive.copy(source, &format!("job/{name}"))?;
    }
    archive.finish()
}

/// The shell lines that start the script.
fn command_text(job: &Job) -> String {
    let variables = job.variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value)));
    let arguments = job.arguments.iter().map(|argument| format!(" {}", quoted(argument)));
    format!("{}exec bash /job/script{}\n", variables.collect::<String>(), arguments.collect::<String>())
}

/// A word that the shell takes as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn listen(path: &Path) -> Result<UnixListener> {
    let _ = fs::remove_file(path);
    UnixListener::bind(path).map_err(at(path))
}

/// The guest's output, to our own and to the log as it comes.
fn copy_live(listener: &UnixListener, mut log: File) {
    let Ok((mut stream, _)) = listener.accept() else { return };
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let piece = buffer.get(..length).unwrap_or_default();
        // A terminal that went away does not stop the run; the log has it all.
        let _ = std::io::stdout().write_all(piece).and_then(|()| std::io::stdout().flush());
        let _ = log.write_all(piece);
    }
}

/// All that the guest sends on the result port: a tar of `$OUT`.
fn collect(listener: &UnixListener) -> Vec<u8> {
    let mut content = Vec::new();
    if let Ok((mut stream, _)) = listener.accept() {
        let _ = stream.read_to_end(&mut content);
    }
    content
}

fn unpack(tar: &[u8], out: &Path) -> Result<()> {
    if tar.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("tar");
    command.arg("-C").arg(out).args(["--no-same-owner", "-xf", "-"]).stdin(Stdio::piped());
    let failed = |error| format!("`{}`: {error}", shown(&Command::new("tar")));
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(tar).map_err(failed)?;
    }
    child.wait().map_err(failed).map(drop)
}

/// Why there is no status.
fn last_words(console: &Path, timeout: Option<u32>) -> String {
    let text = fs::read_to_string(console).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(CONSOLE_TAIL)..).unwrap_or_default().join("\n");
    let what = match timeout {
        Some(seconds) => format!("the guest was killed after {seconds} s (--timeout)"),
        None => "the guest ended without a status".to_owned(),
    };
    format!("xtask: {what}; the end of {}:\n{tail}", console.display())
}

fn file_and_name(text: &str) -> (PathBuf, String) {
    if let Some((source, name)) = text.split_once(':') {
        return (PathBuf::from(source), name.to_owned());
    }
    let source = PathBuf::from(text);
    let name = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    (source, name)
}

fn number(option: &str, text: &str) -> Result<u32> {
    text.parse().map_err(|_| format!("lab: {option} {text}: not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_script_unchanged() {
        let mut job = Job::new("s".into());
        job.arguments = vec!["a b".into(), "it's".into()];
        job.variables = vec![("K".into(), "$x".into())];
        assert_eq!(command_text(&job), "export K='$x'\nexec bash /job/script 'a b' 'it'\\''s'\n");
    }
}
