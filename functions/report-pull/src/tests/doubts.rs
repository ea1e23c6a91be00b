//! What the search says and nobody understands, until it is understood again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cuadre::config::Policy;
use cuadre::lifecycle::evidence::Doubt;
use cuadre::report::code::{self, Judged};

use super::*;

/// Between function and simulator: lets pass what they say, or makes every state number one that nobody knows. The
/// simulator itself has none.
struct Wire {
    url: String,
    garbles: Arc<AtomicBool>,
}

impl Wire {
    fn before(sandbox: &Sandbox) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire {
            url: format!("http://{}", listener.local_addr().unwrap()),
            garbles: Arc::new(AtomicBool::new(false)),
        };
        let (behind, garbles) = (sandbox.base_url().replace("http://", ""), Arc::clone(&wire.garbles));
        thread::spawn(move || {
            for front in listener.incoming() {
                let front = front.unwrap();
                let Some(question) = message(&front) else { continue };
                let back = TcpStream::connect(&behind).unwrap();
                write!(&back, "{question}").unwrap();
                let mut answer = message(&back).unwrap().replacen("\r\n", "\r\nconnection: close\r\n", 1);
                if garbles.load(Ordering::SeqCst) {
                    answer = answer.replace("\"status\":2", "\"status\":9");
                }
                write!(&front, "{answer}").unwrap();
            }
        });
        wire
    }

    fn garble(&self, garbles: bool) {
        self.garbles.store(garbles, Ordering::SeqCst);
    }
}

/// Head and body of one request or answer; none where the connection ends before it begins.
fn message(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut message, mut length) = (String::new(), 0);
    while !message.ends_with("\r\n\r\n") {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        message.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some(message + &String::from_utf8(body).unwrap())
}

/// A world whose one order was paid at ten, which the search has told and the table knows.
async fn paid_world() -> (World, Wire, Cip) {
    let mut world = World::start().await;
    let wire = Wire::before(&world.sandbox);
    world.config.provider_url.clone_from(&wire.url);
    let persistence = Persistence { first_wait: Duration::from_millis(1), ..Persistence::default() };
    world.clients = Clients::with_persistence(&world.aws.sdk_config(), &world.config, persistence).unwrap();
    let number = world.order(1).await[0];
    world.sandbox.pay(number, PaymentOptions::default()).unwrap();
    assert_eq!(world.pull("2026-03-02T10:10:00-05:00").await.unwrap().news, 1);
    (world, wire, Cip::parse(&number.to_string()).unwrap())
}

impl World {
    /// What the table's facts add up to.
    async fn judged(&self, cip: Cip) -> Judged {
        let facts = self.clients.table.facts("tienda", cip).await.unwrap();
        let as_of = time("2026-03-06T10:00:00-05:00");
        code::judge("tienda", cip, &facts.evidence().unwrap(), &Policy::default(), as_of)
    }

    /// Why the order may not ship.
    async fn holds(&self, cip: Cip) -> Vec<String> {
        self.judged(cip).await.report.holds
    }

    /// Whether the search's last answer about the code was one that nobody understands.
    async fn is_doubted(&self, cip: Cip) -> bool {
        self.clients.table.check("tienda", cip).await.unwrap().is_some_and(|check| check.doubted)
    }

    /// The keys of the doubts in the table.
    async fn doubt_keys(&self) -> Vec<String> {
        let items = self.aws.items().await.unwrap();
        let keys = items.iter().map(|item| ["pk", "sk"].map(|key| item[key].as_s().unwrap().as_str()));
        keys.filter(|[_, sk]| sk.starts_with("DOUBT#")).map(|key| key.join(" ")).collect()
    }
}

