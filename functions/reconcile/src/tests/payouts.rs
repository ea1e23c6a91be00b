//! Settlements and the bank's lines, from run to run.

use super::days::{order, report};
use super::*;

fn evening(day: u32) -> String {
    format!("2026-03-{day:02}T23:00:00-05:00")
}

/// The payments that the world begins with and that of order B-9, paid out on the sixth.
const SETTLEMENT: &str = "settlement_id,currency,kind,cip,gross,commission,igv,net,paid_on,bank_reference\n\
     L-1001,PEN,payment,7,22.50,0.50,0.09,21.91,2026-03-06,OP-77\n\
     L-1001,PEN,payment,8,22.50,0.50,0.09,21.91,2026-03-06,OP-77\n\
     L-1001,PEN,payment,9,10.00,0.50,0.09,9.41,2026-03-06,OP-77\n";

fn bank_line(bank_account: &str, reference: &str, day: u32, amount: &str) -> String {
    format!(
        "bank_account,bank_reference,value_date,amount,currency,description\n\
         {bank_account},{reference},2026-03-{day:02},{amount},PEN,PAGOEFECTIVO\n"
    )
}

impl World {
    /// The lines of `settlements.csv` of an evening's run, as name and class.
    async fn payouts(&self, day: u32) -> Vec<String> {
        let stamp = format!("202603{:02}T040000Z", day + 1);
        let outputs = self.outputs(&stamp).await;
        let Some((_, csv)) = outputs.iter().find(|(name, _)| name == "settlements.csv") else {
            return Vec::new();
        };
        let text = String::from_utf8(csv.clone()).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let column = |name: &str| header.split(',').position(|known| known == name).unwrap();
        let (id, class) = (column("settlement_id"), column("class"));
        let cells = lines.lines().map(|line| line.split(',').collect::<Vec<_>>());
        cells.map(|cells| format!("{} {}", cells[id], cells[class])).collect()
    }

    /// Monday to Wednesday: an order, its payment, its report. The bank has been heard before.
    async fn paid_and_reported(&self) {
        self.put_orders("paid").await;
        self.arrives("bank", "2026-03-02", "fee", &bank_line("191-1", "FEE", 2, "-1.00")).await;
        self.arrives("orders", "2026-03-02", "monday", &order(9, "pending", &evening(2))).await;
        self.run(&evening(2)).await.unwrap();
        self.announce("9", "901", "2026-03-03T09:30:05-05:00").await;
        self.arrives("orders", "2026-03-03", "tuesday", &order(9, "paid", &evening(3))).await;
        self.run(&evening(3)).await.unwrap();
        let reported = report(9, "paid", "2026-03-03T09:30:00-05:00");
        self.arrives("reports", "2026-03-04", "wednesday", &reported).await;
        assert_eq!(self.run(&evening(4)).await.unwrap().breaks, 0);
    }
}

/// Settled on Friday and deposited on Monday, with a holiday of the banks between order and settlement.
#[tokio::test]
async fn an_order_of_monday_is_settled_on_friday_and_its_money_comes_in_on_monday() {
    let world = World::start().await;
    world.put(layout::POLICY_KEY, "[holidays]\nextra = [\"2026-03-05\"]\n").await;
    world.paid_and_reported().await;
    assert_eq!(world.run(&evening(5)).await.unwrap().breaks, 0);
    world.arrives("settlements", "2026-03-06", "friday", SETTLEMENT).await;
    assert_eq!(world.run(&evening(6)).await.unwrap().breaks, 0);
    assert_eq!(world.payouts(6).await, ["L-1001 open"]);
    world.arrives("bank", "2026-03-09", "monday", &bank_line("191-1", "OP-77", 9, "53.23")).await;
    assert_eq!(world.run(&evening(9)).await.unwrap().breaks, 0);
    assert_eq!(world.payouts(9).await, ["L-1001 matched"]);
    world.arrives("bank", "2026-03-12", "thursday", &bank_line("191-1", "FEE", 12, "-1.00")).await;
    assert_eq!(world.run(&evening(12)).await.unwrap().breaks, 0);
    assert_eq!(world.payouts(12).await, [""; 0], "it is closed, and is judged no longer");
    // A payment of it is taken back weeks later: its order comes back, and the settlement stays closed.
    world
        .arrives("reports", "2026-03-24", "portal", &report(9, "reversed", "2026-03-24T09:30:00-05:00"))
        .await;
    world.run(&evening(24)).await.unwrap();
    assert_eq!(world.open_classes().await, ["status_mismatch B-9"]);
    world.run(&evening(25)).await.unwrap();
    assert_eq!(world.open_classes().await, ["status_mismatch B-9"]);
}

