//! Bytes as a record: decoded, shown, judged by rules.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use olocus_cep::rule::parse_rule_file;
use olocus_document::{Diagnostics, SourceFile};
use olocus_event::{
    Batch, CloudEvent, Decoded, Decoder, FieldPath, Format, Headers, Keyring, Kind, Limits, OutRecord,
    Projection, Record, Sealing, dead_letter, late_record, record_to_json, seal,
};
use olocus_expr::Schemas;
use olocus_runtime::{InputId, Plan, Position, Preparer, SourceSpec, Task, compile};

/// A record as targets are given it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// What the source says of its payloads, 0 to 3.
    pub format: u8,
    /// Whether the payload is put into the envelope, so that what is in there is reached.
    pub sealing: Sealing,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The payload; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Headers that mean something.
const NAMES: [&str; 16] = [
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_time",
    "ce_subject",
    "ce_datacontenttype",
    "ce_dataschema",
    "ce_extension",
    "content-type",
    "traceparent",
    "olocus-encoding",
    "olocus-key-id",
    "olocus-nonce",
    "olocus-dlq-cause",
    "olocus-late-topic",
];

const TOPIC: &str = "fuzz.events";

/// Ceilings small enough that inputs reach them.
const LIMITS: Limits = Limits { max_record_bytes: 48 << 10, max_inflated_bytes: 1 << 20, max_depth: 64 };

const RULES: &str = "
version: 1
rules:
  - name: everything
    by: [user.id, tags]
    sequence:
      - step: one
        event: '*'
        where: n > 5 AND t <> 'x' AND at < meta.time AND lasts >= 5s AND NOT b
      - step: two
        event: '*'
        where: n * 2 / n > one.n - 1 OR cidr_match(ip, '10.0.0.0/8')
    within: 1h
    include: events
    emit: { n: two.n, t: one.t, whole: one.user, at: one.at, id: two.meta.id, key: one.meta.key }
  - name: counted
    by: user.id
    window: { sliding: 1m, event: '**' }
    having: count(distinct t) > 0 OR max(n) > 1
    emit: { sum: sum(n), first: min(t), lasts: avg(lasts), type: max(meta.type) }
";

/// What rules read of the input, and a plan with two sources: one whose time, type and key are in the events.
static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let mut diagnostics = Diagnostics::new();
    let rules = parse_rule_file(&SourceFile::new("rules.yaml", RULES), &mut diagnostics);
    let text = |text: &str| Some(olocus_document::Scalar::verbatim(&SourceFile::new("source", text)));
    let topic = |text: &str| vec![olocus_cep::rule::TypePattern::parse(text).expect("this is a topic")];
    let sources = [
        SourceSpec {
            time: text("at"),
            event_type: text("t"),
            key: text("user.id"),
            ..SourceSpec::of(topic("fuzz.fields"))
        },
        SourceSpec::of(topic(TOPIC)),
    ];
    let plan = compile(&[rules], &sources, &Arc::new(Schemas::empty()), &mut diagnostics);
    Arc::new(plan.unwrap_or_else(|| panic!("{}", diagnostics.render(false))))
});

static KEYRING: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
    let key = "k1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    Arc::new(Keyring::parse(key).expect("this is a keyring"))
});

/// Whatever a record is, it is an event or rejected with a cause, whatever is read of it; it can be shown, and what rules
/// make of it does not depend on what else is in the batch.
///
/// # Panics
/// If that does not hold.
pub fn run(data: &[u8]) {
    let input = Input::from_bytes(data);
    let record = input.record();
    let format =
        [Format::Auto, Format::Json, Format::MessagePack, Format::CloudEvents][usize::from(input.format & 3)];
    decode(format, &record);
    show(&record);
    judge(&record);
}

