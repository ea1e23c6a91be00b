//! Runs and watermarks.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use chrono::TimeDelta;

use super::super::{StoreError, failed};
use super::{Attributes, Item, Table, sortable, unless_condition_failed};
use crate::calendar::Instant;

const KIND: &str = "run";

/// The sort key of the item that names the newest run. No time is written so, hence it is never taken for a run.
const NEWEST: &str = "newest";
const NEWEST_KIND: &str = "newest run";

/// How long a claim to send a run's alert holds. Sending takes a few seconds; a claim older than this was left by an
/// invocation that died, and the platform repeats it no sooner than a minute after.
const CLAIM_HOLDS: TimeDelta = TimeDelta::seconds(60);

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// All is written, and there was nothing to tell: a run after arrivals that found nothing new.
    Quiet,
    /// All is written, the alert is about to be sent.
    Alerting,
    /// The alert is out.
    Done,
}

/// A run as the table keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// The PagoEfectivo service.
    pub account: String,
    /// The moment of judgement; with the account, the run's identity.
    pub as_of: Instant,
    /// How far it has come.
    pub state: RunState,
    /// Breaks found.
    pub breaks: u64,
    /// Rows that could not be read.
    pub rejected: u64,
    /// Where the outputs lie.
    pub report: String,
    /// SHA-256 of the policy.
    pub policy_hash: String,
    /// Version of the engine.
    pub engine_version: String,
}

/// What came of claiming a run's alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Send it, then say that the run is done.
    Mine,
    /// It has been sent.
    Sent,
    /// Another invocation is sending it at this moment.
    Taken,
}

impl Table {
    /// A run of an account, if it has got as far as its alert.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run(&self, account: &str, as_of: Instant) -> Result<Option<RunRecord>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .consistent_read(true)
            .key("pk", AttributeValue::S(partition(account)))
            .key("sk", AttributeValue::S(as_of.to_string()));
        let answer = request.send().await.map_err(|error| failed("GetItem", error))?;
        answer.item.map(|attributes| record_of(account, &Item::read(KIND, attributes))).transpose()
    }

    /// The moment of the account's newest run that has begun to write its breaks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_run(&self, account: &str) -> Result<Option<Instant>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let answer = request.set_key(Some(newest_key(account))).send().await;
        let item = answer.map_err(|error| failed("GetItem", error))?.item;
        item.map(|attributes| Item::read(NEWEST_KIND, attributes).parsed("as_of", Instant::parse)).transpose()
    }

    /// Begins the writing of a run's breaks: from here on no older run writes any ([`Table::save_breaks`]). Read the
    /// breaks that are known after this, for an older run may have been writing until now.
    ///
    /// Says whether the run may write; `false` = a newer one has begun before it. The same run may begin again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_breaks(&self, account: &str, as_of: Instant) -> Result<bool, StoreError> {
        let item =
            Item::new(NEWEST_KIND, partition(account), NEWEST.to_owned()).text("as_of", sortable(as_of));
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.attributes))
            .condition_expression("attribute_not_exists(as_of) OR as_of <= :mine")
            .expression_attribute_values(":mine", AttributeValue::S(sortable(as_of)));
        unless_condition_failed(request.send().await)
    }

    /// Claims the alert of a run whose results are written, so that a repeated or simultaneous delivery of the same
    /// event does not send it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_alert(&self, run: &RunRecord, now: Instant) -> Result<Claim, StoreError> {
        let stale = Instant::from_utc(now.to_utc() - CLAIM_HOLDS).unwrap_or(now);
        let item = item_of(run, RunState::Alerting).text("claimed_at", sortable(now));
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.attributes))
            .condition_expression(
                "attribute_not_exists(pk) OR #state = :quiet OR (#state = :alerting AND claimed_at < :stale)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":quiet", AttributeValue::S(word(RunState::Quiet).to_owned()))
            .expression_attribute_values(":alerting", AttributeValue::S(word(RunState::Alerting).to_owned()))
            .expression_attribute_values(":stale", AttributeValue::S(sortable(stale)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match request.send().await {
            Ok(_) => return Ok(Claim::Mine),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failure)) = error.as_service_error() else {
            return Err(failed("PutItem", error));
        };
        let standing = Item::read(KIND, failure.item.clone().unwrap_or_default());
        match standing.parsed("state", state_of)? {
            RunState::Done => Ok(Claim::Sent),
            RunState::Alerting | RunState::Quiet => Ok(Claim::Taken),
        }
    }

    /// Writes down that a run is done and has nothing to tell. One whose alert is being sent or is out stays as it is; the same
    /// run may still be asked to tell ([`Table::claim_alert`]).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_quiet(&self, run: &RunRecord) -> Result<(), StoreError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item_of(run, RunState::Quiet).attributes))
            .condition_expression("attribute_not_exists(pk) OR #state = :quiet")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":quiet", AttributeValue::S(word(RunState::Quiet).to_owned()));
        unless_condition_failed(request.send().await).map(drop)
    }

    /// Gives the claim made at `claimed_at` back after the alert could not be sent, so that a repetition need not wait
    /// for it to run out. A claim that another invocation holds by now stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_alert(&self, run: &RunRecord, claimed_at: Instant) -> Result<(), StoreError> {
        let item = item_of(run, RunState::Alerting).text("claimed_at", sortable(Instant::UNIX_EPOCH));
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.attributes))
            .condition_expression("#state = :alerting AND claimed_at = :mine")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":alerting", AttributeValue::S(word(RunState::Alerting).to_owned()))
            .expression_attribute_values(":mine", AttributeValue::S(sortable(claimed_at)));
        unless_condition_failed(request.send().await).map(drop)
    }

    /// Writes down that a run's alert is out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        let item = item_of(run, RunState::Done);
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        request.send().await.map(drop).map_err(|error| failed("PutItem", error))
    }

    /// Up to when a source has been heard, and what it said is durable.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn watermark(&self, account: &str, source: &str) -> Result<Option<Instant>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .consistent_read(true)
            .key("pk", AttributeValue::S(format!("WATERMARK#{account}")))
            .key("sk", AttributeValue::S(source.to_owned()));
        let answer = request.send().await.map_err(|error| failed("GetItem", error))?;
        let item = answer.item.map(|attributes| Item::read("watermark", attributes));
        item.map(|item| item.parsed("covered_until", Instant::parse)).transpose()
    }

    /// Moves a watermark forward; one that is further already stays. Call it last, when the data is durable.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_watermark(&self, account: &str, source: &str, to: Instant) -> Result<(), StoreError> {
        let item = Item::new("watermark", format!("WATERMARK#{account}"), source.to_owned())
            .text("covered_until", sortable(to));
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.attributes))
            .condition_expression("attribute_not_exists(pk) OR covered_until < :to")
            .expression_attribute_values(":to", AttributeValue::S(sortable(to)));
        unless_condition_failed(request.send().await).map(drop)
    }
}

