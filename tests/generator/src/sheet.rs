//! Files that grow row by row, each as a whole and, where asked for, by the day on which its rows arrived.

use std::collections::BTreeMap;

use crate::banking_days::Day;

/// A file that grows row by row and knows at which line the next one begins.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) name: &'static str,
    header: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
    lines: u64,
    /// The same rows by day of arrival; nothing where they are not asked for.
    days: Option<BTreeMap<Day, Vec<u8>>>,
}

impl Sheet {
    /// A CSV file with its header, or an NDJSON file, which has none.
    pub(crate) fn new(name: &'static str, header: Option<&'static str>) -> Sheet {
        let mut sheet = Sheet { name, header, bytes: Vec::new(), lines: 0, days: None };
        if let Some(header) = header {
            sheet.line(header.as_bytes());
        }
        sheet
    }

    /// The same, whose rows are also kept by the day of their arrival.
    pub(crate) fn by_day(self, wanted: bool) -> Sheet {
        Sheet { days: wanted.then(BTreeMap::new), ..self }
    }

    /// Adds a record, which may span several lines, and returns the line at which it begins.
    pub(crate) fn push(&mut self, record: &[u8], arrived: Day) -> u64 {
        if let Some(days) = &mut self.days {
            let day = days.entry(arrived).or_insert_with(|| {
                let mut begun = self.header.unwrap_or_default().as_bytes().to_vec();
                begun.extend(self.header.map(|_| b'\n'));
                begun
            });
            day.extend_from_slice(record);
            day.push(b'\n');
        }
        self.line(record)
    }

    fn line(&mut self, record: &[u8]) -> u64 {
        let line = self.lines.saturating_add(1);
        let inner = record.iter().filter(|byte| **byte == b'\n').count();
        self.bytes.extend_from_slice(record);
        self.bytes.push(b'\n');
        self.lines = line.saturating_add(u64::try_from(inner).unwrap_or(0));
        line
    }

    /// Its files by day of arrival.
    pub(crate) fn take_days(&mut self) -> BTreeMap<Day, Vec<u8>> {
        self.days.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::BEGIN;

    #[test]
    fn a_sheet_counts_the_lines_inside_records() {
        let day = Day::of(BEGIN);
        let mut sheet = Sheet::new("orders.csv", Some("a,b"));
        assert_eq!(sheet.push(b"1,\"x\ny\"", day), 2);
        assert_eq!(sheet.push(b"2,z", day), 4);
        assert_eq!(sheet.bytes, b"a,b\n1,\"x\ny\"\n2,z\n");
    }

    #[test]
    fn each_day_is_a_file_with_the_header() {
        let day = Day::of(BEGIN);
        let mut sheet = Sheet::new("orders.csv", Some("a,b")).by_day(true);
        sheet.push(b"1,x", day.plus(1));
        sheet.push(b"2,y", day);
        sheet.push(b"3,z", day.plus(1));
        let days = sheet.take_days();
        assert_eq!(days[&day], b"a,b\n2,y\n");
        assert_eq!(days[&day.plus(1)], b"a,b\n1,x\n3,z\n");
    }
}
