//! Bytes that grow in memory, or in a file that takes its place when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file under construction. The first fault is kept and told at the end.
#[derive(Debug)]
pub(crate) enum Growing {
    Memory(Vec<u8>),
    File(Draft),
    Failed(io::Error),
}

/// A file beside the place that it will take; what never takes it is cleared away.
#[derive(Debug)]
pub(crate) struct Draft {
    writer: BufWriter<File>,
    draft: PathBuf,
    place: PathBuf,
}

/// What a file has become.
#[derive(Debug)]
pub(crate) enum Grown {
    Memory(Vec<u8>),
    /// It stands in its place.
    File,
}

impl Growing {
    /// An empty file of this name in the folder, or in memory where there is none.
    pub(crate) fn new(folder: Option<&Path>, name: &str) -> Growing {
        let Some(folder) = folder else { return Growing::Memory(Vec::new()) };
        Draft::new(&folder.join(name)).map_or_else(Growing::Failed, Growing::File)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let written = match self {
            Growing::Memory(all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
            Growing::File(draft) => draft.writer.write_all(bytes),
            Growing::Failed(_) => Ok(()),
        };
        if let Err(error) = written {
            *self = Growing::Failed(error);
        }
    }

    /// Puts the file into its place.
    pub(crate) fn finish(self) -> io::Result<Grown> {
        match self {
            Growing::Memory(bytes) => Ok(Grown::Memory(bytes)),
            Growing::File(draft) => draft.finish().map(|()| Grown::File),
            Growing::Failed(error) => Err(error),
        }
    }
}

impl Draft {
    fn new(place: &Path) -> io::Result<Draft> {
        let folder = place.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        if place.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.join(format!(".{name}.draft"));
        let writer = BufWriter::new(File::create(&draft)?);
        Ok(Draft { writer, draft, place: place.to_owned() })
    }

    fn finish(mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.writer.get_ref().sync_all()?;
        fs::rename(&self.draft, &self.place)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A draft that took its place is gone already; one that cannot be removed harms nothing.
        drop(fs::remove_file(&self.draft));
    }
}
