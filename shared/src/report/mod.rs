//! What a run hands to people and programs: the same bytes for the same run. Pure.

pub mod alert;
pub mod code;
pub mod difference;
mod facts;
mod formula;
pub mod meanwhile;
mod open;
mod settlements;
mod summary;
mod tables;
pub mod urgent;

pub use facts::Facts;
pub(crate) use facts::evidence_of_rows;
pub(crate) use open::{ClosedLines, OpenLines, write_open_rows};
pub use open::{HandedOn, closed_ndjson, open_header};
pub use settlements::settlements_csv;
pub use summary::{InputRecord, Summary, summary_json};
pub(crate) use tables::Tables;
pub use tables::rejected_csv;
