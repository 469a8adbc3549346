//! A bot's state as it is kept: the bytes, the number of their format, and a checksum.

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 4] = b"skb1";
const SUM_LEN: usize = 8;
const HEAD_LEN: usize = MAGIC.len() + 4 + SUM_LEN;

/// A state that `save` gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of the format, as `describe` of the writing plugin gave it.
    pub schema: u32,
    /// The bot's bytes.
    pub state: Vec<u8>,
}

/// Why bytes are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not written by [`Snapshot::to_bytes`].
    #[error("these {found} bytes are no bot state of this version")]
    Header {
        /// How many bytes there are.
        found: usize,
    },
    /// Written by it, and changed since.
    #[error("the bot state of {found} bytes is damaged: its checksum does not agree")]
    Checksum {
        /// How many bytes of state there are.
        found: usize,
    },
}

impl Snapshot {
    /// As it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_LEN + self.state.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.schema.to_le_bytes());
        out.extend_from_slice(&self.sum());
        out.extend_from_slice(&self.state);
        out
    }

    /// Reads what [`Snapshot::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let header = || SnapshotError::Header { found: bytes.len() };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(header)?;
        let (schema, rest) = rest.split_first_chunk::<4>().ok_or_else(header)?;
        let (sum, state) = rest.split_first_chunk::<SUM_LEN>().ok_or_else(header)?;
        let read = Self { schema: u32::from_le_bytes(*schema), state: state.to_vec() };
        if read.sum() != *sum {
            return Err(SnapshotError::Checksum { found: state.len() });
        }
        Ok(read)
    }

    fn sum(&self) -> [u8; SUM_LEN] {
        let mut hash = Sha256::new();
        hash.update(self.schema.to_le_bytes());
        hash.update(&self.state);
        let mut sum = [0; SUM_LEN];
        sum.copy_from_slice(&hash.finalize()[..SUM_LEN]);
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn every_changed_byte_is_noticed() {
        let snapshot = Snapshot { schema: 7, state: b"position 12".to_vec() };
        let bytes = snapshot.to_bytes();
        assert_eq!(Snapshot::from_bytes(&bytes).unwrap(), snapshot);
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert!(Snapshot::from_bytes(&changed).is_err(), "byte {i}");
            assert!(Snapshot::from_bytes(&bytes[..i]).is_err(), "length {i}");
        }
    }
}
