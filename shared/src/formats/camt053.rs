//! CAMT.053, the bank-to-customer statement of ISO 20022, of any version: elements are known by their local names.

use memchr::memchr_iter;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::balanced::{Balance, Draft, Entry, Moved, Statements, decode, magnitude};
use super::error::FileError;
use super::fields::Defect;
use super::values::canonical_day;
use super::xml::character;
use super::{Source, Table};
use crate::lifecycle::evidence::BankRow;
use crate::money::Currency;

/// Elements within elements; a statement has about fifteen.
const DEPTH_MAX: usize = 64;

/// Most bytes of text that one element may hold.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Bytes of remittance texts that are gathered of one entry; more could not be kept.
const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;

/// The element that holds all statements.
const ROOT: &str = "BkToCstmrStmt";

/// Reads all statements of a document.
pub(super) fn read(source: &Source<'_>) -> Result<Table<BankRow<'static>>, FileError> {
    let text = decode(source)?;
    let refuse = |(what, remedy): (String, &'static str)| FileError::Unreadable {
        file: source.name.to_owned(),
        what,
        remedy: remedy.to_owned(),
    };
    let mut document = Document {
        statements: Statements::new(source.name),
        lines: Lines { text: &text, at: 0, line: 1 },
        path: Vec::new(),
        text: String::new(),
        currency: String::new(),
        draft: None,
        balance: BalanceText::default(),
        interims: Vec::new(),
        entry: None,
    };
    document.run(&text).map_err(refuse)?;
    document.statements.finish("CAMT.053")
}

/// What is wrong with the document, and what to do.
type Refusal = (String, &'static str);

/// Counts lines on the way through a text.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a position at or after the last one asked for.
    fn line_at(&mut self, position: u64) -> u64 {
        let position = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.as_bytes().get(self.at..position).unwrap_or_default();
        let breaks = memchr_iter(b'\n', passed).count();
        self.line = self.line.saturating_add(u64::try_from(breaks).unwrap_or(u64::MAX));
        self.at = self.at.max(position);
        self.line
    }
}

/// The parts of one balance as they stand in the document.
#[derive(Debug, Default)]
struct BalanceText {
    kind: String,
    amount: String,
    currency: String,
    mark: String,
    day: String,
}

/// The parts of one entry as they stand in the document.
#[derive(Debug, Default)]
struct EntryText {
    line: u64,
    amount: String,
    currency: String,
    mark: String,
    reversal: bool,
    status: String,
    value_day: String,
    booking_day: String,
    end_to_end: String,
    servicer_reference: String,
    entry_reference: String,
    details: usize,
    texts: String,
    addition: String,
}

impl EntryText {
    fn add_text(&mut self, text: &str) {
        if self.texts.len().saturating_add(text.len()) <= DESCRIPTION_BYTES_MAX {
            self.texts.push('\n');
            self.texts.push_str(text);
        }
    }
}

struct Document<'s, 't> {
    statements: Statements<'s>,
    lines: Lines<'t>,
    /// Names of the open elements.
    path: Vec<String>,
    /// Text of the innermost open element.
    text: String,
    /// Currency of the innermost amount.
    currency: String,
    draft: Option<Draft>,
    balance: BalanceText,
    /// Interim balances of the statement: the first and the last stand in where pages have no booked ones.
    interims: Vec<Balance>,
    entry: Option<EntryText>,
}

impl Document<'_, '_> {
    fn run(&mut self, text: &str) -> Result<(), Refusal> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut root_seen = false;
        loop {
            let before = reader.buffer_position();
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(_) => return Err(self.malformed(reader.error_position())),
            };
            match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    if self.path.is_empty() && root_seen {
                        return Err(self.malformed(before));
                    }
                    root_seen = true;
                    self.start(&tag, before)?;
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.add(&text.xml10_content())?,
                Event::CData(text) => self.add(&text.xml10_content())?,
                Event::GeneralRef(entity) => match character(&entity) {
                    Some(c) => self.add(c.encode_utf8(&mut [0; 4]))?,
                    None => {
                        let what = "uses an entity other than the five of XML".to_owned();
                        return Err((what, "write the character itself"));
                    }
                },
                Event::DocType(_) => {
                    return Err(("has a DOCTYPE, which is never read".to_owned(), "take it out"));
                }
                Event::Eof if self.path.is_empty() && root_seen => return Ok(()),
                Event::Eof => return Err(self.malformed(before)),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            }
        }
    }

    fn malformed(&mut self, position: u64) -> Refusal {
        let line = self.lines.line_at(position);
        (format!("is not well-formed XML in line {line}"), "export or transfer it again")
    }

    fn add(&mut self, text: &str) -> Result<(), Refusal> {
        if self.text.len().saturating_add(text.len()) > TEXT_BYTES_MAX {
            return Err((
                "holds a text longer than 64 KiB".to_owned(),
                "ask the bank for the statement again",
            ));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>, position: u64) -> Result<(), Refusal> {
        if self.path.len() >= DEPTH_MAX {
            let what = format!("is nested more than {DEPTH_MAX} elements deep");
            return Err((what, "ask the bank for the statement again"));
        }
        let name = tag.local_name().as_ref().to_owned();
        self.text.clear();
        match name.as_str() {
            "BkToCstmrAcctRpt" | "BkToCstmrDbtCdtNtfctn" => {
                let what = "is a CAMT.052 or CAMT.054 message, which has no closing balance".to_owned();
                return Err((what, "ask the bank for the statement, CAMT.053"));
            }
            "Stmt" if self.path.last().is_some_and(|parent| parent == ROOT) => {
                self.draft = Some(Draft { line: self.lines.line_at(position), ..Draft::default() });
                self.interims.clear();
            }
            "Bal" => self.balance = BalanceText::default(),
            "Ntry" if self.draft.is_some() && self.entry.is_none() => {
                self.entry = Some(EntryText { line: self.lines.line_at(position), ..EntryText::default() });
            }
            "Amt" => {
                let currency = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == "Ccy");
                self.currency = currency.map(|attribute| attribute.value.into_owned()).unwrap_or_default();
            }
            _ => {}
        }
        self.path.push(name);
        Ok(())
    }

    fn end(&mut self) {
        let text = self.text.trim().to_owned();
        self.text.clear();
        let inner = self.path.iter().rposition(|name| name == ROOT).and_then(|root| self.path.get(root..));
        let inner = inner.unwrap_or_default().join("/");
        self.path.pop();
        let Some(inner) = inner.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix("/Stmt")) else {
            return;
        };
        match inner.strip_prefix('/') {
            None => self.end_statement(),
            Some("Bal") => self.end_balance(),
            Some("Ntry") => self.end_entry(),
            Some(path) => self.leaf(path, text),
        }
    }

    /// Keeps the text of an element that is asked for.
    fn leaf(&mut self, path: &str, text: String) {
        if let (Some(path), Some(entry)) = (path.strip_prefix("Ntry/"), self.entry.as_mut()) {
            return leaf_of_entry(entry, path, text, &self.currency);
        }
        let balance = &mut self.balance;
        match path {
            "Bal/Tp/CdOrPrtry/Cd" => balance.kind = text,
            "Bal/Amt" => {
                balance.amount = text;
                balance.currency.clone_from(&self.currency);
            }
            "Bal/CdtDbtInd" => balance.mark = text,
            "Bal/Dt/Dt" | "Bal/Dt/DtTm" => balance.day = text,
            _ => {
                let Some(draft) = self.draft.as_mut() else { return };
                match path {
                    "Id" | "ElctrncSeqNb" | "StmtPgntn/PgNb" => {
                        draft.id.push_str(&text);
                        draft.id.push(' ');
                    }
                    "Acct/Id/IBAN" | "Acct/Id/Othr/Id" if !text.is_empty() => draft.bank_account = Some(text),
                    _ => {}
                }
            }
        }
    }

    fn end_balance(&mut self) {
        let Some(draft) = self.draft.as_mut() else { return };
        let balance = std::mem::take(&mut self.balance);
        let field = match balance.kind.as_str() {
            // The balance with which the statement before closed is the one with which this one opens.
            "OPBD" | "PRCD" => "opening_balance",
            "CLBD" => "closing_balance",
            "ITBD" => "interim_balance",
            // Available and forward balances count what is not booked.
            _ => return,
        };
        match (field, balance_of(&balance)) {
            ("opening_balance", Ok(found)) if draft.opening.is_none() || balance.kind == "OPBD" => {
                draft.opening = Some(found);
            }
            ("closing_balance", Ok(found)) => draft.closing = Some(found),
            ("interim_balance", Ok(found)) => self.interims.push(found),
            (_, Ok(_)) => {}
            (_, Err(reason)) => draft.blame(Defect::new(field, reason, &balance.amount)),
        }
    }

    fn end_statement(&mut self) {
        let Some(mut draft) = self.draft.take() else { return };
        draft.opening = draft.opening.or_else(|| self.interims.first().copied());
        draft.closing = draft.closing.or_else(|| self.interims.last().copied());
        self.statements.take(draft);
    }

    fn end_entry(&mut self) {
        let (Some(entry), Some(draft)) = (self.entry.take(), self.draft.as_mut()) else { return };
        draft.entries.push(entry_of(entry));
    }
}

