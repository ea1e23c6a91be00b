//! What the policy says of an account's settlements and of the bank that they are paid into: `[accounts.A]` with
//! `fee_terms`, `fee_invoices`, `deposits` and `bank_accounts`.

use serde::Deserialize;
use thiserror::Error;

use super::Coverage;
use crate::calendar::Day;
use crate::money::{Currency, Micros};

/// Why a rule of settlements or deposits cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("policy key accounts.{account}.{key}: {reason}")]
pub struct SettlementRuleError {
    /// The account.
    pub account: String,
    /// The key below the account.
    pub key: &'static str,
    /// What is wrong and what to write.
    pub reason: String,
}

/// How far the files of settlements and of the bank are taken to have spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerCoverage {
    /// The provider's settlements.
    pub settlements: Coverage,
    /// The lines of the bank.
    pub bank: Coverage,
}

impl Default for LedgerCoverage {
    fn default() -> Self {
        LedgerCoverage { settlements: Coverage::Latest, bank: Coverage::Latest }
    }
}

/// What the merchant decides about the settlements of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRules {
    /// What the provider may keep by contract; absent, nothing is recounted.
    pub fee_terms: Option<FeeTerms>,
    /// The provider's monthly invoices, in the order of the policy.
    pub fee_invoices: Vec<FeeInvoice>,
    /// The largest difference between an invoice and the settlements that still agrees.
    pub fee_invoice_tolerance: Micros,
    /// How deposits are recognized.
    pub deposits: DepositRules,
    /// The accounts at the bank that this account's settlements are paid into, as statements write them; none, any.
    pub bank_accounts: Vec<String>,
}

impl Default for SettlementRules {
    fn default() -> Self {
        SettlementRules {
            fee_terms: None,
            fee_invoices: Vec::new(),
            fee_invoice_tolerance: Micros(10_000),
            deposits: DepositRules::default(),
            bank_accounts: Vec::new(),
        }
    }
}

/// The commission by contract: `gross × percent + fixed`, at least `minimum`, and IGV on it. An assumption of the
/// merchant's; nothing public says what a contract holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeTerms {
    /// Of the gross amount, in percent.
    pub percent: Micros,
    /// Added for each payment.
    pub fixed: Micros,
    /// The least commission for a payment.
    pub minimum: Option<Micros>,
    /// Value added tax on the commission, in percent; absent, it is not recounted.
    pub igv_percent: Option<Micros>,
}

/// A month of the calendar in Lima.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: Day,
    /// The first day of the month after it.
    pub next: Day,
}

impl Month {
    /// Reads `2026-03`.
    fn parse(text: &str) -> Option<Month> {
        let (year, month) =
            text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2)?;
        let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
        let (next_year, next_month) =
            if month == 12 { (year.checked_add(1)?, 1) } else { (year, month.checked_add(1)?) };
        let day = |year: u32, month: u32| Day::parse(&format!("{year:04}-{month:02}-01"));
        Some(Month { first: day(year, month)?, next: day(next_year, next_month)? })
    }

    /// Whether a day lies in it.
    #[must_use]
    pub fn holds(self, day: Day) -> bool {
        self.first <= day && day < self.next
    }
}

/// An invoice of the provider for the fees of one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeInvoice {
    /// Its number.
    pub number: String,
    /// The month of the payouts that it is about.
    pub month: Month,
    /// The currency of both amounts.
    pub currency: Currency,
    /// Commission without tax.
    pub commission: Micros,
    /// The tax.
    pub igv: Micros,
}

/// Who pays the tax on movements of money (ITF) of a deposit, and how it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Itf {
    /// The account is exempt.
    #[default]
    Exempt,
    /// The bank books it as a line of its own.
    SeparateLine,
    /// The bank takes it off the deposit.
    Netted,
}

/// How deposits are recognized and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositRules {
    /// What the description of a deposit contains, in lower case; none, every credit may be one.
    pub payer_contains: Vec<String>,
    /// How the tax shows.
    pub itf: Itf,
    /// Its rate in percent.
    pub itf_percent: Micros,
    /// Bounds of the search for lumps without key; absent, nothing is searched.
    pub search: Option<SearchBounds>,
}

