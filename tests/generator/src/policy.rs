//! The merchant's policy, with what the provider has invoiced for its fees.

use crate::banking_days::Day;
use crate::book::Book;
use crate::key::{Case, KeyRow};
use crate::ledger::{micros, micros_of, to_minor};
use crate::payouts::BANK_ACCOUNTS;
use crate::rows::Currency;
use crate::time::END;

/// An invoice of the provider over a month's fees, in minor units.
struct Invoice {
    account: &'static str,
    currency: Currency,
    number: String,
    month: u32,
    commission: i64,
    igv: i64,
}

/// Writes `cuadre.toml`, and expects a line for each invoice that is wrong.
pub(crate) fn write(book: &mut Book) -> String {
    let invoices = invoices(book);
    let mut out = String::from(
        "# What the merchant of this data set decides, and the fees of the contract and the invoices. All made up.\n",
    );
    for (account, itf) in [("1101", "separate_line"), ("2202", "netted")] {
        let own = BANK_ACCOUNTS.iter().filter(|(owner, _, _)| *owner == account);
        let numbers: Vec<String> = own.map(|(_, _, number)| format!("\"{number}\"")).collect();
        out.push_str(&format!(
            "\n[accounts.{account}]\n\
             bank_accounts = [{}]\n\
             fee_terms = {{ percent = \"3.5\", igv_percent = \"18\" }}\n\
             deposits = {{ payer_contains = [\"PAGOEFECTIVO\"], itf = \"{itf}\" }}\n",
            numbers.join(", ")
        ));
        for invoice in invoices.iter().filter(|invoice| invoice.account == account) {
            out.push_str(&format!(
                "\n[[accounts.{account}.fee_invoices]]\n\
                 number = \"{}\"\nmonth = \"2026-{:02}\"\ncurrency = \"{}\"\ncommission = \"{}\"\nigv = \"{}\"\n",
                invoice.number,
                invoice.month,
                invoice.currency.code(),
                micros(micros_of(invoice.commission)),
                micros(micros_of(invoice.igv)),
            ));
        }
    }
    out
}

/// One of the invoices over months that are over is wrong; those of the month that still runs say what they like.
fn invoices(book: &mut Book) -> Vec<Invoice> {
    book.case = Case { name: "invoice", variant: 0 };
    let fees = std::mem::take(&mut book.payouts.fees);
    let over = |month: u32| month < Day::of(END).month();
    let closed = fees.keys().filter(|(_, _, month)| over(*month)).count();
    let wrong = book.chance.below(u64::try_from(closed).unwrap_or(0));
    let mut invoices = Vec::new();
    let mut seen = 0;
    for ((account, currency, month), (commission, igv)) in fees {
        let number = format!("F001-{account}{month:02}{}", if currency == Currency::Pen { 1 } else { 2 });
        let due = to_minor(commission) + to_minor(igv);
        let more = if over(month) && seen == wrong { book.chance.between(100, 2_000) } else { 0 };
        if more > 0 {
            book.note(KeyRow {
                class: "fee_invoice_variance",
                account,
                reference: number.clone(),
                currency: Some(currency),
                order_minor: Some(to_minor(commission + igv)),
                report_minor: Some(due + more),
                settlement: number.clone(),
                ..KeyRow::default()
            });
        }
        seen += u64::from(over(month));
        let commission =
            if over(month) { to_minor(commission) + more } else { to_minor(commission).div_euclid(2) };
        invoices.push(Invoice { account, currency, number, month, commission, igv: to_minor(igv) });
    }
    invoices
}
