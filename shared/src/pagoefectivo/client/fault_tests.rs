//! The client against the simulator of the provider: every fault at the first, at the second and at every request.

use std::time::Duration;

use cuadre_sandbox::{Config, Fault, FaultRule, PaymentOptions, Sandbox};

use super::*;
use crate::lifecycle::evidence::ReportStatus;
use crate::money::{Currency, Money};

const START: &str = "2026-03-02T09:30:00-05:00";
const ACCESS_KEY: &str = "canaryACCESS4411";
const SECRET_KEY: &str = "canary/KEY+9c1f7e2ab4d0==";
const MAIL: &str = "canaria.quispe@example.pe";
const NAME: &str = "Canaria Quispe";
const DOCUMENT: &str = "40128877";

const SEARCHES: &str = "POST /v1/cips/search";
const CREATES: &str = "POST /v1/cips";
const TOKENS: &str = "POST /v1/authorizations";

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn now() -> Instant {
    time(START)
}

struct World {
    sandbox: Sandbox,
    client: Client,
    keys: Credentials,
}

impl World {
    async fn start() -> World {
        World::start_with(Duration::from_secs(5)).await
    }

    /// Waits but a moment where silence is what is waited for.
    async fn start_for(fault: &Fault) -> World {
        let is_silence = matches!(fault, Fault::Silent | Fault::Late);
        World::start_with(Duration::from_millis(if is_silence { 200 } else { 5_000 })).await
    }

    async fn start_with(request: Duration) -> World {
        let mut config = Config::new(1234, ACCESS_KEY, SECRET_KEY, 7, now().to_utc());
        config.token_lifetime_seconds = 1_800;
        let sandbox = cuadre_sandbox::start(config).await.unwrap();
        let persistence = Persistence {
            request,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(50),
            ..Persistence::default()
        };
        let wire = Wire::new(persistence, REQUESTS_PER_MINUTE_DEFAULT).unwrap().recording();
        let client = Client::over(Arc::new(wire), &sandbox.base_url());
        let secret = |text: &str| Secret::new(text.to_owned());
        let keys =
            Credentials { id_service: 1234, access_key: secret(ACCESS_KEY), secret_key: secret(SECRET_KEY) };
        World { sandbox, client, keys }
    }

    /// The simulated time.
    fn now(&self) -> Instant {
        Instant::from_utc(self.sandbox.clock().now()).unwrap()
    }

    async fn create(&self, reference: &str, minor: i64) -> Result<CreatedCip, ClientError> {
        let secret = |text: &str| Some(Secret::new(text.to_owned()));
        let shopper = Shopper {
            name: secret(NAME),
            document_number: secret(DOCUMENT),
            ..Shopper::new(Secret::new(MAIL.to_owned()))
        };
        let new = NewCip {
            amount: Money { minor, currency: Currency::Pen },
            transaction_code: reference.to_owned(),
            expires_at: Some(time("2026-03-03T09:30:00-05:00")),
            payment_concept: None,
            additional_data: None,
            admin_email: None,
            shopper,
        };
        let created = self.client.create(&self.keys, &new, &|| self.now()).await;
        self.check_told(&format!("{new:?} {created:?}"));
        created
    }

    async fn search(&self, cip: Cip) -> Result<Exchange, ClientError> {
        let found = self.client.search(&self.keys, &[cip], &|| self.now()).await;
        if let Err(error) = &found {
            self.check_told(&format!("{error:?} {}", crate::telemetry::chain(error)));
        }
        found
    }

    async fn status(&self, cip: Cip) -> ReportStatus {
        self.search(cip).await.unwrap().answer.found[0].status
    }

    /// Nothing that is told holds a key, a token or a word of the shopper's.
    fn check_told(&self, told: &str) {
        let all = format!("{told} {:?} {:?}", self.client, self.client.wire.records());
        for canary in [ACCESS_KEY, SECRET_KEY, MAIL, NAME, DOCUMENT, "eyJ"] {
            assert!(!all.contains(canary), "{canary}: {all}");
        }
    }
}

