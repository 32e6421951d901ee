//! All parts of an engine, started and stopped in order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Durability, Embedded, EmbeddedOptions, Kafka, KafkaOptions, Transport};
use olocus_document::{Diagnostic, Diagnostics};
use olocus_event::{Keyring, Sealing};
use olocus_expr::Schemas;
use olocus_runtime::{
    Handle, Options, OutputTopics, Plan, Processor, SourceSpec, StartAt, Status, SystemClock,
};

use crate::config::{Config, Environment, Ordering, Property, Secret, SecretRef, TransportConfig};
use crate::error::StartError;
use crate::http::{App, Creation, Listeners, Publisher, Servers, Topics};
use crate::rules_loader::{load_rules, load_schemas};
use crate::webhook::{self, Retry, Worker};

/// Where event schemas are, unless the configuration says: below its folder or the working directory.
const SCHEMAS: &str = "schemas/events";

/// How often new topics and partitions are looked for.
const DISCOVERY: Duration = Duration::from_secs(5);

/// How often offsets are committed to Kafka although nothing has changed: so often that a process whose place another has
/// taken notices soon, and so seldom that it costs nothing.
const RENEWAL: Duration = Duration::from_secs(60);

/// What a command line says over the configuration.
#[derive(Debug, Clone)]
pub struct Overrides {
    /// Brokers of Kafka: `host:port`, with commas between them. Properties of a configured Kafka stay.
    pub brokers: Option<String>,
    /// The folder of an embedded log.
    pub data_dir: Option<PathBuf>,
    /// The application id.
    pub application_id: Option<String>,
    /// Where to begin without committed offsets.
    pub start_at: StartAt,
    /// `host:port` of health checks and topics.
    pub listen: Option<String>,
    /// `host:port` of metrics.
    pub metrics_listen: Option<String>,
    /// Where secrets are looked up.
    pub environment: Environment,
}

/// A running engine. Dropping it asks it to stop and does not wait for the last commit, nor hear what went wrong;
/// use [`Engine::stop`] and [`Engine::wait`].
#[derive(Debug)]
pub struct Engine {
    // In the order in which they are dropped: nobody publishes or calls any longer when the processor goes.
    servers: Servers,
    webhooks: Option<Worker>,
    processor: Running,
    status: Arc<Status>,
    plan: Arc<Plan>,
    warnings: Diagnostics,
}

/// A processor that is asked to stop when nobody is left to do so.
#[derive(Debug)]
struct Running(Option<Handle>);

impl Running {
    fn stop(&self) {
        if let Some(handle) = &self.0 {
            handle.stop();
        }
    }

    fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(Handle::is_finished)
    }

    fn wait(&mut self) -> Result<(), olocus_runtime::Error> {
        self.0.take().map_or(Ok(()), Handle::wait)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Default for Overrides {
    /// Nothing is overridden; secrets are in the environment of the process.
    fn default() -> Overrides {
        Overrides {
            brokers: None,
            data_dir: None,
            application_id: None,
            start_at: StartAt::Earliest,
            listen: None,
            metrics_listen: None,
            environment: Environment::of_process(),
        }
    }
}

impl Engine {
    /// Starts an engine for the rules at `rules`, or where that is empty, at the configuration's paths.
    ///
    /// Rules, secrets and sockets come first, so that a mistake is told before the log is touched.
    ///
    /// # Errors
    /// Mistakes in the rules, schemas or the configuration; secrets that are missing; a port in use; a data
    /// directory that is not ours, corrupt or in use.
    pub fn start(config: Config, rules: &[PathBuf], overrides: Overrides) -> Result<Engine, StartError> {
        let environment = overrides.environment.clone();
        let start_at = overrides.start_at;
        let config = overridden(config, overrides);
        let (plan, warnings) = plan(&config, if rules.is_empty() { &config.rules } else { rules })?;
        let secrets = Secrets::look_up(&config, &environment)?;
        check_randomness()?;
        let listeners = Listeners::bind(&config.http, secrets.token.is_some())?;
        let transport = open(&config, &secrets)?;
        warn_of_durability(&config);
        crate::metrics::recorder();
        let options = options(&config, &secrets, start_at);
        let topics = match &config.transport {
            TransportConfig::Embedded { .. } => Some(offered_topics(&config, &options, &transport)?),
            TransportConfig::Kafka { .. } => None,
        };
        let webhooks = plan.has_webhooks().then(|| webhook_options(&options, environment));
        let plan = Arc::new(plan);
        let processor = Processor::start(Arc::clone(&plan), Arc::clone(&transport), options);
        let status = Arc::clone(processor.status());
        let asked = Arc::clone(&status);
        let app = App {
            readiness: Box::new(move || asked.ready()),
            topics,
            token: secrets.token,
            metrics: crate::metrics::recorder(),
        };
        let servers = match Servers::start(listeners, app) {
            Ok(servers) => servers,
            Err(error) => {
                processor.stop();
                // Why it did not start is what there is to tell.
                let _ = processor.wait();
                return Err(StartError::http(error));
            }
        };
        let webhooks = webhooks.map(|options| Worker::start(transport, options));
        Ok(Engine { servers, webhooks, processor: Running(Some(processor)), status, plan, warnings })
    }

    /// The address of health checks and topics, with the port that the system chose where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.servers.address
    }

    /// The address of metrics.
    pub fn metrics_address(&self) -> SocketAddr {
        self.servers.metrics_address
    }

    /// What the processor is doing.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// What is being run.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Warnings of rules and schemas.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// Asks the engine to commit what it has and to end.
    pub fn stop(&self) {
        self.processor.stop();
    }

    /// Whether the processor has ended, by itself or because it was asked to.
    pub fn is_finished(&self) -> bool {
        self.processor.is_finished()
    }

    /// Waits until the processor has ended, then stops everything else.
    ///
    /// # Errors
    /// What ended the processor, unless it was asked to stop.
    pub fn wait(self) -> Result<(), olocus_runtime::Error> {
        let Engine { servers, webhooks, mut processor, .. } = self;
        let result = processor.wait();
        drop(servers);
        drop(webhooks);
        result
    }
}

fn overridden(mut config: Config, overrides: Overrides) -> Config {
    if let Some(directory) = overrides.data_dir {
        config.transport = TransportConfig::Embedded { directory };
    }
    if let Some(named) = overrides.brokers {
        let properties = match config.transport {
            TransportConfig::Kafka { properties, .. } => properties,
            TransportConfig::Embedded { .. } => BTreeMap::new(),
        };
        config.transport = TransportConfig::Kafka { brokers: named, properties };
    }
    config.application_id = overrides.application_id.unwrap_or(config.application_id);
    config.http.listen = overrides.listen.unwrap_or(config.http.listen);
    config.http.metrics_listen = overrides.metrics_listen.unwrap_or(config.http.metrics_listen);
    config
}

/// Rule files, schemas and sources → a plan, and the warnings on the way.
fn plan(config: &Config, rules: &[PathBuf]) -> Result<(Plan, Diagnostics), StartError> {
    let (files, mut diagnostics) = load_rules(rules);
    let (schemas, problems) = schemas(config);
    diagnostics.extend(problems);
    let sources = if config.sources.is_empty() {
        vec![SourceSpec::default_for(&files)]
    } else {
        config.sources.clone()
    };
    match olocus_runtime::compile(&files, &sources, &Arc::new(schemas), &mut diagnostics) {
        Some(plan) if !diagnostics.has_errors() => Ok((plan, diagnostics)),
        _ => Err(StartError::mistakes(diagnostics)),
    }
}

fn schemas(config: &Config) -> (Schemas, Diagnostics) {
    let named = config.schemas.clone();
    let usual = [config.directory.join(SCHEMAS), PathBuf::from(SCHEMAS)];
    match named.or_else(|| usual.into_iter().find(|path| path.is_dir())) {
        Some(directory) => load_schemas(&directory),
        None => (Schemas::empty(), Diagnostics::new()),
    }
}