/// Where the newest run is named.
pub(super) fn newest_key(account: &str) -> Attributes {
    let text = |value: String| AttributeValue::S(value);
    Attributes::from([
        ("pk".to_owned(), text(partition(account))),
        ("sk".to_owned(), text(NEWEST.to_owned())),
    ])
}

fn partition(account: &str) -> String {
    format!("RUN#{account}")
}

const fn word(state: RunState) -> &'static str {
    match state {
        RunState::Quiet => "quiet",
        RunState::Alerting => "alerting",
        RunState::Done => "done",
    }
}

fn state_of(text: &str) -> Option<RunState> {
    [RunState::Quiet, RunState::Alerting, RunState::Done].into_iter().find(|state| word(*state) == text)
}

fn item_of(run: &RunRecord, state: RunState) -> Item {
    Item::new(KIND, partition(&run.account), run.as_of.to_string())
        .text("state", word(state))
        .number("breaks", run.breaks)
        .number("rejected", run.rejected)
        .text("report", &run.report)
        .text("policy_hash", &run.policy_hash)
        .text("engine_version", &run.engine_version)
}

fn record_of(account: &str, item: &Item) -> Result<RunRecord, StoreError> {
    Ok(RunRecord {
        account: account.to_owned(),
        as_of: item.parsed("sk", Instant::parse)?,
        state: item.parsed("state", state_of)?,
        breaks: item.parsed("breaks", |digits| digits.parse().ok())?,
        rejected: item.parsed("rejected", |digits| digits.parse().ok())?,
        report: item.get("report")?.to_owned(),
        policy_hash: item.get("policy_hash")?.to_owned(),
        engine_version: item.get("engine_version")?.to_owned(),
    })
}
