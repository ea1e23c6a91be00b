//! What is wrong around the cells: the archive, its bounds, and parts that lie.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::super::reader::WHOLE_BYTES_MAX;
use super::super::package::{EVENT_BYTES_MAX, PARTS_MAX, UNPACKED_BYTES_MAX};
use super::super::sheet::SAID_BYTES_MAX;
use super::*;

const DAMAGED: &str = "is a damaged workbook, or cut short: save or transfer it again";

fn good() -> Book {
    Book::of(&(header() + &order(&[])))
}

/// Writes another unpacked size over the one that an archive declares, in its directory and before the part.
fn declare(archive: &mut [u8], part: &str, size: u64) {
    let size = u32::try_from(size).unwrap().to_le_bytes();
    let original = archive.to_vec();
    let mut patched = 0;
    for (mark, name_at, size_at) in [(b"PK\x01\x02", 46, 24), (b"PK\x03\x04", 30, 22)] {
        for at in memchr::memmem::find_iter(&original, mark) {
            if archive[at + name_at..].starts_with(part.as_bytes()) {
                archive[at + size_at..at + size_at + 4].copy_from_slice(&size);
                patched += 1;
            }
        }
    }
    assert_eq!(patched, 2);
}

#[test]
fn what_is_no_workbook_is_told_by_its_kind() {
    let ole = |stream: &str| {
        let name: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".as_slice(), &[0; 504], &name].concat()
    };
    let password = "is protected by a password: save it without one";
    refused(&ole("EncryptedPackage"), password);
    refused(&ole("Workbook"), "is a workbook of the old binary kind: save it as .xlsx or as CSV in UTF-8");
    let named = "is not an XLSX workbook: save it as .xlsx, or name it for what it is";
    refused(b"<html><table>", named);
    refused(b"account,amount\n", named);
    refused(b"", "has no content at all: export it again");
    let other = "is an archive, but no XLSX workbook: export it as .xlsx or CSV";
    refused(&archive([("content.xml", b"<office/>".as_slice())].into_iter()), other);
    refused(&archive(std::iter::empty()), other);
    let binary = r#"<R><Relationship Id="m" Type="x/officeDocument" Target="xl/workbook.bin"/></R>"#;
    let parts = [("_rels/.rels", binary.as_bytes()), ("xl/workbook.bin", b"\0\x01".as_slice())];
    refused(&archive(parts.into_iter()), "is a workbook of the binary kind (.xlsb): save it as .xlsx");
    refused(
        &Book { sheets: vec![], ..Book::of("") }.bytes(),
        "is a workbook without sheets: export it again",
    );
    // The flag of an encrypted part in directory and part.
    let mut locked = good().bytes();
    for (mark, flags_at) in [(b"PK\x01\x02", 8), (b"PK\x03\x04", 6)] {
        let at = memchr::memmem::find(&locked, mark).unwrap();
        locked[at + flags_at] |= 1;
    }
    refused(&locked, password);
}

#[test]
fn a_large_workbook_is_refused_before_it_is_opened() {
    let mut large = vec![0_u8; WHOLE_BYTES_MAX + 1];
    large[..4].copy_from_slice(b"PK\x03\x04");
    let split = "split it, or export it as CSV";
    refused(&large, &format!("is a workbook of more than 50 MiB: {split}"));
    large.truncate(WHOLE_BYTES_MAX);
    refused(&large, DAMAGED);
    let entries = [b"PK\x03\x04".as_slice(), &b"PK\x01\x02".repeat(PARTS_MAX + 1)].concat();
    refused(&entries, &format!("has more than 10000 parts: {split}"));
}

#[test]
fn an_archive_that_declares_too_much_is_refused_before_it_is_unpacked() {
    let split = "unpacks to more than 256 MiB: split it, or export it as CSV";
    let mut bytes = good().bytes();
    declare(&mut bytes, "xl/worksheets/s0.xml", UNPACKED_BYTES_MAX);
    refused(&bytes, split);
    let mut bytes = good().bytes();
    declare(&mut bytes, "xl/styles.xml", UNPACKED_BYTES_MAX / 2);
    declare(&mut bytes, "xl/sharedStrings.xml", UNPACKED_BYTES_MAX / 2);
    refused(&bytes, split);
}

#[test]
fn a_part_of_another_size_than_it_declares_is_refused() {
    for part in
        ["_rels/.rels", "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/s0.xml"]
    {
        // A sheet that unpacks to much more than it says is the form of a bomb that no directory shows.
        let blanks = " ".repeat(100_000);
        let mut book = good();
        book.sheets[0].2 += &blanks;
        let mut bytes = book.bytes();
        declare(&mut bytes, part, 5);
        refused(&bytes, DAMAGED);
    }
}

#[test]
fn a_workbook_cut_anywhere_is_refused() {
    let bytes = good().bytes();
    assert!(read(&bytes, LIMA).is_ok());
    for length in 2..bytes.len() {
        refused(&bytes[..length], DAMAGED);
    }
}

