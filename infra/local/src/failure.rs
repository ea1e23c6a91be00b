//! Why a command did not do its work, in the two kinds that a caller tells apart.

use std::error::Error;

/// Ends a command; its text is one sentence on standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The user has to change something: the sentence says what. Exit code 2.
    Input(String),
    /// The machine or Cuadre is at fault. Exit code 3.
    Defect(String),
}

impl Failure {
    /// A failure of the machine, with all its causes.
    pub(crate) fn defect(what: &str, error: &dyn Error) -> Failure {
        Failure::Defect(format!("{what}: {}", with_causes(error)))
    }

    pub(crate) fn sentence(&self) -> String {
        match self {
            Failure::Input(sentence) | Failure::Defect(sentence) => format!("cuadre: {sentence}"),
        }
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Failure::Input(_) => 2,
            Failure::Defect(_) => 3,
        }
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_in_one_line() {
        let cause = std::io::Error::other("disk full");
        let error = std::io::Error::other(std::io::Error::other(cause));
        let failure = Failure::defect("outputs cannot be written", &error);
        assert_eq!(failure.exit_code(), 3);
        assert!(failure.sentence().starts_with("cuadre: outputs cannot be written: disk full"));
    }
}
