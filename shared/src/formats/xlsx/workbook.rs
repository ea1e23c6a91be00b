//! What the parts beside the sheet say: where it is, its shared texts, which styles are dates, and the calendar.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::Refusal;
use super::number::Calendar;
use super::package::Package;

/// Most texts that cells may share.
const TEXTS_MAX: usize = 8_000_000;

/// Most styles and number formats, which is what Excel itself allows.
const STYLES_MAX: usize = 65_536;

/// Number formats of dates that every workbook has without naming them.
const BUILT_IN_DATES: [std::ops::RangeInclusive<u32>; 4] = [14..=22, 27..=36, 45..=47, 50..=58];

/// All that is needed to read a sheet.
#[derive(Debug, Default)]
pub(super) struct Workbook {
    /// Name and part of each sheet, in the order of the workbook.
    sheets: Vec<(String, String)>,
    texts: Texts,
    /// By style, whether its numbers are dates.
    dates: Vec<bool>,
    pub(super) calendar: Calendar,
}

/// The shared texts one after the other, for a `String` each would weigh more than most of them.
#[derive(Debug, Default)]
struct Texts {
    all: String,
    ends: Vec<usize>,
}

/// A link from one part to another.
struct Relation {
    id: String,
    kind: String,
    part: String,
}

impl Workbook {
    pub(super) fn read(package: &mut Package<'_>) -> Result<Workbook, Refusal> {
        let links = relations(package, "_rels/.rels", "")?;
        let main = links.into_iter().find(|link| link.kind == "officeDocument");
        let main = main.map_or_else(|| "xl/workbook.xml".to_owned(), |link| link.part);
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let links = relations(package, &format!("{folder}/_rels/{file}.rels"), folder)?;
        let mut workbook = Workbook::default();
        let Some(part) = package.part(&main)? else {
            return Err(Refusal::new("is an archive, but no XLSX workbook", "export it as .xlsx or CSV"));
        };
        each_tag(part, |tag| {
            match tag.local_name().as_ref() {
                "workbookPr" if matches!(attribute(tag, "date1904").as_deref(), Some("1" | "true")) => {
                    workbook.calendar = Calendar::From1904;
                }
                "sheet" if workbook.sheets.len() < STYLES_MAX => {
                    let id = attribute(tag, "r:id").or_else(|| attribute(tag, "id")).unwrap_or_default();
                    let link = links.iter().find(|link| link.kind == "worksheet" && link.id == id);
                    if let (Some(name), Some(link)) = (attribute(tag, "name"), link) {
                        workbook.sheets.push((name, link.part.clone()));
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        for link in links {
            match link.kind.as_str() {
                "styles" => {
                    if let Some(part) = package.part(&link.part)? {
                        workbook.dates = styles(part)?;
                    }
                }
                "sharedStrings" => {
                    if let Some(part) = package.part(&link.part)? {
                        workbook.texts = texts(part)?;
                    }
                }
                _ => {}
            }
        }
        Ok(workbook)
    }

    /// The part of the named sheet, or of the first.
    pub(super) fn sheet(&self, name: Option<&str>) -> Result<&str, Refusal> {
        let Some((_, first)) = self.sheets.first() else {
            return Err(Refusal::new("is a workbook without sheets", "export it again"));
        };
        let Some(name) = name else { return Ok(first) };
        let found = self.sheets.iter().find(|(sheet, _)| sheet.trim() == name);
        found.map(|(_, part)| part.as_str()).ok_or_else(|| {
            let known: Vec<String> =
                self.sheets.iter().take(20).map(|(sheet, _)| format!("{sheet:?}")).collect();
            let remedy = format!("correct sheet under [] in the mapping to one of {}", known.join(", "));
            Refusal::new(format!("has no sheet {name:?}"), remedy)
        })
    }

    /// A shared text.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        let end = *self.texts.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.texts.ends.get(before)?,
            None => 0,
        };
        self.texts.all.get(start..end)
    }

    /// Whether numbers of a style are dates.
    pub(super) fn is_date(&self, style: usize) -> bool {
        self.dates.get(style).copied().unwrap_or(false)
    }
}

/// Hands over each opening tag of a part.
fn each_tag(
    part: impl BufRead,
    mut take: impl FnMut(&BytesStart<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut reader = Reader::from_reader(part);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match next(&mut reader, &mut buffer)? {
            Event::Start(tag) | Event::Empty(tag) => take(&tag)?,
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The next event of a part; a DOCTYPE is refused, for nothing that a spreadsheet program writes has one.
pub(super) fn next<'b>(
    reader: &mut Reader<impl BufRead>,
    buffer: &'b mut Vec<u8>,
) -> Result<Event<'b>, Refusal> {
    match reader.read_event_into(buffer) {
        Ok(Event::DocType(_)) | Err(_) => Err(Refusal::damaged()),
        Ok(event) => Ok(event),
    }
}

/// The value of one attribute, by its name with or without prefix.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    // Each name would be compared with all before it.
    let found = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name)?;
    found.normalized_value(XmlVersion::Explicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// Adds the character of a reference; an entity that only a DTD could name is refused.
pub(super) fn push_entity(entity: &BytesRef<'_>, text: &mut String) -> Result<(), Refusal> {
    text.push(super::super::xml::character(entity).ok_or_else(Refusal::damaged)?);
    Ok(())
}

fn relations(package: &mut Package<'_>, name: &str, folder: &str) -> Result<Vec<Relation>, Refusal> {
    let name = name.trim_start_matches('/');
    let mut links = Vec::new();
    let Some(part) = package.part(name)? else { return Ok(links) };
    each_tag(part, |tag| {
        if tag.local_name().as_ref() == "Relationship" && links.len() < STYLES_MAX {
            let kind = attribute(tag, "Type").unwrap_or_default();
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            let target = attribute(tag, "Target").unwrap_or_default();
            let part = match target.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None if folder.is_empty() => target,
                None => format!("{folder}/{target}"),
            };
            links.push(Relation { id: attribute(tag, "Id").unwrap_or_default(), kind, part });
        }
        Ok(())
    })?;
    Ok(links)
}

/// By style, whether its number format is one of dates.
fn styles(part: impl BufRead) -> Result<Vec<bool>, Refusal> {
    let mut date_formats: BTreeSet<u32> = BTreeSet::new();
    let mut other_formats: BTreeMap<u32, ()> = BTreeMap::new();
    let mut dates = Vec::new();
    let mut reader = Reader::from_reader(part);
    let mut buffer = Vec::new();
    let mut in_cell_formats = false;
    loop {
        buffer.clear();
        let event = next(&mut reader, &mut buffer)?;
        match &event {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "cellXfs" => in_cell_formats = true,
                "numFmt" if date_formats.len() + other_formats.len() < STYLES_MAX => {
                    let id = attribute(tag, "numFmtId").and_then(|id| id.parse().ok());
                    if let (Some(id), Some(code)) = (id, attribute(tag, "formatCode")) {
                        if shows_date(&code) {
                            date_formats.insert(id);
                        } else {
                            other_formats.insert(id, ());
                        }
                    }
                }
                "xf" if in_cell_formats && dates.len() < STYLES_MAX => {
                    let id: u32 = attribute(tag, "numFmtId").and_then(|id| id.parse().ok()).unwrap_or(0);
                    let built_in = BUILT_IN_DATES.iter().any(|range| range.contains(&id));
                    dates.push(date_formats.contains(&id) || (built_in && !other_formats.contains_key(&id)));
                }
                _ => {}
            },
            Event::End(tag) if tag.local_name().as_ref() == "cellXfs" => in_cell_formats = false,
            Event::Eof => return Ok(dates),
            _ => {}
        }
    }
}

/// Whether a number format shows a day or a time: it has one of the letters d, h, m, y outside of quotes, brackets and
/// escapes, and no placeholder of digits that only numbers have.
fn shows_date(code: &str) -> bool {
    let mut letters = false;
    let mut characters = code.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => while characters.next().is_some_and(|c| c != '"') {},
            '[' => {
                let inside: String = characters.by_ref().take_while(|c| *c != ']').collect();
                letters |= matches!(inside.to_ascii_lowercase().as_str(), "h" | "hh" | "m" | "mm");
            }
            '\\' | '_' | '*' => {
                characters.next();
            }
            '#' | '?' => return false,
            ';' => break,
            'd' | 'D' | 'h' | 'H' | 'm' | 'M' | 'y' | 'Y' => letters = true,
            _ => {}
        }
    }
    letters
}

