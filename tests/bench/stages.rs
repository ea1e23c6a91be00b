//! One stage of a run in stages, as a process of its own: what the stages leave each other lies in a folder. Prints what it took.
//!
//! `stages split WORK DATA BYTES`, then `plan WORK BYTES`, `cut WORK N`, `judge WORK`, `write WORK N`, `join WORK`, or `one WORK`, which does all of it at once; see
//! `tests/bench/stages`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cuadre::carry::Carried;
use cuadre::config::Policy;
use cuadre::formats::{Format, Leg, Mapping};
use cuadre::run::stages::{Left, Placed, Plan, Planner, cut, join, judge, write};
use cuadre::run::{FileCoverage, InputFile, OUTPUTS, Outputs, Settings, Work, execute_after};

type Anything<T> = Result<T, Box<dyn Error>>;

const ACCOUNT: &str = "tienda";

/// The folder in which the stages leave what the next ones need.
struct Desk(PathBuf);

impl Desk {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
        fs::write(path, bytes)
    }

    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name))
    }

    fn all(&self, folder: &str) -> io::Result<Vec<PathBuf>> {
        let folder = self.0.join(folder);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut names: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        names.sort();
        Ok(names)
    }

    fn plan(&self) -> Anything<Plan> {
        Ok(serde_json::from_slice(&self.get("plan.json")?)?)
    }
}

impl Left for Desk {
    fn cuts(&self) -> usize {
        self.all("gists").map_or(0, |gists| gists.len())
    }

    fn gist(&self, cut: usize) -> io::Result<Vec<u8>> {
        fs::read(self.all("gists")?.get(cut).ok_or(io::ErrorKind::NotFound)?)
    }

    fn pieces(&self, part: usize) -> io::Result<Vec<Vec<u8>>> {
        self.all(&format!("parts/{part}"))?.into_iter().map(fs::read).collect()
    }
}

#[derive(Default)]
struct InMemory(BTreeMap<&'static str, Vec<u8>>);

impl Outputs for InMemory {
    fn append(&mut self, name: &'static str, bytes: &[u8]) -> io::Result<()> {
        self.0.entry(name).or_default().extend_from_slice(bytes);
        Ok(())
    }
}

fn leg_of(path: &Path) -> Leg {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.split('-').next() {
        Some("orders") => Leg::Orders,
        Some("settlements") => Leg::Settlements,
        Some("bank") => Leg::Bank,
        _ => Leg::Reports,
    }
}

/// Cuts files into some of about so many bytes, each with the header. Settlements and the bank stay whole, and all is one
/// account's.
fn split(data: &Path, desk: &Desk, bytes_max: usize) -> Anything<()> {
    fs::create_dir_all(desk.0.join("files"))?;
    for name in ["orders", "transactions", "settlements", "bank"] {
        let mut lines = BufReader::new(File::open(data.join(format!("{name}.csv")))?);
        let own = |line: &[u8]| match name {
            // Behind the first comma: without the account.
            "settlements" => line.iter().position(|byte| *byte == b',').map_or(0, |comma| comma + 1),
            _ => 0,
        };
        let room = if matches!(name, "orders" | "transactions") { bytes_max } else { usize::MAX };
        let (mut header, mut line) = (Vec::new(), Vec::new());
        lines.read_until(b'\n', &mut header)?;
        let (mut number, mut out, mut bytes) = (0, None, usize::MAX);
        while lines.read_until(b'\n', &mut line)? > 0 {
            if bytes >= room || out.is_none() {
                let path = desk.0.join(format!("files/{name}-{number:04}.csv"));
                let mut file = BufWriter::new(File::create(path)?);
                file.write_all(header.get(own(&header)..).unwrap_or_default())?;
                (number, bytes, out) = (number + 1, 0, Some(file));
            }
            bytes += line.len();
            let row = line.get(own(&line)..).unwrap_or_default();
            out.iter_mut().try_for_each(|file| file.write_all(row))?;
            line.clear();
        }
    }
    Ok(())
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

fn main() -> Anything<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let parts = stage(&words)?;
    writeln!(
        io::stdout(),
        "{{\"stage\":\"{}\",\"seconds\":{:.3},\"peak_mib\":{},\"parts\":{parts}}}",
        words.first().unwrap_or(&""),
        begun.elapsed().as_secs_f64(),
        peak_mib()
    )?;
    Ok(())
}

fn stage(words: &[&str]) -> Anything<usize> {
    let mapping = Mapping::default();
    let policy = Policy::parse("")?;
    let opened = BTreeMap::new();
    let settings = Settings {
        account: Some(ACCOUNT),
        mapping: &mapping,
        policy: &policy,
        as_of: cuadre::calendar::Instant::parse("2025-02-05T12:00:00-05:00"),
        looks: &[],
        opened: &opened,
        only_account: Some(ACCOUNT),
        refused: None,
        settlement_layouts: &[],
        needs_person: &[],
        notes: &[],
    };
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let work = Work { threads, ..Work::default() };
    let [name, desk, rest @ ..] = words else { return Err("see the head of tests/bench/stages.rs".into()) };
    let stage = Stage { desk: Desk(desk.into()), settings: &settings, work };
    match (*name, rest) {
        ("split", [data, bytes]) => split(Path::new(data), &stage.desk, bytes.parse()?)?,
        ("plan", [bytes]) => stage.plan(bytes.parse()?)?,
        ("cut", [number]) => stage.cut(number.parse()?)?,
        ("judge", []) => stage.judge()?,
        ("write", [part]) => stage.write(part.parse()?)?,
        ("join", []) => stage.join()?,
        ("one", []) => stage.one()?,
        _ => return Err("see the head of tests/bench/stages.rs".into()),
    }
    if *name == "split" { Ok(0) } else { Ok(stage.desk.plan()?.parts()) }
}

struct Stage<'s> {
    desk: Desk,
    settings: &'s Settings<'s>,
    work: Work,
}

