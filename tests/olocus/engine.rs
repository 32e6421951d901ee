//! `olocus run` as a child process, and the other commands against its log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{root, text};

/// Long enough for a busy machine; whoever waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running `olocus run`, killed when it is dropped.
pub(crate) struct Engine {
    child: Child,
    log: Log,
    /// `http://host:port` of health checks and topics.
    pub(crate) url: String,
    metrics_url: String,
    /// Options that make the other commands talk to its log.
    connection: Vec<String>,
}

/// What an engine that has ended leaves.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Engine {
    /// Starts the command, which listens on free ports. Without `brokers` the other commands talk to the engine itself.
    ///
    /// # Panics
    /// If it ends instead of listening.
    pub(crate) fn start(mut command: Command, brokers: Option<&str>) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(&mut child);
        let (url, metrics_url) = wait_for("the engine to listen", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the engine ended with {status}:\n{}", log.text());
            }
            log.addresses()
        });
        let connection = match brokers {
            Some(brokers) => vec!["--brokers".to_owned(), brokers.to_owned()],
            None => vec!["--server".to_owned(), url.clone()],
        };
        Self { child, log, url, metrics_url, connection }
    }

    /// The same, once it is ready.
    pub(crate) fn once_ready(self) -> Self {
        self.wait_until_ready();
        self
    }

    pub(crate) fn wait_until_ready(&self) {
        wait_for("the engine to be ready", || (self.readiness().0 == 200).then_some(()));
    }

    /// Waits until the engine is not ready, and returns what it says about that once it has `word` in it.
    pub(crate) fn wait_until_hindered(&self, word: &str) -> String {
        wait_for(&format!("the engine to say `{word}`"), || {
            let (status, said) = self.readiness();
            (status == 503 && said.contains(word)).then_some(said)
        })
    }

    /// What `/ready` answers.
    pub(crate) fn readiness(&self) -> (u16, String) {
        get(&format!("{}/ready", self.url))
    }

    /// The sum of a metric over all its labels, or those with `label` (`name="value"`) in them.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let (status, metrics) = get(&format!("{}/metrics", self.metrics_url));
        assert_eq!(status, 200, "{metrics}");
        metrics
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
            .map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Whether a metric is there, whatever its value.
    pub(crate) fn has_metric(&self, name: &str) -> bool {
        let (_, metrics) = get(&format!("{}/metrics", self.metrics_url));
        metrics.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
    }

    /// Publishes lines of JSON and expects it to succeed.
    pub(crate) fn publish(&self, topic: &str, lines: &str, options: &[&str]) {
        let connection: Vec<&str> = self.connection.iter().map(String::as_str).collect();
        let args = [&["publish", topic, "-"], &connection[..], options].concat();
        let output = command_with_input(&args, lines);
        assert!(output.status.success(), "{}\n{}", text(&output.stderr), self.log.text());
    }

    /// The first events of a topic by `olocus tail`, as many as asked for.
    pub(crate) fn tail(&self, topic: &str, count: usize) -> Vec<Value> {
        self.tail_with(topic, count, &[])
    }

    pub(crate) fn tail_with(&self, topic: &str, count: usize, more: &[&str]) -> Vec<Value> {
        let (count, patience) = (count.to_string(), format!("{}s", PATIENCE.as_secs()));
        let connection: Vec<&str> = self.connection.iter().map(String::as_str).collect();
        let options = ["--from", "beginning", "--count", &count, "--timeout", &patience];
        let output = command_with_input(&[&["tail", topic], &connection[..], &options, more].concat(), "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = json_lines(&text(&output.stdout));
        assert_eq!(lines.len().to_string(), count, "{lines:?}\n{}", self.log.text());
        lines
    }

    /// Asks the engine to stop as a supervisor does, and expects it to do so well.
    pub(crate) fn stop(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        let Ended { status, log } = self.ended();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }

    /// Ends the engine as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.ended();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits until the engine ends, whoever ends it.
    pub(crate) fn ended(&mut self) -> Ended {
        let status = wait_for("the engine to end", || self.child.try_wait().unwrap());
        self.log.finish();
        Ended { status, log: self.log.text() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let status = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the engine ended with {status:?}; its log:\n{}", self.log.text());
        }
    }
}

/// Runs `olocus run` where it is expected not to start.
pub(crate) fn refused(mut command: Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it started, or hangs: {:?}", child.wait_with_output().unwrap());
        }
        sleep(LOOK_EVERY);
    }
    child.wait_with_output().unwrap()
}

/// `olocus` with these arguments, in the project's root folder and without settings from the environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_olocus"));
    command.args(args).current_dir(root());
    for name in ["OLOCUS_BROKERS", "OLOCUS_SERVER", "OLOCUS_TOKEN", "OLOCUS_KEYS", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Runs the command with this on its standard input.
pub(crate) fn command_with_input(args: &[&str], input: &str) -> Output {
    let mut child =
        command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A command that has seen enough closes the pipe.
        scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
        child.wait_with_output().unwrap()
    })
}

/// Asks until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(LOOK_EVERY);
    }
}

/// Status and body of a GET request.
pub(crate) fn get(url: &str) -> (u16, String) {
    let mut response = agent().get(url).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Status and body of a POST request with these headers.
pub(crate) fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let request =
        headers.iter().fold(agent().post(url), |request, (name, value)| request.header(*name, *value));
    let mut response = request.send(body).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent()
}

/// Every line as JSON.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Standard error of a child, gathered as it comes.
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    fn of(child: &mut Child) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (input, gathered) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&lines));
        let gather = move || {
            for line in input.split(b'\n').map_while(Result::ok) {
                gathered.lock().unwrap().push(text(&line));
            }
        };
        Self { lines, thread: Some(std::thread::spawn(gather)) }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Where the engine says that it listens: health checks, metrics.
    fn addresses(&self) -> Option<(String, String)> {
        self.lines.lock().unwrap().iter().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let url = |name: &str| Some(format!("http://{}", line["fields"].get(name)?.as_str()?));
            Some((url("health")?, url("metrics")?))
        })
    }

    /// Waits for the last line of a child that has ended.
    fn finish(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
