//! The rules, each a function from sources to the places that break it.

use crate::sources::Source;

/// Lines of code that hold one of the words, with what to do instead.
pub(crate) fn forbidden(sources: &[Source], words: &[(&str, &str)]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        for (number, line) in source.code() {
            for (word, instead) in words {
                if holds_word(line, word) {
                    broken.push(format!("{}:{number}: {word} ({instead})", source.path));
                }
            }
        }
    }
    broken
}

/// Whether the word stands in the line and is not the inside of a longer name.
fn holds_word(line: &str, word: &str) -> bool {
    let inside = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|tail| tail.chars().next());
        let open_end = word.ends_with(|c: char| !c.is_alphanumeric());
        // `aws_sdk` means every crate whose name begins so.
        !inside(before) && (open_end || word.starts_with("aws_") || !inside(after))
    })
}

/// Files with more lines than allowed, and exceptions that no longer are any.
pub(crate) fn long_files(sources: &[Source], lines_max: usize, exceptions: &[(&str, &str)]) -> Vec<String> {
    let written = |source: &&Source| source.is_rust() || source.path.ends_with(".py");
    let long: Vec<_> = sources
        .iter()
        .filter(written)
        .map(|source| (source.path.clone(), source.text.lines().count()))
        .filter(|(_, lines)| *lines > lines_max)
        .collect();
    excepted(&long, exceptions)
}

/// Functions with more lines than allowed, named `file: function`.
pub(crate) fn long_functions(
    sources: &[Source],
    lines_max: usize,
    exceptions: &[(&str, &str)],
) -> Vec<String> {
    let mut long = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (name, lines) in functions(&source.text) {
            if lines > lines_max {
                long.push((format!("{}: {name}", source.path), lines));
            }
        }
    }
    excepted(&long, exceptions)
}

fn excepted(long: &[(String, usize)], exceptions: &[(&str, &str)]) -> Vec<String> {
    let mut broken: Vec<_> = long
        .iter()
        .filter(|(place, _)| !exceptions.iter().any(|(known, _)| known == place))
        .map(|(place, lines)| format!("{place} has {lines} lines"))
        .collect();
    for (known, _) in exceptions {
        if !long.iter().any(|(place, _)| place == known) {
            broken.push(format!("{known} is no exception any longer: take it out of the list"));
        }
    }
    broken
}

/// Name and length of each function. Relies on rustfmt: a body ends at the first closing brace that stands as far in as
/// its `fn`.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = declared_function(line) else { continue };
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let (end_of_body, end_of_signature) = (format!("{indent}}}"), format!("{indent});"));
        let rest = lines.iter().skip(start);
        // A declaration without a body, or all on one line, has no length worth a rule.
        if line.ends_with('}') || line.ends_with(';') {
            continue;
        }
        let end = rest.clone().position(|line| *line == end_of_body || line.starts_with(&end_of_signature));
        if let Some(length) = end {
            found.push((name.to_owned(), length + 1));
        }
    }
    found
}

/// The name of the function that this line begins to declare.
fn declared_function(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    loop {
        if let Some(after) = words.strip_prefix("fn ") {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            return after.get(..end);
        }
        let (word, rest) = words.split_once(' ')?;
        if !(word.starts_with("pub") || ["const", "async", "unsafe", "extern"].contains(&word)) {
            return None;
        }
        words = rest;
    }
}

/// Dependencies that state a version or a path of their own instead of the workspace's.
pub(crate) fn own_versions(manifest: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    let mut in_dependencies = false;
    for (number, line) in manifest.code() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies]");
        } else if in_dependencies && !line.trim().is_empty() && !line.contains("workspace = true") {
            broken.push(format!(
                "{}:{number}: {line} (its version belongs to the root Cargo.toml)",
                manifest.path
            ));
        }
    }
    broken
}

/// Lines with an absolute path of somebody's home or checkout.
pub(crate) fn machine_paths(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            for root in ["work", "farm", "root", "home", "Users"] {
                let path = format!("/{root}/");
                let stands_alone = |at: usize| {
                    let before = line.get(..at).and_then(|head| head.chars().next_back());
                    let after = line.get(at + path.len()..).and_then(|tail| tail.chars().next());
                    !before.is_some_and(|c| c.is_alphanumeric() || "_.-}$".contains(c))
                        && after.is_some_and(|c| c.is_alphanumeric() || "._-".contains(c))
                };
                if line.match_indices(&path).any(|(at, _)| stands_alone(at)) {
                    broken.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
                }
            }
        }
    }
    broken
}

mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_word_is_found_where_it_stands_alone() {
        let check = |text: &str, word: &str, expected: usize| {
            let found = forbidden(&[source("a.rs", text)], &[(word, "")]);
            assert_eq!(found.len(), expected, "{word} in {text:?}: {found:?}");
        };
        check("let x: f64 = y;", "f64", 1);
        check("let buf64 = 1; let f64x = 2;", "f64", 0);
        check("    // f64 is not for money", "f64", 0);
        check("use aws_sdk_s3::Client;", "aws_sdk", 1);
        check("use aws_sdk_s3::Client;", "aws_sdk_", 1);
        check("let tokio_like = 1;", "tokio", 0);
        check("tokio::spawn(x)", "tokio", 1);
        check("use cuadre::money;", "cuadre::", 1);
        check("use my_cuadre::money;", "cuadre::", 0);
    }

    #[test]
    fn the_length_of_a_function_is_that_of_its_lines() {
        let text = "fn one() {}\n\nimpl X {\n    pub(crate) async fn two(\n        a: u8,\n    ) -> u8 {\n        if a {\n        }\n        a\n    }\n}\n\ntrait Y {\n    fn three(&self);\n}\n";
        assert_eq!(functions(text), [("two".to_owned(), 7)]);
    }

    #[test]
    fn an_exception_ends_with_its_reason() {
        let long = [("a.rs".to_owned(), 700), ("b.rs".to_owned(), 800)];
        let broken = excepted(&long, &[("b.rs", "a table"), ("c.rs", "gone")]);
        assert_eq!(
            broken,
            ["a.rs has 700 lines", "c.rs is no exception any longer: take it out of the list"]
        );
    }

    #[test]
    fn a_version_of_ones_own_is_seen() {
        let text = "[package]\nname = \"x\"\n\n[dependencies]\nhex.workspace = true\nrand = \"0.9\"\n";
        assert_eq!(own_versions(&source("x/Cargo.toml", text)).len(), 1);
    }

    #[test]
    fn a_path_of_a_machine_is_seen() {
        let check = |line: &str, expected: usize| {
            let line = line.replace('~', "/");
            assert_eq!(machine_paths(&[source("a.md", &line)]).len(), expected, "{line}");
        };
        check("see ~home~ana~x", 1);
        check("\"~root~.cargo\"", 1);
        check("https:~~example.com~home~page", 0);
        check("$HOME~work~x", 0);
        check("~home~", 0);
    }
}