impl Stage<'_> {
    fn plan(&self, part_bytes: usize) -> Anything<()> {
        let mut planner = Planner::begin(ACCOUNT);
        for path in self.desk.all("files")? {
            with_file(&path, |file| Ok(planner.take(&file, self.settings)?))?;
        }
        Ok(self.desk.put("plan.json", &serde_json::to_vec(&planner.finish(part_bytes))?)?)
    }

    fn cut(&self, number: usize) -> Anything<()> {
        let path = self.desk.all("files")?.into_iter().nth(number).ok_or("there is no such file")?;
        let plan = self.desk.plan()?;
        let done = with_file(&path, |file| {
            Ok(cut(&plan, &[Placed { place: number, file }], self.settings, self.work)?)
        })?;
        for (part, piece) in done.parts {
            self.desk.put(&format!("parts/{part}/{number:04}"), &piece)?;
        }
        Ok(self.desk.put(&format!("gists/{number:04}"), &done.gist)?)
    }

    fn judge(&self) -> Anything<()> {
        let is_ledger = |path: &Path| matches!(leg_of(path), Leg::Settlements | Leg::Bank);
        let paths = self.desk.all("files")?.into_iter().enumerate().filter(|(_, path)| is_ledger(path));
        let files = paths.map(|(place, path)| Ok((place, fs::read(&path)?, path)));
        let files: Vec<_> = files.collect::<io::Result<_>>()?;
        let names: Vec<_> = files.iter().map(|(_, _, path)| path.to_string_lossy()).collect();
        let ledgers = files.iter().zip(&names);
        let ledgers: Vec<_> = ledgers
            .map(|((place, bytes, path), name)| Placed { place: *place, file: input(path, name, bytes) })
            .collect();
        let whole = judge(&self.desk.plan()?, &ledgers, &self.desk, true, self.settings, self.work)?;
        for (part, own) in whole.parts.iter().enumerate() {
            self.desk.put(&format!("judged/{part}"), own)?;
        }
        self.desk.put("terms", &whole.terms)?;
        Ok(self.desk.put("whole", &whole.judged)?)
    }

    fn write(&self, part: usize) -> Anything<()> {
        let (terms, own) = (self.desk.get("terms")?, self.desk.get(&format!("judged/{part}"))?);
        let mut outputs = InMemory::default();
        let (plan, pieces) = (self.desk.plan()?, self.desk.pieces(part)?);
        let done = write(&plan, &terms, &own, &pieces, self.settings, self.work, &mut outputs)?;
        for (name, bytes) in outputs.0 {
            self.desk.put(&format!("written/{part}/{name}"), &bytes)?;
        }
        Ok(self.desk.put(&format!("done/{part}"), &done)?)
    }

    /// The run in one process, every row in memory.
    fn one(&self) -> Anything<()> {
        let paths = self.desk.all("files")?;
        let files = paths.iter().map(|path| Ok((path.to_string_lossy(), fs::read(path)?)));
        let files: Vec<_> = files.collect::<io::Result<_>>()?;
        let inputs: Vec<_> =
            files.iter().zip(&paths).map(|((name, bytes), path)| input(path, name, bytes)).collect();
        let carried = Carried { keep_closed: true, ..Carried::default() };
        let run = execute_after(&carried, &inputs, self.settings)?;
        Ok(run.outputs.iter().try_for_each(|(name, bytes)| self.desk.put(&format!("one/{name}"), bytes))?)
    }

    /// One output at a time is in memory, as in the function.
    fn join(&self) -> Anything<()> {
        let plan = self.desk.plan()?;
        let done = (0..plan.parts()).map(|part| self.desk.get(&format!("done/{part}")));
        let done = done.collect::<Result<Vec<_>, _>>()?;
        let joined = join(&plan, &self.desk.get("whole")?, &done, self.settings)?;
        let mut begin: BTreeMap<&str, Vec<u8>> = joined.begin.into_iter().collect();
        let mut end: BTreeMap<&str, Vec<u8>> = joined.end.into_iter().collect();
        for name in OUTPUTS {
            let mut whole = begin.remove(name).unwrap_or_default();
            for part in 0..plan.parts() {
                let path = self.desk.0.join(format!("written/{part}/{name}"));
                whole.extend(if path.exists() { fs::read(path)? } else { Vec::new() });
            }
            whole.extend(end.remove(name).unwrap_or_default());
            self.desk.put(&format!("out/{name}"), &whole)?;
        }
        Ok(())
    }
}

fn input<'a>(path: &Path, name: &'a str, bytes: &'a [u8]) -> InputFile<'a> {
    let leg = leg_of(path);
    InputFile { leg, name, source: "portal", bytes, format: Format::Csv, coverage: FileCoverage::Plain }
}

fn with_file<T>(path: &Path, work: impl FnOnce(InputFile<'_>) -> Anything<T>) -> Anything<T> {
    let (bytes, name) = (fs::read(path)?, path.to_string_lossy());
    work(input(path, &name, &bytes))
}
