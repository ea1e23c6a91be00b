//! Notices that the orders do not lead to: the functions report-pull and reconcile over simulated days, against the
//! emulators and the simulator of the provider. Each notice has to end as what it is, though no order asks for its CIP any
//! more, or none ever did.
#![cfg(test)]

use chrono::TimeDelta;
use cuadre::aws::table::{BreakState, Recorded, Signed, Table};
use cuadre::aws::{Patience, layout};
use cuadre::calendar::Instant;
use cuadre::formats::{self, Format, Mapping, Source};
use cuadre::pagoefectivo::notice;
use cuadre::pagoefectivo::search::NOTICE_SETTLES;
use cuadre_emulators::{BUCKET_NAME, Emulators, PULLS_URL, RUNS_URL, TABLE_NAME, TOPIC_ARN};
use cuadre_sandbox::{PaymentOptions, Sandbox};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SECRET: &str = "Zm9yIHRlc3RzIG9ubHkgLSBub3QgYSBrZXk+/A==";
const START: &str = "2026-03-02T10:00:00-05:00";
const EXPIRY: &str = "2026-03-03T10:00:00-05:00";

/// Between two pulls; a deployment pulls more often.
const PULL_EVERY: TimeDelta = TimeDelta::hours(6);

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

struct World {
    aws: Emulators,
    sandbox: Sandbox,
    table: Table,
    pull: (cuadre_report_pull::Clients, cuadre_report_pull::Config),
    reconcile: (cuadre_reconcile::Clients, cuadre_reconcile::Config),
    now: Instant,
}

impl World {
    async fn start() -> World {
        let provider = cuadre_sandbox::Config::new(1234, "ACCESS", SECRET, 7, time(START).to_utc());
        let sandbox = cuadre_sandbox::start(provider).await.unwrap();
        let aws = Emulators::start().await.unwrap();
        let keys = json!({"id_service": 1234, "access_key": "ACCESS", "secret_key": SECRET});
        aws.put_secret("cuadre/accounts/tienda", &keys.to_string()).await.unwrap();
        let url = sandbox.base_url();
        let lookup = |name: &str| {
            let value = match name {
                "TABLE_NAME" => TABLE_NAME,
                "BUCKET_NAME" => BUCKET_NAME,
                "TOPIC_ARN" => TOPIC_ARN,
                "SECRET_PREFIX" => "cuadre",
                "PULLS_URL" => PULLS_URL,
                "RUNS_URL" => RUNS_URL,
                "ACCOUNTS" => "tienda",
                "PROVIDER_URL" => url.as_str(),
                _ => return None,
            };
            Some(value.to_owned())
        };
        let sdk = aws.sdk_config();
        let pull = cuadre_report_pull::Config::from_env(&lookup).unwrap();
        let reconcile = cuadre_reconcile::Config::from_env(&lookup).unwrap();
        World {
            table: Table::new(&sdk, Patience::WORK, TABLE_NAME),
            pull: (cuadre_report_pull::Clients::new(&sdk, &pull).unwrap(), pull),
            reconcile: (cuadre_reconcile::Clients::new(&sdk, &reconcile), reconcile),
            aws,
            sandbox,
            now: time(START),
        }
    }

    /// A CIP at the provider that may be paid for one day.
    async fn create(&self, reference: &str) -> u64 {
        let hash = hex::encode(Sha256::digest(format!("1234.ACCESS.{SECRET}.{START}")));
        let keys =
            json!({"accessKey": "ACCESS", "idService": 1234, "dateRequest": START, "hashString": hash});
        let answer = self.call("/v1/authorizations", "", &keys).await;
        let token = answer["data"]["token"].as_str().unwrap();
        let cip = json!({"currency": "PEN", "amount": 22.5, "transactionCode": reference, "userEmail": "a@example.com",
            "userPhone": "999999999", "userCodeCountry": "+51", "dateExpiry": EXPIRY});
        self.call("/v1/cips", token, &cip).await["data"]["cip"].as_u64().unwrap()
    }

