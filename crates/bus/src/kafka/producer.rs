use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use olocus_event::OutRecord;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::context::{Context, log};
use super::options::{KafkaOptions, refused};
use super::{errors, native};
use crate::Error;
use crate::name::check_topic;

/// How long the broker may take to acknowledge a record, unless the user says otherwise.
const DELIVERY_TIMEOUT_MS: &str = "20000";

/// How long to wait between looks at the delivery of records.
const STEP: Duration = Duration::from_millis(20);

/// How many events of a client are looked at after a step, at most.
const EVENTS: usize = 256;

/// A producer whose failed deliveries are collected, and only those are reported: no work per record that succeeds.
pub(super) struct Deliveries {
    producer: BaseProducer<Collector>,
}

impl Deliveries {
    /// `own` holds the settings of this sort of producer.
    pub(super) fn new(options: &KafkaOptions, own: &[(&str, &str)]) -> Result<Self, Error> {
        let mut config = options.client();
        let mut default = |key: &str, value: &str| {
            if !options.names(key) {
                config.set(key, value);
            }
        };
        // The broker's and the topic's own limits decide: this is for a record of 128 MiB with headers on top.
        default("message.max.bytes", "135266304");
        default("queue.buffering.max.kbytes", "262144");
        default("queue.buffering.max.messages", "500000");
        default("message.timeout.ms", DELIVERY_TIMEOUT_MS);
        // A topic that was just created is known everywhere after this long; then it does not exist.
        default("topic.metadata.propagation.max.ms", "5000");
        config.set("partitioner", "murmur2_random").set("delivery.report.only.error", "true");
        for (key, value) in own {
            config.set(*key, *value);
        }
        create(&config)
    }

    pub(super) fn producer(&self) -> &BaseProducer<Collector> {
        &self.producer
    }

    /// Hands records over and waits until each is delivered or has failed. Failures are in [`Deliveries::failure`].
    ///
    /// # Errors
    /// If a record cannot even be handed over. Others may have been.
    pub(super) fn deliver(&self, records: &[OutRecord]) -> Result<(), Error> {
        self.serve();
        self.producer.context().take_failures();
        for record in records {
            self.enqueue(record)?;
        }
        // Each record has its own time limit, after which it has failed.
        while !native::wait_delivered(self.producer.client(), STEP) {
            self.serve();
        }
        self.serve();
        self.producer.context().settled();
        Ok(())
    }

    /// What went wrong with deliveries since they were last made, if something did.
    pub(super) fn failure(&self) -> Option<Error> {
        let failures = self.producer.context().take_failures();
        let count: usize = failures.iter().map(|failed| failed.count).sum();
        // What was purged only went because of the others.
        let Failed { topic, code, .. } = failures
            .iter()
            .min_by_key(|failed| (is_purged(failed.code), errors::is_transient(failed.code)))?;
        let mut text = format!("writing to topic `{topic}`: {code}");
        if count > 1 {
            text.push_str(&format!(" ({count} records were not written)"));
        }
        if let Some((_, reason)) = self.producer.context().connection.last_error() {
            text.push_str(": ");
            text.push_str(&reason);
        }
        Some(errors::meaning(*code, text))
    }

    /// Lets the producer tell its failed deliveries, log lines and errors.
    pub(super) fn serve(&self) {
        for _ in 0..EVENTS {
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() == 0 {
                break;
            }
        }
    }

    fn enqueue(&self, record: &OutRecord) -> Result<(), Error> {
        check_topic(&record.topic)?;
        loop {
            let mut message = BaseRecord::<[u8], [u8]>::to(&record.topic);
            message.key = record.key.as_deref();
            message.payload = record.value.as_deref();
            message.partition = record.partition;
            message.headers = headers(record);
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    native::wait_delivered(self.producer.client(), STEP);
                    self.serve();
                }
                Err((error, _)) => {
                    let doing = format!("writing to topic `{}`", record.topic);
                    return Err(errors::wrapped(&doing, &error));
                }
            }
        }
    }
}

fn create(config: &ClientConfig) -> Result<Deliveries, Error> {
    BaseProducer::from_config_and_context(config, Collector::default())
        .map(|producer| Deliveries { producer })
        .map_err(|error| refused(&error))
}

fn headers(record: &OutRecord) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
        headers.insert(Header { key: name, value: Some(&value[..]) })
    });
    Some(headers)
}

fn is_purged(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
}

/// Collects failed deliveries.
#[derive(Default)]
pub(super) struct Collector {
    failures: Mutex<Vec<Failed>>,
    pub(super) connection: Context,
}

/// How many records could not be written to a topic for one cause.
struct Failed {
    topic: String,
    code: RDKafkaErrorCode,
    count: usize,
}

impl Collector {
    /// Everything was written: what was wrong with the connection is over.
    fn settled(&self) {
        if self.failures.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.connection.forget_error();
        }
    }

    fn take_failures(&self) -> Vec<Failed> {
        std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Collector {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(error, reason);
    }
}

impl ProducerContext for Collector {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            let topic = message.topic();
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            match failures.iter_mut().find(|failed| failed.code == code && failed.topic == topic) {
                Some(failed) => failed.count += 1,
                None => failures.push(Failed { topic: topic.to_owned(), code, count: 1 }),
            }
        }
    }
}
