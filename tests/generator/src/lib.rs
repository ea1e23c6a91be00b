#![doc = include_str!("../README.md")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

mod banking_days;
mod book;
mod chance;
mod givebacks;
mod key;
mod ledger;
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
use key::Case;

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
    finish(planted(orders, seed, false), orders, seed)
}

/// The same data set, with its rows once more in a folder for each day on which they arrived.
#[must_use]
pub fn generate_by_day(orders: u64, seed: u64) -> Dataset {
    finish(planted(orders, seed, true), orders, seed)
}

fn planted(orders: u64, seed: u64, by_day: bool) -> Book {
    let mut book = Book::new(seed, by_day);
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

fn finish(mut book: Book, orders: u64, seed: u64) -> Dataset {
    let policy = policy::write(&mut book);
    let mut legs =
        [book.orders, book.reports, book.portal, book.notices, book.settlements, book.bank, book.pairs];
    let mut days: BTreeMap<Day, Vec<DataFile>> = BTreeMap::new();
    for leg in &mut legs {
        for (day, bytes) in leg.take_days() {
            let mut name = "day=".to_owned();
            day.write(&mut name);
            name.push('/');
            name.push_str(leg.name);
            days.entry(day).or_default().push(DataFile { name, bytes });
        }
    }
    let whole = |name: &str, bytes| DataFile { name: name.to_owned(), bytes };
    let mut files: Vec<DataFile> = legs.into_iter().map(|leg| whole(leg.name, leg.bytes)).collect();
    files.push(whole("cuadre.toml", policy.into_bytes()));
    files.push(whole("answer-key.csv", book.key.write()));
    files.push(whole("README.txt", readme(orders, seed).into_bytes()));
    files.extend(days.into_values().flatten());
    Dataset { files }
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
         bank.csv        the statement of the merchant's bank; `movement` is the bank's own number of a line\n\
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