fn leaf_of_entry(entry: &mut EntryText, path: &str, text: String, currency: &str) {
    match path {
        "Amt" => {
            entry.amount = text;
            currency.clone_into(&mut entry.currency);
        }
        "CdtDbtInd" => entry.mark = text,
        "RvslInd" => entry.reversal = matches!(text.as_str(), "true" | "1"),
        "Sts" if text.is_empty() => {}
        "Sts" | "Sts/Cd" | "Sts/Prtry" => entry.status = text,
        "ValDt/Dt" | "ValDt/DtTm" => entry.value_day = text,
        "BookgDt/Dt" | "BookgDt/DtTm" => entry.booking_day = text,
        "NtryRef" => entry.entry_reference = text,
        "AcctSvcrRef" => entry.servicer_reference = text,
        "AddtlNtryInf" => entry.addition = text,
        "NtryDtls/TxDtls" => entry.details = entry.details.saturating_add(1),
        "NtryDtls/TxDtls/Refs/EndToEndId" => entry.end_to_end = text,
        "NtryDtls/TxDtls/RmtInf/Ustrd"
        | "NtryDtls/TxDtls/RmtInf/Strd/CdtrRefInf/Ref"
        | "NtryDtls/TxDtls/AddtlTxInf" => entry.add_text(&text),
        _ => {}
    }
}

