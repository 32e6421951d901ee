//! From a line of a file to a record with a CloudEvents envelope.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use olocus_event::time::{TimeUnit, time_from_value};
use olocus_event::{CloudEvent, Keyring, OutRecord, Sealing, Value as Scalar, seal};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::expressions::{Choice, Expressions};
use super::{Args, check_topic};
use crate::failure::Failure;
use crate::input::{Item, STANDARD_INPUT};

/// What the options say about every record.
pub(super) struct Plan {
    topic: Arc<str>,
    event_type: Option<String>,
    key: Option<Field>,
    time: Option<Field>,
    id: Option<Field>,
    encryption: Option<Encryption>,
    /// Stands for the name of standard input, which is another one in every run.
    run: String,
}

/// How data is put into the envelope.
pub(super) struct Encryption {
    sealing: Sealing,
    keyring: Keyring,
}

/// A run of lines, prepared.
pub(super) struct Prepared {
    /// Ready to be sent, in order.
    pub(super) records: Vec<OutRecord>,
    /// The lines that cannot be.
    pub(super) problems: Vec<Problem>,
}

/// A line that cannot be published.
#[derive(Debug)]
pub(super) struct Problem {
    file: Arc<str>,
    line: u64,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = if &*self.file == STANDARD_INPUT { "standard input" } else { &self.file };
        write!(f, "{file}:{}: {}", self.line + 1, self.what)
    }
}

impl Plan {
    pub(super) fn new(args: &Args) -> Result<Self, Failure> {
        let field = |text: &Option<String>| text.as_deref().map(Field::parse).transpose();
        Ok(Self {
            topic: args.topic.as_str().into(),
            event_type: args.event_type.clone(),
            key: field(&args.key)?,
            time: field(&args.time_field)?,
            id: field(&args.id_field)?,
            encryption: Encryption::new(args)?,
            run: Uuid::now_v7().to_string(),
        })
    }

    /// Prepares lines. If `strict`, those after the first problem are left out.
    pub(super) fn prepare(
        &self,
        items: Vec<Item>,
        expressions: &mut Expressions,
        strict: bool,
    ) -> Result<Prepared, Failure> {
        let mut prepared = Prepared { records: Vec::with_capacity(items.len()), problems: Vec::new() };
        let choices = expressions.evaluate(&self.topic, &items);
        for (item, choice) in items.into_iter().zip(choices) {
            match self.record(&item, choice) {
                Ok(record) => prepared.records.push(self.sealed(record)?),
                Err(what) => {
                    prepared.problems.push(Problem { file: item.file, line: item.line, what });
                    if strict {
                        break;
                    }
                }
            }
        }
        Ok(prepared)
    }

    fn record(&self, item: &Item, choice: Choice) -> Result<OutRecord, String> {
        let object: Map<String, Value> =
            serde_json::from_slice(&item.bytes).map_err(|error| explain(&error))?;
        let topic = match choice.topic.transpose()? {
            Some(topic) => {
                check_topic(&topic)?;
                topic.into()
            }
            None => Arc::clone(&self.topic),
        };
        let event_type = match choice.event_type.transpose()? {
            Some(event_type) => event_type,
            None => self.event_type.clone().unwrap_or_else(|| topic.to_string()),
        };
        let time = self.time.as_ref().map(|field| field.time(&object)).transpose()?;
        let id = match &self.id {
            Some(field) => {
                field.text(&object).ok_or_else(|| format!("the field `{field}` has no value for the id"))?
            }
            None => format!("{}:{}", self.file_name(item), item.line),
        };
        let event = CloudEvent {
            id,
            source: source(&item.file),
            event_type,
            subject: None,
            time,
            data_content_type: Some("application/json".to_owned()),
            data_schema: None,
            extensions: BTreeMap::new(),
            data: Some(item.bytes.clone()),
        };
        let key = self.key.as_ref().and_then(|field| field.text(&object)).map(Bytes::from);
        Ok(event.to_binary(topic, key))
    }

    fn sealed(&self, record: OutRecord) -> Result<OutRecord, Failure> {
        match &self.encryption {
            Some(encryption) => seal(record, &encryption.sealing, &encryption.keyring, nonce())
                .map_err(|cause| Failure::doing("encrypt an event", cause)),
            None => Ok(record),
        }
    }

    fn file_name<'a>(&'a self, item: &'a Item) -> &'a str {
        if &*item.file == STANDARD_INPUT { &self.run } else { &item.file }
    }
}

