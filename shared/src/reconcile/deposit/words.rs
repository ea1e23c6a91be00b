//! Names that stand as whole words in what a bank writes.

use std::collections::HashMap;

/// Names to look for, each with what it stands for. Letter case counts.
pub(in super::super) struct Names<'n, T> {
    by_first_word: HashMap<&'n str, Vec<(&'n str, T)>>,
}

impl<'n, T: Copy> Names<'n, T> {
    /// Takes names of at least so many characters; shorter ones stand in too many texts by chance. What is no letter and no
    /// digit at either end of a name plays no part.
    pub fn new(names: impl IntoIterator<Item = (&'n str, T)>, chars_min: usize) -> Self {
        let mut by_first_word: HashMap<&'n str, Vec<(&'n str, T)>> = HashMap::new();
        for (name, value) in names {
            let name = name.trim_matches(|character: char| !character.is_alphanumeric());
            if name.chars().count() < chars_min {
                continue;
            }
            if let Some((_, first)) = words(name).next() {
                by_first_word.entry(first).or_default().push((name, value));
            }
        }
        Names { by_first_word }
    }

    /// What the names stand for that the text holds as whole words, each as often as it stands there.
    pub fn within<'s>(&'s self, text: &'s str) -> impl Iterator<Item = (&'n str, T)> + 's {
        words(text).flat_map(move |(at, word)| {
            let rest = text.get(at..).unwrap_or_default();
            let beginning = self.by_first_word.get(word).into_iter().flatten();
            beginning.filter(move |(name, _)| begins_with_word(rest, name)).copied()
        })
    }
}

/// Whether a text begins with a name that ends where a word does.
fn begins_with_word(text: &str, name: &str) -> bool {
    let next = text.strip_prefix(name).map(|rest| rest.chars().next());
    next.is_some_and(|next| !next.is_some_and(char::is_alphanumeric))
}

/// The words of a text, each with the place where it begins: the longest runs of letters and digits.
pub(in super::super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let begins = text.char_indices().scan(false, |inside, (at, character)| {
        let begins = character.is_alphanumeric() && !*inside;
        *inside = character.is_alphanumeric();
        Some(begins.then_some(at))
    });
    begins.flatten().filter_map(|at| {
        let rest = text.get(at..)?;
        let end = rest.find(|character: char| !character.is_alphanumeric()).unwrap_or(rest.len());
        Some((at, rest.get(..end)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_stands_as_a_whole_word() {
        let names = ["L-2041", "204199", "LIQ 77 A", "corto", "Ñandú-1"];
        let index = Names::new(names.iter().enumerate().map(|(number, name)| (*name, number)), 6);
        let check = |text: &str, expected: &[usize]| {
            let found: Vec<usize> = index.within(text).map(|(_, number)| number).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("", &[]);
        check("ABONO L-2041", &[0]);
        check("L-2041/204199", &[0, 1]);
        check("(L-2041)", &[0]);
        check("L-20411", &[]);
        check("XL-2041", &[]);
        check("L 2041", &[]);
        check("l-2041", &[]);
        check("204199L", &[]);
        check("pago LIQ 77 A.", &[2]);
        check("LIQ 77 AB", &[]);
        check("corto", &[]);
        check("de Ñandú-1 a Ñandú-12", &[4]);
        check("L-2041 L-2041", &[0, 0]);
    }
}
