//! Notices into the bucket: as they were received, and as rows.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cuadre::aws::bucket::Bucket;
use cuadre::aws::rows::compressed;
use cuadre::aws::table::stream::SetAside;
use cuadre::aws::table::{Noticed, Received};
use cuadre::aws::{StoreError, layout};
use cuadre::calendar::Instant;
use cuadre::formats::write_notice_ndjson;
use serde::Serialize;

/// The notices of one batch, by account; one object each instead of one a notice, since each object is paid for.
#[derive(Default)]
pub(crate) struct Archive(BTreeMap<String, Lines>);

struct Lines {
    first: Instant,
    raw: Vec<u8>,
    rows: Vec<u8>,
}

/// One line of `raw/callback`.
#[derive(Serialize)]
struct Raw<'a> {
    received_at: String,
    signature_header: &'a str,
    signature: &'a str,
    signature_form: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<&'a str>,
    body_base64: String,
}

impl Archive {
    pub(crate) fn add(&mut self, noticed: &Noticed) {
        let lines = self.lines(&noticed.row.account, noticed.row.received_at);
        push(&mut lines.raw, noticed.row.received_at, &noticed.received, None);
        write_notice_ndjson(&noticed.row, &mut lines.rows);
    }

    /// A notice in quarantine is no row: what it says is not known.
    pub(crate) fn add_quarantined(&mut self, set_aside: &SetAside) {
        let lines = self.lines(&set_aside.account, set_aside.received_at);
        push(&mut lines.raw, set_aside.received_at, &set_aside.received, Some(&set_aside.reason));
    }

    fn lines(&mut self, account: &str, received_at: Instant) -> &mut Lines {
        let fresh = || Lines { first: received_at, raw: Vec::new(), rows: Vec::new() };
        let lines = self.0.entry(account.to_owned()).or_insert_with(fresh);
        lines.first = lines.first.min(received_at);
        lines
    }

    /// Writes the objects. Their names come from their content: the same batch writes the same ones. A batch that was cut
    /// otherwise the second time leaves a notice in two of them, and rows of one identity count once.
    pub(crate) async fn store(self, bucket: &Bucket) -> Result<(), StoreError> {
        for (account, Lines { first, raw, rows }) in self.0 {
            let key = layout::raw_notices_key(&account, first, &raw);
            bucket.put_new(&key, compressed(&raw)?).await?;
            if !rows.is_empty() {
                bucket.put_new(&layout::notice_rows_key(&account, first, &rows), rows).await?;
            }
        }
        Ok(())
    }
}

fn push(out: &mut Vec<u8>, received_at: Instant, received: &Received, quarantined: Option<&str>) {
    let line = Raw {
        received_at: received_at.to_string(),
        signature_header: &received.header,
        signature: &received.signature,
        signature_form: &received.form,
        quarantined,
        body_base64: STANDARD.encode(&received.body),
    };
    // A struct of texts always serialises.
    if let Ok(text) = serde_json::to_string(&line) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }
}