impl Input {
    /// Reads an input off bytes; any bytes are one.
    pub fn from_bytes(data: &[u8]) -> Input {
        let mut rest = data;
        let flags = byte(&mut rest);
        let is_set = |bit: u8| flags >> bit & 1 == 1;
        let key = is_set(4).then(|| short(&mut rest));
        let headers = (0..byte(&mut rest) & 7).map(|_| {
            let name = match NAMES.get(usize::from(byte(&mut rest))) {
                Some(name) => (*name).to_owned(),
                None => String::from_utf8_lossy(&short(&mut rest)).into_owned(),
            };
            (name, short(&mut rest))
        });
        let headers = headers.collect();
        Input {
            format: flags & 3,
            sealing: Sealing { compress: is_set(2), encrypt: is_set(3) },
            key,
            headers,
            value: (!is_set(5)).then(|| rest.to_vec()),
        }
    }

    /// The bytes of an input; texts are cut after 255 bytes, and headers after seven.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bits = [self.sealing.compress, self.sealing.encrypt, self.key.is_some(), self.value.is_none()];
        let flags =
            bits.iter().zip(2..).fold(self.format & 3, |flags, (bit, at)| flags | u8::from(*bit) << at);
        let mut bytes = vec![flags];
        let put = |text: &[u8], bytes: &mut Vec<u8>| {
            let text = &text[..text.len().min(255)];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        };
        if let Some(key) = &self.key {
            put(key, &mut bytes);
        }
        let headers = &self.headers[..self.headers.len().min(7)];
        bytes.push(headers.len() as u8);
        for (name, value) in headers {
            match NAMES.iter().position(|known| known == name) {
                Some(known) => bytes.push(known as u8),
                None => {
                    bytes.push(u8::MAX);
                    put(name.as_bytes(), &mut bytes);
                }
            }
            put(value, &mut bytes);
        }
        bytes.extend(self.value.iter().flatten());
        bytes
    }

    /// The record, its payload in the envelope if that is asked for and possible.
    fn record(&self) -> Record {
        let Input { sealing, key, headers, value, .. } = self;
        let bytes = |bytes: &Vec<u8>| Bytes::copy_from_slice(bytes);
        let plain = OutRecord {
            topic: TOPIC.into(),
            partition: None,
            key: key.as_ref().map(bytes),
            headers: headers.iter().map(|(name, value)| (name.as_str(), bytes(value))).collect::<Headers>(),
            value: value.as_ref().map(bytes),
        };
        let sealed = seal(plain.clone(), sealing, &KEYRING, [7; 12]).unwrap_or(plain);
        received(sealed)
    }
}

/// Takes a byte; 0 at the end.
fn byte(rest: &mut &[u8]) -> u8 {
    rest.split_off_first().copied().unwrap_or(0)
}

/// Takes a text of up to 255 bytes, which follow their number.
fn short(rest: &mut &[u8]) -> Vec<u8> {
    let length = usize::from(byte(rest)).min(rest.len());
    rest.split_off(..length).unwrap_or_default().to_vec()
}

/// Decodes the record beside one that is an event, reading much and reading nothing.
fn decode(format: Format, record: &Record) {
    let decoded = [everything(), Projection::default()].map(|projection| {
        let decoder = Decoder::new(format, Arc::new(projection), Arc::clone(&KEYRING), LIMITS);
        let good = received(good_event().to_structured(TOPIC.into(), None));
        let decoded = decoder.decode(&TOPIC.into(), 0, vec![record.clone(), good]);
        check(&decoded);
        decoded
    });
    let [all, nothing] = decoded.map(|decoded| {
        decoded.rejected.into_iter().map(|rejected| rejected.cause.code()).collect::<Vec<_>>()
    });
    assert_eq!(all, nothing, "whether a record is an event depends on what is read of it");
}

fn check(decoded: &Decoded) {
    let Decoded { batch, rejected, rest, .. } = decoded;
    assert_eq!(batch.len() + rejected.len() + rest.len(), 2, "a record is lost or doubled");
    for column in batch.columns() {
        assert_eq!(column.len(), batch.len(), "a column has not all rows");
    }
    (0..batch.len()).for_each(|row| look_at(batch, row));
    for rejected in rejected {
        let (code, cause) = (rejected.cause.code(), rejected.cause.to_string());
        assert!(!code.is_empty() && !cause.is_empty());
        dead_letter("dead".into(), TOPIC, 0, rejected.record.clone(), code, &cause);
    }
}

