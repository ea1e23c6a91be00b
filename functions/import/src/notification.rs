//! What the bucket says of its objects: the body of a message of the queue.

use cuadre::calendar::Instant;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// An object that was put into a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Absent in a bucket without versions.
    pub(crate) version_id: Option<String>,
    /// When it was put there. A repeated message says the same.
    pub(crate) arrived_at: Instant,
}

#[derive(Deserialize)]
struct Body {
    /// What S3 sends once, when the notification is set up.
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    event_time: String,
    s3: Subject,
}

#[derive(Deserialize)]
struct Subject {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    version_id: Option<String>,
}

/// Reads the body of a message: the objects that arrived, none for what tells of no arrival; `None` where the message is
/// no notification and will never be one.
pub(crate) fn read(body: &str) -> Option<Vec<Arrival>> {
    let body: Body = serde_json::from_str(body).ok()?;
    match body.records {
        Some(records) => records
            .into_iter()
            .filter(|record| record.event_name.starts_with("ObjectCreated:"))
            .map(arrival)
            .collect(),
        None => (body.event? == "s3:TestEvent").then(Vec::new),
    }
}

fn arrival(record: Record) -> Option<Arrival> {
    // Keys are written as in a form: a blank is a plus, a plus is %2B.
    let blanks = record.s3.object.key.replace('+', " ");
    let key = percent_decode_str(&blanks).decode_utf8().ok()?.into_owned();
    Some(Arrival {
        bucket: record.s3.bucket.name,
        key,
        version_id: record.s3.object.version_id,
        arrived_at: Instant::parse(&record.event_time)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(event: &str, time: &str, key: &str) -> String {
        format!(
            r#"{{"Records":[{{"eventName":"{event}","eventTime":"{time}",
                "s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}","versionId":"v","size":1}}}}}}]}}"#
        )
    }

    #[test]
    fn a_key_is_decoded_as_s3_writes_it() {
        let check = |written: &str, expected: Option<&str>| {
            let read = read(&body("ObjectCreated:Put", "2026-03-02T15:00:00.000Z", written));
            let key = read.map(|arrivals| arrivals[0].key.clone());
            assert_eq!(key.as_deref(), expected, "{written}");
        };
        check("inbox/orders/tienda/a.csv", Some("inbox/orders/tienda/a.csv"));
        check("inbox/orders/tienda/dia+1.csv", Some("inbox/orders/tienda/dia 1.csv"));
        check("inbox/orders/tienda/a%2Bb%3D1%25.csv", Some("inbox/orders/tienda/a+b=1%.csv"));
        check("inbox/orders/tienda/a%C3%B1o.csv", Some("inbox/orders/tienda/año.csv"));
        check("inbox/orders/tienda/a%F1o.csv", None);
    }

    #[test]
    fn what_tells_of_no_arrival_is_told_from_what_cannot_be_read() {
        let check = |body: &str, expected: Option<usize>| {
            assert_eq!(read(body).map(|arrivals| arrivals.len()), expected, "{body}");
        };
        check(&body("ObjectCreated:CompleteMultipartUpload", "2026-03-02T15:00:00Z", "a"), Some(1));
        check(&body("ObjectRemoved:Delete", "2026-03-02T15:00:00Z", "a"), Some(0));
        check(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, Some(0));
        check(&body("ObjectCreated:Put", "yesterday", "a"), None);
        check(r#"{"Records":[{"eventName":"ObjectCreated:Put"}]}"#, None);
        check(r#"{"Event":"other"}"#, None);
        check("{}", None);
        check("not JSON", None);
    }
}
