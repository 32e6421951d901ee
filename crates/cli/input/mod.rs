//! Records from files: what `publish`, `replay` and `bench` read.
//!
//! [`open`] turns a path into [`Source`]s, one per file or member of an archive. A source hands out its records in
//! batches of bounded size, however large the file: nothing is unpacked to disk or held as a whole.
//!
//! - [`lines`] and [`mod@array`] cut text into records;
//! - [`archive`] finds the members of a zip;
//! - [`columns`] turns the rows of a Parquet file into JSON.
//!
//! Text is recognised by what it begins with, not by its name: gzip, Zstandard, zip and Parquet by their magic
//! numbers, a JSON array by its bracket, NDJSON otherwise.

mod archive;
mod array;
mod columns;
mod error;
mod lines;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use self::archive::Member;
use self::array::Array;
use self::columns::Columns;
use self::lines::Lines;

pub(crate) use self::error::Error;

/// One record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The file's name as it was given, or `archive.zip/member`.
    pub(crate) file: Arc<str>,
    /// The line from 0, blank ones counted; of a JSON array the element, of a Parquet file the row.
    pub(crate) line: u64,
    /// The record as it stands in the file; not checked to be JSON.
    pub(crate) bytes: Bytes,
}

/// The name that stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// No record may be longer.
pub(crate) const RECORD_BYTES_MAX: usize = 16 << 20;

/// Opens a file, or standard input for `-`. An archive gives a source per member, in the order of their names.
pub(crate) fn open(path: &str) -> Result<Vec<Source>, Error> {
    if path == STANDARD_INPUT {
        let progress = Progress::of_unknown_length();
        let raw = Box::new(BufReader::with_capacity(BUFFER_BYTES, io::stdin()));
        return Ok(vec![Source::from_reader(path, progress.counting(raw), progress)?]);
    }
    let failed = |cause| Error::io(path, cause);
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::unusable(path, "is a directory"));
    }
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).map_err(failed)?;
    let progress = Progress::of_length(metadata.len());
    if magic == ZIP_MAGIC || magic == ZIP_EMPTY_MAGIC {
        let source = |member: Member| Source {
            name: member.name().into(),
            progress: Progress::of_length(member.packed_bytes()),
            records: Records::Member(member),
        };
        return Ok(archive::members(path, file)?.into_iter().map(source).collect());
    }
    if magic == PARQUET_MAGIC {
        let (columns, progress) = Columns::open(path, file)?;
        return Ok(vec![Source { name: path.into(), records: Records::Columns(columns), progress }]);
    }
    let lacking = expected_magic(path).filter(|(expected, _)| !magic.starts_with(expected));
    if let Some((_, format)) = lacking {
        return Err(Error::unusable(path, &format!("is not a {format} file, though its name says so")));
    }
    // A pipe cannot seek, and what was read of it is not lost.
    let raw: Box<dyn BufRead + Send> = if metadata.is_file() {
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Box::new(BufReader::with_capacity(BUFFER_BYTES, file))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(magic).chain(file)))
    };
    Ok(vec![Source::from_reader(path, progress.counting(raw), progress)?])
}

/// The records of one file or member.
pub(crate) struct Source {
    name: Arc<str>,
    records: Records,
    progress: Progress,
}

enum Records {
    /// A member of an archive that nothing was read of yet.
    Member(Member),
    Lines(Lines),
    Array(Array),
    Columns(Columns),
    /// All were read; the file is closed.
    Ended,
}

impl Source {
    /// The file's name as given, or `archive.zip/member`.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How far the file was read.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The next records, at most `max` and at most some megabytes; `None` at the end.
    ///
    /// Fails when the file cannot be read or unpacked, or a record is longer than [`RECORD_BYTES_MAX`]. What came
    /// before is not lost: it is handed out first.
    pub(crate) fn next_batch(&mut self, max: usize) -> Result<Option<Vec<Item>>, Error> {
        if let Records::Member(member) = &self.records {
            self.records = Records::from_text(&self.name, member.open(&self.progress)?)?;
        }
        let cut = match &mut self.records {
            Records::Member(_) | Records::Ended => return Ok(None),
            Records::Lines(lines) => lines.next_batch(max),
            Records::Array(array) => array.next_batch(max),
            Records::Columns(columns) => columns.next_batch(max),
        };
        if !matches!(&cut, Ok(cut) if !cut.is_empty()) {
            self.records = Records::Ended;
            return cut.map(|_| None);
        }
        let cut = cut?;
        let item = |(line, bytes)| Item { file: Arc::clone(&self.name), line, bytes };
        Ok(Some(cut.into_iter().map(item).collect()))
    }

