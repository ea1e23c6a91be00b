//! Writes the files of a run, each wholly or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Writes files into a folder, which is made when it is not there.
///
/// All are first written beside their places and then renamed: a full disk leaves the outputs of the run before as they
/// were, and nobody ever reads half a file.
pub(crate) fn write<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<PathBuf>, Failure> {
    make_folder(folder)?;
    let mut staged = Staged(Vec::new());
    for (name, bytes) in files {
        let (draft, place) = (folder.join(format!(".{name}.draft")), folder.join(name));
        staged.0.push((draft.clone(), place));
        write_durably(&draft, bytes).map_err(|error| failed(folder, &error))?;
    }
    let mut places = Vec::new();
    for (draft, place) in &staged.0 {
        fs::rename(draft, place).map_err(|error| failed(folder, &error))?;
        places.push(place.clone());
    }
    Ok(places)
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

impl Drop for Staged {
    fn drop(&mut self) {
        for (draft, _) in &self.0 {
            // A renamed draft is gone already; one that cannot be removed harms nothing.
            drop(fs::remove_file(draft));
        }
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed(folder: &Path, error: &io::Error) -> Failure {
    Failure::Defect(format!("the outputs cannot be written to {}: {error}", folder.display()))
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
    fn a_folder_that_cannot_be_made_is_the_user_s_to_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(write(&file.join("out"), []), Err(Failure::Input(_))));
    }
}