/// The settlement report, and then the bank's statement, comes two days late.
#[tokio::test]
async fn what_is_missing_is_told_once_its_source_has_been_heard() {
    let world = World::start().await;
    world.paid_and_reported().await;
    assert_eq!(world.run(&evening(6)).await.unwrap().breaks, 0);
    world.arrives("settlements", "2026-03-08", "late", SETTLEMENT).await;
    for day in [8, 9, 10, 11, 12] {
        assert_eq!(world.run(&evening(day)).await.unwrap().breaks, 0, "no other statement has come");
    }
    // The bank has been heard beyond the grace of two business days, and of a deposit it says nothing.
    world.arrives("bank", "2026-03-13", "fee", &bank_line("191-1", "FEE", 12, "-1.00")).await;
    world.run(&evening(13)).await.unwrap();
    assert_eq!(world.open_classes().await, ["missing_deposit L-1001"]);
    world.arrives("bank", "2026-03-14", "deposit", &bank_line("191-1", "OP-77", 9, "53.23")).await;
    assert_eq!(world.run(&evening(14)).await.unwrap().breaks, 0);
    assert_eq!(world.open_classes().await, [""; 0]);
}

/// A statement lies in one account's folder and may be of the bank accounts of several.
#[tokio::test]
async fn a_statement_serves_every_account_whose_bank_accounts_the_policy_lists() {
    let world = World::start().await;
    let policy = "[accounts.tienda]\nbank_accounts = [\"191-1\", \"191-3\"]\n[accounts.otra]\nbank_accounts = [\"191-2\", \"191-3\"]\n";
    world.put(layout::POLICY_KEY, policy).await;
    world.paid_and_reported().await;
    world.arrives("settlements", "2026-03-06", "friday", SETTLEMENT).await;
    let lines = |lines: &[(&str, &str, u32, &str)]| {
        let rows = lines.iter().map(|(account, reference, day, amount)| {
            let line = bank_line(account, reference, *day, amount);
            line.lines().nth(1).unwrap().to_owned()
        });
        let header = bank_line("", "", 1, "").lines().next().unwrap().to_owned();
        [header].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    };
    let statement = lines(&[
        ("191-1", "OP-77", 9, "53.23"),
        ("191-1", "X-1", 9, "11.00"),
        // What comes in for the other account is its run's, and on the account of both nobody can know.
        ("191-2", "X-2", 9, "12.00"),
        ("191-3", "X-3", 9, "13.00"),
        ("191-9", "X-4", 9, "14.00"),
        ("191-1", "FEE", 16, "-1.00"),
    ]);
    world.put("normalized/bank/account=otra/day=2026-03-16/statement.csv", &statement).await;
    world.run(&evening(16)).await.unwrap();
    assert_eq!(world.payouts(16).await, ["L-1001 matched"]);
    world.arrives("settlements", "2026-03-17", "later", &SETTLEMENT_OF_NOTHING.replace("DAY", "17")).await;
    world.run(&evening(17)).await.unwrap();
    assert_eq!(world.open_classes().await, ["unknown_deposit X-1"]);
    assert_eq!(world.legs_read_by("20260318T040000Z", &["bank"]).await, [""; 0], "nothing is read twice");
}

/// That settlements have been heard up to a day.
const SETTLEMENT_OF_NOTHING: &str = "settlement_id,currency,kind,gross,net,paid_on\n\
     L-1002,PEN,adjustment,1.00,1.00,2026-03-DAY\n\
     L-1002,PEN,adjustment,-1.00,-1.00,2026-03-DAY\n";