    async fn call(&self, path: &str, token: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.sandbox.base_url()));
        let request =
            request.header("content-type", "application/json").header("origin", "web").bearer_auth(token);
        let answer = request.body(body.to_string()).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// The shop's export of this moment: one order with its code.
    async fn order(&self, cip: u64, status: &str) {
        let now = self.now;
        let orders = format!(
            "reference_id,cip,amount,currency,status,created_at,expires_at,updated_at\n\
             A-1,{cip},22.50,PEN,{status},{START},{EXPIRY},{now}\n"
        );
        let key = "normalized/orders/account=tienda/day=2026-03-02/shop.csv";
        self.aws.put_object(key, orders.as_bytes()).await.unwrap();
        let bytes = orders.as_bytes();
        let source = Source { name: "shop", bytes, format: Format::Csv, account: Some("tienda") };
        for row in &formats::read_orders(&source, &Mapping::default().orders).unwrap().rows {
            self.table.record_order(row).await.unwrap();
        }
    }

    /// Lets the time pass, and pull after pull with it.
    async fn until(&mut self, moment: &str) {
        let moment = time(moment);
        while self.now < moment {
            let next = self.now.to_utc() + PULL_EVERY;
            self.now = Instant::from_utc(next).unwrap().min(moment);
            self.sandbox.clock().set(self.now.to_utc());
            let now = self.now;
            let (clients, config) = &self.pull;
            let search = cuadre_report_pull::Task {
                account: Some("tienda".to_owned()),
                source: Some("search".to_owned()),
                scheduled_at: Some(now.to_string()),
                ..Default::default()
            };
            let event = cuadre_report_pull::Event::Task(search);
            cuadre_report_pull::handle(&event, clients, config, &move || now).await.unwrap();
        }
    }

    /// The notices of the provider arrive.
    async fn hear(&self) {
        for notice in self.sandbox.take_notices() {
            self.record(&notice.body).await;
        }
    }

    /// A signed notice of a payment that the provider's search does not show.
    async fn announce(&self, cip: u64, operation: &str) {
        let data = json!({"cip": cip.to_string(), "currency": "PEN", "amount": 22.5});
        let body = json!({"eventType": "cip.paid", "operationNumber": operation, "data": data});
        self.record(body.to_string().as_bytes()).await;
    }

    async fn record(&self, body: &[u8]) {
        let row = notice::read("tienda", body, self.now).unwrap();
        let signed = Signed { body, header: "pe-signature", signature: "verified", form: "raw" };
        assert_eq!(self.table.record_notice(&row, signed).await.unwrap(), Recorded::New);
        // As publish does.
        let mut rows = Vec::new();
        formats::write_notice_ndjson(&row, &mut rows);
        let key = layout::notice_rows_key("tienda", self.now, &rows);
        self.aws.put_object(&key, &rows).await.unwrap();
        let due_at = Instant::from_utc(self.now.to_utc() + NOTICE_SETTLES).unwrap();
        self.table.wake_check("tienda", row.cip, self.now, due_at).await.unwrap();
    }

    /// Makes a run, and gives the classes of the breaks that are open after it.
    async fn reconciled(&self) -> Vec<String> {
        let (now, (clients, config)) = (self.now, &self.reconcile);
        let (account, cut) = (Some("tienda".to_owned()), Some(now.to_string()));
        let task = cuadre_reconcile::Task { account, cut, ..Default::default() };
        let event = cuadre_reconcile::Event::Task(task);
        cuadre_reconcile::handle(&event, clients, config, &move || now).await.unwrap();
        let breaks = self.table.breaks("tienda").await.unwrap();
        let open = breaks.into_values().filter(|record| record.state == BreakState::Open);
        let mut classes: Vec<String> = open.map(|record| record.class).collect();
        classes.sort_unstable();
        classes
    }
}

#[tokio::test]
async fn a_second_payment_of_a_cip_is_told_a_day_after_its_notice() {
    let mut world = World::start().await;
    let cip = world.create("A-1").await;
    world.order(cip, "paid").await;
    world.until("2026-03-02T16:00:00-05:00").await;
    world.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    world.hear().await;
    world.until("2026-03-02T22:00:00-05:00").await;
    // The search goes on showing the first payment, and nothing of this one.
    world.sandbox.pay(cip, PaymentOptions { again: true, ..PaymentOptions::default() }).unwrap();
    world.hear().await;
    world.until("2026-03-03T16:00:00-05:00").await;
    assert_eq!(world.reconciled().await, [""; 0], "a day has not passed");
    world.until("2026-03-04T04:00:00-05:00").await;
    assert_eq!(world.reconciled().await, ["unconfirmed_notice"]);
}

#[tokio::test]
async fn a_notice_of_a_cip_that_neither_shop_nor_provider_knows_is_told() {
    let mut world = World::start().await;
    world.announce(77, "1").await;
    world.until("2026-03-03T16:00:00-05:00").await;
    assert_eq!(world.reconciled().await, ["unconfirmed_notice"]);
}

#[tokio::test]
async fn a_payment_of_a_cip_that_no_order_names_lacks_its_order() {
    let mut world = World::start().await;
    let cip = world.create("A-9").await;
    world.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    world.hear().await;
    let other = world.create("A-1").await;
    world.until("2026-03-05T16:00:00-05:00").await;
    world.order(other, "expired").await;
    assert_eq!(world.reconciled().await, ["missing_order"]);
}

#[tokio::test]
async fn cash_long_after_the_expiry_is_a_late_payment_or_unconfirmed() {
    for (taken, expected) in [(true, "late_payment"), (false, "unconfirmed_notice")] {
        let mut world = World::start().await;
        let cip = world.create("A-1").await;
        world.order(cip, "expired").await;
        world.until("2026-03-08T10:00:00-05:00").await;
        assert_eq!(world.reconciled().await, [""; 0]);
        if taken {
            let options = PaymentOptions { after_expiry: true, ..PaymentOptions::default() };
            world.sandbox.pay(cip, options).unwrap();
            world.hear().await;
        } else {
            world.announce(cip, "1").await;
        }
        world.until("2026-03-09T16:00:00-05:00").await;
        world.order(cip, "expired").await;
        assert_eq!(world.reconciled().await, [expected], "taken: {taken}");
    }
}

#[tokio::test]
async fn a_payment_that_the_collector_takes_back_early_is_seen() {
    let mut world = World::start().await;
    let cip = world.create("A-1").await;
    world.order(cip, "paid").await;
    world.sandbox.pay(cip, PaymentOptions::default()).unwrap();
    world.hear().await;
    world.until("2026-03-02T16:00:00-05:00").await;
    assert_eq!(world.reconciled().await, [""; 0]);
    world.sandbox.extorno(cip, None).unwrap();
    world.until("2026-03-04T10:00:00-05:00").await;
    world.order(cip, "paid").await;
    assert_eq!(world.reconciled().await, ["status_mismatch"]);
}
