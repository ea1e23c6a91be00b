//! Why a file as a whole cannot be read.

use thiserror::Error;

/// Each message is one sentence that names the file, what is wrong with it and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// Not one byte, which is rather a failed export than a day without rows.
    #[error("{file} has no content at all: export it again (a day without rows still has its header line)")]
    Empty {
        /// Name of the file.
        file: String,
    },
    /// Blank lines and nothing else.
    #[error("{file} has only blank lines: export it again with its header line")]
    NoHeader {
        /// Name of the file.
        file: String,
    },
    /// A spreadsheet, an archive, UTF-16 or the like.
    #[error("{file} is {what}, not plain text: {remedy}")]
    NotText {
        /// Name of the file.
        file: String,
        /// What the first bytes say that it is.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Bytes in the header that are not UTF-8.
    #[error(
        "the header of {file} is not UTF-8: save the file as UTF-8, or write encoding = \"latin-1\" under [{leg}] in \
         the mapping"
    )]
    HeaderEncoding {
        /// Name of the file.
        file: String,
        /// Table of the mapping.
        leg: &'static str,
    },
    /// The mapping says Latin-1 and the file says that it is UTF-8.
    #[error("{file} says that it is UTF-8: take encoding = \"latin-1\" out of [{leg}] in the mapping")]
    EncodingContradicts {
        /// Name of the file.
        file: String,
        /// Table of the mapping.
        leg: &'static str,
    },
    /// Quotes in the header that do not come in pairs, or a header without end.
    #[error("the header of {file} cannot be read because it {reason}: correct the first line")]
    BrokenHeader {
        /// Name of the file.
        file: String,
        /// What is wrong with the line.
        reason: String,
    },
    /// One name twice: either column could be meant.
    #[error("the header of {file} names the column \"{column}\" twice: rename or remove one of them")]
    DuplicateColumn {
        /// Name of the file.
        file: String,
        /// The name.
        column: String,
    },
    /// A column that the format requires is not there under any name that is known.
    #[error("{file} has no column \"{column}\": {remedy}")]
    MissingColumn {
        /// Name of the file.
        file: String,
        /// The required field.
        column: String,
        /// What to do; names the nearest unknown column where one is close.
        remedy: String,
    },
    /// The mapping names a column for a required field, and the file lacks it.
    #[error(
        "{file} has no column \"{column}\", which the mapping names for the required field {field}: {remedy}"
    )]
    MappedColumnMissing {
        /// Name of the file.
        file: String,
        /// The required field.
        field: &'static str,
        /// The column as the mapping names it.
        column: String,
        /// What to do; names the nearest unknown column where one is close.
        remedy: String,
    },
    /// Nobody says whose rows these are.
    #[error("{file} has no column \"account\" and no account was given: {remedy}")]
    NoAccount {
        /// Name of the file.
        file: String,
        /// What to do; names the nearest unknown column where one is close.
        remedy: String,
    },
    /// A file in which no statement of a bank begins.
    #[error(
        "{file} has no {what} statement in it: ask the bank for the statement as {what}, or give it as CSV"
    )]
    NoStatement {
        /// Name of the file.
        file: String,
        /// The format that was looked for.
        what: &'static str,
    },
    /// Statements, none of which can be taken.
    #[error(
        "the statement in line {line} of {file} cannot be taken, for its {part} {reason}: ask the bank for it again"
    )]
    StatementRefused {
        /// Name of the file.
        file: String,
        /// Physical line on which the first of them begins.
        line: u64,
        /// The part of it that is at fault, such as the closing balance.
        part: String,
        /// What is wrong with that part; reads on after its name.
        reason: String,
    },
    /// Lines of a bank that do not lead from one of their balances to the next.
    #[error("{file} cannot be taken, for its balance in line {line} {reason}: {remedy}")]
    BalanceBroken {
        /// Name of the file.
        file: String,
        /// The first line, oldest first, whose balance does not follow from the one before it.
        line: u64,
        /// Both balances, what lies between them and the difference; reads on after the line.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A workbook or document that cannot be opened, or whose records are not where the mapping says.
    #[error("{file} {what}: {remedy}")]
    Unreadable {
        /// Name of the file.
        file: String,
        /// What is wrong; holds nothing of the content.
        what: String,
        /// What to do; may name sheets and members of the file.
        remedy: String,
    },
}

/// Why a workbook or a document cannot be read: what is wrong, and what to do. `[]` in the remedy stands for the leg's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal { what: what.into(), remedy: remedy.into() }
    }

    /// The error of a file of this name and leg.
    pub(super) fn of(self, file: &str, leg: &str) -> FileError {
        let remedy = self.remedy.replace("[]", &format!("[{leg}]"));
        FileError::Unreadable { file: file.to_owned(), what: self.what, remedy }
    }
}
