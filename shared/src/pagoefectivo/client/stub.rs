//! A provider for tests that answers bytes as they are given, one answer to each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) struct Stub {
    url: String,
    requests: Arc<AtomicUsize>,
}

/// A whole answer; `head` is the status line without the version, perhaps with headers behind it.
pub(super) fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

impl Stub {
    /// In place of an answer: the connection stays open and nothing comes.
    pub(super) const SILENCE: &str = "silence";

    pub(super) fn start(answers: Vec<Vec<u8>>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                if answer == Stub::SILENCE.as_bytes() {
                    silent.push(stream);
                } else {
                    // The client may have gone away before it has read all.
                    drop((&stream).write_all(&answer));
                }
            }
        });
        Stub { url, requests }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// How many requests have come.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}