/// found, unknown and unreadable, or the name of the error.
fn word(result: &Result<Exchange, ClientError>) -> String {
    match result {
        Ok(exchange) => {
            let Answer { found, unknown, unreadable } = &exchange.answer;
            format!("{} {} {}", found.len(), unknown.len(), unreadable.len())
        }
        Err(ClientError::NotUnderstood { why, .. }) => (*why).to_owned(),
        Err(ClientError::Refused { status, code, .. }) => format!("refused {status} {code}"),
        Err(ClientError::Trouble { status, code, .. }) => format!("trouble {status} {code}"),
        Err(error) => format!("{error:?}").split(' ').next().unwrap_or_default().to_owned(),
    }
}

const GOOD: &str = "1 0 0";

/// What two searches in a row come to where the fault hits the first request, the second one, and all; and how many
/// requests are made when it hits all.
#[tokio::test]
async fn every_fault_of_a_search_has_its_outcome() {
    let check =
        async |fault: Fault, first: [&str; 2], second: [&str; 2], always: [&str; 2], requests: u32| {
            let rules = [
                FaultRule::once(fault.clone(), SEARCHES, 0),
                FaultRule::once(fault.clone(), SEARCHES, 1),
                FaultRule::always(fault.clone(), SEARCHES),
            ];
            for (rule, expected) in rules.into_iter().zip([first, second, always]) {
                let world = World::start_for(&fault).await;
                let cip = world.create("A-1", 2_250).await.unwrap().cip;
                let is_always = rule.times.is_none();
                world.sandbox.inject(rule.clone());
                let outcomes = [word(&world.search(cip).await), word(&world.search(cip).await)];
                assert_eq!(outcomes, expected, "{rule:?}");
                if is_always {
                    assert_eq!(world.sandbox.requests(SEARCHES), requests, "{rule:?}");
                }
            }
        };
    // What passes is asked for again, three times at most.
    for (fault, word) in [
        (Fault::Internal, "trouble 500 166"),
        (Fault::Status(500), "trouble 500 ?"),
        (Fault::Status(502), "trouble 502 ?"),
        (Fault::Busy("0".to_owned()), "trouble 429 ?"),
        (Fault::Busy("Mon, 02 Mar 2026 14:30:00 GMT".to_owned()), "trouble 429 ?"),
        (Fault::Silent, "TimedOut"),
        (Fault::Late, "TimedOut"),
        (Fault::Cut, "Cut"),
    ] {
        check(fault, [GOOD; 2], [GOOD; 2], [word; 2], 6).await;
    }
    // The rest is an answer, and the same one would come again.
    for (fault, word) in [
        (Fault::Busy("3600".to_owned()), "trouble 429 ?"),
        (Fault::Status(400), "refused 400 ?"),
        (Fault::Status(403), "refused 403 ?"),
        (Fault::Redirect, "refused 302 ?"),
        (Fault::Code(166), "refused 200 166"),
        (Fault::Html, "is a page or XML, and no JSON"),
        (Fault::Empty, "is empty"),
        (Fault::Gzip, "is compressed, which nobody asked for"),
        (Fault::Long(9_000_000), "is longer than any that is known"),
        (Fault::ForeignCip, "0 0 2"),
        (Fault::EmptyStructures, "0 1 0"),
        (Fault::WrongType, GOOD),
        (Fault::TextCode, GOOD),
        (Fault::Long(1_000_000), GOOD),
    ] {
        check(fault, [word, GOOD], [GOOD, word], [word; 2], 2).await;
    }
    // A token that is not accepted is renewed once.
    check(Fault::Status(401), [GOOD; 2], [GOOD; 2], ["refused 401 ?"; 2], 4).await;
}

#[tokio::test]
async fn every_fault_of_an_authorization_has_its_outcome() {
    let check = async |fault: Fault, first: &str, always: &str| {
        for (rule, expected) in [
            (FaultRule::once(fault.clone(), TOKENS, 0), first),
            (FaultRule::always(fault.clone(), TOKENS), always),
        ] {
            let world = World::start_for(&fault).await;
            world.sandbox.inject(rule);
            let found = world.search(Cip::parse("7").unwrap()).await;
            assert_eq!(word(&found), expected, "{fault:?}");
            assert!(found.is_ok() || found.is_err_and(|error| !error.concerns_one_question()), "{fault:?}");
        }
    };
    const NONE: &str = "0 1 0";
    check(Fault::Internal, NONE, "trouble 500 166").await;
    check(Fault::Silent, NONE, "TimedOut").await;
    check(Fault::Cut, NONE, "Cut").await;
    check(Fault::Status(401), "refused 401 ?", "refused 401 ?").await;
    check(Fault::Status(403), "refused 403 ?", "refused 403 ?").await;
    check(Fault::Code(111), "refused 201 111", "refused 201 111").await;
    check(Fault::Html, "is a page or XML, and no JSON", "is a page or XML, and no JSON").await;
    check(Fault::TextCode, NONE, NONE).await;
}

