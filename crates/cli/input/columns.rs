//! The rows of a Parquet file as JSON objects.

use std::collections::VecDeque;
use std::fs::File;

use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Cut, Error, Progress};

/// Reads rows in batches; fields without a value are left out.
pub(super) struct Columns {
    file: String,
    reader: ParquetRecordBatchReader,
    waiting: VecDeque<Bytes>,
    row: u64,
    progress: Progress,
}

impl Columns {
    pub(super) fn open(path: &str, file: File) -> Result<(Self, Progress), Error> {
        let broken = |cause: parquet::errors::ParquetError| {
            Error::unusable(path, &format!("is not a Parquet file that can be read: {cause}"))
        };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
        let rows = builder.metadata().file_metadata().num_rows();
        let progress = Progress::of_length(rows.unsigned_abs());
        let reader = builder.with_batch_size(ROWS).build().map_err(broken)?;
        let waiting = VecDeque::new();
        Ok((Self { file: path.to_owned(), reader, waiting, row: 0, progress: progress.clone() }, progress))
    }

    /// The next rows; none at the end.
    pub(super) fn next_batch(&mut self, max: usize) -> Result<Cut, Error> {
        while self.waiting.is_empty() {
            let Some(batch) = self.reader.next() else {
                return Ok(Vec::new());
            };
            let failed = |cause: arrow::error::ArrowError| {
                Error::unusable(&self.file, &format!("cannot be turned into JSON: {cause}")).at_line(self.row)
            };
            let batch = batch.map_err(failed)?;
            let mut text = Vec::new();
            let mut writer = WriterBuilder::new()
                .with_timestamp_format(TIMESTAMP.to_owned())
                .build::<_, LineDelimited>(&mut text);
            writer.write(&batch).map_err(failed)?;
            writer.finish().map_err(failed)?;
            drop(writer);
            let text = Bytes::from(text);
            let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            self.waiting.extend(lines.map(|line| text.slice_ref(line)));
        }
        let count = max.min(self.waiting.len());
        let first = self.row;
        self.row += count as u64;
        self.progress.advance(count as u64);
        Ok((first..).zip(self.waiting.drain(..count)).collect())
    }
}

/// A time without a zone is UTC. One that has a zone is written with its offset anyway.
const TIMESTAMP: &str = "%Y-%m-%dT%H:%M:%S%.fZ";
const ROWS: usize = 1024;
