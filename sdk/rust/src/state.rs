//! Writes and reads the bytes that `save` and `restore` exchange with the host.
//!
//! Little-endian fields in a fixed order, ended by a 64-bit FNV-1a checksum, so that a truncated
//! or damaged state is an error and never a wrong state. There are no field names: a new layout
//! takes a new `state_schema`, and `restore` reads the old one by its number.

use core::fmt;

use crate::decimal::Decimal;

/// Why a state can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// The checksum does not fit the bytes.
    Damaged,
    /// The bytes end before the field does.
    Short,
    /// A field holds what the reader can't accept.
    Malformed,
    /// The reader is done and bytes are left.
    Trailing {
        /// How many.
        bytes: usize,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the checksum of the state does not fit its bytes"),
            Self::Short => f.write_str("the state ends before its last field"),
            Self::Malformed => f.write_str("a field of the state has an impossible value"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes follow the last field"),
        }
    }
}

impl core::error::Error for StateError {}

impl From<StateError> for String {
    fn from(error: StateError) -> Self {
        error.to_string()
    }
}

/// Collects fields; [`Writer::finish`] adds the checksum.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    /// Sixteen bytes.
    pub fn i128(&mut self, value: i128) {
        self.0.extend(value.to_le_bytes());
    }

    /// One byte.
    pub fn boolean(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// The number of entries that follow.
    pub fn count(&mut self, entries: usize) {
        self.u32(u32::try_from(entries).expect("a state has less than 2^32 entries"));
    }

    /// A length and as many bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.0.extend_from_slice(value);
    }

    /// Text as UTF-8.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// A decimal with its scale.
    pub fn decimal(&mut self, value: Decimal) {
        self.i64(value.mantissa);
        self.u8(value.scale);
    }

    /// A decimal or nothing.
    pub fn optional_decimal(&mut self, value: Option<Decimal>) {
        self.boolean(value.is_some());
        if let Some(value) = value {
            self.decimal(value);
        }
    }

    /// The bytes with their checksum.
    pub fn finish(mut self) -> Vec<u8> {
        let sum = checksum(&self.0);
        self.u64(sum);
        self.0
    }
}

/// Reads the fields in the order in which they were written.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks the checksum.
    pub fn new(state: &'a [u8]) -> Result<Self, StateError> {
        let (body, sum) = state.split_last_chunk::<8>().ok_or(StateError::Short)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(StateError::Damaged);
        }
        Ok(Self(body))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(StateError::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    /// What [`Writer::u8`] wrote.
    pub fn u8(&mut self) -> Result<u8, StateError> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// What [`Writer::u32`] wrote.
    pub fn u32(&mut self) -> Result<u32, StateError> {
        self.take().map(u32::from_le_bytes)
    }

    /// What [`Writer::u64`] wrote.
    pub fn u64(&mut self) -> Result<u64, StateError> {
        self.take().map(u64::from_le_bytes)
    }

    /// What [`Writer::i64`] wrote.
    pub fn i64(&mut self) -> Result<i64, StateError> {
        self.take().map(i64::from_le_bytes)
    }

    /// What [`Writer::i128`] wrote.
    pub fn i128(&mut self) -> Result<i128, StateError> {
        self.take().map(i128::from_le_bytes)
    }

    /// What [`Writer::boolean`] wrote.
    pub fn boolean(&mut self) -> Result<bool, StateError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(StateError::Malformed),
        }
    }

    /// What [`Writer::count`] wrote. Never more than the bytes that are left, so a loop over it
    /// ends.
    pub fn count(&mut self) -> Result<usize, StateError> {
        let count = usize::try_from(self.u32()?).map_err(|_| StateError::Malformed)?;
        if count > self.0.len() { Err(StateError::Short) } else { Ok(count) }
    }

    /// What [`Writer::bytes`] wrote.
    pub fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let count = self.count()?;
        let (head, rest) = self.0.split_at_checked(count).ok_or(StateError::Short)?;
        self.0 = rest;
        Ok(head)
    }

    /// What [`Writer::text`] wrote.
    pub fn text(&mut self) -> Result<&'a str, StateError> {
        core::str::from_utf8(self.bytes()?).map_err(|_| StateError::Malformed)
    }

    /// What [`Writer::decimal`] wrote.
    pub fn decimal(&mut self) -> Result<Decimal, StateError> {
        let mantissa = self.i64()?;
        let scale = self.u8()?;
        if scale > Decimal::MAX_SCALE {
            return Err(StateError::Malformed);
        }
        Ok(Decimal::new(mantissa, scale))
    }

    /// What [`Writer::optional_decimal`] wrote.
    pub fn optional_decimal(&mut self) -> Result<Option<Decimal>, StateError> {
        if self.boolean()? { self.decimal().map(Some) } else { Ok(None) }
    }

    /// Checks that nothing is left.
    pub fn finish(self) -> Result<(), StateError> {
        match self.0.len() {
            0 => Ok(()),
            bytes => Err(StateError::Trailing { bytes }),
        }
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::qty;

    fn sample() -> Vec<u8> {
        let mut out = Writer::new();
        out.u32(7);
        out.i64(-1);
        out.i128(i128::MIN);
        out.text("déjà");
        out.optional_decimal(Some(qty("-1.50")));
        out.optional_decimal(None);
        out.boolean(true);
        out.finish()
    }

    #[test]
    fn reads_back_what_was_written() {
        let bytes = sample();
        let mut from = Reader::new(&bytes).expect("intact");
        assert_eq!(from.u32(), Ok(7));
        assert_eq!(from.i64(), Ok(-1));
        assert_eq!(from.i128(), Ok(i128::MIN));
        assert_eq!(from.text(), Ok("déjà"));
        assert_eq!(from.optional_decimal(), Ok(Some(qty("-1.50"))));
        assert_eq!(from.optional_decimal(), Ok(None));
        assert_eq!(from.clone().finish(), Err(StateError::Trailing { bytes: 1 }));
        assert_eq!(from.boolean(), Ok(true));
        assert_eq!(from.u8(), Err(StateError::Short));
        assert_eq!(from.finish(), Ok(()));
    }

    #[test]
    fn every_damaged_byte_and_every_truncation_is_found() {
        let bytes = sample();
        for i in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[i] ^= 0x40;
            assert_eq!(Reader::new(&damaged).err(), Some(StateError::Damaged), "byte {i}");
            assert!(Reader::new(&bytes[..i]).is_err(), "length {i}");
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        let mut out = Writer::new();
        out.u32(u32::MAX);
        let bytes = out.finish();
        assert_eq!(Reader::new(&bytes).expect("intact").bytes(), Err(StateError::Short));
    }
}