impl Default for DepositRules {
    fn default() -> Self {
        DepositRules {
            payer_contains: Vec::new(),
            itf: Itf::Exempt,
            itf_percent: Micros(5_000),
            search: None,
        }
    }
}

/// How far a search for the settlements of a lump goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchBounds {
    /// The most settlements that are tried together.
    pub items_max: usize,
    /// How many days before the deposit a settlement may have been paid out.
    pub days: u32,
    /// The most sums that are formed for one deposit.
    pub steps_max: u64,
}

/// The most that `search_items_max` may be: with each further one the work doubles every second time.
const SEARCH_ITEMS_MAX: usize = 20;

/// The most that `search_days` may be.
const SEARCH_DAYS_MAX: u32 = 366;

/// The table `fee_terms` as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeeTermsTable {
    percent: String,
    fixed: Option<String>,
    minimum: Option<String>,
    igv_percent: Option<String>,
}

/// One of the tables `fee_invoices` as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeeInvoiceTable {
    number: String,
    month: String,
    currency: String,
    commission: String,
    igv: Option<String>,
}

/// The table `deposits` as TOML has it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DepositsTable {
    payer_contains: Vec<String>,
    itf: Itf,
    itf_percent: Option<String>,
    search: bool,
    search_items_max: Option<usize>,
    search_days: Option<u32>,
    search_steps_max: Option<u64>,
}

/// What the tables of an account hold.
pub(super) struct Tables {
    pub fee_terms: Option<FeeTermsTable>,
    pub fee_invoices: Vec<FeeInvoiceTable>,
    pub fee_invoice_tolerance: Option<String>,
    pub deposits: DepositsTable,
    pub bank_accounts: Vec<String>,
}