#[tokio::test]
async fn a_cip_is_made_once_or_its_fate_is_told() {
    let check = async |fault: Fault, expected: &str, asked: u32| {
        let world = World::start_for(&fault).await;
        world.sandbox.inject(FaultRule::once(fault.clone(), CREATES, 0));
        let outcome = world.create("PED-77", 2_250).await;
        let told = match &outcome {
            Ok(_) => "made".to_owned(),
            Err(error) => crate::telemetry::chain(error),
        };
        assert!(told.contains(expected), "{fault:?}: {told}");
        let is_unknown = matches!(&outcome, Err(ClientError::OutcomeUnknown { transaction_code, .. }) if transaction_code == "PED-77");
        assert_eq!(
            is_unknown,
            expected.starts_with("PED-77") || expected.starts_with("\"PED-77"),
            "{fault:?}"
        );
        assert_eq!(world.sandbox.requests("POST /v1/cips"), asked, "{fault:?}");
    };
    let lost = "\"PED-77\" among the CIPs in PagoEfectivo's portal";
    for fault in [
        Fault::Internal,
        Fault::Status(502),
        Fault::Silent,
        Fault::Late,
        Fault::Cut,
        Fault::Html,
        Fault::Empty,
        Fault::Gzip,
        Fault::Code(166),
    ] {
        check(fault, lost, 1).await;
    }
    check(Fault::Busy("0".to_owned()), "made", 2).await;
    check(Fault::Status(401), "made", 2).await;
    check(Fault::Status(400), "(HTTP 400, code ?)", 1).await;
    check(Fault::Status(403), "ask PagoEfectivo whether the address", 1).await;
    check(Fault::TextCode, "made", 1).await;
    check(Fault::WrongType, "made", 1).await;
}

#[tokio::test]
async fn without_a_token_no_cip_can_have_been_made() {
    let world = World::start_for(&Fault::Silent).await;
    world.sandbox.inject(FaultRule::always(Fault::Silent, TOKENS));
    let error = world.create("PED-77", 2_250).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { what: AUTHORIZATIONS }), "{error}");
}

