//! What the parts beside the sheet say: where it is, its shared texts, which styles are dates, and the calendar.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::QName;
use quick_xml::{Reader, XmlVersion};

use super::Refusal;
use super::number::Calendar;
use super::package::{Package, Part};

/// Most texts that cells may share.
const TEXTS_MAX: usize = 8_000_000;

/// Most styles and number formats, which is what Excel itself allows.
const STYLES_MAX: usize = 65_536;

/// Number formats of dates that every workbook has without naming them.
const BUILT_IN_DATES: [std::ops::RangeInclusive<u32>; 4] = [14..=22, 27..=36, 45..=47, 50..=58];

/// Characters of a sheet's name that messages show, which is what Excel allows.
const NAME_CHARACTERS_MAX: usize = 31;

/// A sheet of cells.
#[derive(Debug)]
struct SheetEntry {
    name: String,
    part: String,
    /// Whether people see its tab.
    shown: bool,
}

/// All that is needed to read a sheet.
#[derive(Debug, Default)]
pub(super) struct Workbook {
    /// In the order of the workbook; charts and the like are left out.
    sheets: Vec<SheetEntry>,
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
        if main.to_ascii_lowercase().ends_with(".bin") {
            return Err(Refusal::new("is a workbook of the binary kind (.xlsb)", "save it as .xlsx"));
        }
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let links = relations(package, &format!("{folder}/_rels/{file}.rels"), folder)?;
        let mut workbook = Workbook::default();
        let Some(part) = package.part(&main)? else {
            return Err(Refusal::new("is an archive, but no XLSX workbook", "export it as .xlsx or CSV"));
        };
        let sheets = links.iter().filter(|link| link.kind == "worksheet");
        let sheets: BTreeMap<&str, &str> =
            sheets.map(|link| (link.id.as_str(), link.part.as_str())).collect();
        each_tag(part, |tag| {
            match tag.local_name().as_ref() {
                "workbookPr" if matches!(attribute(tag, "date1904").as_deref(), Some("1" | "true")) => {
                    workbook.calendar = Calendar::From1904;
                }
                "sheet" if workbook.sheets.len() < STYLES_MAX => {
                    let part = relation_id(tag).and_then(|id| sheets.get(id.as_str()).copied());
                    if let (Some(name), Some(part)) = (attribute(tag, "name"), part) {
                        let hidden =
                            matches!(attribute(tag, "state").as_deref(), Some("hidden" | "veryHidden"));
                        workbook.sheets.push(SheetEntry { name, part: part.to_owned(), shown: !hidden });
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        // One part each: links could name a large part a thousand times over.
        let linked = |kind| links.iter().find(|link| link.kind == kind).map(|link| link.part.as_str());
        if let Some(name) = linked("styles") {
            workbook.dates = styles(package.part(name)?.ok_or_else(Refusal::damaged)?)?;
        }
        if let Some(name) = linked("sharedStrings") {
            workbook.texts = texts(package.part(name)?.ok_or_else(Refusal::damaged)?)?;
        }
        Ok(workbook)
    }

    /// The part of the named sheet, else of the first that people see.
    pub(super) fn sheet(&self, name: Option<&str>) -> Result<&str, Refusal> {
        let Some(first) = self.sheets.iter().find(|sheet| sheet.shown).or(self.sheets.first()) else {
            return Err(Refusal::new("is a workbook without sheets", "export it again"));
        };
        let Some(name) = name else { return Ok(&first.part) };
        let found = self.sheets.iter().find(|sheet| sheet.name.trim() == name);
        found.map(|sheet| sheet.part.as_str()).ok_or_else(|| {
            let cut = |name: &str| name.chars().take(NAME_CHARACTERS_MAX).collect::<String>();
            let known: Vec<String> =
                self.sheets.iter().take(20).map(|sheet| format!("{:?}", cut(&sheet.name))).collect();
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
    part: Part<impl BufRead>,
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
    reader: &mut Reader<Part<impl BufRead>>,
    buffer: &'b mut Vec<u8>,
) -> Result<Event<'b>, Refusal> {
    reader.get_mut().begin_event();
    match reader.read_event_into(buffer) {
        Ok(Event::DocType(_)) | Err(_) => Err(Refusal::damaged()),
        Ok(event) => Ok(event),
    }
}

/// The value of one attribute that has no prefix.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    value_where(tag, |key| key.as_ref() == name)
}

/// The id of the link that a tag refers to; its prefix is `r` by custom alone.
fn relation_id(tag: &BytesStart<'_>) -> Option<String> {
    value_where(tag, |key| key.local_name().as_ref() == "id")
}

fn value_where(tag: &BytesStart<'_>, wanted: impl Fn(QName<'_>) -> bool) -> Option<String> {
    let mut attributes = tag.attributes();
    // Each name would be compared with all before it.
    let found = attributes.with_checks(false).flatten().find(|attribute| wanted(attribute.key))?;
    found.normalized_value(XmlVersion::Explicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// The character of a reference; an entity that only a DTD could name is refused.
pub(super) fn referred(entity: &BytesRef<'_>) -> Result<char, Refusal> {
    super::super::xml::character(entity).ok_or_else(Refusal::damaged)
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
                Some(absolute) => without_dots(absolute),
                None => without_dots(&format!("{folder}/{target}")),
            };
            links.push(Relation { id: attribute(tag, "Id").unwrap_or_default(), kind, part });
        }
        Ok(())
    })?;
    Ok(links)
}

/// A path without its steps in place and back.
fn without_dots(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// By style, whether its number format is one of dates.
fn styles(part: Part<impl BufRead>) -> Result<Vec<bool>, Refusal> {
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
fn texts(part: Part<impl BufRead>) -> Result<Texts, Refusal> {
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
            Event::GeneralRef(entity) if in_text => text.push(referred(&entity)?),
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
