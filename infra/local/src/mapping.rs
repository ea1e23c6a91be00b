//! `cuadre mapping`: what a mapping for a file might be, and what its first rows are with it.
//!
//! The mapping goes to standard output, so that it can be kept as a file; the rows, which may hold what belongs to a
//! shopper, go to standard error and so to the screen alone.

use std::path::Path;

use cuadre::formats::{self, Leg, Preview, Proposal, ProposalError, Source};
use serde_json::{Value, json};

use crate::cli::MappingArguments;
use crate::failure::Failure;
use crate::{Done, Verdict, input, screen};

/// The legs whose files may have a mapping of their own.
pub(crate) const LEGS: [Leg; 4] = [Leg::Orders, Leg::Reports, Leg::Settlements, Leg::Bank];

pub(crate) fn run(arguments: &MappingArguments) -> Result<Done, Failure> {
    let bytes = input::read(&arguments.file)?;
    let proposal = propose(&arguments.file, &bytes, arguments.leg.as_deref())?;
    if !arguments.json {
        screen::complain(&describe(&proposal.preview));
    }
    let report = if arguments.json { for_machine(&proposal) } else { proposal.toml.trim_end().to_owned() };
    let readable = proposal.preview.refused.is_none() && proposal.preview.rejected.is_empty();
    Ok(Done { verdict: if readable { Verdict::Agreed } else { Verdict::Breaks }, report })
}

fn propose(path: &Path, bytes: &[u8], leg: Option<&str>) -> Result<Proposal, Failure> {
    let name = match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    };
    // A name without an extension that is known says nothing, and a file of UTF-16 begins with no mark of its format.
    let format = input::format(path, bytes);
    let source = Source { name: &name, bytes, format, account: None };
    let leg = leg.and_then(|word| LEGS.into_iter().find(|leg| leg.word() == word));
    formats::propose(&source, leg).map_err(|error| match error {
        ProposalError::Unusable(_) => Failure::defect("no mapping can be proposed", &error),
        ProposalError::File(_) | ProposalError::Statement { .. } | ProposalError::NoRows { .. } => {
            Failure::Input(error.to_string())
        }
    })
}

/// The rows as a table, and those that would be set aside with what is wrong.
fn describe(preview: &Preview) -> String {
    if let Some(refused) = &preview.refused {
        return format!("With this mapping the file would be refused: {refused}");
    }
    let (good, bad) = preview.counts;
    let mut lines = Vec::new();
    if preview.rows.is_empty() {
        lines.push("No row can be read with this mapping.".to_owned());
    } else {
        lines.push(format!(
            "The first rows as they are read with this mapping ({good} of {} are good):",
            good.saturating_add(bad)
        ));
        lines.push(screen::wide_table(&preview.fields, &preview.rows).to_string());
    }
    if bad > 0 {
        lines.push(format!("Set aside ({bad}):"));
        lines.extend(preview.rejected.iter().map(|row| {
            let name = if row.field.is_empty() { "the row" } else { &row.field };
            format!("  line {}: {name} {} (found {:?})", row.line, row.reason, row.value)
        }));
    }
    lines.join("\n")
}