/// Everything that is looked up when an engine starts.
struct Secrets {
    token: Option<Secret>,
    keyring: Arc<Keyring>,
    /// Properties of librdkafka.
    properties: BTreeMap<String, Secret>,
}

impl Secrets {
    /// Looks up all of them, and reports all that are missing.
    fn look_up(config: &Config, environment: &Environment) -> Result<Secrets, StartError> {
        let mut diagnostics = Diagnostics::new();
        let mut read = |reference: &SecretRef| match reference.read(environment) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                diagnostics.push(*problem);
                None
            }
        };
        let token = config.http.token.as_ref().and_then(&mut read);
        let keys = config.encryption.as_ref().and_then(|reference| Some((reference, read(reference)?)));
        let mut properties = BTreeMap::new();
        if let TransportConfig::Kafka { properties: named, .. } = &config.transport {
            for (name, property) in named {
                if let Property::Secret(reference) = property {
                    properties.extend(read(reference).map(|secret| (name.clone(), secret)));
                }
            }
        }
        let keyring = keyring(keys.as_ref(), &mut diagnostics);
        if diagnostics.has_errors() {
            return Err(StartError::mistakes(diagnostics));
        }
        Ok(Secrets { token, keyring: Arc::new(keyring), properties })
    }
}

fn keyring(keys: Option<&(&SecretRef, Secret)>, diagnostics: &mut Diagnostics) -> Keyring {
    let Some((reference, text)) = keys else { return Keyring::empty() };
    match Keyring::parse(text.expose()) {
        Ok(keyring) if keyring.active().is_some() => keyring,
        Ok(_) => {
            diagnostics.push(bad_keys(reference, "there is no key in it"));
            Keyring::empty()
        }
        Err(error) => {
            diagnostics.push(bad_keys(reference, &error.to_string()));
            Keyring::empty()
        }
    }
}

fn bad_keys(reference: &SecretRef, cause: &str) -> Diagnostic {
    reference.problem("bad-keyring", format!("the keys can't be used: {cause}")).with_help(
        "write one key, or `id:key`, one a line or with commas between them; a key is 32 bytes in base64 or \
         hexadecimal",
    )
}

fn open(config: &Config, secrets: &Secrets) -> Result<Arc<dyn Transport>, StartError> {
    match &config.transport {
        TransportConfig::Embedded { directory } => open_embedded(directory, config.ordering),
        TransportConfig::Kafka { brokers, properties } => {
            let options = KafkaOptions {
                brokers: brokers.clone(),
                properties: kafka_properties(config, properties, secrets),
                client_id: config.application_id.clone(),
                ..KafkaOptions::default()
            };
            let kafka =
                Kafka::connect(options).map_err(|error| StartError::connect(brokers.clone(), error))?;
            Ok(Arc::new(kafka))
        }
    }
}

/// Properties of librdkafka, with the secrets among them.
fn kafka_properties(
    config: &Config,
    properties: &BTreeMap<String, Property>,
    secrets: &Secrets,
) -> BTreeMap<String, String> {
    let text = |(name, property): (&String, &Property)| match property {
        Property::Text(text) => Some((name.clone(), text.clone())),
        Property::Secret(_) => None,
    };
    let mut all: BTreeMap<String, String> = properties.iter().filter_map(text).collect();
    all.extend(secrets.properties.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned())));
    // A name goes with every password; without one it is what the client calls itself elsewhere.
    let with_password = |mechanism: &String| mechanism == "PLAIN" || mechanism.starts_with("SCRAM-");
    if all.get("sasl.mechanisms").is_some_and(with_password) {
        let name = all.entry("sasl.username".to_owned());
        name.or_insert_with(|| config.application_id.clone());
    }
    all
}

/// Says that a durability changes nothing: on Kafka, nothing is published through the engine.
fn warn_of_durability(config: &Config) {
    if matches!(config.transport, TransportConfig::Kafka { .. })
        && config.durability != Durability::Persistent
    {
        tracing::warn!(
            "`events.durability` changes nothing on Kafka: what the engine writes is always persistent, and what \
             others publish is as durable as their `acks`"
        );
    }
}