impl Encryption {
    fn new(args: &Args) -> Result<Option<Self>, Failure> {
        if !args.encrypt && !args.compress {
            return Ok(None);
        }
        let keyring = args.keys.load()?;
        if args.encrypt && keyring.is_none() {
            return Err(Failure::new("encrypt: there are no keys; give --keyring FILE or set OLOCUS_KEYS"));
        }
        Ok(Some(Self {
            sealing: Sealing { compress: args.compress, encrypt: args.encrypt },
            keyring: keyring.unwrap_or_else(Keyring::empty),
        }))
    }
}

/// Where a value stands in an object.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    segments: Vec<String>,
}

impl Field {
    /// Reads `a.b.c`; a segment that contains dots stands in double quotes.
    fn parse(text: &str) -> Result<Self, Failure> {
        let wrong =
            || Failure::new(format!("read the field `{text}`: expected names with dots between them"));
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let (segment, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(wrong)?,
                None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            };
            if segment.is_empty() {
                return Err(wrong());
            }
            segments.push(segment.to_owned());
            if after.is_empty() {
                return Ok(Self { segments });
            }
            rest = after.strip_prefix('.').ok_or_else(wrong)?;
        }
    }

    /// The value, if it is there and not null.
    fn find<'a>(&self, object: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.segments.split_first()?;
        let value = rest.iter().try_fold(object.get(first)?, |value, segment| value.get(segment))?;
        (!value.is_null()).then_some(value)
    }

    /// The value as text: a string as it is, everything else as its JSON.
    fn text(&self, object: &Map<String, Value>) -> Option<String> {
        self.find(object).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// The value as a point in time.
    fn time(&self, object: &Map<String, Value>) -> Result<i64, String> {
        let value = match self.find(object) {
            Some(Value::String(text)) => Scalar::Text(text.as_str().into()),
            Some(other) => Scalar::Json(other.to_string().into()),
            None => {
                return Err(format!("the field `{self}` has no value for the event's time"));
            }
        };
        time_from_value(&value, TimeUnit::Auto)
            .map_err(|cause| format!("the field `{self}` is no time: {cause}"))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("."))
    }
}

/// What is wrong with a line that is no JSON object. Lines have one line, so only the column is told.
fn explain(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "it is no JSON object".to_owned(),
        serde_json::error::Category::Eof => "the JSON is cut off".to_owned(),
        _ => {
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            format!("it is no JSON object: {what} at column {}", error.column())
        }
    }
}

/// `/olocus/publish/FILE` as a URI reference.
fn source(file: &str) -> String {
    let mut source = String::from("/olocus/publish/");
    let name = if file == STANDARD_INPUT { "stdin" } else { file.trim_start_matches('/') };
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            source.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(source, "%{byte:02X}");
        }
    }
    source
}

