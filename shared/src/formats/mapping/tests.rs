//! What a mapping says, and what it may not.

use super::*;

#[test]
fn an_empty_mapping_is_the_canonical_one() {
    assert_eq!(Mapping::parse(""), Ok(Mapping::default()));
}

#[test]
fn a_bad_mapping_names_key_and_remedy() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            Mapping::parse(text).map_err(|error| error.to_string()),
            Err(expected.to_owned()),
            "{text}"
        );
    };
    check(
        "[notices]\ncolumns = { colour = \"x\" }",
        "[notices.columns] names colour, which is not a field of notices: use one of account, cip, event_type, \
         operation_number, amount, currency, paid_at, received_at",
    );
    check(
        "[orders.columns]\namount = 5",
        "amount under [orders.columns] must be a column name, or a list of column names such as [\"date\", \"time\"]",
    );
    check(
        "[orders]\ncolumns = { currency = \"moneda\" }\nconstants = { currency = \"PEN\" }",
        "currency stands under [orders.columns] and under [orders.constants]: remove one of them",
    );
    check(
        "[reports]\nconstants = { currency = \"EUR\" }",
        "currency under [reports.constants] must be \"PEN\" or \"USD\"",
    );
    check(
        "[orders]\nstatus = { PAGADO = \"done\" }",
        "PAGADO = \"done\" under [orders.status] leads to no status of orders: use one of pending, paid, \
         fulfilled, cancelled, expired, refunded",
    );
    check(
        "[notices]\nstatus = { PAGADO = \"paid\" }",
        "[notices.status] has no effect because rows of notices have no status: remove it",
    );
    check(
        "[orders]\nzone = \"Asia/Shanghai\"",
        "zone = \"Asia/Shanghai\" under [orders] must be \"America/Lima\", \"UTC\" or an offset such as \"+08:00\"",
    );
    check(
        "[orders]\ndate_format = \"%d/%m/%Y\"",
        "date_format under [orders] has no offset: add zone = \"America/Lima\" or the zone in which the file's times are",
    );
    check(
        "[orders]\ndate_format = \"%Q\"",
        "date_format = \"%Q\" under [orders] must be a strftime format such as \"%d/%m/%Y %H:%M:%S\"",
    );
    check("[orders]\ndecimal_mark = \"x\"", "decimal_mark = \"x\" under [orders] must be \".\" or \",\"");
    check(
        "[orders]\nthousands_mark = \".\"",
        "thousands_mark = \".\" under [orders] must be one of \",\", \".\", \" \", \"'\", \"_\", and another than \
         the decimal mark",
    );
    check(
        "[orders]\ndelimiter = \"ab\"",
        "delimiter = \"ab\" under [orders] must be one of \",\", \";\", \"|\", \"\\t\" or another single ASCII mark",
    );
    check(
        "[orders]\nencoding = \"ebcdic\"",
        "encoding = \"ebcdic\" under [orders] must be \"utf-8\" or \"latin-1\"",
    );
    check(
        "[orders]\nsheet = \" \"",
        "sheet = \" \" under [orders] must be the name of a sheet, such as \"Pedidos\"",
    );
    check(
        "[orders]\nheader_row = 0",
        "header_row = \"0\" under [orders] must be the number of a row, 1 for the first",
    );
    check(
        "[orders]\nrepeats = \"\"",
        "repeats = \"\" under [orders] must be the name of a column, such as \"Name\"",
    );
    check(
        "[orders]\nrecords = \"\"",
        "records = \"\" under [orders] must be a path to the records, such as \"data.items\" in JSON or \
         \"Orders/Order\" in XML",
    );
}

#[test]
fn toml_faults_name_their_line() {
    let check = |text: &str, line: usize, part: &str| match Mapping::parse(text) {
        Err(MappingError::Toml { line: found, message }) => {
            assert_eq!(found, line, "{text}");
            assert!(message.contains(part), "{message}");
        }
        other => panic!("{other:?}"),
    };
    check("[orders]\ncolums = {}", 2, "unknown field `colums`");
    check("\n[order]", 2, "unknown field `order`");
    check("[orders]\nconstants = { account = 5 }", 2, "expected a string");
    check("[orders", 1, "");
}

#[test]
fn the_examples_of_the_documentation_are_good() {
    let text = include_str!("../../../../docs/formats.md");
    let examples = text.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let mappings: Vec<Mapping> = examples.map(|example| Mapping::parse(example).unwrap()).collect();
    assert_eq!(mappings[0].reports.status("Cancelado"), Some(("paid", false)));
    assert_eq!(mappings[0].orders, LegMapping::default());
}

#[test]
fn the_shipped_mapping_of_the_comparison_data_is_good() {
    let text = include_str!("../../../../docs/mappings/peers.toml");
    let mapping = Mapping::parse(text).unwrap();
    assert_eq!(mapping.orders.status("CANCELLED"), Some(("cancelled", false)));
    assert_eq!(mapping.reports.status("reversed"), Some(("reversed", true)));
}
