//! What a simulator is started with.

use std::fmt;

use chrono::{DateTime, Utc};

/// One PagoEfectivo service and how its simulator behaves.
#[derive(Clone)]
pub struct Config {
    /// The service's number (`idService`).
    pub id_service: u64,
    /// The service's public half of the credentials, at most 20 characters.
    pub access_key: String,
    /// The service's secret; its text signs authorizations and notices.
    pub secret_key: String,
    /// The service's short code (`codeService`), 3 to 5 characters.
    pub service_code: String,
    /// Decides every CIP, operation number and token: the same seed and the same calls give the same bytes.
    pub seed: u64,
    /// Where the simulated clock begins; fractions of a second are cut.
    pub start_at: DateTime<Utc>,
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Where notices go; without it they wait to be taken.
    pub notice_url: Option<String>,
    /// How long a token holds. The documentation says two hours, a screenshot shows five minutes, so a client has to
    /// obey `tokenExpires` whatever it is.
    pub token_lifetime_seconds: u32,
    /// How far `dateRequest` may lie from the simulated time. It "must be the current Lima time" (vendor documentation
    /// v1.1); the tolerance is our assumption: an hour lets clocks drift and still refuses a wrong time zone.
    pub date_request_skew_seconds_max: u32,
    /// How long a CIP created without `dateExpiry` may be paid; agreed by contract at the provider.
    pub expiry_default_seconds: u32,
    /// The largest amount that a CIP may have, in minor units (error 511). Vendor overview page: S/3,724.
    pub amount_minor_max: i64,
    /// How the simulator behaves where no public material says what the provider does.
    pub assumptions: Assumptions,
}

/// Behaviour that no public material describes: every value here is our assumption, and a setting so that a client can
/// be tried against another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumptions {
    /// Status number of a removed CIP. Known are 21 expired, 22 generated and 23 paid; a removed CIP surely has one,
    /// since there is a `dateRemoval`.
    pub removed_status: u16,
    /// Body of an answer 401.
    pub unauthorized_body: String,
    /// Most CIPs that one search may name; more are refused as an invalid `data`.
    pub search_cips_max: usize,
    /// Which payment a search shows of a CIP that was paid more than once.
    pub paid_twice: PaidTwice,
    /// How a notice writes `paymentDate`.
    pub payment_date: PaymentDateForm,
}

/// Which of several payments of one CIP a search shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidTwice {
    /// The payment that came first.
    First,
    /// The payment that came last.
    Latest,
}

/// How a notice writes `paymentDate`, which two integrators read and the documentation does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentDateForm {
    /// `2026-03-02T09:30:00-05:00`.
    WithOffset,
    /// `2026-03-02T09:30:00`, Lima time.
    WithoutOffset,
    /// The field is left out.
    Absent,
}

impl Config {
    /// The usual behaviour for one service; the clock starts at `start_at`, any free port is taken, notices wait.
    #[must_use]
    pub fn new(
        id_service: u64,
        access_key: &str,
        secret_key: &str,
        seed: u64,
        start_at: DateTime<Utc>,
    ) -> Config {
        Config {
            id_service,
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            service_code: "SBX".to_owned(),
            seed,
            start_at,
            port: 0,
            notice_url: None,
            token_lifetime_seconds: 7_200,
            date_request_skew_seconds_max: 3_600,
            expiry_default_seconds: 86_400,
            amount_minor_max: 372_400,
            assumptions: Assumptions::default(),
        }
    }
}

impl Default for Assumptions {
    fn default() -> Assumptions {
        Assumptions {
            removed_status: 24,
            unauthorized_body: r#"{"code":401,"message":"Unauthorized.","data":[]}"#.to_owned(),
            search_cips_max: 100,
            paid_twice: PaidTwice::First,
            payment_date: PaymentDateForm::WithOffset,
        }
    }
}

impl fmt::Debug for Config {
    /// Leaves both keys out, so that a log of the configuration gives nothing away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("id_service", &self.id_service)
            .field("seed", &self.seed)
            .field("start_at", &self.start_at)
            .field("port", &self.port)
            .field("notice_url", &self.notice_url)
            .field("assumptions", &self.assumptions)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let config = Config::new(1234, "PUBLICHALF", "PRIVATEHALF", 1, DateTime::<Utc>::UNIX_EPOCH);
        let shown = format!("{config:?}");
        assert!(!shown.contains("PUBLICHALF") && !shown.contains("PRIVATEHALF"), "{shown}");
        assert!(shown.contains("1234"));
    }
}