/// The same for a machine, on one line.
fn for_machine(proposal: &Proposal) -> String {
    let Preview { fields, rows, rejected, counts, refused } = &proposal.preview;
    let row = |row: &Vec<String>| -> Value {
        fields
            .iter()
            .zip(row)
            .filter(|(_, value)| !value.is_empty())
            .map(|(field, value)| ((*field).to_owned(), json!(value)))
            .collect()
    };
    let set_aside = rejected
        .iter()
        .map(|row| json!({ "line": row.line, "field": row.field, "reason": row.reason, "value": row.value }));
    json!({
        "leg": proposal.leg.word(),
        "mapping": proposal.toml,
        "unsure": proposal.doubts,
        "good": counts.0,
        "set_aside": counts.1,
        "refused": refused.as_ref().map(ToString::to_string),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "rejected": set_aside.collect::<Vec<_>>(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::reconcile;
    use clap::Parser;
    use std::fs;

    const ORDERS: &str = "Nro. Pedido;Código CIP;Total;Moneda;Estado;Fecha\r\n\
        A-1;2405617;1.100,00;Soles;Pagado;25/03/2026 09:30\r\n\
        A-2;2405618;20,50;Soles;Pendiente;25/03/2026 10:30\r\n";
    const PORTAL: &str = "CIP\tImporte\tMoneda\tEstado\tFecha de Cancelación\tNro. Operación\n\
        2405617\t1,100.00\tPEN\tCancelado\t2026-03-25 11:00:00\t778899\n\
        2405618\t20.50\tPEN\tGenerado.\t\t\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        // In windows-1252 each of its accents is one byte.
        let latin: Vec<u8> = ORDERS.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        fs::write(folder.path().join("pedidos.csv"), latin).unwrap();
        fs::write(folder.path().join("portal.txt"), PORTAL).unwrap();
        folder
    }

    fn mapping(folder: &Path, words: &[&str]) -> Result<Done, Failure> {
        let place = |word: &&str| match folder.join(word) {
            path if path.is_file() || word.starts_with("absent") => path.display().to_string(),
            _ => (*word).to_owned(),
        };
        let line = ["cuadre", "mapping"].map(str::to_owned).into_iter().chain(words.iter().map(place));
        let Some(Command::Mapping(arguments)) = Cli::parse_from(line).command else { panic!("mapping") };
        run(&arguments)
    }

    #[test]
    fn what_is_printed_is_a_mapping_that_reconcile_takes() {
        let folder = folder();
        let orders = mapping(folder.path(), &["pedidos.csv", "--leg", "orders"]).unwrap();
        let reports = mapping(folder.path(), &["portal.txt", "--leg", "reports"]).unwrap();
        assert_eq!((orders.verdict, reports.verdict), (Verdict::Agreed, Verdict::Agreed));
        let place = |name: &str| folder.path().join(name).display().to_string();
        fs::write(place("mapping.toml"), format!("{}\n{}\n", orders.report, reports.report)).unwrap();
        let line = [
            "cuadre",
            "reconcile",
            "--orders",
            &place("pedidos.csv"),
            "--reports",
            &place("portal.txt"),
            "--mapping",
            &place("mapping.toml"),
            "--account",
            "1234",
            "--out",
            &place("out"),
            "--json",
        ];
        let Some(Command::Reconcile(arguments)) = Cli::parse_from(line).command else { panic!("reconcile") };
        let done = reconcile::run(&arguments).unwrap();
        let rejected = fs::read_to_string(folder.path().join("out/rejected.csv")).unwrap();
        assert_eq!(rejected.lines().count(), 1, "{rejected}");
        let summary: Value = serde_json::from_str(&done.report).unwrap();
        assert_eq!(done.verdict, Verdict::Agreed, "{summary:#}");
    }

    #[test]
    fn for_a_machine_it_is_one_line_with_the_rows() {
        let folder = folder();
        let report = mapping(folder.path(), &["pedidos.csv", "--json"]).unwrap().report;
        let answer: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(
            (report.lines().count(), &answer["leg"], &answer["good"]),
            (1, &json!("orders"), &json!(2))
        );
        let row = json!({
            "reference_id": "A-1", "cip": "2405617", "amount": "1100.00", "currency": "PEN", "status": "paid",
            "created_at": "2026-03-25T09:30:00-05:00",
        });
        assert_eq!(answer["rows"][0], row);
        assert!(answer["mapping"].as_str().unwrap().contains("[orders.columns]"));
        assert!(!answer["unsure"].as_array().unwrap().is_empty());
    }

    #[test]
    fn rows_that_are_set_aside_are_shown_with_the_reason() {
        let folder = folder();
        fs::write(folder.path().join("bad.csv"), ORDERS.replace("20,50", "veinte")).unwrap();
        let done = mapping(folder.path(), &["bad.csv", "--leg", "orders", "--json"]).unwrap();
        assert_eq!(done.verdict, Verdict::Breaks);
        let bytes = fs::read(folder.path().join("bad.csv")).unwrap();
        let shown = describe(&propose(Path::new("bad.csv"), &bytes, Some("orders")).unwrap().preview);
        assert!(shown.contains("(1 of 2 are good)"), "{shown}");
        assert!(shown.contains("A-1") && shown.contains("1100.00"), "{shown}");
        assert!(shown.contains("line 3: amount is not a plain decimal"), "{shown}");
        fs::write(folder.path().join("lacking.csv"), "pedido,estado\nA-1,pagado\n").unwrap();
        let bytes = fs::read(folder.path().join("lacking.csv")).unwrap();
        let shown = describe(&propose(Path::new("lacking.csv"), &bytes, Some("orders")).unwrap().preview);
        assert!(
            shown.starts_with(
                "With this mapping the file would be refused: lacking.csv has no column \"amount\""
            ),
            "{shown}"
        );
    }

    #[test]
    fn bad_input_is_one_sentence_that_says_what_to_do() {
        let folder = folder();
        let files: [(&str, &[u8]); 4] = [
            ("empty.csv", b""),
            ("header.csv", b"pedido,total\n"),
            ("statement.sta", b":20:A\n:25:1\n"),
            ("cut.json", b"[{\"a\":"),
        ];
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let check = |name: &str, part: &str| {
            let outcome = mapping(folder.path(), &[name]);
            let Err(failure) = outcome else { panic!("{name}: {outcome:?}") };
            assert_eq!(failure.exit_code(), 2);
            assert!(failure.sentence().contains(part), "{}", failure.sentence());
        };
        check("absent.csv", "check the path");
        check("empty.csv", "has no content at all");
        check("header.csv", "has no rows");
        check("statement.sta", "is read without a mapping");
        check("cut.json", "breaks off");
    }
}
