//! Why there is no answer of the provider's, told so that a person knows what to do.
//!
//! No error holds a key, a token, a body, an address with its query, or a value of a field.

use super::AUTHORIZATIONS;
use super::envelope::{FieldFault, code_in_words};

/// Why the provider gave no answer. `what` names the question, such as `/v1/cips/search`.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The account's secret was never filled.
    #[error(
        "the account's secret still holds the placeholder \"replace-me\": store the keys that PagoEfectivo gave"
    )]
    PlaceholderKeys,
    /// No TLS or no resolver on this machine.
    #[error("the HTTP client cannot be made")]
    Setup(#[source] reqwest::Error),
    /// The question cannot be put into a request at all; nothing was sent.
    #[error("{what} cannot be asked: {why}")]
    Unsendable {
        /// What was to be asked.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No connection: the name is not resolved, nobody listens, or TLS fails. Nothing was sent.
    #[error(
        "{what} of the provider cannot be reached: check the address, the way out and TLS, or try again later"
    )]
    Unreachable {
        /// What was called.
        what: &'static str,
        /// What the HTTP client says.
        #[source]
        source: reqwest::Error,
    },
    /// The connection stood, and no whole answer came in time.
    #[error("{what} of the provider does not answer in time: try again later")]
    TimedOut {
        /// What was called.
        what: &'static str,
    },
    /// The connection broke before the answer was whole.
    #[error("{what} of the provider breaks off its answer: try again later")]
    Cut {
        /// What was called.
        what: &'static str,
        /// What the HTTP client says.
        #[source]
        source: reqwest::Error,
    },
    /// The budget of requests is spent for longer than this question can wait. Nothing was sent.
    #[error(
        "{what} would have to wait too long for its turn: more is asked than the budget of requests a minute allows"
    )]
    NoTurn {
        /// What was to be asked.
        what: &'static str,
    },
    /// Trouble at the provider (HTTP 408, 429 or 5xx), still there after the last attempt.
    #[error("{what} of the provider is in trouble (HTTP {status}, code {code}): {}", code_in_words(*.status, .code))]
    Trouble {
        /// What was called.
        what: &'static str,
        /// The last status.
        status: u16,
        /// `code` of the error envelope; `?` where there is none.
        code: String,
        /// How long the provider asked to wait, where it did.
        retry_after_seconds: Option<u64>,
    },
    /// The provider refuses the request; the same one will be refused again.
    #[error(
        "{what} of the provider refuses (HTTP {status}, code {code}): {}{}",
        code_in_words(*.status, .code),
        listed(.fields)
    )]
    Refused {
        /// What was called.
        what: &'static str,
        /// The status.
        status: u16,
        /// `code` of the error envelope; `?` where there is none.
        code: String,
        /// The fields that the envelope complains of.
        fields: Vec<FieldFault>,
    },
    /// A CIP may have been made, and no answer told its number.
    #[error(
        "whether {what} made a CIP is not known: before it is asked for again, look for transactionCode {transaction_code:?} among \
         the CIPs in PagoEfectivo's portal; one that no shopper was told of expires unpaid"
    )]
    OutcomeUnknown {
        /// What was asked.
        what: &'static str,
        /// By which reference such a CIP can be found.
        transaction_code: String,
        /// What came in place of an answer.
        #[source]
        source: Box<ClientError>,
    },
    /// The provider's answer is none that is known.
    #[error("{what} of the provider answers something unknown: the answer {why}")]
    NotUnderstood {
        /// What was called.
        what: &'static str,
        /// What the answer is, or is not.
        why: &'static str,
    },
}

impl ClientError {
    /// Whether another question may well be answered: this one was refused, or answered in a way not known. Otherwise
    /// the provider is out of reach, or takes no question with these keys.
    #[must_use]
    pub fn concerns_one_question(&self) -> bool {
        // Without authorization there is no question at all.
        let is_question = |what: &str| what != AUTHORIZATIONS;
        match self {
            ClientError::PlaceholderKeys
            | ClientError::Setup(_)
            | ClientError::Unsendable { .. }
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut { .. }
            | ClientError::NoTurn { .. } => false,
            ClientError::Trouble { what, status, .. } => is_question(what) && *status != 429,
            ClientError::Refused { what, status, .. } => is_question(what) && !matches!(*status, 401 | 403),
            ClientError::Cut { what, .. } | ClientError::NotUnderstood { what, .. } => is_question(what),
            ClientError::OutcomeUnknown { source, .. } => source.concerns_one_question(),
        }
    }

