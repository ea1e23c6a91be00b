//! Where the parts of a run begin, found before any row is read for good.

use serde::{Deserialize, Serialize};

use super::super::heard::Heard;
use super::super::opened::{head, open_all};
use super::super::parts::{Border, Shared, borders};
use super::super::read::sample;
use super::super::{RunError, Settings, StreamedFile};
use crate::run::InputFile;

/// More parts than this cost more to begin with than they save.
const PARTS_MAX: usize = 512;

/// How a run is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    account: String,
    borders: Vec<Border>,
    /// The report sources in the order of their files: rows name them by number.
    sources: Vec<String>,
}

impl Plan {
    /// How many parts there are; the first has number 0.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.borders.len().saturating_add(1)
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// The account as rows name it, by number.
    pub(super) fn names(&self) -> Vec<String> {
        vec![self.account.clone()]
    }

    /// What threads share while they read; the account has number 0, whether there are rows of it or not.
    pub(super) fn shared(&self) -> Shared {
        let shared = Shared::new(self.borders.clone());
        shared.know(&self.account);
        shared
    }

    /// Something that knows the sources by their numbers.
    pub(super) fn heard(&self, settings: &Settings<'_>) -> Heard {
        let mut heard = Heard::new(settings);
        heard.sources.clone_from(&self.sources);
        heard
    }
}

/// Makes a plan while the files go by one after the other.
#[derive(Debug)]
pub struct Planner {
    account: String,
    sample: Vec<Border>,
    bytes: usize,
    heard: Heard,
}

impl Planner {
    /// Begins the plan of a run of this account.
    #[must_use]
    pub fn begin(account: &str) -> Planner {
        Planner { account: account.to_owned(), sample: Vec::new(), bytes: 0, heard: Heard::default() }
    }

    /// Takes a look at the next file of the run.
    ///
    /// # Errors
    /// [`RunError`] where it cannot be read at all.
    pub fn take(&mut self, file: &InputFile<'_>, settings: &Settings<'_>) -> Result<(), RunError> {
        let streamed = [StreamedFile::from(file)];
        let heads = [head(&streamed[0], settings, false)?];
        let opened = open_all(&streamed, &heads, &[false], &mut self.heard, settings)?;
        let sample = sample(&opened)?;
        self.sample.extend(sample.into_iter().filter(|(account, _)| *account == self.account));
        self.bytes = self.bytes.saturating_add(file.bytes.len());
        Ok(())
    }

    /// Cuts the run into parts of about so many bytes of input each.
    #[must_use]
    pub fn finish(self, part_bytes: usize) -> Plan {
        let Planner { account, sample, bytes, heard } = self;
        let parts = bytes.div_ceil(part_bytes.max(1)).clamp(1, PARTS_MAX);
        Plan { account, borders: borders(sample, parts), sources: heard.sources }
    }
}
