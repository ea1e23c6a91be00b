//! What joins a run to those before it: what they left open, and the stubs of what they closed.

use chrono::TimeDelta;
use cuadre::aws::StoreError;
use cuadre::aws::bucket::Bucket;
use cuadre::aws::layout;
use cuadre::calendar::Instant;

use crate::ReconcileError;
use crate::judge::{JudgeError, LEG_BYTES_MAX, Objects};
use crate::manifest::{Closed, Left, Manifest, Version};

/// So many objects of stubs become one, so that half a year of runs is some sixty objects and a stub is written four times at most.
const MERGED: usize = 16;

/// So much is remembered of what one run has closed that has closed more than an object may hold: as much again is left for the
/// runs that follow.
const STUBS_OF_ONE_MAX: usize = LEG_BYTES_MAX / 2;

/// What a run takes over from the one before.
pub(crate) struct Chain {
    pub(crate) left: Left,
    pub(crate) objects: Objects,
    /// What is no longer remembered that should be; for the notes of the run.
    pub(crate) forgotten: Vec<String>,
}

/// What the run of `before` has left, whose outputs lie below `prefix_before`; none where they have been deleted.
pub(crate) async fn chain(
    before: &Manifest,
    prefix_before: &str,
    oldest: Instant,
    prefix: &str,
    bucket: &Bucket,
) -> Result<Option<Chain>, ReconcileError> {
    let open_key = format!("{prefix_before}open.ndjson");
    let (open, stubs) = (bucket.get(&open_key, None).await?, stubs_of(prefix_before, prefix, bucket).await?);
    let (Some(open), Some(stubs_before)) = (open, stubs) else { return Ok(None) };
    let mut forgotten: Vec<String> = stubs_before.forgotten.into_iter().collect();
    let mut objects = Objects::new();
    let open_version = Version::of(&open_key, None, &open.bytes);
    objects.insert(open_key, open.bytes);

    let mut stubs = before.carried.as_ref().map(|left| left.closed.clone()).unwrap_or_default();
    // A file is as old as the newest run in it; its older stubs are left alone by their own time.
    stubs.retain(|stub| Instant::parse(&stub.until).is_some_and(|until| until >= oldest));
    let earlier: Vec<_> =
        stubs.iter().map(|stub| (stub.object.key.clone(), stub.object.version_id.clone())).collect();
    for (key, object) in bucket.get_all(&earlier).await? {
        let object = object.ok_or_else(|| JudgeError::Gone(key.clone()))?;
        objects.insert(key, object.bytes);
    }
    if !stubs_before.bytes.is_empty() {
        stubs.push(entry(&stubs_before.key, 0, &before.as_of, &stubs_before.bytes));
        objects.insert(stubs_before.key, stubs_before.bytes);
    }
    forgotten.extend(forget(&mut stubs, &mut objects, LEG_BYTES_MAX));
    for (key, bytes) in merge(&mut stubs, &mut objects, prefix) {
        bucket.put_new(&key, bytes).await?;
    }
    let left = Left { open: open_version, closed: stubs };
    Ok(Some(Chain { left, objects, forgotten }))
}

/// The stubs of one run.
struct Stubs {
    key: String,
    bytes: Vec<u8>,
    forgotten: Option<String>,
}

