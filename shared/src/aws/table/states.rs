//! What the world was last told of a CIP. It is written before it is told, so that a repetition tells the same.

use aws_sdk_dynamodb::types::AttributeValue;

use super::super::StoreError;
use super::facts::cip_partition;
use super::{Item, Table, unless_condition_failed};
use crate::ids::Cip;

pub(super) const KIND: &str = "state";
const SORT_KEY: &str = "STATE";

/// A state of a CIP on its way to those who wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedState {
    /// Counts the changes of this CIP, from 1.
    pub version: u64,
    /// What is told, as JSON.
    pub detail: String,
    /// The reasons not to ship that came up with this change, each once.
    pub raised: Vec<String>,
    /// Whether it has been told. What has not is told again, byte for byte.
    pub announced: bool,
}

impl Table {
    /// Writes the next state of a CIP, or that the standing one has been told. `false` where another writer was faster:
    /// read again.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` the outcome is unknown.
    pub async fn save_state(
        &self,
        account: &str,
        cip: Cip,
        state: &PublishedState,
    ) -> Result<bool, StoreError> {
        let before = if state.announced { state.version } else { state.version.saturating_sub(1) };
        let item = Item::new(KIND, cip_partition(account, cip), SORT_KEY.to_owned())
            .text("account", account)
            .text("cip", cip.to_string())
            .number("version", state.version)
            .text("detail", &state.detail)
            .text("raised", state.raised.join(","))
            .text("announced", if state.announced { "yes" } else { "no" });
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.attributes));
        let request = match before {
            0 => request.condition_expression("attribute_not_exists(pk)"),
            before => request
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string())),
        };
        unless_condition_failed(request.send().await)
    }
}

pub(super) fn state_of(item: &Item) -> Result<PublishedState, StoreError> {
    let raised = item.get("raised")?.split(',').filter(|word| !word.is_empty());
    Ok(PublishedState {
        version: item.parsed("version", |digits| digits.parse().ok())?,
        detail: item.get("detail")?.to_owned(),
        raised: raised.map(str::to_owned).collect(),
        announced: item.get("announced")? == "yes",
    })
}
