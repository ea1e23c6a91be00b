//! The members of an object of texts, found by its quotes. Exports write the same keys in the same order line after line,
//! so a line is held against the shapes of those before it.

use super::rows::Values;
use crate::lifecycle::evidence::Text;

/// Quotes of a key and its value.
pub(super) const QUOTES_OF_MEMBER: usize = 4;

/// Members of a line that the quick way takes, and its line feed.
pub(super) const QUOTES_MAX: usize = 64 * QUOTES_OF_MEMBER + 1;

/// Shapes that are remembered: more come up only where every line is another.
const SHAPES_MAX: usize = 16;

/// The keys of a line in their order.
#[derive(Debug)]
struct Shape {
    keys: Vec<String>,
    /// By slot, which member has the slot's key.
    member_of: Vec<Option<usize>>,
}

/// The shapes that lines of a piece have had.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: Vec<Shape>,
    last: usize,
}

/// Where the quotes of each member are.
type Quotes<'q> = &'q [[usize; QUOTES_OF_MEMBER]];

impl Shapes {
    /// The slots' members of a line; `None` where it is not made of members alone, or has a key without slot or twice.
    pub(super) fn of(
        &mut self,
        text: &str,
        quotes: Quotes<'_>,
        names: &[Text<'_>],
    ) -> Option<&[Option<usize>]> {
        if !is_object(text, quotes) {
            return None;
        }
        let has = |shape: &Shape| {
            shape.keys.len() == quotes.len()
                && shape.keys.iter().zip(quotes).all(|(known, quotes)| key(text, quotes) == Some(known))
        };
        if !self.known.get(self.last).is_some_and(has) {
            self.last = match self.known.iter().position(has) {
                Some(known) => known,
                None => {
                    let keys = quotes.iter().map(|quotes| key(text, quotes).map(str::to_owned));
                    self.learn(keys.collect::<Option<_>>()?, names)?
                }
            };
        }
        self.known.get(self.last).map(|shape| shape.member_of.as_slice())
    }

    fn learn(&mut self, keys: Vec<String>, names: &[Text<'_>]) -> Option<usize> {
        let mut member_of = vec![None; names.len()];
        for (member, key) in keys.iter().enumerate() {
            let slot = names.iter().position(|name| name == key)?;
            let place = member_of.get_mut(slot)?;
            if place.replace(member).is_some() {
                return None;
            }
        }
        if self.known.len() >= SHAPES_MAX {
            self.known.clear();
        }
        self.known.push(Shape { keys, member_of });
        self.known.len().checked_sub(1)
    }
}

fn key<'t>(text: &'t str, [from, to, ..]: &[usize; QUOTES_OF_MEMBER]) -> Option<&'t str> {
    text.get(from.checked_add(1)?..*to)
}

/// Whether nothing stands between the texts but what an object needs.
fn is_object(text: &str, quotes: Quotes<'_>) -> bool {
    let bytes = text.as_bytes();
    let is = |place: usize, byte: u8| bytes.get(place) == Some(&byte);
    let mut next = 1;
    for [key, key_end, value, value_end] in quotes {
        let begins = *key == next && is(next.saturating_sub(1), if next == 1 { b'{' } else { b',' });
        let colon = key_end.saturating_add(1);
        if !begins || !is(colon, b':') || *value != colon.saturating_add(1) {
            return false;
        }
        next = value_end.saturating_add(2);
    }
    let end = next.saturating_sub(1);
    next > 1 && is(end, b'}') && bytes.len() == next
}

/// The members of one line.
#[derive(Clone, Copy)]
pub(super) struct Members<'a, 's> {
    /// Printable ASCII without escapes.
    pub text: &'a str,
    pub quotes: Quotes<'s>,
    pub shape: &'s [Option<usize>],
}

impl<'a> Values<'a> for Members<'a, '_> {
    #[inline]
    fn cell(self, column: usize) -> Option<&'a str> {
        let Some(member) = *self.shape.get(column)? else { return Some("") };
        let [_, _, from, to] = self.quotes.get(member)?;
        self.text.get(from.checked_add(1)?..*to)
    }
}
