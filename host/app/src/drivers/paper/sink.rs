//! Where the loop's rows go: Postgres, one commit for each input, before anything happens.

use anyhow::Result;
use std::sync::Arc;
use stockade_core::desk::{BooksAnswer, Question};
use stockade_core::row::Row;
use stockade_core::{Slug, Timestamp};
use stockade_store::{Group, Store, WriterHandle};
use tokio::runtime::Handle;

use super::record::Record;
use crate::drivers::lockstep::{ExchangeRequest, Sink};

/// The writer, and the record of what the exchange was asked for.
pub(super) struct Committed {
    pub(super) runtime: Handle,
    pub(super) store: Arc<Store>,
    pub(super) label: Slug,
    pub(super) writer: WriterHandle,
    pub(super) record: Record,
    /// Commits until the process is taken to have been killed.
    #[cfg(test)]
    pub(super) commits_left: u32,
}

impl Committed {
    pub(super) const fn new(
        runtime: Handle,
        store: Arc<Store>,
        label: Slug,
        writer: WriterHandle,
        record: Record,
    ) -> Self {
        Self {
            runtime,
            store,
            label,
            writer,
            record,
            #[cfg(test)]
            commits_left: u32::MAX,
        }
    }
}

impl Sink for Committed {
    fn commit(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        #[cfg(test)]
        {
            anyhow::ensure!(self.commits_left > 0, "killed before a commit");
            self.commits_left -= 1;
        }
        let rows = std::mem::take(rows);
        Ok(self.runtime.block_on(self.writer.commit(Group { rows }))?)
    }

    fn answer(&mut self, question: &Question) -> Result<BooksAnswer> {
        Ok(self.runtime.block_on(self.store.answer(self.label.as_str(), question))?)
    }

    fn before(&mut self, request: ExchangeRequest<'_>, at: Timestamp) -> Result<()> {
        self.record.append(request, at)
    }
}
