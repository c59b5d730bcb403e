//! The log: where lines go, and how often the same kind of line may come.

use std::io::IsTerminal;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging to standard error. `RUST_LOG` overrides the level for single modules.
///
/// Does nothing when logging has been started before.
pub fn start(level: tracing::Level, format: LogFormat) {
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let _ = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => {
            // The journal stamps lines itself.
            let terminal = std::io::stderr().is_terminal();
            let builder = builder.with_ansi(terminal);
            if std::env::var_os("JOURNAL_STREAM").is_some() {
                builder.without_time().try_init()
            } else {
                builder.try_init()
            }
        }
    };
}

/// Milliseconds since 1970.
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Lines of one kind that hostile input can cause: at most [`RateLimit::BURST`] in each [`RateLimit::WINDOW`].
#[derive(Debug, Default)]
pub struct RateLimit {
    window: Option<Instant>,
    passed: u32,
    suppressed: u64,
}

impl RateLimit {
    /// Lines of one window: enough to see what goes on.
    pub const BURST: u32 = 10;
    /// A window: a flood costs a line a second on average.
    pub const WINDOW: Duration = Duration::from_secs(10);

    /// Whether a line may be written at `now`; if so, how many were not since the last one.
    pub fn pass(&mut self, now: Instant) -> Option<u64> {
        let over = self.window.is_none_or(|start| now.saturating_duration_since(start) >= RateLimit::WINDOW);
        if over {
            self.window = Some(now);
            self.passed = 0;
        }
        if self.passed >= RateLimit::BURST {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.passed = self.passed.saturating_add(1);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_a_burst_of_lines_and_then_their_number() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        let passed = (0..1000).filter(|_| limit.pass(start).is_some()).count();
        assert_eq!(passed, RateLimit::BURST as usize);
        assert_eq!(limit.pass(start + RateLimit::WINDOW), Some(990));
        assert_eq!(limit.pass(start + RateLimit::WINDOW), Some(0));
    }
}
