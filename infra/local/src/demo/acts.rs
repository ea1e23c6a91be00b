//! Lets the plan happen: shop, shoppers, provider and functions act in turn, each at its simulated time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cuadre::aws::batch::{BatchAnswer, Messages};
use cuadre::aws::bucket::Bucket;
use cuadre::aws::{Patience, layout};
use cuadre::calendar::Instant;
use cuadre_emulators::{Alert, BUCKET_NAME, PULLS_URL, RUNS_URL};
use cuadre_report_pull::{Answer, Event as Pulling};
use cuadre_sandbox::{Payment, PaymentOptions, SignedNotice};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::task::JoinSet;

use super::plan::{Code, Deed, Event, Plan, Work, at};
use super::shop::Shop;
use super::stage::{ACCOUNT, Stage, emulator_failed};
use crate::failure::Failure;
use crate::replay::{self, Archive};

/// The key of somebody who does not know the merchant's.
const FORGER_KEY: &str = "a guess at the merchant's key";

/// What the callback function answered to the notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// Deliveries answered 200.
    pub(super) accepted: u64,
    /// Deliveries answered 401.
    pub(super) refused: u64,
}

/// What the system left behind.
pub(super) struct Aftermath {
    /// The outputs of the last run, as they lie in the bucket.
    pub(super) outputs: Vec<(String, Vec<u8>)>,
    /// Whether the last run, made again from its archived inputs, gave the same bytes.
    pub(super) replayed: bool,
    /// The alert of the last run.
    pub(super) alert: Alert,
    pub(super) answers: Answers,
    /// Notices that stand in the table.
    pub(super) notices_stored: u64,
    /// The CIP of each order and code in the shop's book.
    pub(super) cips: BTreeMap<(usize, Code), u64>,
    /// Calls of the function report-pull.
    pub(super) pulls: u64,
    /// Notices that reached the shop.
    pub(super) forwarded: usize,
    /// Events `payment.state_changed`.
    pub(super) states_told: usize,
    /// Messages that did not wait for the morning.
    pub(super) urgent: usize,
}

/// Who acts, and what they remember.
struct Players<'p> {
    stage: Stage,
    shop: Shop,
    plan: &'p Plan,
    payments: BTreeMap<(usize, Code), (Payment, SignedNotice)>,
    answers: Answers,
    pulls: u64,
}

/// Lets everything happen and gathers what is left.
pub(super) async fn play(plan: &Plan, seed: u64, bar: &ProgressBar) -> Result<Aftermath, Failure> {
    let stage = Stage::set(seed).await?;
    let shop = Shop::new(stage.provider.base_url(), plan.orders.len())?;
    let mut players =
        Players { stage, shop, plan, payments: BTreeMap::new(), answers: Answers::default(), pulls: 0 };
    let mut last = at(0);
    for (second, event) in &plan.events {
        last = at(*second);
        players.stage.provider.clock().set(last);
        match event {
            Event::Order(index, deed) => players.act(*index, deed, last).await?,
            Event::Work(work) => {
                players.work(*work, last).await?;
                players.hear(last).await?;
            }
        }
        bar.inc(1);
    }
    players.gather(last).await
}

