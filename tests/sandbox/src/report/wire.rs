//! HTTP as far as a report needs it, by hand: a server that keeps to the rules could not cut an answer off.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::State;

/// An answer on its way.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) retry_after: bool,
    pub(super) cut: bool,
}

impl Answer {
    pub(super) fn of(status: u16, content_type: &'static str, body: String) -> Answer {
        Answer { status, content_type, body: body.into_bytes(), retry_after: false, cut: false }
    }

    pub(super) fn json(status: u16, body: String) -> Answer {
        Answer::of(status, "application/json", body)
    }
}

/// What follows the question mark.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn read(text: &str) -> Query {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Query(pairs.map(|(name, value)| (name.to_owned(), plain(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    pub(super) fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let time = DateTime::parse_from_rfc3339(self.get(name)?).ok()?;
        Some(time.with_timezone(&Utc))
    }
}

/// A value without its percent signs.
fn plain(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.extend(code);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // Whoever hangs up in the middle has seen enough.
            drop(talk(stream, &state).await);
        });
    }
}

async fn talk(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut token = None;
        loop {
            let mut header = String::new();
            if stream.read_line(&mut header).await? == 0 || header == "\r\n" {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("authorization")
            {
                token = Some(value.trim().to_owned());
            }
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let Some(answer) = state.answer(path, &Query::read(query), token.as_deref()) else {
            // Silence: until the other side has waited long enough.
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            return Ok(());
        };
        let retry_after = if answer.retry_after { "retry-after: 0\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {} X\r\ncontent-type: {}\r\n{retry_after}content-length: {}\r\n\r\n",
            answer.status,
            answer.content_type,
            answer.body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        if answer.cut {
            let half = answer.body.len() / 2;
            stream.write_all(answer.body.get(..half).unwrap_or_default()).await?;
            stream.flush().await?;
            return Ok(());
        }
        stream.write_all(&answer.body).await?;
        stream.flush().await?;
    }
}
