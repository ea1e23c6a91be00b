//! Dates as the API writes and reads them: Lima time to the second.

use chrono::{DateTime, FixedOffset, Utc};

/// Lima is five hours behind UTC all year.
const LIMA_OFFSET_SECONDS: i32 = -5 * 3600;

/// How the API says that there is no date (vendor screenshot of a search answer, 2018).
pub(crate) const NO_DATE: &str = "1900-01-01T00:00:00-05:00";

/// The forms seen: the documented one, the one of the documentation's own example (a blank for the `T`), and the
/// offset without colon that integrators send. Chrono's `%z` reads both offsets.
const FORMS: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z"];

/// `2026-03-02T09:30:00-05:00`.
pub(crate) fn lima(time: DateTime<Utc>) -> String {
    format!("{}-05:00", lima_without_offset(time))
}

/// `2026-03-02T09:30:00`, still Lima's wall clock.
pub(crate) fn lima_without_offset(time: DateTime<Utc>) -> String {
    let naive = match FixedOffset::east_opt(LIMA_OFFSET_SECONDS) {
        Some(offset) => time.with_timezone(&offset).naive_local(),
        None => time.naive_utc(),
    };
    naive.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// The header `Date` of an answer.
pub(crate) fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads any of the forms seen.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    FORMS.iter().find_map(|form| DateTime::parse_from_str(text, form).ok()).map(|time| time.to_utc())
}

/// Reads the one form that `dateRequest` may have: 25 characters that end in `-05:00` (vendor documentation v1.1).
pub(crate) fn parse_date_request(text: &str) -> Option<DateTime<Utc>> {
    (text.len() == 25 && text.ends_with("-05:00") && text.contains('T')).then(|| parse(text))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_seen_are_one_time() {
        let expected = parse("2026-03-02T09:30:00-05:00");
        assert_eq!(expected.map(lima).as_deref(), Some("2026-03-02T09:30:00-05:00"));
        for text in ["2026-03-02 09:30:00-05:00", "2026-03-02T09:30:00-0500", "2026-03-02T14:30:00+0000"] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in ["", "2026-03-02", "2026-03-02T09:30:00", "02/03/2026 09:30", "2026-02-30T09:30:00-05:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_request_has_one_form() {
        assert!(parse_date_request("2026-03-02T09:30:00-05:00").is_some());
        for text in ["2026-03-02T09:30:00-5:00", "2026-03-02T14:30:00+00:00", "2026-03-02 09:30:00-05:00"] {
            assert_eq!(parse_date_request(text), None, "{text}");
        }
    }
}