#[tokio::test]
async fn a_cip_is_made_as_asked_and_a_bad_one_is_told_by_its_field() {
    let world = World::start().await;
    let made = world.create("PED-1", 100_110).await.unwrap();
    assert_eq!(made.expires_at, Some(time("2026-03-03T09:30:00-05:00")));
    assert!(made.page_url.is_some());
    let found = world.search(made.cip).await.unwrap().answer.found.remove(0);
    assert_eq!((found.amount.minor, found.reference_id.as_deref()), (100_110, Some("PED-1")));
    let error = world.create("PED-2", 372_401).await.unwrap_err().to_string();
    assert!(error.contains("code 511): the amount is above the most"), "{error}");
    for (reference, minor) in [("", 100), ("x".repeat(37).as_str(), 100), ("PED-3", 0), ("PED-3", -1)] {
        let error = world.create(reference, minor).await.unwrap_err();
        assert!(matches!(error, ClientError::Unsendable { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_fields_at_fault_are_named_without_their_values() {
    let world = World::start().await;
    let mut new = NewCip {
        amount: Money { minor: 100, currency: Currency::Pen },
        transaction_code: "PED-1".to_owned(),
        expires_at: None,
        payment_concept: Some("x".repeat(51)),
        additional_data: None,
        admin_email: None,
        shopper: Shopper::new(Secret::new("nobody".to_owned())),
    };
    let error = world.client.create(&world.keys, &new, &now).await.unwrap_err();
    let ClientError::Refused { fields, .. } = &error else { panic!("{error}") };
    assert_eq!(
        fields.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(),
        ["userEmail", "paymentConcept"]
    );
    new.shopper.email = Secret::new(MAIL.to_owned());
    new.payment_concept = None;
    assert!(world.client.create(&world.keys, &new, &now).await.is_ok());
}

#[tokio::test]
async fn a_new_expiry_brings_an_expired_cip_back_however_often_it_is_set() {
    let world = World::start_for(&Fault::Late).await;
    let cip = world.create("PED-1", 2_250).await.unwrap().cip;
    world.sandbox.clock().set(time("2026-03-03T10:00:00-05:00").to_utc());
    assert_eq!(world.status(cip).await, ReportStatus::Expired);
    for fault in [Fault::Late, Fault::Cut, Fault::Internal] {
        world.sandbox.inject(FaultRule::once(fault, "PATCH", 0));
    }
    let until = time("2026-03-04T09:30:00-05:00");
    assert!(
        world.client.patch_expiry(&world.keys, cip, until, &|| world.now()).await.is_err(),
        "three faults are too many"
    );
    assert!(world.client.patch_expiry(&world.keys, cip, until, &|| world.now()).await.is_ok());
    let found = world.search(cip).await.unwrap().answer.found.remove(0);
    assert_eq!((found.status, found.expires_at), (ReportStatus::Pending, Some(until)));
    let past = time("2026-03-01T09:30:00-05:00");
    let error =
        world.client.patch_expiry(&world.keys, cip, past, &|| world.now()).await.unwrap_err().to_string();
    assert!(error.ends_with("fields: dateExpiry (invalid)"), "{error}");
}

#[tokio::test]
async fn a_removal_that_worked_is_told_from_one_that_is_refused() {
    let world = World::start_for(&Fault::Late).await;
    let remove = async |cip| world.client.remove(&world.keys, cip, &|| world.now()).await;
    let cip = world.create("PED-1", 2_250).await.unwrap().cip;
    assert_eq!(remove(cip).await.unwrap(), Removal::Done);
    assert_eq!(world.status(cip).await, ReportStatus::Removed);
    assert_eq!(remove(cip).await.unwrap(), Removal::Before);

    for fault in [Fault::Late, Fault::Cut] {
        let cip = world.create("PED-2", 2_250).await.unwrap().cip;
        world.sandbox.inject(FaultRule::once(fault, "DELETE", 0));
        assert_eq!(remove(cip).await.unwrap(), Removal::Before, "its first answer was lost");
    }

    let paid = world.create("PED-3", 2_250).await.unwrap().cip;
    world.sandbox.pay(paid.number(), PaymentOptions::default()).unwrap();
    let error = remove(paid).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 400, .. }), "{error}");
    let error = remove(Cip::parse("7").unwrap()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 404, .. }), "{error}");
}

#[tokio::test]
async fn who_is_refused_together_waits_for_one_new_token() {
    let world = World::start().await;
    let cips = [world.create("PED-1", 2_250).await.unwrap().cip];
    // Our clock stands, so that the token seems good here and is not there.
    world.sandbox.clock().advance(Duration::from_secs(2_000));
    let search = || world.client.search(&world.keys, &cips, &now);
    let (a, b, c) = tokio::join!(search(), search(), search());
    for found in [a, b, c] {
        assert_eq!(word(&found), GOOD);
    }
    assert_eq!((world.sandbox.requests(TOKENS), world.sandbox.requests(SEARCHES)), (2, 6));
}

#[tokio::test]
async fn what_was_asked_is_kept_for_the_provider_s_support() {
    let world = World::start().await;
    let cip = world.create("PED-1", 2_250).await.unwrap().cip;
    world.sandbox.inject(FaultRule::once(Fault::Internal, SEARCHES, 0));
    world.search(cip).await.unwrap();
    let records = world.client.wire.records();
    let told: Vec<_> =
        records.iter().map(|record| (record.what, record.status, record.code.as_deref())).collect();
    let expected = [
        (AUTHORIZATIONS, Some(201), None),
        ("POST /v1/cips", Some(201), None),
        (SEARCH, Some(500), Some("166")),
        (SEARCH, Some(200), None),
    ];
    assert_eq!(told, expected);
    assert_eq!(records[0].date(), Some(now().to_utc()));
    world.check_told("");
}
