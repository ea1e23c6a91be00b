//! Workbooks of the few parts that a reader asks for, written by hand.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A workbook to be written.
pub(super) struct Book {
    /// What stands inside `sheetData` of each sheet, with its name and further attributes.
    pub sheets: Vec<(&'static str, &'static str, String)>,
    pub shared: Vec<String>,
    pub properties: &'static str,
    /// Further parts; one of a name that is there takes its place.
    pub parts: Vec<(&'static str, String)>,
}

/// Style 1 shows a date by a built-in format, style 2 by one of its own, style 3 money.
const STYLES: &str = r##"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy\ hh:mm"/><numFmt numFmtId="165"
 formatCode="[$S/-280A]\ #,##0.00"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>
<xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>"##;

const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

impl Book {
    pub(super) fn of(rows: &str) -> Book {
        Book { sheets: vec![("Pedidos", "", rows.to_owned())], shared: vec![], properties: "", parts: vec![] }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let link = |id: String, kind: &str, target: String| {
            format!(r#"<Relationship Id="{id}" Type="{TYPES}/{kind}" Target="{target}"/>"#)
        };
        let numbered = || self.sheets.iter().enumerate();
        let main = link("m".to_owned(), "officeDocument", "xl/workbook.xml".to_owned());
        let mut links: String = numbered()
            .map(|(at, _)| link(format!("s{at}"), "worksheet", format!("worksheets/s{at}.xml")))
            .collect();
        links += &link("t".to_owned(), "sharedStrings", "/xl/sharedStrings.xml".to_owned());
        links += &link("f".to_owned(), "styles", "styles.xml".to_owned());
        let sheets: String = numbered()
            .map(|(at, (name, more, _))| {
                format!(r#"<sheet name="{name}" sheetId="{at}" {more} r:id="s{at}"/>"#)
            })
            .collect();
        let shared: String = self.shared.iter().map(|text| format!("<si>{text}</si>")).collect();
        let mut parts = vec![
            ("_rels/.rels".to_owned(), format!("<Relationships>{main}</Relationships>")),
            ("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{links}</Relationships>")),
            (
                "xl/workbook.xml".to_owned(),
                format!("<workbook><workbookPr {}/><sheets>{sheets}</sheets></workbook>", self.properties),
            ),
            ("xl/styles.xml".to_owned(), STYLES.to_owned()),
            ("xl/sharedStrings.xml".to_owned(), format!("<sst>{shared}</sst>")),
        ];
        parts.extend(numbered().map(|(at, (_, _, rows))| {
            let sheet =
                format!("<worksheet><dimension ref=\"A1\"/><sheetData>{rows}</sheetData></worksheet>");
            (format!("xl/worksheets/s{at}.xml"), sheet)
        }));
        parts.retain(|(name, _)| self.parts.iter().all(|(other, _)| other != name));
        parts.extend(self.parts.iter().map(|(name, text)| ((*name).to_owned(), text.clone())));
        archive(parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
    }
}

/// An archive of parts.
pub(super) fn archive<'p>(parts: impl Iterator<Item = (&'p str, &'p [u8])>) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A row of cells one after the other.
pub(super) fn row(cells: &[String]) -> String {
    format!("<row>{}</row>", cells.concat())
}

/// A cell with a text in it.
pub(super) fn text(text: &str) -> String {
    format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#)
}

/// A cell with the stored digits of a number, in one of the styles.
pub(super) fn number(stored: &str, style: usize) -> String {
    format!(r#"<c s="{style}"><v>{stored}</v></c>"#)
}
