use std::io::Write as _;
use std::path::PathBuf;

use arrow::array::{
    Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::*;

/// A folder with one file in it.
struct Fixture {
    folder: TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self { folder, path }
    }

    fn open(&self) -> Result<Vec<Source>, Error> {
        open(self.path.to_str().unwrap())
    }

    /// The message of an error without the folder.
    fn shown(&self, error: &Error) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// All records of all sources as `member:line text`, however they are batched, and the message of what failed.
fn read(fixture: &Fixture, max: usize) -> (Vec<String>, Option<String>) {
    let mut seen = Vec::new();
    let sources = match fixture.open() {
        Ok(sources) => sources,
        Err(error) => return (seen, Some(fixture.shown(&error))),
    };
    for mut source in sources {
        loop {
            match source.next_batch(max) {
                Ok(Some(items)) => {
                    assert!(!items.is_empty() && items.len() <= max);
                    seen.extend(items.into_iter().map(|item| {
                        let text = String::from_utf8_lossy(&item.bytes);
                        let name = item.file.strip_prefix(fixture.path.to_str().unwrap()).unwrap();
                        format!("{}:{} {text}", name.trim_start_matches('/'), item.line)
                    }));
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(source.next_batch(max).unwrap().is_none(), "a failure is reported once");
                    return (seen, Some(fixture.shown(&error)));
                }
            }
        }
    }
    (seen, None)
}

fn check(name: &str, bytes: &[u8], expected: &[&str], error: Option<&str>) {
    let fixture = Fixture::new(name, bytes);
    for max in [1, 2, 1000] {
        let (seen, failed) = read(&fixture, max);
        assert_eq!(seen, expected, "{name} in batches of {max}");
        assert_eq!(failed.as_deref(), error, "{name} in batches of {max}");
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[test]
fn lines_are_counted_from_0_with_blank_ones() {
    check(
        "a.ndjson",
        b"\n{\"a\":1}\r\n   \n{\"a\":2}\n\n{bad",
        &[":1 {\"a\":1}", ":3 {\"a\":2}", ":5 {bad"],
        None,
    );
    check("empty", b"", &[], None);
    check("blank", b" \n\n", &[], None);
    check("mark.json", b"\xef\xbb\xbf{}\n", &[":0 {}"], None);
}

#[test]
fn arrays_are_cut_into_elements() {
    let text = br#"
      [ {"a":[1,{"b":"],\"["}]} ,
        "x,]" , 7,oops, {"c":"\\"}]  "#;
    let expected = [r#":0 {"a":[1,{"b":"],\"["}]}"#, r#":1 "x,]""#, ":2 7", ":3 oops", r#":4 {"c":"\\"}"#];
    check("a.json", text, &expected, None);
    check("a.json.gz", &gzip(text), &expected, None);
    check("empty.json", b"[ ]\n", &[], None);
}

#[test]
fn broken_arrays_keep_what_came_before() {
    let cut_off = "read a.json, element 2: the array is cut off: its closing `]` is missing";
    check("a.json", br#"[{"a":1},{"b""#, &[r#":0 {"a":1}"#], Some(cut_off));
    check(
        "a.json",
        b"[1",
        &[],
        Some("read a.json, element 1: the array is cut off: its closing `]` is missing"),
    );
    check("a.json", b"[1,]", &[":0 1"], Some("read a.json, element 2: expected an element after the comma"));
    check("a.json", b"[,1]", &[], Some("read a.json, element 1: expected an element before the comma"));
    check(
        "a.json",
        b"[1] {}",
        &[":0 1"],
        Some("read a.json, element 2: there is more after the array's closing `]`"),
    );
}

#[test]
fn packed_files_are_recognised_by_their_content() {
    let text = b"{\"a\":1}\n{\"a\":2}\n";
    let expected = [":0 {\"a\":1}", ":1 {\"a\":2}"];
    check("a.json.gz", &gzip(text), &expected, None);
    check("renamed", &gzip(text), &expected, None);
    check("a.json.zst", &zstd::encode_all(&text[..], 1).unwrap(), &expected, None);
    let two_members = [gzip(b"{\"a\":1}\n"), gzip(b"{\"a\":2}\n")].concat();
    check("a.gz", &two_members, &expected, None);
    check("a.gz", text, &[], Some("read a.gz: it is not a gzip file, though its name says so"));
    check("a.json", b"\xff\xfe{\0", &[], Some("read a.json: it is UTF-16 text; convert it to UTF-8"));
}

#[test]
fn a_packed_file_that_is_cut_off_says_so_after_what_could_be_read() {
    let lines: String =
        (0..40_000).map(|number| format!("{{\"a\":{}}}\n", number * 7919 % 100_003)).collect();
    for packed in [gzip(lines.as_bytes()), zstd::encode_all(lines.as_bytes(), 1).unwrap()] {
        let fixture = Fixture::new("a.packed", &packed[..packed.len() - 9]);
        let (seen, failed) = read(&fixture, 100);
        let failed = failed.unwrap();
        assert!(seen.len() > 1000);
        assert!(failed.starts_with(&format!("read a.packed:{}: ", seen.len() + 1)), "{failed}");
        assert!(failed.ends_with("the packed data ends too early; the file is cut off"), "{failed}");
    }
}

#[test]
fn a_record_has_a_largest_size() {
    let mut text = b"{}\n\"".to_vec();
    text.resize(text.len() + RECORD_BYTES_MAX, b'x');
    check("a.json", &text, &[":0 {}"], Some("read a.json:2: the record is longer than 16 MiB"));
    // Packed, it would unpack to far more than it takes on disk.
    check("a.json.gz", &gzip(&text), &[":0 {}"], Some("read a.json.gz:2: the record is longer than 16 MiB"));
    let array = [b"[1,", &text[3..]].concat();
    check("b.json", &array, &[":0 1"], Some("read b.json:2: the record is longer than 16 MiB"));
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (number, (name, bytes)) in members.iter().enumerate() {
        let method = if number % 2 == 0 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn members_of_a_zip_come_in_the_order_of_their_names() {
    let archive = zip(&[
        ("z/b.jsonl", b"{\"b\":1}\n"),
        ("a.json", b"[{\"a\":1},{\"a\":2}]"),
        ("__MACOSX/._a.json", b"\0\0"),
        ("z/__MACOSX/._b.jsonl", b"\0\0"),
        ("readme.txt", b"no"),
        ("c.NDJSON", b"\n{}"),
    ]);
    let expected = ["a.json:0 {\"a\":1}", "a.json:1 {\"a\":2}", "c.NDJSON:1 {}", "z/b.jsonl:0 {\"b\":1}"];
    check("x.zip", &archive, &expected, None);
    let nothing = "read x.zip: it has no member named .json, .jsonl or .ndjson";
    check("x.zip", &zip(&[("readme.txt", b"no")]), &[], Some(nothing));
    check("x.zip", &zip(&[]), &[], Some(nothing));
}

#[test]
fn a_damaged_member_is_noticed() {
    let mut archive = zip(&[("a.txt", b""), ("a.json", b"{\"secret\":1}\n")]);
    let at = archive.windows(6).position(|window| window == b"secret").unwrap();
    archive[at] = b'S';
    let message = "read x.zip/a.json:2: the member is damaged: its checksum is wrong";
    check("x.zip", &archive, &["a.json:0 {\"Secret\":1}"], Some(message));
    let (seen, failed) = read(&Fixture::new("x.zip", &archive[..archive.len() - 30]), 10);
    assert!(seen.is_empty());
    assert!(failed.unwrap().starts_with("read x.zip: it is not a zip that can be read: "));
}

#[test]
fn rows_of_parquet_become_objects() {
    let millis = TimestampMillisecondArray::from(vec![Some(1_500), None, Some(0)]);
    let zoned = TimestampNanosecondArray::from(vec![1, 2_000, 3]).with_timezone("UTC");
    let batch = RecordBatch::try_from_iter_with_nullable([
        (
            "name",
            Arc::new(StringArray::from(vec![Some("a\nb"), None, Some("c")])) as arrow::array::ArrayRef,
            true,
        ),
        ("count", Arc::new(Int64Array::from(vec![1, i64::MAX, 3])), false),
        ("local", Arc::new(millis), true),
        ("zoned", Arc::new(zoned), false),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let expected = [
        r#":0 {"name":"a\nb","count":1,"local":"1970-01-01T00:00:01.500Z","zoned":"1970-01-01T00:00:00.000000001Z"}"#,
        r#":1 {"count":9223372036854775807,"zoned":"1970-01-01T00:00:00.000002Z"}"#,
        r#":2 {"name":"c","count":3,"local":"1970-01-01T00:00:00Z","zoned":"1970-01-01T00:00:00.000000003Z"}"#,
    ];
    check("a.parquet", &bytes, &expected, None);
    for packing in
        [Compression::LZ4, Compression::LZ4_RAW, Compression::SNAPPY, Compression::GZIP(Default::default())]
    {
        let properties = WriterProperties::builder().set_compression(packing).build();
        let mut packed = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut packed, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        check("a.parquet", &packed, &expected, None);
    }
    let cut = Fixture::new("a.parquet", &bytes[..bytes.len() - 4]);
    assert!(
        read(&cut, 5).1.unwrap().starts_with("read a.parquet: it is not a Parquet file that can be read: ")
    );
}

#[test]
fn files_that_are_not_there_are_named() {
    let fixture = Fixture::new("a", b"");
    let missing = open(fixture.folder.path().join("b").to_str().unwrap()).err().unwrap();
    assert_eq!(fixture.shown(&missing), "read b: No such file or directory (os error 2)");
    let folder = open(fixture.folder.path().to_str().unwrap()).err().unwrap();
    assert!(folder.to_string().ends_with(": it is a directory"));
}

#[test]
fn progress_ends_at_the_length() {
    let fixture = Fixture::new("a.json.gz", &gzip(b"{}\n{}\n"));
    let mut source = fixture.open().unwrap().remove(0);
    assert_eq!(source.progress().length(), Some(std::fs::metadata(&fixture.path).unwrap().len()));
    while source.next_batch(1).unwrap().is_some() {}
    assert_eq!(Some(source.progress().position()), source.progress().length());
    assert_eq!(&**source.name(), fixture.path.to_str().unwrap());
}