fn open_embedded(directory: &Path, ordering: Ordering) -> Result<Arc<dyn Transport>, StartError> {
    let mut options = EmbeddedOptions::default();
    if let Some(partitions) = partitions(ordering) {
        options.default_partitions = partitions;
    }
    let log =
        Embedded::open(directory, options).map_err(|error| StartError::open(directory.to_owned(), error))?;
    Ok(Arc::new(log))
}

/// How many partitions new topics get; `None` leaves that to the log.
fn partitions(ordering: Ordering) -> Option<u32> {
    match ordering {
        Ordering::Global => Some(1),
        Ordering::Key => None,
    }
}

fn options(config: &Config, secrets: &Secrets, start_at: StartAt) -> Options {
    Options {
        application_id: config.application_id.clone(),
        start_at,
        commit_interval: config.commit_interval,
        renew_interval: match config.transport {
            TransportConfig::Embedded { .. } => None,
            TransportConfig::Kafka { .. } => Some(RENEWAL),
        },
        topics: output_topics(config),
        topic_specs: config.topics.clone(),
        default_partitions: partitions(config.ordering),
        limits: config.limits.state,
        held_max: config.limits.held_records,
        held_bytes_max: config.limits.held_bytes,
        batch_records: config.limits.batch_records,
        decoding: config.limits.decoding,
        keyring: Arc::clone(&secrets.keyring),
        sealing: Sealing { compress: config.compress, encrypt: config.encryption.is_some() },
        serialization: config.serialization,
        discovery_interval: DISCOVERY,
        clock: Arc::new(SystemClock),
        nonce: Arc::new(nonce),
    }
}

fn output_topics(config: &Config) -> OutputTopics {
    let mut topics = OutputTopics::of(&config.application_id);
    let outputs = &config.outputs;
    for (topic, name) in [
        (&mut topics.matches, &outputs.matches),
        (&mut topics.dead_letter, &outputs.dead_letter),
        (&mut topics.late, &outputs.late),
    ] {
        if let Some(name) = name {
            *topic = name.as_str().into();
        }
    }
    topics
}

fn offered_topics(
    config: &Config,
    options: &Options,
    transport: &Arc<dyn Transport>,
) -> Result<Topics, StartError> {
    let creation = Creation { specs: options.topic_specs.clone(), partitions: options.default_partitions };
    let publisher = Publisher::start(Arc::clone(transport), config.durability, creation)
        .map_err(StartError::publisher)?;
    let own = &options.topics;
    let own: BTreeSet<String> = [&own.matches, &own.dead_letter, &own.late, &own.webhooks]
        .into_iter()
        .map(|topic| topic.to_string())
        .collect();
    let keyring = Arc::clone(&options.keyring);
    Ok(Topics::new(
        Arc::clone(transport),
        publisher,
        keyring,
        options.decoding,
        config.limits.body_bytes,
        own,
    ))
}

fn webhook_options(options: &Options, environment: Environment) -> webhook::Options {
    webhook::Options {
        application_id: options.application_id.clone(),
        topic: Arc::clone(&options.topics.webhooks),
        dead_letter: Arc::clone(&options.topics.dead_letter),
        keyring: Arc::clone(&options.keyring),
        limits: options.decoding,
        environment,
        retry: Retry::default(),
        renew_interval: options.renew_interval,
    }
}

/// Finds out before anything is sealed whether the system has random numbers.
fn check_randomness() -> Result<(), StartError> {
    getrandom::fill(&mut [0; 12]).map_err(StartError::random)
}

fn nonce() -> [u8; 12] {
    let mut nonce = [0; 12];
    // Going on with a nonce that is not random would give the key away, so ending is the better of the two.
    getrandom::fill(&mut nonce)
        .expect("the system's random numbers, which were there at the start, do not run out");
    nonce
}

#[cfg(test)]
mod tests;
