//! The repository's text files.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Path from the root of the repository, with `/` on every system.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Whether this is the place itself, the file of a module of that name, or lies below it.
    pub(crate) fn is_below(&self, place: &str) -> bool {
        match self.path.strip_prefix(place) {
            Some(rest) => rest.is_empty() || rest == ".rs" || rest.starts_with('/'),
            None => false,
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Numbered lines that are not wholly comment.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let comment = if self.is_rust() { "//" } else { "#" };
        self.text
            .lines()
            .enumerate()
            .filter(move |(_, line)| !line.trim_start().starts_with(comment))
            .map(|(index, line)| (index + 1, line))
    }
}

/// What building, installing and running leave behind.
const NOT_OURS: &[&str] =
    &[".git", ".aws-sam", ".venv", ".pytest_cache", "__pycache__", "node_modules", "out", "target"];

/// Lock files and the licence are written by others.
const NOT_WRITTEN_HERE: &[&str] = &["Cargo.lock", "LICENSE"];

/// Every text file of the repository, sorted by path.
pub(crate) fn repository() -> Result<Vec<Source>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the tests lie in a folder of the repository")?;
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
                folders.push(entry.path());
            } else if kind.is_file() && !NOT_WRITTEN_HERE.contains(&name.as_str()) {
                // What is not UTF-8 is no text of ours: a sample of another encoding, a picture.
                if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                    let path = entry.path().strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                    sources.push(Source { path, text });
                }
            }
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(sources)
}