/// 96 random bits. A random UUID has 122; the six that are fixed lie between the bytes taken.
fn nonce() -> [u8; 12] {
    let random = Uuid::new_v4().into_bytes();
    let mut nonce = [0; 12];
    nonce[..6].copy_from_slice(&random[..6]);
    nonce[6..].copy_from_slice(&random[10..]);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            topic: "logs".into(),
            event_type: None,
            key: None,
            time: None,
            id: None,
            encryption: None,
            run: "run".to_owned(),
        }
    }

    fn items(lines: &[&str]) -> Vec<Item> {
        let item = |(line, text): (u64, &&str)| Item {
            file: "dir/my log.json".into(),
            line,
            bytes: Bytes::copy_from_slice(text.as_bytes()),
        };
        (0..).zip(lines).map(item).collect()
    }

    fn prepare(plan: &Plan, lines: &[&str], strict: bool) -> (Vec<OutRecord>, Vec<String>) {
        let mut expressions = Expressions::compile(None, None).unwrap();
        let prepared = plan.prepare(items(lines), &mut expressions, strict).unwrap();
        (prepared.records, prepared.problems.iter().map(ToString::to_string).collect())
    }

    fn header<'a>(record: &'a OutRecord, name: &str) -> Option<&'a str> {
        record.headers.get(name).map(|value| std::str::from_utf8(value).unwrap())
    }

    #[test]
    fn a_line_becomes_a_cloud_event_with_its_bytes_as_they_are() {
        let plan = Plan {
            key: Some(Field::parse("user.id").unwrap()),
            time: Some(Field::parse("ts").unwrap()),
            ..plan()
        };
        let line = r#"{"b":1.0, "user":{"id":12345678901234567890},"ts":1700000000.5}"#;
        let (records, problems) = prepare(&plan, &[line], false);
        assert!(problems.is_empty());
        let record = &records[0];
        assert_eq!(&*record.topic, "logs");
        assert_eq!(record.value.as_deref(), Some(line.as_bytes()));
        assert_eq!(record.key.as_deref(), Some(&b"12345678901234567890"[..]));
        assert_eq!(header(record, "ce_specversion"), Some("1.0"));
        assert_eq!(header(record, "ce_id"), Some("dir/my log.json:0"));
        assert_eq!(header(record, "ce_type"), Some("logs"));
        assert_eq!(header(record, "ce_source"), Some("/olocus/publish/dir/my%20log.json"));
        assert_eq!(header(record, "ce_time"), Some("2023-11-14T22:13:20.500Z"));
        assert_eq!(header(record, "content-type"), Some("application/json"));
    }

    #[test]
    fn lines_that_cannot_be_published_are_named_and_cost_no_other() {
        let plan = Plan { time: Some(Field::parse("t").unwrap()), ..plan() };
        let lines = [
            r#"{"t":1}"#,
            "[1]",
            r#"{"t":"#,
            r#"{"t":1}x"#,
            r#"{"t":"soon"}"#,
            r#"{"t":null}"#,
            r#"{"t":2}"#,
        ];
        let (records, problems) = prepare(&plan, &lines, false);
        assert_eq!(records.len(), 2);
        assert_eq!(header(&records[1], "ce_id"), Some("dir/my log.json:6"));
        assert_eq!(problems[0], "dir/my log.json:2: it is no JSON object");
        assert_eq!(problems[1], "dir/my log.json:3: the JSON is cut off");
        assert_eq!(problems[2], "dir/my log.json:4: it is no JSON object: trailing characters at column 8");
        assert!(problems[3].starts_with("dir/my log.json:5: the field `t` is no time: "), "{}", problems[3]);
        assert_eq!(problems[4], "dir/my log.json:6: the field `t` has no value for the event's time");

        let (records, problems) = prepare(&plan, &lines, true);
        assert_eq!((records.len(), problems.len()), (1, 1));
    }

    #[test]
    fn ids_and_types_can_be_chosen() {
        let plan = Plan {
            id: Some(Field::parse("id").unwrap()),
            event_type: Some("auth.login".to_owned()),
            ..plan()
        };
        let (records, problems) = prepare(&plan, &[r#"{"id":7}"#, "{}"], false);
        assert_eq!(header(&records[0], "ce_id"), Some("7"));
        assert_eq!(header(&records[0], "ce_type"), Some("auth.login"));
        assert_eq!(problems, ["dir/my log.json:2: the field `id` has no value for the id"]);
    }

    #[test]
    fn encrypted_data_opens_with_the_key_only() {
        let keyring = Keyring::new(Some("k1"), [("k1".to_owned(), [7; 32])]).unwrap();
        let sealing = Sealing { compress: true, encrypt: true };
        let plan = Plan { encryption: Some(Encryption { sealing, keyring }), ..plan() };
        let (records, _) = prepare(&plan, &[r#"{"secret":1}"#, r#"{"secret":1}"#], false);
        assert_eq!(header(&records[0], "olocus-encoding"), Some("lz4+aes256gcm"));
        assert_ne!(records[0].value, records[1].value, "nonces differ");
        let shown = String::from_utf8_lossy(records[0].value.as_deref().unwrap());
        assert!(!shown.contains("secret"));
    }

    #[test]
    fn fields_have_segments() {
        let segments = |text: &str| Field::parse(text).map(|field| field.segments);
        assert_eq!(segments("a.b").unwrap(), ["a", "b"]);
        assert_eq!(segments(r#"a."b.c".d"#).unwrap(), ["a", "b.c", "d"]);
        assert_eq!(segments("@timestamp").unwrap(), ["@timestamp"]);
        for wrong in ["", "a.", ".a", "a..b", r#""a"#, r#""a"b"#] {
            assert!(segments(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_of_standard_input_have_ids_of_their_run() {
        let item = Item { file: STANDARD_INPUT.into(), line: 3, bytes: Bytes::from_static(b"{}") };
        let record = plan().record(&item, Choice::default()).unwrap();
        assert_eq!(header(&record, "ce_id"), Some("run:3"));
        assert_eq!(header(&record, "ce_source"), Some("/olocus/publish/stdin"));
    }
}