impl Players<'_> {
    async fn act(&mut self, index: usize, deed: &Deed, now: DateTime<Utc>) -> Result<(), Failure> {
        let order = self.plan.orders.get(index);
        let order =
            order.ok_or_else(|| Failure::Defect(format!("the plan of the demo has no order {index}")))?;
        match deed {
            Deed::Place => self.shop.place(index, order, now).await,
            Deed::SecondCode => self.shop.add_code(index, order, now).await,
            Deed::Extend { until } => self.shop.extend(index, at(*until), now).await,
            Deed::Cancel { removed } => self.shop.cancel(index, *removed, now).await,
            Deed::LoseDigit => {
                self.shop.lose_digit(index, now);
                Ok(())
            }
            Deed::Claim => {
                self.shop.record_payment(index, now, now);
                Ok(())
            }
            Deed::Fulfil => {
                self.shop.fulfil(index, now);
                Ok(())
            }
            Deed::Expire => {
                self.shop.expire(index, now);
                Ok(())
            }
            Deed::Pay { code, amount_minor, after_expiry } => {
                let options = PaymentOptions {
                    amount_minor: *amount_minor,
                    after_expiry: *after_expiry,
                    ..Default::default()
                };
                self.pay(index, *code, options)
            }
            Deed::TakeBack => {
                let taken = self.stage.provider.extorno(self.shop.cip(index, Code::First)?, None);
                taken.map(drop).map_err(|error| Failure::defect("the collector refuses", &error))
            }
            Deed::Notify { code, deliveries, heeded } => {
                self.deliver(index, *code, *deliveries, *heeded, now).await
            }
            Deed::Forge => self.forge(index).await,
        }
    }

    /// Cash is taken; the provider's notice of it is kept until the plan lets it arrive, or for good.
    fn pay(&mut self, index: usize, code: Code, options: PaymentOptions) -> Result<(), Failure> {
        let cip = self.shop.cip(index, code)?;
        let paid = self.stage.provider.pay(cip, options);
        let payment = paid.map_err(|error| Failure::defect("the collector refuses", &error))?;
        let notice = self.stage.provider.take_notices().pop();
        let notice =
            notice.ok_or_else(|| Failure::Defect("the simulator made no notice of a payment".to_owned()))?;
        self.payments.insert((index, code), (payment, notice));
        Ok(())
    }

    /// The notice arrives, so many times at the same moment; the shop hears of it once it is accepted.
    async fn deliver(
        &mut self,
        index: usize,
        code: Code,
        deliveries: u32,
        heeded: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let Some((payment, notice)) = self.payments.get(&(index, code)).cloned() else {
            return Err(Failure::Defect(format!(
                "the plan of the demo announces a payment of order {index} too early"
            )));
        };
        self.post(&notice, deliveries).await?;
        self.hear(now).await?;
        // The provider knows one address only, Cuadre's: what the shop hears, it hears from there.
        if heeded && self.stage.shop_door.knows(self.shop.cip(index, code)?) {
            self.shop.record_payment(index, payment.paid_at, now);
        }
        Ok(())
    }

    /// What is new in the table is told to shop, programs and people.
    async fn hear(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        self.stage.tellers.work(&self.stage.aws, instant(now)?).await
    }

    async fn forge(&mut self, index: usize) -> Result<(), Failure> {
        let forged = self.stage.provider.forged_notice(self.shop.cip(index, Code::First)?, FORGER_KEY);
        let forged = forged.map_err(|error| Failure::defect("the forgery fails", &error))?;
        self.post(&forged, 1).await
    }

    /// Posts a notice so many times at once and counts the answers.
    async fn post(&mut self, notice: &SignedNotice, deliveries: u32) -> Result<(), Failure> {
        let url = self.stage.gateway.callback_url(ACCOUNT);
        let mut posts = JoinSet::new();
        for _ in 0..deliveries {
            let (notice, url) = (notice.clone(), url.clone());
            posts.spawn(async move { notice.post(&url).await });
        }
        while let Some(post) = posts.join_next().await {
            let answer = post.map_err(|error| Failure::defect("a delivery broke off", &error))?;
            match answer.map_err(|error| Failure::defect("a notice cannot be delivered", &error))? {
                200 => self.answers.accepted += 1,
                401 => self.answers.refused += 1,
                status => {
                    return Err(Failure::Defect(format!("the callback function answers with HTTP {status}")));
                }
            }
        }
        Ok(())
    }

    async fn work(&mut self, work: Work, now: DateTime<Utc>) -> Result<(), Failure> {
        let now = instant(now)?;
        match work {
            Work::Export => self.export(now).await,
            Work::Pull => {
                self.pulls += 1;
                self.pull(now).await
            }
            Work::Reconcile => self.reconcile(now).await,
        }
    }

    /// The schedule ticks, and the queue hands over the runs that it ordered.
    async fn reconcile(&self, now: Instant) -> Result<(), Failure> {
        let (clients, config) = &self.stage.reconcile;
        let failed = |error| Failure::defect("reconcile fails", &error);
        let task = cuadre_reconcile::Task { scheduled_at: Some(now.to_string()), ..Default::default() };
        let tick = cuadre_reconcile::Event::Task(task);
        cuadre_reconcile::handle(&tick, clients, config, &|| now).await.map_err(failed)?;
        while let Some((messages, message)) = self.received(RUNS_URL)? {
            let event = cuadre_reconcile::Event::Messages(messages);
            let answer = cuadre_reconcile::handle(&event, clients, config, &|| now).await.map_err(failed)?;
            if answer != cuadre_reconcile::Answer::Batch(BatchAnswer::default()) {
                return Err(Failure::Defect("reconcile could not make a run".to_owned()));
            }
            self.stage.aws.delete(RUNS_URL, &message);
        }
        Ok(())
    }

    /// The next message of a queue, as its function gets it, and its id.
    fn received(&self, queue_url: &str) -> Result<Option<(Messages, String)>, Failure> {
        let messages: Messages = serde_json::from_value(self.stage.aws.receive(queue_url, 1))
            .map_err(|error| Failure::defect("the queue", &error))?;
        let id = messages.records.first().map(|message| message.message_id.clone());
        Ok(id.map(|id| (messages, id)))
    }

    /// The schedule ticks, and the queue hands over what it ordered.
    async fn pull(&self, now: Instant) -> Result<(), Failure> {
        let (clients, config) = &self.stage.pull;
        let failed = |error| Failure::defect("report-pull fails", &error);
        let task = cuadre_report_pull::Task { scheduled_at: Some(now.to_string()), ..Default::default() };
        cuadre_report_pull::handle(&Pulling::Task(task), clients, config, &|| now).await.map_err(failed)?;
        while let Some((messages, message)) = self.received(PULLS_URL)? {
            let event = Pulling::Messages(messages);
            let answer =
                cuadre_report_pull::handle(&event, clients, config, &|| now).await.map_err(failed)?;
            if answer != Answer::Batch(BatchAnswer::default()) {
                return Err(Failure::Defect("report-pull could not pull a source".to_owned()));
            }
            self.stage.aws.delete(PULLS_URL, &message);
        }
        Ok(())
    }

    /// The shop drops the orders that changed into the inbox, and the bucket tells import of it.
    async fn export(&mut self, now: Instant) -> Result<(), Failure> {
        let lines = self.shop.export(now.to_utc());
        if lines.is_empty() {
            return Ok(());
        }
        let key = format!("inbox/orders/{ACCOUNT}/shop-{}.ndjson", layout::stamp(now));
        self.stage.aws.put_object(&key, &lines).await.map_err(|error| emulator_failed(&error))?;
        let notification = json!({"Records": [{"eventName": "ObjectCreated:Put", "eventTime": now.to_string(),
            "s3": {"bucket": {"name": BUCKET_NAME}, "object": {"key": key}}}]});
        let message = json!({"messageId": "shop", "receiptHandle": "shop", "body": notification.to_string()});
        let event = serde_json::from_value(json!({ "Records": [message] }));
        let event = event.map_err(|error| Failure::defect("the notification of the bucket", &error))?;
        let (clients, config) = &self.stage.import;
        let answer = cuadre_import::handle(&event, clients, config, &|| now).await;
        let taken_in = answer.failures.is_empty();
        taken_in
            .then_some(())
            .ok_or_else(|| Failure::Defect("import does not take the shop's orders".to_owned()))
    }

    async fn gather(self, last: DateTime<Utc>) -> Result<Aftermath, Failure> {
        let aws = &self.stage.aws;
        let prefix = layout::run_prefix(ACCOUNT, instant(last)?);
        let mut outputs = Vec::new();
        for key in aws.keys(&prefix).await.map_err(|error| emulator_failed(&error))? {
            let bytes = aws.object(&key).await.map_err(|error| emulator_failed(&error))?;
            outputs.push((key.trim_start_matches(&prefix).to_owned(), bytes));
        }
        let bucket = Bucket::new(&aws.sdk_config(), Patience::WORK, BUCKET_NAME);
        let replayed = replay::replay(&Archive::Bucket(bucket, prefix), false).await?.is_same();
        let items = aws.items().await.map_err(|error| emulator_failed(&error))?;
        let is_notice = |key: &str| key.starts_with("NOTICE#");
        let notices_stored = items
            .iter()
            .filter(|item| item.get("sk").is_some_and(|key| key.as_s().is_ok_and(|key| is_notice(key))));
        let notices_stored = u64::try_from(notices_stored.count()).unwrap_or(u64::MAX);
        let mut alerts = aws.alerts();
        let alert = alerts.pop();
        let urgent = alerts.iter().filter(|alert| alert.attributes.contains_key("event_id")).count();
        let (forwarded, states_told) = (self.stage.shop_door.count(), aws.events().len());
        let alert = alert.ok_or_else(|| Failure::Defect("the last run sent no alert".to_owned()))?;
        let cips = cips(&self.shop, self.plan.orders.len());
        let (answers, pulls) = (self.answers, self.pulls);
        let stopped = self.stage.provider.shutdown().await;
        stopped.map_err(|error| Failure::defect("the simulator does not stop", &error))?;
        Ok(Aftermath {
            outputs,
            replayed,
            alert,
            answers,
            notices_stored,
            cips,
            pulls,
            forwarded,
            states_told,
            urgent,
        })
    }
}

fn cips(shop: &Shop, orders: usize) -> BTreeMap<(usize, Code), u64> {
    let keys = (0..orders).flat_map(|index| [(index, Code::First), (index, Code::Second)]);
    keys.filter_map(|key| Some((key, shop.cip(key.0, key.1).ok()?))).collect()
}

fn instant(time: DateTime<Utc>) -> Result<Instant, Failure> {
    Instant::from_utc(time).ok_or_else(|| Failure::Defect("the simulated time is out of range".to_owned()))
}