#[test]
fn a_part_that_is_not_what_it_should_be_is_refused() {
    let check = |part: &'static str, text: &str| {
        let book = Book { parts: vec![(part, text.to_owned())], ..good() };
        refused(&book.bytes(), DAMAGED);
    };
    let sheet = "xl/worksheets/s0.xml";
    let rows = header() + &order(&[]);
    check(sheet, "");
    check(sheet, &format!("<worksheet><sheetData>{rows}"));
    check(sheet, &format!("<worksheet><sheetData>{rows}</row>"));
    check(sheet, "<worksheet><sheetData><row></sheetData></worksheet>");
    check(sheet, "<!DOCTYPE x [<!ENTITY a \"b\">]><worksheet><sheetData/></worksheet>");
    check(sheet, "<worksheet><sheetData><row><c t=\"str\"><v>&a;</v></c></row></sheetData></worksheet>");
    check(sheet, "<worksheet><sheetData><row r=\"0\"></row></sheetData></worksheet>");
    check(sheet, "<worksheet><sheetData><row r=\"1048577\"></row></sheetData></worksheet>");
    check(sheet, "<worksheet><sheetData><row r=\"2\"></row><row r=\"2\"></row></sheetData></worksheet>");
    check(sheet, "<worksheet><sheetData><row><c r=\"XFE1\"/></row></sheetData></worksheet>");
    check(sheet, "<worksheet><sheetData><row><c r=\"1\"/></row></sheetData></worksheet>");
    check(sheet, "\u{0}");
    check("xl/sharedStrings.xml", "<sst><si><t>&lol9;</t></si></sst>");
    check("xl/sharedStrings.xml", "<!DOCTYPE sst><sst/>");
    check("xl/styles.xml", "<styleSheet><");
    check("xl/workbook.xml", "<workbook></sheets>");
    check("_rels/.rels", "<Relationships");
    let text = "x".repeat(EVENT_BYTES_MAX + 16 * 1024);
    check(
        sheet,
        &format!("<worksheet><sheetData><row><c t=\"str\"><v>{text}</v></c></row></sheetData></worksheet>"),
    );
    check(sheet, &format!("<worksheet a=\"{text}\"><sheetData/></worksheet>"));
    check("xl/sharedStrings.xml", &format!("<sst><si><t>{text}</t></si></sst>"));
}

#[test]
fn a_text_longer_than_any_field_costs_its_row() {
    let piece = format!("{}<!-- -->", "x".repeat(10_000));
    let reason = "is longer than 64 KiB: expected a field of at most 65536 bytes";
    let cell = format!("<c t=\"inlineStr\"><is><t>{}</t></is></c>", piece.repeat(700));
    check(&[("store", cell)], "store", reason, &"x".repeat(120));
}

#[test]
fn a_text_that_is_said_too_often_is_refused() {
    let text = "x".repeat(64 * 1024);
    let rows = "<row><c t=\"s\"><v>0</v></c></row>".repeat(SAID_BYTES_MAX / text.len() + 1);
    let book = Book { shared: vec![format!("<t>{text}</t>")], ..Book::of(&(header() + &rows)) };
    refused(&book.bytes(), "says more than 256 MiB of text in its cells: split it, or export it as CSV");
}

#[test]
fn a_part_that_is_linked_often_is_read_once() {
    let link = r#"<Relationship Id="t" Type="x/sharedStrings" Target="sharedStrings.xml"/>"#;
    let sheet = r#"<Relationship Id="s0" Type="x/worksheet" Target="worksheets/s0.xml"/>"#;
    let styles = r#"<Relationship Id="f" Type="x/styles" Target="styles.xml"/>"#;
    let links = format!("<Relationships>{}{styles}{sheet}</Relationships>", link.repeat(5_000));
    let texts = "<t>x</t>".repeat(20_000);
    let parts = vec![("xl/_rels/workbook.xml.rels", links)];
    let book = Book { parts, shared: vec![texts], ..good() };
    assert_eq!(read(&book.bytes(), LIMA).map(|table| table.rows.len()), Ok(1));
}

/// Pieces of a sheet in any order.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "<row>",
        "</row>",
        "<row r=\"3\">",
        "<row r=\"-1\">",
        "<c>",
        "<c t=\"s\">",
        "<c t=\"e\">",
        "<c s=\"2\">",
        "<c s=\"-1\" t=\"d\">",
        "<c r=\"ZZZZZ9\">",
        "<c r=\"B\" t=\"b\">",
        "</c>",
        "<v>",
        "</v>",
        "<v/>",
        "<f>",
        "</f>",
        "<t>",
        "</t>",
        "<is>",
        "</is>",
        "<rPh>",
        "</rPh>",
        "<sheetData>",
        "</sheetData>",
        "0",
        "1e400",
        "-46083.5",
        "9999999",
        "_x0041_",
        "_x",
        "&amp;",
        "&#0;",
        "&#x110000;",
        "&x;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "\u{0}",
        "ñ",
    ];
    vec(prop::sample::select(pieces.to_vec()), 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_damaged_workbook_never_panics(at in any::<prop::sample::Index>(), byte: u8, length in 0_usize..9) {
        let mut bytes = good().bytes();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + length);
        bytes[at..end].fill(byte);
        // Damage may lie in what nobody reads, such as a time; it never makes another order.
        if let Ok(table) = read(&bytes, LIMA) {
            prop_assert_eq!(table, read(&good().bytes(), LIMA).unwrap());
        }
    }

    #[test]
    fn a_sheet_of_any_pieces_never_panics(pieces in pieces(), shared in pieces()) {
        let mut book = good();
        book.sheets[0].2 += &pieces;
        book.shared.push(shared);
        if let Ok(table) = read(&book.bytes(), LIMA) {
            prop_assert!(!table.rows.is_empty());
            prop_assert!(table.rejected.is_sorted_by(|a, b| a.line < b.line));
            prop_assert!(table.rejected.iter().all(|row| row.value.chars().count() <= 120));
        }
    }

    #[test]
    fn an_archive_of_any_parts_never_panics(text in "[<>/a-z =\"&;#0-9]{0,80}", bytes in vec(any::<u8>(), 0..80)) {
        for part in ["_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/worksheets/s0.xml"] {
            let _outcome = read(&Book { parts: vec![(part, text.clone())], ..good() }.bytes(), LIMA);
        }
        let _outcome = read(&[b"PK\x03\x04".as_slice(), &bytes].concat(), LIMA);
    }
}