/// The shared texts: runs of one text are put together, the readings of East Asian names are left out.
fn texts(part: impl BufRead) -> Result<Texts, Refusal> {
    let mut texts = Texts::default();
    let mut reader = Reader::from_reader(part);
    let mut buffer = Vec::new();
    let mut text = String::new();
    let (mut in_text, mut in_reading) = (false, false);
    loop {
        buffer.clear();
        match next(&mut reader, &mut buffer)? {
            Event::Start(tag) => match tag.local_name().as_ref() {
                "t" => in_text = !in_reading,
                "rPh" => in_reading = true,
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "t" => in_text = false,
                "rPh" => in_reading = false,
                "si" => {
                    texts.add(&text)?;
                    text.clear();
                }
                _ => {}
            },
            Event::Empty(tag) if tag.local_name().as_ref() == "si" => texts.add("")?,
            Event::Text(part) if in_text => text.push_str(&part.xml10_content()),
            Event::CData(part) if in_text => text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) if in_text => push_entity(&entity, &mut text)?,
            Event::Eof => return Ok(texts),
            _ => {}
        }
    }
}

impl Texts {
    fn add(&mut self, text: &str) -> Result<(), Refusal> {
        if self.ends.len() >= TEXTS_MAX {
            return Err(Refusal::new("has more than 8 million texts", "split it, or export it as CSV"));
        }
        self.all.push_str(&unescaped(text));
        self.ends.push(self.all.len());
        Ok(())
    }
}

/// Takes the escapes of characters that XML cannot hold out: `_x000D_` is a carriage return.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        plain.push_str(before);
        let code = escape.get(2..6).filter(|_| escape.get(6..7) == Some("_"));
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let character = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let taken = match character {
            Some(c) => {
                plain.push(c);
                7
            }
            None => {
                plain.push_str("_x");
                2
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_by_their_format() {
        let check = |code: &str, expected: bool| assert_eq!(shows_date(code), expected, "{code}");
        check("dd/mm/yyyy", true);
        check("yyyy\\-mm\\-dd\\ hh:mm:ss", true);
        check("[$-280A]d \"de\" mmmm", true);
        check("[h]:mm:ss", true);
        check("h:mm AM/PM", true);
        check("General", false);
        check("0.00", false);
        check("#,##0.00", false);
        check("[$S/-280A] #,##0.00", false);
        check("\"día\" 0", false);
        check("[Red]0.00;[Red]-0.00", false);
        check("0.0\\m", false);
    }

    #[test]
    fn escapes_of_characters_are_taken_out() {
        let check = |text: &str, expected: &str| assert_eq!(unescaped(text), expected);
        check("a_x000D_b", "a\rb");
        check("_x005F_x000D_", "_x000D_");
        check("CODE_x12", "CODE_x12");
        check("ñ_xñññ", "ñ_xñññ");
    }
}