    /// Reads text, unpacked where it begins like gzip or Zstandard.
    fn from_reader(name: &str, mut raw: Box<dyn BufRead + Send>, progress: Progress) -> Result<Self, Error> {
        let failed = |cause| Error::io(name, cause);
        let head = peek(&mut raw).map_err(failed)?;
        let jumps = [
            (ZIP_MAGIC, "a zip archive"),
            (ZIP_EMPTY_MAGIC, "a zip archive"),
            (PARQUET_MAGIC, "a Parquet file"),
        ];
        if let Some((_, what)) = jumps.iter().find(|(magic, _)| head == *magic) {
            let why = format!(
                "is {what}, whose directory stands at its end: name it as a file instead of piping it"
            );
            return Err(Error::unusable(name, &why));
        }
        let text: Box<dyn BufRead + Send> = if head.starts_with(&GZIP_MAGIC) {
            let unpacked = flate2::bufread::MultiGzDecoder::new(raw);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked))
        } else if head.starts_with(&ZSTD_MAGIC) {
            let unpacked = zstd::stream::read::Decoder::with_buffer(raw).map_err(failed)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked))
        } else {
            raw
        };
        let name: Arc<str> = name.into();
        let records = Records::from_text(&name, text)?;
        Ok(Self { name, records, progress })
    }
}

impl Records {
    /// The records of text that is not packed.
    fn from_text(name: &Arc<str>, mut text: Box<dyn BufRead + Send>) -> Result<Self, Error> {
        let failed = |cause| Error::io(name, cause);
        let head = peek(&mut text).map_err(failed)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(Error::unusable(name, "is UTF-16 text; convert it to UTF-8"));
        }
        if head.starts_with(&UTF8_MARK) {
            text.consume(UTF8_MARK.len());
        }
        let (text, is_array) = array::begins(text).map_err(failed)?;
        Ok(if is_array {
            Records::Array(Array::new(Arc::clone(name), text))
        } else {
            Records::Lines(Lines::new(Arc::clone(name), text))
        })
    }
}

/// How far a file was read, in bytes as they lie on disk or in rows.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    position: Arc<AtomicU64>,
    length: Option<u64>,
}

impl Progress {
    /// Bytes or rows read.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Bytes or rows in all, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    fn of_length(length: u64) -> Self {
        Self { position: Arc::default(), length: Some(length) }
    }

    fn of_unknown_length() -> Self {
        Self { position: Arc::default(), length: None }
    }

    fn advance(&self, by: u64) {
        self.position.fetch_add(by, Ordering::Relaxed);
    }

    /// A reader that notes here what is taken from it.
    fn counting(&self, inner: Box<dyn BufRead + Send>) -> Box<dyn BufRead + Send> {
        Box::new(Counting { inner, progress: self.clone() })
    }
}

struct Counting {
    inner: Box<dyn BufRead + Send>,
    progress: Progress,
}

impl Read for Counting {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

impl BufRead for Counting {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
        self.progress.advance(bytes as u64);
    }
}

/// The first bytes of a reader, which stay there.
fn peek(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    loop {
        match reader.fill_buf() {
            Ok(bytes) => return Ok(bytes[..bytes.len().min(4)].to_vec()),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

/// What a file of that name has to begin with.
fn expected_magic(path: &str) -> Option<(&'static [u8], &'static str)> {
    let extension = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "gz" => Some((&GZIP_MAGIC, "gzip")),
        "zst" => Some((&ZSTD_MAGIC, "Zstandard")),
        "zip" => Some((&ZIP_MAGIC, "zip")),
        "parquet" => Some((&PARQUET_MAGIC, "Parquet")),
        _ => None,
    }
}

/// Records that were cut out of a file: line and bytes.
type Cut = Vec<(u64, Bytes)>;

/// A batch ends when it has so many bytes.
const BATCH_BYTES: usize = 4 << 20;
const BUFFER_BYTES: usize = 128 << 10;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";
const ZIP_EMPTY_MAGIC: [u8; 4] = *b"PK\x05\x06";
const PARQUET_MAGIC: [u8; 4] = *b"PAR1";
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

#[cfg(test)]
mod tests;
