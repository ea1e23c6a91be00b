#![doc = include_str!("../README.md")]

use std::io;
use std::path::{Path, PathBuf};

mod banking_days;
mod book;
mod chance;
mod givebacks;
mod growing;
mod key;
mod ledger;
mod mt940;
mod payouts;
mod plans;
mod policy;
mod rows;
mod schedule;
mod sheet;
mod time;
mod writing;

use banking_days::Day;
use book::Book;
use growing::{Growing, Grown};
use key::Case;
use sheet::Place;

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Its name inside the data set's folder; that of a day's file is `day=2026-03-02/orders.csv`.
    pub name: String,
    /// Its whole content.
    pub bytes: Vec<u8>,
}

/// The files of one data set; its `README.txt` says what each is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The files, in the order in which the README names them.
    pub files: Vec<DataFile>,
}

impl Dataset {
    /// The content of the file with this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.name == name).map(|file| file.bytes.as_slice())
    }

    /// Writes the files into a folder, which is made when it is not there; files of the same names are replaced.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        self.files.iter().try_for_each(|file| {
            let place = folder.join(&file.name);
            place.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(place, &file.bytes)
        })
    }
}

/// Makes a data set in which the shop's book has exactly so many orders. The same arguments give the same bytes.
///
/// From 400 orders on, every kind of fault is there at least once; below that, a part of them.
#[must_use]
pub fn generate(orders: u64, seed: u64) -> Dataset {
    in_memory(orders, seed, false)
}

/// The same data set, with its rows once more in a folder for each day on which they arrived.
#[must_use]
pub fn generate_by_day(orders: u64, seed: u64) -> Dataset {
    in_memory(orders, seed, true)
}

/// Writes the same data set into a folder, which is made when it is not there, and returns the places of its files. Of the
/// data set, only the answer key is held in memory, some 100 bytes a line. Each file takes its place when it is whole.
///
/// # Errors
/// The folder cannot be made or written to. Files of the same names may have been replaced.
pub fn write(folder: &Path, orders: u64, seed: u64, by_day: bool) -> io::Result<Vec<PathBuf>> {
    let place = Place { folder: Some(folder.to_owned()), by_day };
    let grown = grown(orders, seed, &place)?;
    Ok(grown.into_iter().map(|(name, _)| folder.join(name)).collect())
}

fn in_memory(orders: u64, seed: u64, by_day: bool) -> Dataset {
    // Nothing fails that is not written anywhere.
    let grown = grown(orders, seed, &Place { folder: None, by_day }).unwrap_or_default();
    let bytes = |grown| if let Grown::Memory(bytes) = grown { bytes } else { Vec::new() };
    Dataset { files: grown.into_iter().map(|(name, grown)| DataFile { name, bytes: bytes(grown) }).collect() }
}

fn planted(orders: u64, seed: u64, place: &Place) -> Book {
    let mut book = Book::new(seed, place);
    let Some(others) = orders.checked_sub(1) else { return book };
    for slot in schedule::schedule(others, &mut book.chance) {
        book.start = slot.start;
        book.case = Case { name: slot.plan.name, variant: slot.variant };
        // A case that steps back an hour still pays for nothing that is paid out before its own day.
        book.pay_out_before(Day::of(slot.start).plus(-1));
        (slot.plan.plant)(&mut book, slot.variant);
    }
    book.case = Case { name: "closing", variant: 0 };
    plans::closing(&mut book);
    book.pay_out_rest();
    book.write_statement();
    book
}

/// The files of a data set with their names, in the order in which the README names them, those of days last.
fn grown(orders: u64, seed: u64, place: &Place) -> io::Result<Vec<(String, Grown)>> {
    let mut book = planted(orders, seed, place);
    let whole = |name: &str, bytes: &[u8]| {
        let mut file = Growing::new(place.folder.as_deref(), name);
        file.write(bytes);
        (name.to_owned(), file)
    };
    let policy = whole("cuadre.toml", policy::write(&mut book).as_bytes());
    let legs =
        [book.orders, book.reports, book.portal, book.notices, book.settlements, book.settlements_again];
    let ledger = [book.bank, book.bank_overlap, book.pairs];
    let (mut files, mut days) = (Vec::new(), Vec::new());
    for sheet in legs.into_iter().chain(ledger) {
        let name = sheet.name.to_owned();
        let (file, of_days) = sheet.into_parts();
        files.push((name, file));
        days.extend(of_days);
    }
    files.push(whole("bank.sta", book.mt940.as_bytes()));
    files.push(policy);
    files.push(whole("answer-key.csv", &book.key.write()));
    files.push(whole("README.txt", readme(orders, seed).as_bytes()));
    days.sort_by(|a, b| a.0.cmp(&b.0));
    files.extend(days);
    files.into_iter().map(|(name, file)| Ok((name, file.finish()?))).collect()
}

fn readme(orders: u64, seed: u64) -> String {
    format!(
        "A data set of {orders} orders, seed {seed}.\n\
         \n\
         orders.csv      what the shop says\n\
         reports.csv     what the provider says: operations and looks at CIPs\n\
         portal.ndjson   what the provider says in a second channel\n\
         notices.csv     the signed callbacks\n\
         settlements.csv what the provider pays out, batch by batch\n\
         settlements-again.csv  some of the batches, told once more: nothing follows from it\n\
         bank.csv        the statement of the merchant's bank; `movement` is the bank's own number of a line\n\
         bank-overlap.csv, bank.sta  lines of it once more: the last two weeks, and one account as MT940\n\
         cuadre.toml     the policy: the merchant's bank accounts, the contract's fees, the provider's invoices\n\
         pairs.csv       each payment with what it truly belongs to: order, batch, line of the bank; `unresolvable`\n\
         \x20               names the steps that nothing in the files tells\n\
         answer-key.csv  one row for each line of breaks.csv and matched.csv, for each open line of open.ndjson,\n\
         \x20               and (class `rejected`) for each row that cannot be read\n\
         day=…           the same rows by the day of their arrival, where that was asked for\n\
         \n\
         Reconcile it, in this folder, with:\n\
         \n\
         \x20 cuadre reconcile --orders orders.csv --reports reports.csv portal.ndjson --notices notices.csv \\\n\
         \x20   --settlements settlements.csv --bank bank.csv --policy cuadre.toml --out out\n\
         \n\
         No mapping is needed, and of the policy nothing but what it states: else the defaults hold (tolerance 0.05, grace\n\
         24 hours, each file covers the time up to the latest in it). All names, numbers and amounts are made up.\n"
    )
}

#[cfg(test)]
mod tests;
