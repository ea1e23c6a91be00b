use super::*;
use crate::config::Policy;

/// The policy with one source, whose table has these lines.
fn policy(name: &str, lines: &str) -> Result<Policy, String> {
    Policy::parse(&format!("[accounts.tienda.sources.{name}]\n{lines}\n")).map_err(|error| error.to_string())
}

const PAGED: &str = "kind = \"transaction_report\"\nurl = \"https://r.example/t?d={from}&h={to}&p={page}\"\n\
                     paging = { by = \"page\", size = 500, pages = \"meta.pages\", total = \"meta.total\" }";

#[test]
fn an_account_without_sources_is_searched_for() {
    let policy = Policy::parse("[accounts.tienda]\n").unwrap();
    let search = SourceKind::CipSearch(CipSearch::default());
    let expected = vec![Source { name: "search".to_owned(), kind: search }];
    assert_eq!(policy.sources("tienda"), expected);
    assert_eq!(policy.sources("otra"), expected);
}

#[test]
fn sources_are_read_in_the_order_of_their_names() {
    let text = format!(
        "[accounts.tienda.sources.search]\nkind = \"cip_search\"\nbatch_cips = 20\n\
         [accounts.tienda.sources.portal_api]\n{PAGED}\nauthorization = \"header X-Api-Key\"\nmapping = \"portal\"\n\
         [accounts.tienda.sources.group]\nkind = \"settlement_report\"\nversion = 7\nmids = [\"1000001234\"]\n"
    );
    let sources = Policy::parse(&text).unwrap().sources("tienda");
    let kinds: Vec<_> = sources.iter().map(|source| (source.name.as_str(), source.kind.word())).collect();
    assert_eq!(
        kinds,
        [("group", "settlement_report"), ("portal_api", "transaction_report"), ("search", "cip_search")]
    );
    let SourceKind::SettlementReport(group) = &sources[0].kind else { panic!("{sources:?}") };
    assert_eq!(
        group.request.url,
        "https://api.paysafecard.com/v7/reports/settlement?from={from}&to={last_day}&include_header=true\
         &payment_instrument=PAGOEFECTIVO&mid=1000001234&transaction_type=PAYMENT&transaction_type=REFUND\
         &transaction_type=PAYOUT"
    );
    let SourceKind::TransactionReport(report) = &sources[1].kind else { panic!("{sources:?}") };
    assert_eq!(report.request.authorization, Authorization::Header("x-api-key".to_owned()));
    assert_eq!(report.mapping.as_deref(), Some("portal"));
    assert!(!format!("{report:?}").contains("r.example"), "{report:?}");
}

#[test]
fn a_wrong_source_names_its_key_and_what_to_write() {
    let check = |name: &str, lines: &str, expected: &str| {
        let message = policy(name, lines).unwrap_err();
        assert!(message.contains(expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    };
    check("Portal", PAGED, "accounts.tienda.sources.Portal: the name is not lower-case");
    check("import", PAGED, "sources.import: import is Cuadre's own name");
    check("search", PAGED, "sources.search: a cip_search, and nothing else, is named search");
    check("portal2", "kind = \"cip_search\"", "a cip_search, and nothing else, is named search");
    check(
        "search",
        "kind = \"cip_search\"\nbatch_cips = 0",
        "search.batch_cips: write a number from 1 to 500",
    );
    check(
        "search",
        "kind = \"cip_search\"\nrecheck_days = 1",
        "search.recheck_days: write a number from 2 to 60",
    );
    check("search", "kind = \"cip_serch\"", "unknown variant `cip_serch`");
    check("search", "kind = \"cip_search\"\nbatch = 1", "unknown field `batch`");
    let with = |old: &str, new: &str| PAGED.replace(old, new);
    check("p", &with("https:", "http:"), "p.url: is not an https:// address");
    check("p", &with("//r.", "//user:password@r."), "p.url: holds a user name: write authorization");
    check("p", &with("{from}", "{since}"), "p.url: {since} is none of {from}");
    check("p", &with("{page}", "1"), "p.paging: neither url nor body says {page}");
    check("p", &with("\"page\"", "\"pages\""), "p.paging: write by = ");
    check("p", &with("size = 500", "size = 0"), "p.paging: size is not a number");
    check("p", &with("size = 500, ", ""), "p.paging: write size");
    check("p", &with("\"meta.pages\"", "\"meta..pages\""), "\"meta..pages\" is no place");
    check("p", &format!("{PAGED}\nauthorization = \"token\""), "p.authorization: write none, bearer");
    check("p", &format!("{PAGED}\ntime_format = \"%Q\""), "p.time_format: is not a format");
    check("p", &format!("{PAGED}\nleg = \"orders\""), "p.leg: write reports or settlements");
    check("p", &format!("{PAGED}\nmapping = \"../x\""), "p.mapping: write the name");
    check("p", &format!("{PAGED}\nmode = \"full\""), "p.since: mode = \"full\" needs the first day");
    check("p", &format!("{PAGED}\nsince = \"31/01/2026\""), "p.since: is not a day");
    check("p", &format!("{PAGED}\nevery_minutes = 5"), "p.every_minutes: write a number from 15 to 1440");
    check("g", "kind = \"settlement_report\"\nversion = 4", "g.version: write 5, 6 or 7");
    check("g", "kind = \"settlement_report\"\nversion = 6\nwindow_days = 0", "g.window_days: write a number");
    check(
        "g",
        "kind = \"settlement_report\"\nversion = 6\ntransaction_types = [\"ALL\"]",
        "g.transaction_types: ",
    );
}