fn look_at(batch: &Batch, row: usize) {
    batch.event_type(row);
    batch.ce_time(row);
    batch.id(row);
    batch.source(row);
    batch.subject(row);
    batch.traceparent(row);
    batch.is_json(row);
    assert!(batch.payload(row).len() <= LIMITS.max_inflated_bytes);
}

/// Shows a record to people, and writes it again if it is a CloudEvent.
fn show(record: &Record) {
    let _ = record_to_json(TOPIC, 0, record, &KEYRING, &LIMITS);
    late_record("late".into(), TOPIC, 0, record, i64::MIN, i64::MAX);
    if let Ok(Some(event)) = CloudEvent::from_record(record) {
        event.to_json();
        for written in [event.to_binary(TOPIC.into(), None), event.to_structured(TOPIC.into(), None)] {
            let read = CloudEvent::from_record(&received(written));
            let read = read.unwrap_or_else(|why| panic!("what was written is not read: {why}\n{event:?}"));
            assert_eq!(
                read.map(|read| (read.id, read.event_type)),
                Some((event.id.clone(), event.event_type.clone()))
            );
        }
    }
}

/// Has rules judge the record, as of either source.
fn judge(record: &Record) {
    for topic in ["fuzz.fields", TOPIC] {
        let plan = Arc::clone(&PLAN);
        let input = InputId { topic: topic.into(), partition: 0 };
        let source = plan.source_of(topic).expect("the plan has a source for either topic");
        let mut preparer = Preparer::new(Arc::clone(&plan), &KEYRING, LIMITS);
        let mut task = Task::new(plan, olocus_cep::Limits::default());
        task.add_input(input, 0, Some(Position::at(0)), false);
        let good = received(good_event().to_binary(topic.into(), None));
        let mut records: Vec<Record> = [good.clone(), record.clone(), good]
            .into_iter()
            .zip(0..)
            .map(|(record, offset)| Record { offset, ..record })
            .collect();
        while let Some(prepared) = preparer.prepare_batch(source, &topic.into(), 0, &mut records) {
            task.feed(prepared).expect("these rules drop what is too much");
        }
        task.finish().expect("these rules drop what is too much");
        for found in task.take_outputs().matches {
            found.data.to_value();
        }
    }
}

fn received(sent: OutRecord) -> Record {
    let OutRecord { key, headers, value, .. } = sent;
    Record { offset: 0, timestamp: 1_767_225_600_000, key, value, headers }
}

fn good_event() -> CloudEvent {
    CloudEvent {
        id: "1".to_owned(),
        source: "/fuzz".to_owned(),
        event_type: "fuzz.good".to_owned(),
        time: Some(1_767_225_600_000_000_000),
        data_content_type: Some("application/json".to_owned()),
        data: Some(Bytes::from_static(
            br#"{"n":7,"t":"y","b":false,"lasts":"10s","at":"2025-12-31T00:00:00Z","user":{"id":5},"tags":[1,"a"],"ip":"10.0.0.1"}"#,
        )),
        ..CloudEvent::default()
    }
}

/// Every field as every kind.
fn everything() -> Projection {
    let kinds = [Kind::Text, Kind::Number, Kind::Bool, Kind::Duration, Kind::Time, Kind::Json];
    let paths: [&[&str]; 6] = [&["n"], &["t"], &["user"], &["user", "id"], &["tags"], &["a", "b", "c"]];
    let columns = paths.iter().flat_map(|path| {
        kinds.iter().map(move |kind| (FieldPath::new(path.iter().map(|name| Box::<str>::from(*name))), *kind))
    });
    Projection { columns: columns.collect() }
}
