//! Lines of a CSV file, plain or gzipped, cut into fields without copying them.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::FileError;

/// Longest line, in bytes: a file without a line end must not fill the memory.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// Most fields of a line.
const FIELDS_MAX: usize = 64;
const BUFFER_BYTES: usize = 256 * 1024;

/// A file's lines, one at a time. Empty lines are skipped; a byte order mark and `\r` are dropped.
pub(crate) struct Lines {
    file: String,
    input: Box<dyn BufRead>,
    bytes: Vec<u8>,
    /// Where each field of the line starts and ends.
    fields: Vec<(usize, usize)>,
    number: u64,
}

impl Lines {
    /// Opens a file; gzip is known by its first two bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let file = path.display().to_string();
        let opened = std::fs::File::open(path);
        match opened {
            Ok(opened) => Self::of(file, opened),
            Err(source) => Err(FileError::Read { file, source }),
        }
    }

    /// Reads from anything; `file` is its name in messages.
    pub(crate) fn of(file: String, input: impl Read + 'static) -> Result<Self, FileError> {
        let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
        let gzipped = match input.fill_buf() {
            Ok(start) => start.starts_with(&[0x1f, 0x8b]),
            Err(source) => return Err(FileError::Read { file, source }),
        };
        let input: Box<dyn BufRead> = if gzipped {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(input)))
        } else {
            Box::new(input)
        };
        Ok(Self {
            file,
            input,
            bytes: Vec::with_capacity(256),
            fields: Vec::with_capacity(16),
            number: 0,
        })
    }

    /// The file's name, for messages.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The number of the line in hand, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Goes to the next line that is not empty; `false` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<bool, FileError> {
        loop {
            self.bytes.clear();
            let mut limited = (&mut self.input).take(LINE_BYTES_MAX + 1);
            let read = limited.read_until(b'\n', &mut self.bytes);
            let read =
                read.map_err(|source| FileError::Read { file: self.file.clone(), source })?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            if read as u64 > LINE_BYTES_MAX {
                return Err(self.fault("is longer than 65,536 bytes"));
            }
            if self.number == 1 && self.bytes.starts_with(b"\xef\xbb\xbf") {
                self.bytes.drain(..3);
            }
            while matches!(self.bytes.last(), Some(b'\n' | b'\r')) {
                self.bytes.pop();
            }
            if self.bytes.iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
                return self.cut().map(|()| true);
            }
        }
    }

    /// The fields of the line in hand.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Field `index` of the line in hand, without blanks around it.
    pub(crate) fn field(&self, index: usize) -> &[u8] {
        let (from, to) = self.fields[index];
        self.bytes[from..to].trim_ascii()
    }

    fn cut(&mut self) -> Result<(), FileError> {
        if self.bytes.contains(&b'"') {
            self.unquote()?;
            return self.check_fields();
        }
        self.fields.clear();
        let mut from = 0;
        for (at, byte) in self.bytes.iter().enumerate() {
            if *byte == b',' {
                self.fields.push((from, at));
                from = at + 1;
            }
        }
        self.fields.push((from, self.bytes.len()));
        self.check_fields()
    }

    /// Quotes are rare: the line goes through the full reader and back into the buffer.
    fn unquote(&mut self) -> Result<(), FileError> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(self.bytes.as_slice());
        let mut record = csv::ByteRecord::new();
        if reader.read_byte_record(&mut record).is_err() {
            return Err(self.fault("is no CSV"));
        }
        let mut bytes = Vec::with_capacity(self.bytes.len());
        self.fields.clear();
        for field in &record {
            let from = bytes.len();
            bytes.extend_from_slice(field);
            self.fields.push((from, bytes.len()));
        }
        self.bytes = bytes;
        Ok(())
    }

    fn check_fields(&self) -> Result<(), FileError> {
        if self.fields.len() > FIELDS_MAX {
            return Err(self.fault("has more than 64 fields"));
        }
        Ok(())
    }

    fn fault(&self, fault: &'static str) -> FileError {
        FileError::Line { file: self.file.clone(), line: self.number, fault }
    }
}
