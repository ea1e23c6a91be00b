//! Whatever the order in which the rows of an order arrive, however often they do, and wherever their recording breaks
//! off: the table holds the same facts under each of its codes.

use std::future::{Future, poll_fn};
use std::pin::pin;

use cuadre::aws::table::Table;
use cuadre::aws::{Patience, StoreError};
use cuadre::formats::{self, Format, Mapping, Source};
use cuadre::ids::Cip;
use cuadre::lifecycle::evidence::OrderRow;
use cuadre_emulators::{Emulators, Fault, Service, TABLE_NAME, Trouble};

use crate::arrival::next_order;

/// An order that is told four times, and another one of its number.
const ROWS: &str = "\
    account,reference_id,cip,amount,currency,status,created_at,updated_at\n\
    tienda,A-1,7,22.50,PEN,pending,2026-03-02T08:00:00-05:00,2026-03-02T08:00:00-05:00\n\
    tienda,A-1,,25.00,PEN,pending,2026-03-02T08:00:00-05:00,2026-03-02T09:00:00-05:00\n\
    tienda,A-1,7;8,25.00,PEN,pending,2026-03-02T08:00:00-05:00,2026-03-02T10:00:00-05:00\n\
    tienda,A-1,,25.00,PEN,cancelled,2026-03-02T08:00:00-05:00,2026-03-02T11:00:00-05:00\n\
    tienda,A-1,9,5.00,PEN,pending,2026-03-01T08:00:00-05:00,2026-03-02T12:00:00-05:00\n";

/// The codes, each with the places of the rows that are its facts.
const EXPECTED: [(&str, &[usize]); 3] = [("7", &[0, 1, 2, 3]), ("8", &[0, 1, 2, 3]), ("9", &[4])];

struct World {
    aws: Emulators,
    table: Table,
}

impl World {
    async fn start() -> World {
        let aws = Emulators::start().await.unwrap();
        let table = Table::new(&aws.sdk_config(), Patience::WORK, TABLE_NAME);
        World { aws, table }
    }

    /// Records a row; a failure comes after so many requests that were carried out.
    async fn record(&self, row: &OrderRow<'_>, requests: Option<u64>) -> Result<(), StoreError> {
        let asked = || self.aws.faults().calls(Service::DynamoDb);
        let broken_at = requests.map(|requests| asked() + requests);
        let mut recording = pin!(self.table.record_order(row));
        let mut broken = false;
        let outcome = poll_fn(|context| {
            // One request is under way at a time, and none is answered while it is being sent: between two of them the
            // future has to be polled.
            if !broken && broken_at == Some(asked()) {
                self.break_table();
                broken = true;
            }
            recording.as_mut().poll(context)
        });
        let outcome = outcome.await;
        self.aws.faults().clear();
        outcome.map(drop)
    }

    /// From now on the table refuses, so that nothing is repeated and nothing is waited for.
    fn break_table(&self) {
        let fault = Fault {
            service: Service::DynamoDb,
            matching: String::new(),
            trouble: Trouble::Status(403),
            times: None,
        };
        self.aws.faults().inject(fault);
    }

    /// The lines of the orders that the table knows of a code, sorted.
    async fn lines(&self, cip: &str) -> Vec<String> {
        let facts = self.table.facts("tienda", Cip::parse(cip).unwrap()).await.unwrap();
        sorted(facts.evidence().unwrap().orders.iter().map(line))
    }

    async fn check(&self, rows: &[OrderRow<'_>], told: &str) {
        for (cip, places) in EXPECTED {
            let expected = sorted(places.iter().map(|place| line(&rows[*place])));
            assert_eq!(self.lines(cip).await, expected, "CIP {cip}, {told}");
        }
    }
}

fn line(row: &OrderRow<'_>) -> String {
    let mut line = Vec::new();
    formats::write_order_ndjson(row, &mut line);
    String::from_utf8(line).unwrap()
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

fn rows() -> Vec<OrderRow<'static>> {
    let source = Source { name: "orders", bytes: ROWS.as_bytes(), format: Format::Csv, account: None };
    let table = formats::read_orders(&source, &Mapping::default().orders).unwrap();
    assert_eq!(table.rejected.len(), 0);
    table.rows
}

/// Every order in which the places can arrive.
fn arrivals(mut places: Vec<usize>) -> Vec<Vec<usize>> {
    places.sort_unstable();
    let mut arrivals = vec![places.clone()];
    while next_order(&mut places) {
        arrivals.push(places.clone());
    }
    arrivals
}

#[tokio::test]
async fn every_order_of_arrival_leaves_the_same_facts_under_each_code() {
    let rows = rows();
    let arrivals = arrivals(vec![0, 1, 2, 3, 4]);
    assert_eq!(arrivals.len(), 120);
    for arrival in arrivals {
        let world = World::start().await;
        for place in &arrival {
            world.record(&rows[*place], None).await.unwrap();
        }
        world.check(&rows, &format!("{arrival:?}")).await;
    }
}

#[tokio::test]
async fn a_row_told_again_at_any_time_adds_nothing() {
    let rows = rows();
    for again in 0..4 {
        let arrivals = arrivals(vec![0, 1, 2, 3, again]);
        assert_eq!(arrivals.len(), 60);
        for arrival in arrivals {
            let world = World::start().await;
            for place in arrival.iter().chain([&4, &4]) {
                world.record(&rows[*place], None).await.unwrap();
            }
            world.check(&rows, &format!("{arrival:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_recording_that_breaks_off_anywhere_is_finished_by_the_same_call() {
    let rows = rows();
    for arrival in arrivals(vec![0, 1, 2, 3, 4]) {
        let world = World::start().await;
        for place in &arrival {
            let mut requests = 0;
            while world.record(&rows[*place], Some(requests)).await.is_err() {
                requests += 1;
            }
            assert!(requests >= 2, "{arrival:?}: row {place} was written and its order read");
        }
        world.check(&rows, &format!("{arrival:?}")).await;
    }
}
