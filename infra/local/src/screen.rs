//! The only place that writes to the terminal: results to standard output, complaints and progress to standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};

/// Writes a result. A closed pipe (`cuadre … | head`) is no failure of the command.
pub(crate) fn tell(text: &dyn Display) {
    ignore_closed_pipe(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes one complaint or hint.
pub(crate) fn complain(text: &dyn Display) {
    ignore_closed_pipe(writeln!(io::stderr().lock(), "{text}"));
}

/// There is nobody left to tell.
fn ignore_closed_pipe(written: io::Result<()>) {
    drop(written);
}

/// One line under the header and none between rows: twenty findings fit a screen.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table; the columns named by `right` are numbers.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>, right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table of as many columns as there are.
pub(crate) fn wide_table(header: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    table
}

/// A bar on standard error for so many steps; nothing is shown where standard error is no terminal.
pub(crate) fn progress(steps: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg:32} {bar:30} {pos:>6}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// A turning sign on standard error for work of unknown length.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
