#![doc = include_str!("../README.md")]

use std::io;
use std::path::Path;

mod book;
mod chance;
mod key;
mod plans;
mod rows;
mod schedule;
mod time;
mod writing;

use book::Book;

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Its name inside the data set's folder.
    pub name: &'static str,
    /// Its whole content.
    pub bytes: Vec<u8>,
}

/// The files of one data set: `orders.csv`, `reports.csv`, `portal.ndjson`, `notices.csv`, `answer-key.csv` and
/// `README.txt`.
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
        self.files.iter().try_for_each(|file| std::fs::write(folder.join(file.name), &file.bytes))
    }
}

/// Makes a data set in which the shop's book has exactly so many orders. The same arguments give the same bytes.
///
/// From 200 orders on, every kind of fault is there at least once; below that, a part of them.
#[must_use]
pub fn generate(orders: u64, seed: u64) -> Dataset {
    let mut book = Book::new(seed);
    if let Some(others) = orders.checked_sub(1) {
        for slot in schedule::schedule(others, &mut book.chance) {
            book.start = slot.start;
            (slot.plan.plant)(&mut book, slot.variant);
        }
        plans::closing(&mut book);
    }
    let readme = readme(orders, seed);
    let key = DataFile { name: "answer-key.csv", bytes: key::write_key(book.key) };
    let sheets = [book.orders, book.reports, book.portal, book.notices];
    let mut files: Vec<DataFile> =
        sheets.into_iter().map(|sheet| DataFile { name: sheet.name, bytes: sheet.bytes }).collect();
    files.push(key);
    files.push(DataFile { name: "README.txt", bytes: readme.into_bytes() });
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
         answer-key.csv  one row for each line of breaks.csv and matched.csv, for each open line of open.ndjson,\n\
         \x20               and (class `rejected`) for each row that cannot be read\n\
         \n\
         Reconcile it, in this folder, with:\n\
         \n\
         \x20 cuadre reconcile --orders orders.csv --reports reports.csv portal.ndjson --notices notices.csv --out out\n\
         \n\
         No mapping and no policy are needed: the defaults hold (tolerance 0.05, grace 24 hours, each file covers the\n\
         time up to the latest in it). All names, numbers and amounts are made up.\n"
    )
}

#[cfg(test)]
mod tests;