#[tokio::test]
async fn an_unknown_status_is_doubted_until_the_search_says_again_what_it_said_before() {
    let (world, wire, cip) = paid_world().await;
    assert_eq!((world.holds(cip).await, world.doubt_keys().await), (vec![], vec![]));

    wire.garble(true);
    let doubtful = world.pull("2026-03-02T11:10:00-05:00").await.unwrap();
    assert_eq!((doubtful.asked, doubtful.news, doubtful.unreadable), (1, 0, 1));
    assert_eq!(world.holds(cip).await, ["review"]);
    let doubt = format!("CIP#tienda#{cip} DOUBT#search#latest");
    assert_eq!(world.doubt_keys().await, std::slice::from_ref(&doubt));
    let doubt_told = world.judged(cip).await.story.doubts;
    let [Doubt { source, reason, observed_at }] = doubt_told.as_slice() else { panic!("{doubt_told:?}") };
    assert_eq!((source.as_str(), *observed_at), ("search", Some(time("2026-03-02T11:10:00-05:00"))));
    assert!(reason.contains("status 93 is not known"), "{reason}");
    assert_eq!(world.lines("normalized/looks/").await.len(), 1, "what is not understood is no look");

    wire.garble(false);
    let again = world.pull("2026-03-02T11:25:00-05:00").await.unwrap();
    assert_eq!((again.asked, again.news, again.unreadable), (1, 1, 0), "the same as at ten past ten is news");
    let mut rows = world.rows().await;
    for (row, seen) in rows.iter_mut().zip(["10:10", "11:25"]) {
        assert_eq!(row["observed_at"].take(), format!("2026-03-02T{seen}:00-05:00"));
    }
    assert!(rows.len() == 2 && rows[0] == rows[1], "one fact, seen twice: {rows:?}");
    assert_eq!(world.holds(cip).await, [""; 0]);
    assert_eq!(world.doubt_keys().await, [doubt], "the doubt stays as it was seen");
    assert!(!world.is_doubted(cip).await);

    let later = world.pull("2026-03-02T12:40:00-05:00").await.unwrap();
    assert_eq!((later.asked, later.news), (1, 0), "understood once is enough");
}

#[tokio::test]
async fn a_doubted_code_is_asked_for_again_although_it_is_not_due() {
    let (world, wire, cip) = paid_world().await;
    wire.garble(true);
    // The last pull within three days of the payment.
    assert_eq!(world.pull("2026-03-05T09:55:00-05:00").await.unwrap().unreadable, 1);
    assert_eq!(world.pull("2026-03-05T10:10:00-05:00").await.unwrap().unreadable, 1, "doubted still");
    assert_eq!(world.holds(cip).await, ["review"]);
    wire.garble(false);
    let again = world.pull("2026-03-05T10:25:00-05:00").await.unwrap();
    assert_eq!((again.asked, again.news), (1, 1));
    assert_eq!((world.holds(cip).await, world.is_doubted(cip).await), (vec![], false));
    assert_eq!(world.pull("2026-03-05T10:40:00-05:00").await.unwrap().asked, 0, "nothing is due any longer");
}

#[tokio::test]
async fn doubts_of_another_source_remain() {
    let (world, wire, cip) = paid_world().await;
    let of = |source: &str, observed_at: Option<&str>| Doubt {
        source: source.to_owned(),
        reason: "is not understood".to_owned(),
        observed_at: observed_at.map(time),
    };
    // A person alone settles the first; the second is newer than all that the search has said.
    let (quarantine, portal) = (of("quarantine", None), of("portal", Some("2026-03-02T11:40:00-05:00")));
    for (id, doubt) in [("one", &quarantine), ("latest", &portal)] {
        world.clients.table.record_doubt("tienda", cip, id, doubt).await.unwrap();
    }
    wire.garble(true);
    world.pull("2026-03-02T11:10:00-05:00").await.unwrap();
    assert_eq!(world.judged(cip).await.story.doubts.len(), 3);
    wire.garble(false);
    world.pull("2026-03-02T11:25:00-05:00").await.unwrap();
    assert_eq!(world.judged(cip).await.story.doubts, [portal, quarantine]);
    assert_eq!(world.holds(cip).await, ["review"]);
    assert!(!world.is_doubted(cip).await);
}

#[tokio::test]
async fn a_pull_that_breaks_off_settles_the_doubt_when_it_is_repeated() {
    let s3 = |prefix: &str| format!("PUT https://{BUCKET_NAME}.s3.us-east-1.amazonaws.com/{prefix}");
    let breaks = [
        (Service::S3, s3("raw/")),
        (Service::DynamoDb, "PutItem".to_owned()),
        (Service::S3, s3("normalized/reports/")),
        (Service::S3, s3("normalized/looks/")),
        (Service::DynamoDb, "UpdateItem".to_owned()),
    ];
    for (service, matching) in breaks {
        let (world, wire, cip) = paid_world().await;
        wire.garble(true);
        world.pull("2026-03-02T11:10:00-05:00").await.unwrap();
        wire.garble(false);
        world.break_network(service, &matching, Trouble::Status(403), None);
        world.pull("2026-03-02T11:25:00-05:00").await.unwrap_err();
        assert!(world.is_doubted(cip).await, "{matching}");
        world.aws.faults().clear();
        world.pull("2026-03-02T11:25:00-05:00").await.unwrap();
        assert_eq!((world.holds(cip).await, world.is_doubted(cip).await), (vec![], false));
        assert_eq!(world.rows().await.len(), 2, "nothing is doubled: {matching}");
    }
}