    /// Whether it was the token that could not be had, so that the question itself was never asked.
    #[must_use]
    pub(super) fn is_about_token(&self) -> bool {
        match self {
            ClientError::TimedOut { what }
            | ClientError::Cut { what, .. }
            | ClientError::Trouble { what, .. }
            | ClientError::Refused { what, .. }
            | ClientError::NotUnderstood { what, .. } => *what == AUTHORIZATIONS,
            _ => false,
        }
    }

    /// Whether the provider cannot have acted on the question: nothing was sent, or it was turned away.
    #[must_use]
    pub fn left_no_trace(&self) -> bool {
        match self {
            ClientError::PlaceholderKeys
            | ClientError::Setup(_)
            | ClientError::Unsendable { .. }
            | ClientError::Unreachable { .. }
            | ClientError::NoTurn { .. } => true,
            // A refusal under a status of success is an error that the provider noticed on its way.
            ClientError::Refused { status, .. } => !(200..300).contains(status),
            ClientError::Trouble { status, .. } => *status == 429,
            ClientError::TimedOut { .. }
            | ClientError::Cut { .. }
            | ClientError::NotUnderstood { .. }
            | ClientError::OutcomeUnknown { .. } => false,
        }
    }
}

/// The fields at fault, behind the sentence.
fn listed(fields: &[FieldFault]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
    format!("; fields: {}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = "/v1/cips/search";

    fn refused(what: &'static str, status: u16) -> ClientError {
        ClientError::Refused { what, status, code: "111".to_owned(), fields: Vec::new() }
    }

    fn trouble(what: &'static str, status: u16) -> ClientError {
        ClientError::Trouble { what, status, code: "?".to_owned(), retry_after_seconds: None }
    }

    #[test]
    fn a_question_is_at_fault_or_the_provider_is_out_of_reach() {
        let check = |error: ClientError, expected: bool| {
            assert_eq!(error.concerns_one_question(), expected, "{error}");
        };
        check(refused(QUESTION, 400), true);
        check(refused(QUESTION, 401), false);
        check(refused(QUESTION, 403), false);
        check(refused(AUTHORIZATIONS, 400), false);
        check(ClientError::NotUnderstood { what: QUESTION, why: "is empty" }, true);
        check(trouble(QUESTION, 500), true);
        check(trouble(QUESTION, 429), false);
        check(trouble(AUTHORIZATIONS, 500), false);
        check(ClientError::TimedOut { what: QUESTION }, false);
        check(ClientError::NoTurn { what: QUESTION }, false);
        check(ClientError::PlaceholderKeys, false);
    }

    #[test]
    fn what_may_have_taken_effect_is_told_apart() {
        let check = |error: ClientError, expected: bool| {
            assert_eq!(error.left_no_trace(), expected, "{error}");
        };
        check(ClientError::NoTurn { what: QUESTION }, true);
        check(ClientError::TimedOut { what: QUESTION }, false);
        check(ClientError::NotUnderstood { what: QUESTION, why: "is empty" }, false);
        check(refused(QUESTION, 400), true);
        check(refused(QUESTION, 200), false);
        check(trouble(QUESTION, 429), true);
        check(trouble(QUESTION, 500), false);
    }

    #[test]
    fn a_refusal_names_its_fields_and_says_what_to_do() {
        let fields = vec![FieldFault { field: "amount".to_owned(), code: "113".to_owned() }];
        let error = ClientError::Refused { what: QUESTION, status: 400, code: "111".to_owned(), fields };
        let text = error.to_string();
        assert!(
            text.contains("(HTTP 400, code 111)") && text.ends_with("; fields: amount (invalid)"),
            "{text}"
        );
    }
}
