//! The words by which columns and states go in Spanish, English and Chinese.

use std::collections::BTreeSet;

use super::super::Leg;

/// A name that is exactly one of a field's phrases.
const EXACT: u32 = 100;

/// From here on a name says enough to be believed.
pub(super) const TELLING: u32 = 55;

/// What a column may be called, by field. A phrase is what is left of a name without accents, letter case, marks and
/// [`FILLING`] words.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "account",
        &[
            "id servicio",
            "servicio",
            "service id",
            "comercio",
            "merchant id",
            "account",
            "商户号",
            "服务编号",
        ],
    ),
    (
        "reference_id",
        &[
            "pedido",
            "id pedido",
            "orden",
            "orden compra",
            "order",
            "order id",
            "reference",
            "reference id",
            "referencia",
            "codigo transaccion",
            "transaction code",
            "increment id",
            "number",
            "订单号",
            "订单编号",
            "商户订单号",
        ],
    ),
    ("cip", &["cip", "codigo cip", "codigo pago", "payment code", "cips", "付款码", "缴费码", "支付码"]),
    (
        "amount",
        &[
            "monto",
            "monto total",
            "monto pagado",
            "importe",
            "importe total",
            "total",
            "amount",
            "total amount",
            "total price",
            "grand total",
            "order total",
            "valor",
            "金额",
            "总金额",
            "订单金额",
            "交易金额",
        ],
    ),
    ("currency", &["moneda", "divisa", "currency", "currency code", "order currency code", "币种", "货币"]),
    (
        "status",
        &[
            "estado",
            "situacion",
            "estatus",
            "status",
            "financial status",
            "estado pago",
            "estado pedido",
            "状态",
            "订单状态",
            "支付状态",
        ],
    ),
    (
        "created_at",
        &[
            "fecha",
            "fecha creacion",
            "fecha pedido",
            "fecha emision",
            "fecha generacion",
            "fecha registro",
            "creado",
            "created",
            "created at",
            "date",
            "date created",
            "date creation",
            "order date",
            "purchase date",
            "创建时间",
            "下单时间",
            "创建日期",
        ],
    ),
    (
        "expires_at",
        &[
            "fecha expiracion",
            "fecha vencimiento",
            "vencimiento",
            "vence",
            "expires",
            "expires at",
            "expiry",
            "date expiry",
            "expiration date",
            "due date",
            "过期时间",
            "到期时间",
        ],
    ),
    (
        "paid_at",
        &[
            "fecha pago",
            "fecha cancelacion",
            "pagado",
            "paid",
            "paid at",
            "payment date",
            "date paid",
            "date payment",
            "支付时间",
            "付款时间",
        ],
    ),
    (
        "fulfilled_at",
        &[
            "fecha entrega",
            "fecha despacho",
            "fecha envio",
            "fulfilled at",
            "shipped at",
            "completed at",
            "date completed",
            "发货时间",
        ],
    ),
    (
        "refunded_amount",
        &[
            "monto devuelto",
            "importe devuelto",
            "monto reembolsado",
            "refunded amount",
            "total refunded",
            "refund amount",
            "退款金额",
        ],
    ),
    ("store", &["tienda", "sucursal", "store", "shop", "店铺", "门店"]),
    ("payer_id", &["id cliente", "codigo cliente", "customer id", "payer id", "客户编号"]),
    ("ip", &["ip", "direccion ip", "ip address", "customer ip", "browser ip", "remote ip"]),
    (
        "updated_at",
        &[
            "fecha actualizacion",
            "fecha modificacion",
            "actualizado",
            "updated at",
            "modified at",
            "date modified",
            "更新时间",
        ],
    ),
    ("provider_id", &["transaction id", "id transaccion", "transaccion"]),
    (
        "operation_number",
        &["operacion", "codigo operacion", "operation", "operation number", "流水号", "交易号"],
    ),
    ("commission", &["comision", "fee", "fee amount", "total fee amount", "commission", "手续费"]),
    ("igv", &["igv", "impuesto", "iva", "tax", "vat", "税", "税额"]),
    ("net", &["neto", "monto neto", "importe neto", "net", "net amount", "净额"]),
    (
        "settlement_id",
        &[
            "liquidacion",
            "id liquidacion",
            "lote",
            "batch",
            "batch id",
            "settlement",
            "settlement id",
            "结算单号",
            "结算批次",
        ],
    ),
    ("observed_at", &["fecha consulta", "fecha reporte", "observed at", "report date"]),
    ("kind", &["tipo", "tipo movimiento", "tipo transaccion", "kind", "type", "类型", "业务类型"]),
    (
        "gross",
        &[
            "bruto",
            "monto bruto",
            "importe bruto",
            "gross",
            "gross amount",
            "monto",
            "importe",
            "amount",
            "总额",
            "金额",
        ],
    ),
    ("fx_rate", &["tipo cambio", "exchange rate", "fx rate", "汇率"]),
    (
        "paid_on",
        &[
            "fecha abono",
            "fecha deposito",
            "fecha liquidacion",
            "payout date",
            "paid on",
            "settlement date",
            "结算日期",
        ],
    ),
    (
        "bank_reference",
        &[
            "operacion",
            "referencia",
            "referencia bancaria",
            "documento",
            "bank reference",
            "reference",
            "参考号",
            "流水号",
        ],
    ),
    ("bank_account", &["cuenta", "account", "bank account", "account number", "账号", "银行账号"]),
    (
        "value_date",
        &[
            "fecha valor",
            "fecha valuta",
            "value date",
            "fecha",
            "fecha operacion",
            "fecha proceso",
            "date",
            "起息日",
            "日期",
            "交易日期",
        ],
    ),
    ("debit", &["cargo", "cargos", "debito", "debe", "retiro", "debit", "withdrawal", "借方", "支出"]),
    ("credit", &["abono", "abonos", "credito", "haber", "deposito", "credit", "deposit", "贷方", "收入"]),
    (
        "description",
        &[
            "descripcion",
            "descripcion operacion",
            "concepto",
            "detalle",
            "glosa",
            "movimiento",
            "description",
            "details",
            "摘要",
            "备注",
        ],
    ),
];