fn balance_of(text: &BalanceText) -> Result<Balance, &'static str> {
    let currency = Currency::from_code(&text.currency).ok_or("is in a currency other than PEN and USD")?;
    let minor = match (magnitude(&text.amount), text.mark.as_str()) {
        (Some(minor), "CRDT") => minor,
        (Some(minor), "DBIT") => minor.saturating_neg(),
        _ => return Err("is not an amount such as 1234.50 with CRDT or DBIT"),
    };
    let day = text.day.get(..10).and_then(canonical_day).ok_or("has no day such as 2026-03-02")?;
    Ok(Balance { minor, currency, day })
}

fn entry_of(entry: EntryText) -> Entry {
    // The mark tells where the money went, of a reversal too. Some banks put the reversal into the mark instead.
    let sign = match entry.mark.as_str() {
        "CRDT" | "RDBT" => Some(1_i64),
        "DBIT" | "RCRD" => Some(-1),
        _ => None,
    };
    let minor = magnitude(&entry.amount).zip(sign).and_then(|(minor, sign)| minor.checked_mul(sign));
    let currency = Currency::from_code(&entry.currency);
    let is_booked = matches!(entry.status.as_str(), "" | "BOOK");
    let (moved, fault) = match minor.filter(|_| currency.is_some()) {
        _ if !is_booked => {
            let reason = "says that it is not booked: expected BOOK";
            (Moved::Nothing, Some(Defect::new("status", reason, &entry.status)))
        }
        Some(minor) => (Moved::Minor(minor), None),
        None => {
            let reason = "is not an amount such as 1234.50 in PEN or USD with CRDT or DBIT";
            (Moved::Unread, Some(Defect::new("amount", reason, &entry.amount)))
        }
    };
    let day = if entry.value_day.is_empty() { &entry.booking_day } else { &entry.value_day };
    let value_date = day.get(..10).and_then(canonical_day);
    let value_date =
        value_date.ok_or_else(|| Defect::new("value_date", "is not a day such as 2026-03-02", day));
    let reversal = entry.reversal || matches!(entry.mark.as_str(), "RCRD" | "RDBT");
    // The reference of one payment among several does not name the entry.
    let end_to_end = if entry.details <= 1 { entry.end_to_end } else { String::new() };
    let description = if entry.texts.is_empty() { entry.addition } else { entry.texts };
    Entry {
        line: entry.line,
        moved,
        currency,
        value_date,
        references: vec![end_to_end, entry.servicer_reference, entry.entry_reference],
        description,
        extras: if reversal { vec![("reversal", "true".to_owned())] } else { Vec::new() },
        fault,
    }
}

#[cfg(test)]
mod tests;