/// The stubs of the run before; where it has closed more than one object may hold, as a run over a whole past does, the last of
/// them, which are those of the highest codes, in an object of their own.
async fn stubs_of(
    prefix_before: &str,
    prefix: &str,
    bucket: &Bucket,
) -> Result<Option<Stubs>, ReconcileError> {
    let key = format!("{prefix_before}closed.ndjson");
    match bucket.get(&key, None).await {
        Ok(object) => Ok(object.map(|object| Stubs { key, bytes: object.bytes, forgotten: None })),
        Err(StoreError::TooLarge { .. }) => {
            let Some(end) = bucket.get_end(&key, STUBS_OF_ONE_MAX).await? else { return Ok(None) };
            let bytes = whole_lines(&end).to_vec();
            let forgotten = format!(
                "of what {key} closed, the last {} bytes are remembered: a fact that arrives late of an older code is judged without what was known of it",
                bytes.len()
            );
            let key = format!("{prefix}closed-before-{}.ndjson", layout::short_hash(&bytes));
            bucket.put_new(&key, bytes.clone()).await?;
            Ok(Some(Stubs { key, bytes, forgotten: Some(forgotten) }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The end of a file without the line in which it begins.
fn whole_lines(end: &[u8]) -> &[u8] {
    let begins = end.iter().position(|byte| *byte == b'\n').map_or(end.len(), |feed| feed.saturating_add(1));
    end.get(begins..).unwrap_or_default()
}

/// From when on stubs are remembered: a day more than the policy says, for a run looks at each stub's own time.
pub(crate) fn oldest(as_of: Instant, closed_days: u32) -> Instant {
    as_of.moved(-TimeDelta::days(i64::from(closed_days).saturating_add(1)))
}

fn entry(key: &str, level: u8, until: &str, bytes: &[u8]) -> Closed {
    Closed {
        object: Version::of(key, None, bytes),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        level,
        until: until.to_owned(),
    }
}

/// Leaves out the oldest stubs until the rest fits into memory; says so.
fn forget(stubs: &mut Vec<Closed>, objects: &mut Objects, bytes_max: usize) -> Option<String> {
    let max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut until = None;
    while stubs.iter().fold(0_u64, |sum, stub| sum.saturating_add(stub.bytes)) > max && !stubs.is_empty() {
        let stub = stubs.remove(0);
        objects.remove(&stub.object.key);
        until = Some(stub.until);
    }
    until.map(|until| {
        format!(
            "what was closed until {until} is not remembered, since stubs are larger than {bytes_max} bytes together: lower carry.closed_days in the policy"
        )
    })
}

/// Makes one object of every [`MERGED`] of a level; gives those that are new.
fn merge(stubs: &mut Vec<Closed>, objects: &mut Objects, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut written = Vec::new();
    // A merger of one level may complete the next one.
    for level in 0..u8::MAX {
        let of_level = |stub: &&Closed| stub.level == level;
        if stubs.iter().filter(of_level).count() < MERGED {
            break;
        }
        let first = stubs.iter().position(|stub| stub.level == level).unwrap_or_default();
        let merged: Vec<Closed> = stubs.drain(first..first.saturating_add(MERGED)).collect();
        let bytes: Vec<u8> =
            merged.iter().filter_map(|stub| objects.remove(&stub.object.key)).flatten().collect();
        let until = merged.last().map(|stub| stub.until.clone()).unwrap_or_default();
        let key = format!("{prefix}closed-before-{}.ndjson", layout::short_hash(&bytes));
        stubs.insert(first, entry(&key, level.saturating_add(1), &until, &bytes));
        written.push((key.clone(), bytes.clone()));
        objects.insert(key, bytes);
    }
    // What a merger of the next level has swallowed again need not be written.
    written.retain(|(key, _)| objects.contains_key(key));
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(runs: u32) -> (Vec<Closed>, Objects, usize) {
        let (mut stubs, mut objects, mut written) = (Vec::new(), Objects::new(), 0);
        for run in 0..runs {
            let (key, text) = (format!("run-{run}"), format!("stub {run}\n").into_bytes());
            stubs.push(entry(&key, 0, &format!("{run:05}"), &text));
            objects.insert(key, text);
            let new = merge(&mut stubs, &mut objects, "now/");
            written += new
                .iter()
                .map(|(_, bytes)| bytes.iter().filter(|byte| **byte == b'\n').count())
                .sum::<usize>();
        }
        (stubs, objects, written)
    }

    #[test]
    fn stubs_of_many_runs_lie_in_few_objects_and_none_is_lost() {
        let check = |runs: u32, expected: usize| {
            let (stubs, objects, written) = grown(runs);
            assert_eq!(stubs.len(), expected, "{runs}");
            assert_eq!(objects.len(), expected, "what was merged is not kept");
            let texts =
                stubs.iter().map(|stub| String::from_utf8(objects[&stub.object.key].clone()).unwrap());
            let all: String = texts.collect();
            assert_eq!(all, (0..runs).map(|run| format!("stub {run}\n")).collect::<String>());
            assert!(stubs.iter().all(|stub| stub.object.is(&objects[&stub.object.key])));
            assert_eq!(stubs.last().map(|stub| stub.until.clone()), Some(format!("{:05}", runs - 1)));
            assert!(written <= 3 * usize::try_from(runs).unwrap(), "{written}");
        };
        check(15, 15);
        check(16, 1);
        check(17, 2);
        check(255, 30);
        check(256, 1);
        check(4_100, 5);
    }

    #[test]
    fn the_end_of_a_file_begins_with_a_whole_line() {
        let check = |end: &str, expected: &str| assert_eq!(whole_lines(end.as_bytes()), expected.as_bytes());
        check("ne\ntwo\nthree\n", "two\nthree\n");
        check("\ntwo\n", "two\n");
        check("no end", "");
        check("", "");
    }

    #[test]
    fn the_oldest_are_forgotten_where_all_do_not_fit() {
        let (mut stubs, mut objects, _) = grown(3);
        assert_eq!(forget(&mut stubs, &mut objects, 21), None);
        let note = forget(&mut stubs, &mut objects, 20).unwrap();
        assert!(note.contains("until 00000") && note.contains("20 bytes"), "{note}");
        assert_eq!((stubs.len(), objects.len()), (2, 2));
        forget(&mut stubs, &mut objects, 0).unwrap();
        assert_eq!((stubs.len(), objects.len()), (0, 0));
    }
}