/// Words of a name that say nothing about its field.
const FILLING: [&str; 14] =
    ["de", "del", "la", "el", "the", "of", "nro", "num", "numero", "no", "n", "pe", "pagoefectivo", "gmt"];

/// Words of columns that are like a field and never one.
const OTHERS: [&str; 13] = [
    "saldo",
    "balance",
    "subtotal",
    "lineitem",
    "billing",
    "shipping",
    "discount",
    "descuento",
    "disponible",
    "line",
    "items",
    "余额",
    "可用余额",
];

/// Currencies that a name mentions, `Monto (S/)` say.
const CURRENCIES: [(&str, &str); 8] = [
    ("pen", "PEN"),
    ("soles", "PEN"),
    ("sol", "PEN"),
    ("s", "PEN"),
    ("usd", "USD"),
    ("us", "USD"),
    ("dolares", "USD"),
    ("dollars", "USD"),
];

/// States of an order.
const ORDER_STATUSES: &[(&str, &[&str])] = &[
    (
        "pending",
        &[
            "pendiente",
            "pendiente pago",
            "por pagar",
            "generado",
            "generada",
            "en espera",
            "on hold",
            "pending",
            "pending payment",
            "unpaid",
            "awaiting payment",
            "authorized",
            "creado",
            "new",
            "nuevo",
            "待支付",
            "待付款",
            "未支付",
        ],
    ),
    (
        "paid",
        &[
            "pagado",
            "pagada",
            "paid",
            "procesando",
            "en proceso",
            "processing",
            "confirmado",
            "已支付",
            "已付款",
        ],
    ),
    (
        "fulfilled",
        &[
            "completado",
            "completada",
            "completed",
            "complete",
            "entregado",
            "enviado",
            "despachado",
            "fulfilled",
            "shipped",
            "delivered",
            "已发货",
            "已完成",
        ],
    ),
    (
        "cancelled",
        &[
            "cancelado",
            "cancelada",
            "anulado",
            "anulada",
            "cancelled",
            "canceled",
            "voided",
            "failed",
            "fallido",
            "fallida",
            "rechazado",
            "已取消",
        ],
    ),
    ("expired", &["vencido", "vencida", "expirado", "expirada", "expired", "已过期"]),
    ("refunded", &["devuelto", "devuelta", "reembolsado", "reembolsada", "refunded", "extornado", "已退款"]),
];

/// States of a CIP. In Peru "cancelado" means paid off.
const REPORT_STATUSES: &[(&str, &[&str])] = &[
    (
        "pending",
        &[
            "generado",
            "generada",
            "pendiente",
            "pendiente pago",
            "pending",
            "created",
            "creado",
            "待支付",
            "未支付",
        ],
    ),
    (
        "paid",
        &[
            "cancelado",
            "cancelada",
            "pagado",
            "pagada",
            "paid",
            "confirmado",
            "conciliado",
            "liquidado",
            "已支付",
            "已付款",
        ],
    ),
    ("expired", &["vencido", "vencida", "expirado", "expirada", "expired", "已过期"]),
    ("removed", &["eliminado", "eliminada", "anulado", "anulada", "removed", "deleted", "已删除"]),
    ("refunded", &["devuelto", "devuelta", "reembolsado", "reembolsada", "refunded", "已退款"]),
    ("reversed", &["extornado", "extornada", "extorno", "reversado", "reversed", "已冲正"]),
];

/// What a line of a settlement is about.
const SETTLEMENT_KINDS: &[(&str, &[&str])] = &[
    ("payment", &["pago", "venta", "abono", "cobro", "payment", "sale", "支付", "付款"]),
    ("refund", &["devolucion", "reembolso", "refund", "退款"]),
    ("reversal", &["extorno", "reversa", "reversal", "冲正"]),
    ("fee", &["comision", "fee", "手续费"]),
    ("igv", &["igv"]),
    ("adjustment", &["ajuste", "adjustment", "调整"]),
    ("tax", &["impuesto", "itf", "retencion", "detraccion", "tax", "税"]),
    ("fx", &["cambio", "diferencia cambio", "fx", "汇兑"]),
];

/// How surely a column of this name is that field, from 0 to 100.
pub(super) fn score(name: &str, field: &str) -> u32 {
    let whole = tokens(name);
    if whole.iter().any(|token| OTHERS.contains(&token.as_str())) {
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
        check("createdAt", "created_at", true);
        check("TransactionID", "provider_id", true);
        check("商户订单号", "reference_id", true);
        check("支付金额(元)", "amount", true);
        check("note_attributes[name=cip].value", "cip", true);
        check("Header/Number", "reference_id", true);
        check("Saldo", "amount", false);
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
