//! Seeded canaries through every path: keys, a signature, and a shopper's name, document, mail and telephone number go in with
//! everything that the functions are given; none of them may come out in a log, an alert, an event, an answer, an error or
//! the text of a panic.
//!
//! What may hold them are the table, the bucket and the request to the shop, which are the merchant's own.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use cuadre::aws::Patience;
use cuadre::aws::secrets::Secrets;
use cuadre::aws::table::{Signed, Table};
use cuadre::calendar::Instant;
use cuadre::ids::Cip;
use cuadre::pagoefectivo::Secret;
use cuadre::pagoefectivo::signature::{Scheme, Verifier};
use cuadre::telemetry;
use cuadre_emulators::{
    BUCKET_NAME, BUS_NAME, Emulators, FAILURES_URL, FORWARDS_URL, Fault, RUNS_URL, Service, TABLE_NAME,
    TOPIC_ARN, Trouble,
};
use serde_json::{Value, json};

use crate::provider::{event, signature};

const KEY: &str = "canary/KEY+9c1f7e2ab4d0==";
const OLD_KEY: &str = "canary/OLDKEY+77aa02b1c9==";
const ACCESS_KEY: &str = "canaryACCESS4411";
const NAME: &str = "Canaria Quispe Mamani";
const DOCUMENT: &str = "40128877";
const MAIL: &str = "canaria.quispe@example.pe";
const TELEPHONE: &str = "+51987650123";
const ADDRESS_KEY: &str = "canaryURLTOKEN55";

/// What everything that is told is looked through for.
const CANARIES: [&str; 8] = [KEY, OLD_KEY, ACCESS_KEY, NAME, DOCUMENT, MAIL, TELEPHONE, ADDRESS_KEY];

/// Everything that was told, by whom.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().extend_from_slice(what.as_bytes());
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A shopper's data where a provider could put it: beside the fields that are read, and in one that is.
fn body(cip: u64, amount: &str) -> String {
    format!(
        r#"{{"eventType":"cip.paid","operationNumber":"{cip}","data":{{"cip":"{cip}","currency":"PEN","amount":{amount},"paymentDate":"el lunes","userName":"{NAME}","userDocumentNumber":"{DOCUMENT}","userEmail":"{MAIL}","userPhone":"{TELEPHONE}"}}}}"#
    )
}

struct World {
    aws: Emulators,
    told: Told,
    now: Instant,
    signatures: Vec<String>,
}

impl World {
    fn lookup(&self, name: &str) -> Option<String> {
        let values = BTreeMap::from([
            ("TABLE_NAME", TABLE_NAME),
            ("BUCKET_NAME", BUCKET_NAME),
            ("TOPIC_ARN", TOPIC_ARN),
            ("EVENT_BUS", BUS_NAME),
            ("FORWARDS_URL", FORWARDS_URL),
            ("FAILURES_URL", FAILURES_URL),
            ("RUNS_URL", RUNS_URL),
            ("SECRET_PREFIX", "cuadre"),
            ("ACCOUNTS", "tienda,rota,corta"),
            ("LOG_LEVEL", "trace"),
        ]);
        values.get(name).map(|&value| value.to_owned())
    }

    fn break_network(&self, service: Service, trouble: Trouble) {
        self.aws.faults().inject(Fault { service, matching: String::new(), trouble, times: None });
    }

    fn sign(&mut self, body: &str) -> String {
        let signature = signature(KEY, body.as_bytes());
        self.signatures.push(signature.clone());
        signature
    }

    /// Callbacks of every kind, each with storage and secrets in every trouble.
    async fn callbacks(&mut self) {
        let config = cuadre_callback::Config::from_env(&|name| self.lookup(name)).unwrap();
        let good = body(7, "22.50");
        let cases = [
            ("tienda", good.clone()),
            ("tienda", good.clone()),
            ("tienda", body(7, "99.00")),
            ("tienda", good.replace("\"PEN\"", &format!("\"{NAME}\""))),
            ("tienda", good.replace("22.50", &format!("\"{MAIL}\""))),
            ("tienda", good.replace("\"cip\":\"7\"", &format!("\"cip\":\"{TELEPHONE}\""))),
            ("tienda", format!("{good}{good}")),
            ("tienda", MAIL.repeat(3_000)),
            ("rota", good.clone()),
            ("corta", good.clone()),
            (DOCUMENT, good.clone()),
        ];
        let troubles = [
            None,
            Some((Service::DynamoDb, Trouble::Status(500))),
            Some((Service::SecretsManager, Trouble::Refused)),
        ];
        for trouble in troubles {
            if let Some((service, trouble)) = trouble {
                self.break_network(service, trouble);
            }
            for (account, body) in &cases {
                let signature = self.sign(body);
                let clients = cuadre_callback::Clients::new(&self.aws.sdk_config(), &config);
                for header in
                    [signature.clone(), signature.replace('0', "1"), format!("{signature}{DOCUMENT}")]
                {
                    let sent = event(account, body.as_bytes(), &header);
                    self.told.note(&format!("{sent:?} {:?}", cuadre_callback::read(&sent, &config)));
                    let answer = cuadre_callback::handle(sent, &clients, &config, self.now).await;
                    self.told.note(&serde_json::to_string(&answer).unwrap());
                }
            }
            self.aws.faults().clear();
        }
        let clients = cuadre_callback::Clients::new(&self.aws.sdk_config(), &config);
        self.told.note(&format!("{:?} {clients:?}", clients.read_keys(&config, self.now).await));
    }

