//! The emulated DynamoDB alone, for programs that are measured without it: prints its address and serves until it is ended.
#![expect(clippy::print_stdout, reason = "the address is there to be read")]

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    dynoxide::server::serve_on(listener, dynoxide::Database::memory()?).await;
    Ok(())
}
