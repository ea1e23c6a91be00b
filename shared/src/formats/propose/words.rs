//! What names and words say: how surely a column is a field, and what a state stands for.

use std::collections::BTreeSet;

use super::super::Leg;
use super::vocabulary::{
    BALANCES, CURRENCIES, FIELDS, FILLING, HINTS, ORDER_STATUSES, OTHERS, REPORT_STATUSES, SETTLEMENT_KINDS,
    SHORT_FORMS,
};

/// A name that is exactly one of a field's phrases.
const EXACT: u32 = 100;

/// From here on a name says enough to be believed.
pub(super) const TELLING: u32 = 55;

/// How surely a column of this name is that field, from 0 to 100.
pub(super) fn score(name: &str, field: &str) -> u32 {
    let whole = tokens(name);
    let has = |words: &[&str]| whole.iter().any(|token| words.contains(&token.as_str()));
    if has(&OTHERS) || has(&BALANCES) != (field == "balance") {
        return 0;
    }
    let phrases = FIELDS.iter().find(|(known, _)| *known == field).map_or(&[][..], |(_, phrases)| phrases);
    let canonical = field.replace('_', " ");
    // Of two names that are both right, that which stands first is the likelier.
    let of = |tokens: &[String]| {
        let ranked = [canonical.as_str()].into_iter().chain(phrases.iter().copied()).zip(0..);
        let scores =
            ranked.map(|(phrase, rank): (_, u32)| likeness(tokens, phrase).saturating_sub(rank.min(9)));
        scores.max().unwrap_or_default()
    };
    // The last step of a path says most of what it leads to.
    of(&whole).max(of(&tokens(leaf(name))).saturating_sub(5))
}

/// Whether any field of any leg goes by this name.
pub(super) fn is_known(name: &str) -> bool {
    FIELDS.iter().any(|(field, _)| score(name, field) >= TELLING)
}

/// Whether a name has a word that files of this leg use before others.
pub(super) fn hints_at(leg: Leg, name: &str) -> bool {
    let words = HINTS.iter().find(|(of, _)| *of == leg).map_or(&[][..], |(_, words)| words);
    tokens(name).iter().any(|token| words.contains(&token.as_str()))
}

/// Whether a name says that its times are in UTC.
pub(super) fn is_utc(name: &str) -> bool {
    name.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "gmt" | "utc"))
}

/// The currency that a name mentions, beside an amount.
pub(super) fn currency(name: &str) -> Option<&'static str> {
    let tokens = tokens(name);
    CURRENCIES.iter().find(|(word, _)| tokens.iter().any(|token| token == word)).map(|(_, code)| *code)
}

/// The canonical word that a file's word stands for most likely.
pub(super) fn status(leg: Leg, word: &str) -> Option<&'static str> {
    let known = match leg {
        Leg::Orders => ORDER_STATUSES,
        Leg::Reports => REPORT_STATUSES,
        Leg::Settlements => SETTLEMENT_KINDS,
        Leg::Notices | Leg::Bank => &[],
    };
    let wanted = tokens(word).join(" ");
    known
        .iter()
        .find(|(canonical, words)| *canonical == wanted || words.contains(&wanted.as_str()))
        .map(|(canonical, _)| *canonical)
}

/// Whether a word is the one that means opposite things in a shop and in Peru's usage.
pub(super) fn is_cancelado(word: &str) -> bool {
    matches!(tokens(word).join(" ").as_str(), "cancelado" | "cancelada")
}

fn likeness(name: &[String], phrase: &str) -> u32 {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    if name.is_empty() {
        return 0;
    }
    let names: BTreeSet<&str> = name.iter().map(String::as_str).collect();
    if phrase.iter().all(|word| names.contains(word)) {
        if names.len() == phrase.len() {
            return EXACT;
        }
        let (found, all) = (u32_of(phrase.len()), u32_of(names.len()));
        return found.saturating_mul(50).checked_div(all).unwrap_or_default().saturating_add(40);
    }
    // Chinese writes no blanks between words.
    let within = |word: &&str| !word.is_ascii() && name.iter().any(|token| token.contains(word));
    if phrase.iter().all(within) { 70 } else { 0 }
}

fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The last step of a path: `customer.id`, `note_attributes[name=cip].value`, `Header/Number`, `Note Attributes[cip]`.
fn leaf(name: &str) -> &str {
    let name = name.strip_suffix(".value").unwrap_or(name);
    if let Some((_, picked)) = name.strip_suffix(']').and_then(|open| open.rsplit_once(['=', '['])) {
        return picked;
    }
    // A name of several words is no path, and its marks are those of short forms.
    if name.contains(' ') {
        return name;
    }
    name.rsplit(['.', '/', '@']).next().unwrap_or(name)
}

/// The words of a name in lower case without accents; those of [`FILLING`] are left out unless there are no others.
fn tokens(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        let breaks = !c.is_alphanumeric() || (after_lower && c.is_uppercase());
        if breaks && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase().map(without_accent));
        }
        after_lower = c.is_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    for word in &mut words {
        if let Some((_, whole)) = SHORT_FORMS.iter().find(|(short, _)| short == word) {
            (*whole).clone_into(word);
        }
    }
    let telling: Vec<String> =
        words.iter().filter(|word| !FILLING.contains(&word.as_str())).cloned().collect();
    if telling.is_empty() { words } else { telling }
}

const fn without_accent(c: char) -> char {
    match c {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_field_in_three_languages() {
        let check = |name: &str, field: &str, expected: bool| {
            assert_eq!(score(name, field) >= TELLING, expected, "{name} as {field}: {}", score(name, field));
        };
        check("cip", "cip", true);
        check("Código CIP", "cip", true);
        check("Nro. de Pedido", "reference_id", true);
        check("N° Operación", "operation_number", true);
        check("FECHA DE PAGO", "paid_at", true);
        check("F. Valor", "value_date", true);
        check("Nº. Doc.", "bank_reference", true);
        check("Fec. Oper.", "value_date", true);
        check("createdAt", "created_at", true);
        check("TransactionID", "provider_id", true);
        check("商户订单号", "reference_id", true);
        check("支付金额(元)", "amount", true);
        check("note_attributes[name=cip].value", "cip", true);
        check("Header/Number", "reference_id", true);
        check("Cód. Transacción", "reference_id", true);
        check("Saldo", "amount", false);
        check("Saldo contable", "balance", true);
        check("Saldo disponible", "balance", false);
        check("Monto", "balance", false);
        check("Lineitem price", "amount", false);
        check("Observaciones", "amount", false);
        check("", "amount", false);
    }

    #[test]
    fn the_nearer_name_goes_first() {
        let check = |field: &str, near: &str, far: &str| {
            assert!(score(near, field) > score(far, field), "{field}: {near} before {far}");
        };
        check("created_at", "Fecha", "Fecha de pago");
        check("paid_at", "Fecha de pago", "Fecha");
        check("value_date", "Fecha valor", "Fecha");
        check("amount", "Total", "Total de artículos");
        check("cip", "CIP", "Estado del CIP");
        check("reference_id", "order_number", "order_id");
    }

    #[test]
    fn a_state_means_what_its_leg_says() {
        let check = |leg, word: &str, expected| assert_eq!(status(leg, word), expected, "{word}");
        check(Leg::Reports, "Generado.", Some("pending"));
        check(Leg::Reports, "CANCELADO", Some("paid"));
        check(Leg::Orders, "Cancelado", Some("cancelled"));
        check(Leg::Orders, "Pendiente de pago", Some("pending"));
        check(Leg::Orders, "已支付", Some("paid"));
        check(Leg::Settlements, "Devolución", Some("refund"));
        check(Leg::Reports, "22", None);
        check(Leg::Bank, "Pagado", None);
    }

    #[test]
    fn a_name_may_mention_a_currency() {
        let check = |name, expected| assert_eq!(currency(name), expected, "{name}");
        check("Monto (S/)", Some("PEN"));
        check("Importe US$", Some("USD"));
        check("Total", None);
    }
}