    /// What those callbacks left, told to everybody, with every service in trouble once.
    async fn publications(&self) {
        let config = cuadre_publish::Config::from_env(&|name| self.lookup(name)).unwrap();
        let mut batch = self.aws.stream_batch(1_000).unwrap();
        let records = batch["Records"].as_array_mut().unwrap();
        let mut unreadable = records
            .iter()
            .find(|record| record["dynamodb"]["NewImage"]["kind"]["S"] == "notice")
            .unwrap()
            .clone();
        unreadable["dynamodb"]["NewImage"]["amount"]["S"] = json!(MAIL);
        unreadable["dynamodb"]["NewImage"]["body"]["B"] = json!(NAME);
        records.push(unreadable);
        let event: cuadre_publish::Event = serde_json::from_value(batch).unwrap();
        self.told.note(&format!("{event:?}"));
        for service in [
            None,
            Some(Service::Sns),
            Some(Service::EventBridge),
            Some(Service::Sqs),
            Some(Service::S3),
            Some(Service::DynamoDb),
        ] {
            let clients = cuadre_publish::Clients::new(&self.aws.sdk_config(), &config);
            if let Some(service) = service {
                self.break_network(service, Trouble::Status(400));
            }
            let answer = cuadre_publish::handle(&event, &clients, &|| self.now).await;
            self.told.note(&format!("{answer:?} {clients:?}"));
            self.aws.faults().clear();
        }
    }

    /// Notices on their way to a shop that is not there.
    async fn forwards(&self) {
        let config = cuadre_forward::Config::from_env(&|name| self.lookup(name)).unwrap();
        let clients = cuadre_forward::Clients::new(&self.aws.sdk_config(), &config).unwrap();
        let messages = self.aws.receive(FORWARDS_URL, 100);
        assert!(!messages["Records"].as_array().unwrap().is_empty(), "nothing to send on");
        self.told.note(&messages.to_string());
        let answer =
            cuadre_forward::handle(&serde_json::from_value(messages).unwrap(), &clients, &|| self.now).await;
        assert!(!answer.failures.is_empty());
        self.told.note(&format!("{answer:?} {clients:?}"));
    }

    /// A shop's file with a shopper's data in every column, good and bad.
    async fn imports(&self) {
        let config = cuadre_import::Config::from_env(&|name| self.lookup(name)).unwrap();
        let clients = cuadre_import::Clients::new(&self.aws.sdk_config(), &config);
        let header = format!("account,reference_id,cip,amount,currency,status,created_at,{NAME}");
        let rows = [
            format!("tienda,A-1,7,22.50,PEN,pending,2026-03-02T08:00:00-05:00,{MAIL}"),
            format!("tienda,A-2,{DOCUMENT}x,22.50,PEN,pending,2026-03-02T08:00:00-05:00,{NAME}"),
            format!("tienda,A-3,9,{MAIL},PEN,pending,2026-03-02T08:00:00-05:00,{TELEPHONE}"),
            format!("tienda,A-4,9,1.00,PEN,{NAME},{TELEPHONE},{DOCUMENT}"),
        ];
        let text = format!("{header}\n{}\n", rows.join("\n"));
        self.aws.put_object("inbox/orders/tienda/orders.csv", text.as_bytes()).await.unwrap();
        self.aws
            .put_object("inbox/orders/tienda/bad.csv", format!("{NAME},{MAIL}\n").as_bytes())
            .await
            .unwrap();
        for service in [None, Some(Service::S3), Some(Service::DynamoDb)] {
            if let Some(service) = service {
                self.break_network(service, Trouble::Status(400));
            }
            let notifications = ["orders.csv", "bad.csv"].map(|name| {
                json!({"Records": [{"eventName": "ObjectCreated:Put", "eventTime": "2026-03-02T14:30:00.000Z", "s3": {
                    "bucket": {"name": BUCKET_NAME}, "object": {"key": format!("inbox/orders/tienda/{name}"), "size": 1}}}]})
                .to_string()
            });
            let bodies = notifications.into_iter().chain([format!("{{\"{NAME}\": \"{MAIL}\"")]);
            let records: Vec<Value> = bodies
                .enumerate()
                .map(|(number, body)| {
                    json!({"messageId": number.to_string(), "receiptHandle": "r", "body": body,
                    "attributes": {"ApproximateReceiveCount": "1"}})
                })
                .collect();
            let event = serde_json::from_value(json!({ "Records": records })).unwrap();
            let answer = cuadre_import::handle(&event, &clients, &config, &|| self.now).await;
            self.told.note(&format!("{answer:?} {clients:?}"));
            self.aws.faults().clear();
        }
    }

