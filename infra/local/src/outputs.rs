//! Writes the files of a run: each wholly or not at all, the summary last.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cuadre::run::{OUTPUTS, Outputs};

use crate::failure::Failure;

/// The file that speaks for all others.
const SUMMARY: &str = "summary.json";

/// Writes files into a folder, which is made when it is not there.
///
/// All are first written beside their places and then renamed: a full disk or a place that is taken leaves the outputs of
/// the run before as they were, and nobody ever reads half a file. The summary is renamed last, so a new one never
/// stands beside old files.
pub(crate) fn write<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<PathBuf>, Failure> {
    make_folder(folder)?;
    let mut staged = Staged(Vec::new());
    for (name, bytes) in files {
        let draft = staged.add(folder, name)?;
        write_durably(&draft, bytes).map_err(|error| failed(folder, &error))?;
    }
    staged.place(folder)
}

/// The outputs of a run that are written as it goes: into drafts, which take their places all at once.
pub(crate) struct Drafts {
    folder: PathBuf,
    staged: Staged,
    files: Vec<(&'static str, File)>,
}

impl Drafts {
    /// Begins with a folder, which is made when it is not there.
    pub(crate) fn begin(folder: &Path) -> Result<Drafts, Failure> {
        make_folder(folder)?;
        let mut staged = Staged(Vec::new());
        // A place that is taken is told of before the work, not after it.
        for name in OUTPUTS {
            staged.add(folder, name)?;
        }
        Ok(Drafts { folder: folder.to_owned(), staged, files: Vec::new() })
    }

    /// Puts the drafts in their places. They are not forced to the disk first: it would take longer than the run, and
    /// after a power cut the run is made again.
    pub(crate) fn place(self) -> Result<Vec<PathBuf>, Failure> {
        let Drafts { folder, mut staged, files } = self;
        staged.0.retain(|(_, place)| files.iter().any(|(name, _)| *place == folder.join(name)));
        drop(files);
        staged.place(&folder)
    }

    /// What keeps an output from being written.
    pub(crate) fn failed(folder: &Path, error: &io::Error) -> Failure {
        failed(folder, error)
    }
}

impl Outputs for Drafts {
    fn append(&mut self, name: &'static str, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, file)) = self.files.iter_mut().find(|(known, _)| *known == name) {
            return file.write_all(bytes);
        }
        let mut file = File::create(draft(&self.folder, name))?;
        file.write_all(bytes)?;
        self.files.push((name, file));
        Ok(())
    }
}

/// Makes a folder for outputs, or says why the name cannot be one.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        let name = folder.display();
        Failure::Input(format!("the folder {name} cannot be made ({error}): name another one with --out"))
    })
}

/// Drafts and the places they are to take; what is left of them is cleared away.
struct Staged(Vec<(PathBuf, PathBuf)>);

impl Staged {
    /// Adds an output; gives the place of its draft.
    fn add(&mut self, folder: &Path, name: &str) -> Result<PathBuf, Failure> {
        let (draft, place) = (draft(folder, name), folder.join(name));
        if place.is_dir() {
            let place = place.display();
            return Err(Failure::Input(format!(
                "{place} is a folder where an output has to be: move it away or name another folder with --out"
            )));
        }
        self.0.push((draft.clone(), place));
        Ok(draft)
    }

    /// Puts all drafts in their places, the summary last.
    fn place(mut self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        let is_summary = |place: &Path| place.file_name().is_some_and(|name| name == SUMMARY);
        self.0.sort_by_key(|(_, place)| is_summary(place));
        let mut places = Vec::new();
        for (draft, place) in &self.0 {
            fs::rename(draft, place).map_err(|error| failed(folder, &error))?;
            places.push(place.clone());
        }
        Ok(places)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for (draft, _) in &self.0 {
            // A renamed draft is gone already; one that cannot be removed harms nothing.
            drop(fs::remove_file(draft));
        }
    }
}

fn draft(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.draft"))
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Why files could not be written, and who has to do what.
pub(crate) fn failed(folder: &Path, error: &io::Error) -> Failure {
    let name = folder.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Failure::Input(format!(
            "the folder {name} cannot be written to ({error}): change its permissions or name another one with --out"
        )),
        _ => Failure::Defect(format!("the outputs cannot be written to {name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn files_replace_those_of_the_run_before() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        write(&folder, [("summary.json", &b"one"[..]), ("breaks.csv", b"x")]).unwrap();
        write(&folder, [("summary.json", &b"two"[..])]).unwrap();
        assert_eq!(names(&folder), ["breaks.csv", "summary.json"]);
        assert_eq!(fs::read(folder.join("summary.json")).unwrap(), b"two");
    }

    #[test]
    fn a_failed_write_leaves_no_draft_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), [("summary.json", &b"one"[..])]).unwrap();
        let files = [("summary.json", &b"two"[..]), ("no-such-folder/breaks.csv", b"x")];
        assert!(matches!(write(folder.path(), files), Err(Failure::Defect(_))));
        assert_eq!(names(folder.path()), ["summary.json"]);
        assert_eq!(fs::read(folder.path().join("summary.json")).unwrap(), b"one");
    }

    #[test]
    fn a_place_that_is_taken_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), [("summary.json", &b"one"[..])]).unwrap();
        fs::create_dir(folder.path().join("breaks.csv")).unwrap();
        let outcome = write(folder.path(), [("summary.json", &b"two"[..]), ("breaks.csv", b"x")]);
        assert!(
            matches!(outcome, Err(Failure::Input(sentence)) if sentence.contains("breaks.csv is a folder"))
        );
        assert_eq!(names(folder.path()), ["breaks.csv", "summary.json"]);
        assert_eq!(fs::read(folder.path().join("summary.json")).unwrap(), b"one");
    }

    #[test]
    fn the_summary_is_placed_last() {
        let folder = tempfile::tempdir().unwrap();
        let places = write(folder.path(), [("summary.json", &b"one"[..]), ("breaks.csv", b"x")]).unwrap();
        assert_eq!(places.last(), Some(&folder.path().join("summary.json")));
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_the_user_s_to_change() {
        let failure = |kind: io::ErrorKind| failed(Path::new("out"), &kind.into()).exit_code();
        assert_eq!(failure(io::ErrorKind::PermissionDenied), 2);
        assert_eq!(failure(io::ErrorKind::ReadOnlyFilesystem), 2);
        assert_eq!(failure(io::ErrorKind::StorageFull), 3);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_the_user_s_to_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(write(&file.join("out"), []), Err(Failure::Input(_))));
    }
}
