//! Processes of their own: this test program, started again in a role.

use annals::{Expected, NewEvent, Options, Query, Store};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

const ROLE: &str = "ANNALS_TEST_ROLE";
const STORE: &str = "ANNALS_TEST_STORE";
const EXTRA: &str = "ANNALS_TEST_EXTRA";

/// Small segments, so that a few events roll over.
pub(crate) fn small() -> Options {
    Options::new().segment_bytes(16 << 10)
}

pub(crate) fn append(store: &Store, stream: &str, bytes: usize) -> annals::Position {
    store.append(stream, Expected::Any, &[NewEvent::new("t", vec![1; bytes])]).unwrap().last_position
}

/// A place in memory, if there is one: nothing here depends on the disk, and syncs take most of the time.
pub(crate) fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// How many events a reader finds, all of them read.
pub(crate) fn count(store: &Store) -> u64 {
    store.view().read(Query::all()).unwrap().map(Result::unwrap).count() as u64
}

/// What is wrong with a store, in words.
pub(crate) fn findings(path: &Path) -> Vec<String> {
    let found = annals::verify(path, &mut |_| {}).unwrap().findings;
    found.into_iter().map(|finding| format!("{}: {}", finding.file, finding.what)).collect()
}

/// Where the processes are started: nothing by other means than the test program itself.
#[test]
#[ignore = "a role that other tests start in a process of its own"]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let path = PathBuf::from(std::env::var_os(STORE).unwrap());
    let extra = std::env::var(EXTRA).unwrap();
    // The line that the test harness has begun.
    say("");
    match role.as_str() {
        "write" => crate::kills::write(&path, extra.parse().unwrap(), false),
        "write directly" => crate::kills::write(&path, extra.parse().unwrap(), true),
        "write compacted" => crate::kills_compacting::write(&path, extra.parse().unwrap()),
        "steps" => crate::calls::steps(&path),
        "direct appends" => crate::calls::direct_appends(&path),
        "open" => crate::kills::open(&path),
        "race" => crate::races::race(),
        "hold" => crate::races::hold(&path),
        "cycles" => crate::leaks::cycles(&path, extra.parse().unwrap()),
        "read all" => crate::limits::read_all(&path),
        "few descriptors" => crate::limits::few_descriptors(&path),
        "short files" => crate::limits::short_files(&path),
        "look" => crate::permissions::look(&path),
        "make" => crate::permissions::make(&path),
        "golden" => crate::golden::make(&path, &extra),
        other => panic!("there is no role {other:?}"),
    }
}

/// Tells the parent a line, in one write.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// How to start this program in a role.
pub(crate) struct Role {
    command: Command,
}

impl Role {
    pub(crate) fn new(role: &str, store: &Path) -> Self {
        Self::of(&std::env::current_exe().unwrap(), role, store)
    }

    /// With a copy of this program.
    pub(crate) fn of(program: &Path, role: &str, store: &Path) -> Self {
        Self::of_command(Command::new(program), role, store)
    }

    /// Through a shell that sets limits first: `ulimit -n 64`.
    pub(crate) fn limited(limits: &str, role: &str, store: &Path) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(r#"{limits}; exec "$0" "$@""#)).arg(std::env::current_exe().unwrap());
        Self::of_command(command, role, store)
    }

    pub(crate) fn of_command(mut command: Command, role: &str, store: &Path) -> Self {
        command.args(["--exact", "child::role", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, role).env(STORE, store).env(EXTRA, "");
        // One place for all memory, so that a limit of it means the same on every machine.
        command.env("MALLOC_ARENA_MAX", "1").env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Role { command }
    }

    pub(crate) fn extra(mut self, extra: impl ToString) -> Self {
        self.command.env(EXTRA, extra.to_string());
        self
    }

    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    pub(crate) fn start(mut self) -> Running {
        Running::of(self.command.spawn().unwrap())
    }

    /// Runs to the end, which must be good. Gives what was said.
    pub(crate) fn run(mut self) -> Vec<String> {
        let output = self.command.output().unwrap();
        let (said, error) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{}: {said}{error}", output.status);
        said.lines().filter(|line| !of_the_harness(line)).map(str::to_owned).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn of_the_harness(line: &str) -> bool {
    line.is_empty() || ["running ", "test "].iter().any(|word| line.starts_with(word)) || line == "ok"
}

/// A process in a role. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Running {
    fn of(mut child: Child) -> Self {
        let stdin = child.stdin.take();
        let said = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdin, said }
    }

    /// The next whole line; `None` at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            self.said.read_line(&mut line).unwrap();
            let line = line.strip_suffix('\n')?;
            if !of_the_harness(line) {
                return Some(line.to_owned());
            }
        }
    }

    /// The next line, which must come.
    pub(crate) fn said(&mut self) -> String {
        match self.line() {
            Some(line) => line,
            None => panic!("the process has ended: {:?}", self.rest()),
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// `SIGKILL`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end, which must be the kill or a good one; everything that was said before.
    pub(crate) fn rest(&mut self) -> (Vec<String>, ExitStatus) {
        let said = std::iter::from_fn(|| self.line()).collect();
        self.stdin.take();
        let status = self.child.wait().unwrap();
        let mut error = String::new();
        let stderr = self.child.stderr.take();
        stderr.map(|mut stderr| std::io::Read::read_to_string(&mut stderr, &mut error));
        assert!(matches!(status.code(), None | Some(0)), "{status}: {error}");
        (said, status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