    /// What a panic would show of the values that hold something.
    async fn debugged(&self) {
        let secret = Secret::new(KEY.to_owned());
        let verifier = Verifier::new(Scheme::default(), &secret).unwrap();
        let secrets = Secrets::new(&self.aws.sdk_config(), Patience::REQUEST, "cuadre");
        let keys = secrets.keys("tienda", self.now).await.unwrap();
        let table = Table::new(&self.aws.sdk_config(), Patience::REQUEST, TABLE_NAME);
        let received = table.received("tienda", Cip::parse("7").unwrap(), "NOTICE#cip.paid#7").await;
        assert!(matches!(received, Ok(Some(_))));
        self.told.note(&format!("{secret:?} {verifier:?} {secrets:?} {keys:?} {received:?}"));
        let refused = secrets.keys("rota", self.now).await.unwrap_err();
        self.told.note(&format!("{refused:?} {}", telemetry::chain(&refused)));
        let contradicting = body(7, "99.00");
        let signed =
            Signed { body: contradicting.as_bytes(), header: "pe-signature", signature: KEY, form: "raw" };
        self.break_network(Service::DynamoDb, Trouble::Status(400));
        let refused = table.quarantine("tienda", None, signed, "reason", self.now).await.unwrap_err();
        self.told.note(&format!("{refused:?} {}", telemetry::chain(&refused)));
        self.aws.faults().clear();
    }
}

async fn start() -> World {
    let told = Told::default();
    let writer = told.clone();
    telemetry::init_to(&|name| (name == "LOG_LEVEL").then(|| "trace".to_owned()), move || writer.clone());
    let aws = Emulators::start().await.unwrap();
    let keys =
        |key: &str| json!({"id_service": 1234, "access_key": ACCESS_KEY, "secret_key": key}).to_string();
    aws.put_secret("cuadre/accounts/tienda", &keys(OLD_KEY)).await.unwrap();
    aws.put_secret("cuadre/accounts/tienda", &keys(KEY)).await.unwrap();
    aws.put_secret("cuadre/accounts/rota", &format!("{{\"secret_key\":\"{KEY}\",\"{NAME}\":1"))
        .await
        .unwrap();
    aws.put_secret("cuadre/accounts/corta", &keys(" canary ")).await.unwrap();
    let policy =
        format!("[accounts.tienda]\nforward_url = \"http://127.0.0.1:1/{ADDRESS_KEY}?mail={MAIL}\"\n");
    aws.put_object("config/cuadre.toml", policy.as_bytes()).await.unwrap();
    World { aws, told, now: Instant::parse("2026-03-02T09:30:05-05:00").unwrap(), signatures: Vec::new() }
}

#[tokio::test]
async fn no_canary_comes_out_anywhere() {
    let mut world = start().await;
    world.callbacks().await;
    world.imports().await;
    world.publications().await;
    world.forwards().await;
    world.debugged().await;
    for alert in world.aws.alerts() {
        world.told.note(&format!("{alert:?}"));
    }
    for event in world.aws.events() {
        world.told.note(&format!("{event:?}"));
    }
    for message in world.aws.waiting(FAILURES_URL) {
        world.told.note(&message);
    }
    let told = String::from_utf8_lossy(&world.told.0.lock().unwrap()).into_owned();
    // The log is really in it, from every function.
    for sentence in [
        "notice recorded",
        "signed notice set aside",
        "state told",
        "notice not delivered",
        "notice is not believed",
    ] {
        assert!(told.contains(sentence), "{sentence}");
    }
    let signatures = world.signatures.iter().map(String::as_str);
    for canary in CANARIES.into_iter().chain(signatures) {
        let before = told.split_once(canary).map(|(before, _)| before);
        let last_words = before.map(|before| before.chars().rev().take(200).collect::<Vec<_>>());
        let last_words = last_words.map(|words| words.into_iter().rev().collect::<String>());
        assert_eq!(last_words, None, "{canary} was told");
    }
}
