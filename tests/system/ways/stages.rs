//! Runs in stages: however a run is cut, every byte is that of the general rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroUsize;

use cuadre::carry::Carried;
use cuadre::formats::Leg;
use cuadre::run::stages::{Left, Placed, Plan, Planner, cut, join, judge, write};
use cuadre::run::{Content, InputFile, Outputs, Run, RunError, Settings, StreamedFile, Work, reference};

use super::{File, Terms, Written, classes, days, first_difference, go, legs};

const WORLDS: u64 = 210;

/// Into how many cuts the files go, bytes of a part, threads.
const WAYS: [(usize, usize, usize); 4] = [(1, 1 << 20, 1), (2, 600, 2), (3, 64, 1), (5, 2000, 3)];

/// What the cuts have left, by part.
#[derive(Default)]
struct Store {
    parts: BTreeMap<usize, Vec<Vec<u8>>>,
    gists: Vec<Vec<u8>>,
}

impl Left for Store {
    fn cuts(&self) -> usize {
        self.gists.len()
    }

    fn gist(&self, cut: usize) -> io::Result<Vec<u8>> {
        self.gists.get(cut).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn pieces(&self, part: usize) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.parts.get(&part).cloned().unwrap_or_default())
    }
}

fn in_memory<'a>(file: &StreamedFile<'a>, bytes: &'a [u8]) -> InputFile<'a> {
    let StreamedFile { leg, name, source, format, coverage, .. } = *file;
    InputFile { leg, name, source, bytes, format, coverage }
}

/// A run in stages. Nothing but bytes goes from one to the next.
fn in_stages(
    files: &[StreamedFile<'_>],
    settings: &Settings<'_>,
    (cuts, part_bytes, threads): (usize, usize, usize),
    keep_closed: bool,
    outputs: &mut dyn Outputs,
) -> Result<(Run, usize), RunError> {
    let work = Work { threads: NonZeroUsize::new(threads).unwrap(), piece_bytes: 300, ..Work::default() };
    let mut planner = Planner::begin(settings.only_account.unwrap());
    let mut placed = Vec::new();
    for (place, file) in files.iter().enumerate() {
        let Content::Bytes(bytes) = file.content else { panic!("files are in memory") };
        let file = in_memory(file, bytes);
        planner.take(&file, settings)?;
        placed.push(Placed { place, file });
    }
    let plan = serde_json::to_vec(&planner.finish(part_bytes)).unwrap();
    let plan: Plan = serde_json::from_slice(&plan).unwrap();
    let is_ledger = |placed: &Placed<'_>| matches!(placed.file.leg, Leg::Settlements | Leg::Bank);
    let (ledgers, of_pairs): (Vec<_>, Vec<_>) = placed.into_iter().partition(is_ledger);
    let mut store = Store::default();
    for turn in 0..cuts {
        let own = of_pairs.iter().skip(turn).step_by(cuts).copied();
        let cut = cut(&plan, &own.collect::<Vec<_>>(), settings, work)?;
        cut.parts.into_iter().for_each(|(part, piece)| store.parts.entry(part).or_default().push(piece));
        store.gists.push(cut.gist);
    }
    let whole = judge(&plan, &ledgers, &store, keep_closed, settings, work)?;
    let (mut written, mut done) = (Written::default(), Vec::new());
    for (number, own) in whole.parts.iter().enumerate() {
        let pieces = store.pieces(number).unwrap();
        done.push(write(&plan, &whole.terms, own, &pieces, settings, work, &mut written)?);
    }
    let joined = join(&plan, &whole.judged, &done, settings)?;
    let between = written.0.into_iter().collect();
    for (name, bytes) in [joined.begin, between, joined.end].concat() {
        outputs.append(name, &bytes)?;
    }
    Ok((joined.run, plan.parts()))
}

/// The files of one account's run, with some rows of others; and whether it keeps stubs.
fn world(seed: u64) -> (Vec<File>, Terms, bool) {
    let (files, terms, keep_closed) = match seed % 3 {
        0 => {
            let (files, terms) = days::world(seed / 3).into_iter().next().unwrap();
            (files, terms, !seed.is_multiple_of(2))
        }
        1 => {
            let (files, terms, _) = super::world(seed / 3);
            (files, terms, !seed.is_multiple_of(2))
        }
        _ => legs::of_one_run(seed / 3),
    };
    let own = |text: &str| {
        (0..6).fold(text.to_owned(), |text, number| text.replace(&format!("tienda-{number}"), "a"))
    };
    let files = files.into_iter().map(|file| File { text: own(&file.text), ..file });
    (files.collect(), Terms { only_account: Some("a"), ..terms }, keep_closed)
}

#[test]
fn a_run_in_stages_gives_the_bytes_of_one() {
    let (mut found, mut parts_most, mut told) = (BTreeSet::new(), 0, [0; 3]);
    for seed in 0..WORLDS {
        let (files, terms, keep_closed) = world(seed);
        let carried = Carried { keep_closed, ..Carried::default() };
        let expected = go(&files, &terms, false, |files, settings, outputs| {
            reference(&carried, files, settings, outputs)
        });
        for way in WAYS {
            let parts = std::cell::Cell::new(0);
            let gave = go(&files, &terms, false, |files, settings, outputs| {
                let (run, count) = in_stages(files, settings, way, keep_closed, outputs)?;
                parts.set(count);
                Ok(run)
            });
            if gave != expected {
                panic!("seed {seed}, {way:?}: {}", first_difference(&gave, &expected));
            }
            parts_most = parts_most.max(parts.get());
        }
        if let Ok((written, ..)) = expected {
            found.extend(classes(&written));
            told[usize::try_from(seed % 3).unwrap()] += 1;
        }
    }
    assert!(told.iter().all(|worlds| *worlds > 50), "so many worlds of each kind gave something: {told:?}");
    assert!(parts_most > 20, "{parts_most} parts at most");
    let classes = [
        "missing_notice",
        "unconfirmed_notice",
        "conflicting_record",
        "ambiguous_reference",
        "settlement_variance",
        "unsettled",
        "missing_deposit",
        "unknown_deposit",
        "refund_unpaid",
        "finding",
        "open",
        "matched",
    ];
    for class in classes {
        assert!(found.contains(class), "no world has {class}: it is not tested");
    }
}
