//! A report of so many payments over one day, for programs that are measured with it: prints its address and serves until it
//! is ended. `cargo run -p cuadre-sandbox --example report -- 1000000`
#![expect(clippy::print_stdout, reason = "the address is there to be read")]

use chrono::{DateTime, TimeDelta};
use cuadre_sandbox::report::{Book, ReportService};

/// What the service takes as `Authorization: Bearer`.
const TOKEN: &str = "bench";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).ok_or("write the number of payments")?.parse()?;
    let first = DateTime::parse_from_rfc3339("2026-03-01T00:00:00-05:00")?.to_utc();
    let every = TimeDelta::milliseconds(i64::try_from(86_400_000 / rows.max(1))?);
    let service = ReportService::start(Book::new(first, every, rows), TOKEN).await?;
    println!("{}", service.url());
    std::future::pending::<()>().await;
    Ok(())
}