/// A key below the account, and why its value cannot be used.
type Fault = (&'static str, String);

/// Checks the tables of an account.
pub(super) fn read(account: &str, tables: Tables) -> Result<SettlementRules, SettlementRuleError> {
    rules(tables).map_err(|(key, reason)| SettlementRuleError { account: account.to_owned(), key, reason })
}

fn rules(tables: Tables) -> Result<SettlementRules, Fault> {
    let Tables { fee_terms, fee_invoices, fee_invoice_tolerance, deposits, bank_accounts } = tables;
    let usual = SettlementRules::default();
    if bank_accounts.iter().any(|name| name.trim().is_empty()) {
        let reason = "one of them is empty; write each account as the bank's statement does";
        return Err(("bank_accounts", reason.to_owned()));
    }
    Ok(SettlementRules {
        fee_terms: fee_terms.map(terms).transpose()?,
        fee_invoices: fee_invoices.into_iter().map(invoice).collect::<Result<_, _>>()?,
        fee_invoice_tolerance: amount("fee_invoice_tolerance", fee_invoice_tolerance.as_deref())?
            .unwrap_or(usual.fee_invoice_tolerance),
        deposits: deposit_rules(deposits)?,
        bank_accounts: bank_accounts.iter().map(|name| name.trim().to_owned()).collect(),
    })
}

/// An amount that is not negative, with up to six decimals.
fn amount(key: &'static str, text: Option<&str>) -> Result<Option<Micros>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |reason: String| (key, format!("{text:?} {reason}; write a decimal such as \"3.49\""));
    match Micros::parse(text) {
        Ok(amount) if amount.0 < 0 => Err(wrong("is negative".to_owned())),
        Ok(amount) => Ok(Some(amount)),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// A rate in percent, at most 100.
fn percent(key: &'static str, text: Option<&str>) -> Result<Option<Micros>, Fault> {
    let rate = amount(key, text)?;
    match rate.filter(|rate| rate.0 > 100_000_000) {
        Some(_) => Err((key, "is more than 100 percent; write a rate such as \"3.49\"".to_owned())),
        None => Ok(rate),
    }
}

fn terms(table: FeeTermsTable) -> Result<FeeTerms, Fault> {
    Ok(FeeTerms {
        percent: percent("fee_terms.percent", Some(&table.percent))?.unwrap_or_default(),
        fixed: amount("fee_terms.fixed", table.fixed.as_deref())?.unwrap_or_default(),
        minimum: amount("fee_terms.minimum", table.minimum.as_deref())?,
        igv_percent: percent("fee_terms.igv_percent", table.igv_percent.as_deref())?,
    })
}

fn invoice(table: FeeInvoiceTable) -> Result<FeeInvoice, Fault> {
    let FeeInvoiceTable { number, month, currency, commission, igv } = table;
    if number.trim().is_empty() {
        return Err(("fee_invoices.number", "is empty; write the number of the invoice".to_owned()));
    }
    Ok(FeeInvoice {
        month: Month::parse(&month).ok_or_else(|| {
            ("fee_invoices.month", format!("{month:?} is no month; write one such as \"2026-03\""))
        })?,
        currency: Currency::from_code(&currency).ok_or_else(|| {
            ("fee_invoices.currency", format!("{currency:?} is neither PEN nor USD; write one of them"))
        })?,
        commission: amount("fee_invoices.commission", Some(&commission))?.unwrap_or_default(),
        igv: amount("fee_invoices.igv", igv.as_deref())?.unwrap_or_default(),
        number,
    })
}

fn deposit_rules(table: DepositsTable) -> Result<DepositRules, Fault> {
    let usual = DepositRules::default();
    let payer_contains: Vec<String> =
        table.payer_contains.iter().map(|text| text.trim().to_lowercase()).collect();
    if payer_contains.iter().any(String::is_empty) {
        let reason = "one of them is empty and would fit every line; take it out";
        return Err(("deposits.payer_contains", reason.to_owned()));
    }
    let bounds = SearchBounds {
        items_max: table.search_items_max.unwrap_or(SEARCH_ITEMS_MAX),
        days: table.search_days.unwrap_or(10),
        steps_max: table.search_steps_max.unwrap_or(100_000),
    };
    if !(1..=SEARCH_ITEMS_MAX).contains(&bounds.items_max) {
        let reason = format!("{} is not between 1 and {SEARCH_ITEMS_MAX}", bounds.items_max);
        return Err(("deposits.search_items_max", reason));
    }
    if bounds.days > SEARCH_DAYS_MAX {
        return Err(("deposits.search_days", format!("{} is more than {SEARCH_DAYS_MAX}", bounds.days)));
    }
    Ok(DepositRules {
        payer_contains,
        itf: table.itf,
        itf_percent: percent("deposits.itf_percent", table.itf_percent.as_deref())?
            .unwrap_or(usual.itf_percent),
        search: table.search.then_some(bounds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    #[test]
    fn what_is_left_out_is_off_or_usual() {
        let policy = Policy::parse("[accounts.a]\n").unwrap();
        assert_eq!(policy.settlement_rules("a"), &SettlementRules::default());
        assert_eq!(policy.settlement_rules("b"), &SettlementRules::default());
        assert_eq!(policy.ledger_coverage, LedgerCoverage::default());
    }

    #[test]
    fn every_key_is_read() {
        let policy = Policy::parse(
            "[coverage]\nsettlements = \"complete\"\nbank = \"complete\"\n\
             [accounts.a]\nbank_accounts = [\" 191-1 \"]\nfee_invoice_tolerance = \"0.05\"\n\
             [accounts.a.fee_terms]\npercent = \"3.49\"\nfixed = \"0.10\"\nminimum = \"1\"\nigv_percent = \"18\"\n\
             [[accounts.a.fee_invoices]]\nnumber = \"F001-77\"\nmonth = \"2026-12\"\ncurrency = \"USD\"\n\
             commission = \"12.345678\"\nigv = \"2\"\n\
             [accounts.a.deposits]\npayer_contains = [\"PagoEfectivo\"]\nitf = \"netted\"\nitf_percent = \"0.01\"\n\
             search = true\nsearch_items_max = 5\nsearch_days = 7\nsearch_steps_max = 9\n",
        )
        .unwrap();
        let rules = policy.settlement_rules("a");
        assert_eq!(policy.ledger_coverage.bank, Coverage::Complete);
        assert_eq!(policy.ledger_coverage.settlements, Coverage::Complete);
        assert_eq!(rules.bank_accounts, ["191-1"]);
        assert_eq!(rules.fee_invoice_tolerance, Micros(50_000));
        let terms = rules.fee_terms.unwrap();
        assert_eq!((terms.percent, terms.fixed), (Micros(3_490_000), Micros(100_000)));
        assert_eq!((terms.minimum, terms.igv_percent), (Some(Micros(1_000_000)), Some(Micros(18_000_000))));
        let invoice = &rules.fee_invoices[0];
        assert_eq!((invoice.number.as_str(), invoice.currency), ("F001-77", Currency::Usd));
        assert_eq!((invoice.commission, invoice.igv), (Micros(12_345_678), Micros(2_000_000)));
        assert_eq!(
            (invoice.month.first.to_string(), invoice.month.next.to_string()),
            ("2026-12-01".to_owned(), "2027-01-01".to_owned())
        );
        assert_eq!(rules.deposits.payer_contains, ["pagoefectivo"]);
        assert_eq!((rules.deposits.itf, rules.deposits.itf_percent), (Itf::Netted, Micros(10_000)));
        assert_eq!(rules.deposits.search, Some(SearchBounds { items_max: 5, days: 7, steps_max: 9 }));
    }

    #[test]
    fn a_month_holds_its_days_alone() {
        let month = Month::parse("2026-02").unwrap();
        let check = |day: &str, expected: bool| {
            assert_eq!(month.holds(Day::parse(day).unwrap()), expected, "{day}");
        };
        check("2026-01-31", false);
        check("2026-02-01", true);
        check("2026-02-28", true);
        check("2026-03-01", false);
        for text in ["2026-13", "2026-00", "2026-3", "26-03", "2026-03-01", "", "2026"] {
            assert_eq!(Month::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_wrong_rule_names_its_key() {
        let check = |text: &str, part: &str| {
            let message = Policy::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        let terms = "[accounts.a.fee_terms]\n";
        check(&format!("{terms}percent = \"x\""), "policy key accounts.a.fee_terms.percent: \"x\" is not");
        check(&format!("{terms}percent = \"101\""), "fee_terms.percent: is more than 100");
        check(&format!("{terms}percent = \"-1\""), "fee_terms.percent: \"-1\" is negative");
        check(&format!("{terms}percent = \"1\"\nfixed = \"1.0000001\""), "fee_terms.fixed");
        check(terms, "missing field `percent`");
        let invoice = |month: &str, currency: &str, commission: &str| {
            format!(
                "[[accounts.a.fee_invoices]]\nnumber = \"F\"\nmonth = \"{month}\"\ncurrency = \"{currency}\"\n\
                 commission = \"{commission}\"\n"
            )
        };
        check(&invoice("2026-3", "PEN", "1"), "fee_invoices.month: \"2026-3\" is no month");
        check(&invoice("2026-03", "EUR", "1"), "fee_invoices.currency: \"EUR\"");
        check(&invoice("2026-03", "PEN", "one"), "fee_invoices.commission: \"one\"");
        check("[accounts.a]\nbank_accounts = [\"\"]", "accounts.a.bank_accounts: one of them is empty");
        check("[accounts.a]\nfee_invoice_tolerance = \"x\"", "accounts.a.fee_invoice_tolerance");
        let deposits = "[accounts.a.deposits]\n";
        check(
            &format!("{deposits}payer_contains = [\" \"]"),
            "deposits.payer_contains: one of them is empty",
        );
        check(&format!("{deposits}itf = \"none\""), "itf");
        check(&format!("{deposits}search_items_max = 21"), "deposits.search_items_max: 21 is not between");
        check(&format!("{deposits}search_days = 367"), "deposits.search_days: 367 is more than 366");
        check(&format!("{deposits}serch = true"), "serch");
    }
}
