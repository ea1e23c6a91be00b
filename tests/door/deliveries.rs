//! Ten thousand payments, each delivered one to five times, late, in any order, a tenth of the deliveries damaged on the way,
//! while keys change: none is doubled, none is lost, none is forged.
//!
//! `CUADRE_PAYMENTS` is the number of payments of each of the twenty seeds: 500 unless it is set, which makes ten thousand.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use cuadre::calendar::Instant;
use cuadre_callback::{Clients, Config, handle};
use cuadre_emulators::{Emulators, TABLE_NAME};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::provider::{event, secret, signature};

const SEEDS: u64 = 20;
const PAYMENTS_DEFAULT: usize = 500;
/// Keys in force one after the other.
const KEYS: usize = 4;
/// Seconds of the simulated time.
const SECONDS: i64 = 40_000;
/// No delivery is later than this: the key that signed it is the current one or the one before it.
const DELAY_MAX: i64 = SECONDS / 4;

struct Payment {
    body: Vec<u8>,
    signature: String,
}

struct Delivery {
    at: i64,
    payment: usize,
    damaged: bool,
}

fn key(number: usize) -> String {
    format!("key number {number}, long enough")
}

fn key_in_force(second: i64) -> usize {
    usize::try_from(second * i64::try_from(KEYS).unwrap() / SECONDS).unwrap().min(KEYS - 1)
}

/// Payments over the whole time but its last part, and their deliveries in the order of their arrival.
fn plan(chance: &mut ChaCha8Rng, payments: usize) -> (Vec<Payment>, Vec<Delivery>) {
    let (mut made, mut deliveries) = (Vec::new(), Vec::new());
    for number in 0..payments {
        let paid = chance.random_range(0..SECONDS - DELAY_MAX);
        let (cip, amount) = (1_000_000 + number / 2, chance.random_range(100..500_000));
        let (whole, cents) = (amount / 100, amount % 100);
        let body = format!(
            r#"{{"eventType":"cip.paid","operationNumber":"{number}","data":{{"cip":"{cip}","currency":"PEN","amount":{whole}.{cents:02}}}}}"#
        );
        let signature = signature(&key(key_in_force(paid)), body.as_bytes());
        made.push(Payment { body: body.into_bytes(), signature });
        for _ in 0..chance.random_range(1..=5) {
            let at = paid + chance.random_range(0..DELAY_MAX);
            deliveries.push(Delivery { at, payment: number, damaged: chance.random_ratio(1, 10) });
        }
    }
    deliveries.shuffle(chance);
    deliveries.sort_by_key(|delivery| delivery.at);
    (made, deliveries)
}

/// One bit of the body or of the signature, and not the one that only changes the case of a hexadecimal digit.
fn damage(payment: &Payment, chance: &mut ChaCha8Rng) -> (Vec<u8>, String) {
    let (mut body, mut tag) = (payment.body.clone(), hex::decode(&payment.signature).unwrap());
    let bits = (body.len() + tag.len()) * 8;
    let bit = chance.random_range(0..bits);
    match body.get_mut(bit / 8) {
        Some(byte) => *byte ^= 1 << (bit % 8),
        None => tag[bit / 8 - body.len()] ^= 1 << (bit % 8),
    }
    (body, hex::encode(tag))
}

async fn one_seed(seed: u64, payments: usize) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let (payments, deliveries) = plan(&mut chance, payments);
    let aws = Emulators::start().await.unwrap();
    let variables =
        BTreeMap::from([("TABLE_NAME", TABLE_NAME), ("SECRET_PREFIX", "cuadre"), ("ACCOUNTS", "tienda")]);
    let config = Config::from_env(&|name| variables.get(name).map(|&value| value.to_owned())).unwrap();
    let clients = Clients::new(&aws.sdk_config(), &config);
    // The store dates its versions by the machine's clock.
    let began = cuadre::aws::now();
    let time = |second: i64| Instant::from_utc(began.to_utc() + TimeDelta::seconds(second)).unwrap();

    let (mut in_force, mut recorded, mut came) = (None, 0, BTreeSet::new());
    for delivery in &deliveries {
        let current = key_in_force(delivery.at);
        for number in in_force.map_or(0, |key| key + 1)..=current {
            aws.put_secret("cuadre/accounts/tienda", &secret(&key(number))).await.unwrap();
        }
        in_force = Some(current);
        let payment = &payments[delivery.payment];
        if delivery.damaged {
            let (body, signature) = damage(payment, &mut chance);
            let answer =
                handle(event("tienda", &body, &signature), &clients, &config, time(delivery.at)).await;
            assert_eq!(
                answer.status_code, 401,
                "seed {seed}: a damaged delivery of payment {}",
                delivery.payment
            );
            continue;
        }
        let genuine = || event("tienda", &payment.body, &payment.signature);
        let mut answer = handle(genuine(), &clients, &config, time(delivery.at)).await;
        if answer.status_code != 200 {
            // A key that came into force less than a minute after the last look for one: the provider tries once more.
            answer = handle(genuine(), &clients, &config, time(delivery.at + 61)).await;
        }
        assert_eq!(answer.status_code, 200, "seed {seed}: payment {}", delivery.payment);
        recorded += u64::from(answer.body.contains("recorded"));
        came.insert(delivery.payment);
    }

    // How many were refused is counted, and is no fact.
    let items = aws.items().await.unwrap();
    let facts: Vec<_> =
        items.iter().filter(|item| !item["pk"].as_s().unwrap().starts_with("REFUSED#")).collect();
    let stored: BTreeSet<Vec<u8>> =
        facts.iter().map(|item| item["body"].as_b().unwrap().as_ref().to_vec()).collect();
    let expected: BTreeSet<Vec<u8>> = came.iter().map(|payment| payments[*payment].body.clone()).collect();
    assert_eq!(stored, expected, "seed {seed}: lost or forged");
    assert_eq!(facts.len(), came.len(), "seed {seed}: doubled");
    assert_eq!(recorded, u64::try_from(came.len()).unwrap(), "seed {seed}: told as new more than once");
}

#[test]
fn no_payment_is_doubled_lost_or_forged() {
    let payments = std::env::var("CUADRE_PAYMENTS").map_or(PAYMENTS_DEFAULT, |text| text.parse().unwrap());
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                for seed in (0..SEEDS).filter(|seed| seed % 2 == half) {
                    runtime.block_on(one_seed(seed, payments));
                }
            });
        }
    });
}
