//! Files that grow row by row, each as a whole and, where asked for, by the day on which its rows arrived.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::banking_days::Day;
use crate::growing::Growing;

/// Where the files of a data set grow, and which.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The data set's folder; none where it grows in memory.
    pub(crate) folder: Option<PathBuf>,
    /// Whether rows are also kept by the day of their arrival.
    pub(crate) by_day: bool,
}

/// A file that grows row by row and knows at which line the next one begins.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) name: &'static str,
    header: Option<&'static str>,
    place: Place,
    whole: Growing,
    lines: u64,
    days: BTreeMap<Day, Growing>,
}

impl Sheet {
    /// A CSV file with its header, or an NDJSON file, which has none.
    pub(crate) fn new(place: &Place, name: &'static str, header: Option<&'static str>) -> Sheet {
        let whole = Growing::new(place.folder.as_deref(), name);
        let mut sheet = Sheet { name, header, place: place.clone(), whole, lines: 0, days: BTreeMap::new() };
        if let Some(header) = header {
            sheet.line(header.as_bytes());
        }
        sheet
    }

    /// Adds a record, which may span several lines, and returns the line at which it begins.
    pub(crate) fn push(&mut self, record: &[u8], arrived: Day) -> u64 {
        if self.place.by_day {
            let day = self.days.entry(arrived).or_insert_with(|| {
                let mut begun = Growing::new(self.place.folder.as_deref(), &in_day(arrived, self.name));
                if let Some(header) = self.header {
                    begun.write(header.as_bytes());
                    begun.write(b"\n");
                }
                begun
            });
            day.write(record);
            day.write(b"\n");
        }
        self.line(record)
    }

    fn line(&mut self, record: &[u8]) -> u64 {
        let line = self.lines.saturating_add(1);
        let inner = record.iter().filter(|byte| **byte == b'\n').count();
        self.whole.write(record);
        self.whole.write(b"\n");
        self.lines = line.saturating_add(u64::try_from(inner).unwrap_or(0));
        line
    }

    /// The whole file, and those of the days with their names.
    pub(crate) fn into_parts(self) -> (Growing, Vec<(String, Growing)>) {
        let days = self.days.into_iter().map(|(day, file)| (in_day(day, self.name), file));
        (self.whole, days.collect())
    }
}

/// The name of a day's file.
fn in_day(day: Day, name: &str) -> String {
    let mut out = "day=".to_owned();
    day.write(&mut out);
    out.push('/');
    out.push_str(name);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growing::Grown;
    use crate::time::BEGIN;

    #[track_caller]
    fn check(file: Growing, expected: &[u8]) {
        let Ok(Grown::Memory(bytes)) = file.finish() else { panic!("not in memory") };
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_sheet_counts_the_lines_inside_records() {
        let day = Day::of(BEGIN);
        let mut sheet = Sheet::new(&Place::default(), "orders.csv", Some("a,b"));
        assert_eq!(sheet.push(b"1,\"x\ny\"", day), 2);
        assert_eq!(sheet.push(b"2,z", day), 4);
        let (whole, days) = sheet.into_parts();
        check(whole, b"a,b\n1,\"x\ny\"\n2,z\n");
        assert!(days.is_empty());
    }

    #[test]
    fn each_day_is_a_file_with_the_header() {
        let day = Day::of(BEGIN);
        let place = Place { folder: None, by_day: true };
        let mut sheet = Sheet::new(&place, "orders.csv", Some("a,b"));
        sheet.push(b"1,x", day.plus(1));
        sheet.push(b"2,y", day);
        sheet.push(b"3,z", day.plus(1));
        let mut days = sheet.into_parts().1.into_iter();
        let (name, first) = days.next().unwrap();
        assert_eq!(name, "day=2026-03-02/orders.csv");
        check(first, b"a,b\n2,y\n");
        check(days.next().unwrap().1, b"a,b\n1,x\n3,z\n");
    }
}
