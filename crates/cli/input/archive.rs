//! The members of a zip archive, each read from the file on its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};

use flate2::Crc;
use zip::{CompressionMethod, ZipArchive};

use super::{BUFFER_BYTES, Error, Progress};

/// The archive's JSON files, in the order of their names.
pub(super) fn members(path: &str, file: File) -> Result<Vec<Member>, Error> {
    let broken = |cause: zip::result::ZipError| {
        Error::unusable(path, &format!("is not a zip that can be read: {cause}"))
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        if entry.is_dir() || !is_wanted(&name) {
            continue;
        }
        let shown = format!("{path}/{name}");
        if entry.encrypted() {
            return Err(Error::unusable(&shown, "is encrypted"));
        }
        let packing = match entry.compression() {
            CompressionMethod::Stored => Packing::Stored,
            CompressionMethod::Deflated => Packing::Deflated,
            other => {
                return Err(Error::unusable(
                    &shown,
                    &format!("is packed with {other}, which is not supported"),
                ));
            }
        };
        let start =
            entry.data_start().ok_or_else(|| Error::unusable(&shown, "has no data in the archive"))?;
        members.push(Member {
            path: path.to_owned(),
            name: shown,
            packing,
            start,
            packed_bytes: entry.compressed_size(),
            bytes: entry.size(),
            crc: entry.crc32(),
        });
    }
    if members.is_empty() {
        return Err(Error::unusable(path, "has no member named .json, .jsonl or .ndjson"));
    }
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// Where a member lies in the archive.
pub(super) struct Member {
    path: String,
    name: String,
    packing: Packing,
    start: u64,
    packed_bytes: u64,
    bytes: u64,
    crc: u32,
}

#[derive(Clone, Copy)]
enum Packing {
    Stored,
    Deflated,
}

impl Member {
    /// `archive.zip/member`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Length as it lies in the archive.
    pub(super) fn packed_bytes(&self) -> u64 {
        self.packed_bytes
    }

    /// Opens the archive once more, at this member: each is read on its own, and one that is not read yet costs no
    /// open file.
    pub(super) fn open(&self, progress: &Progress) -> Result<Box<dyn BufRead + Send>, Error> {
        let failed = |cause| Error::io(&self.name, cause);
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.start)).map_err(failed)?;
        let packed = BufReader::with_capacity(BUFFER_BYTES, file.take(self.packed_bytes));
        let packed = progress.counting(Box::new(packed));
        let unpacked: Box<dyn Read + Send> = match self.packing {
            Packing::Stored => Box::new(packed),
            Packing::Deflated => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
        };
        let checked = Checked { inner: unpacked, crc: Crc::new(), expected: self.crc, left: self.bytes };
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, checked)))
    }
}

/// Holds a member to the length and checksum that the archive's directory states.
struct Checked {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    expected: u32,
    left: u64,
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        if into.is_empty() {
            return Ok(read);
        }
        if read == 0 && self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let damaged =
            || io::Error::new(io::ErrorKind::InvalidData, "the member is damaged: its checksum is wrong");
        self.left = self.left.checked_sub(read as u64).ok_or_else(damaged)?;
        self.crc.update(&into[..read]);
        if read == 0 && self.crc.sum() != self.expected {
            return Err(damaged());
        }
        Ok(read)
    }
}

/// JSON files, but not the shadows that macOS adds.
fn is_wanted(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_json = [".json", ".jsonl", ".ndjson"].iter().any(|extension| lower.ends_with(extension));
    is_json && !name.split('/').any(|segment| segment == "__MACOSX")
}
