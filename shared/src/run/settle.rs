//! Settlements and the bank beside the parts: they are held against all payments, and the pairs that they say something of
//! are left to the general rules, all together. Where settlements are closed and nothing waits, pairs stay in their parts, and
//! take the lines along that name them.
//!
//! More pairs may be left to the general rules than need it: the bytes are the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::link::{Judging, gather};
use super::packed::{unpack_order, unpack_report};
use super::parts::Part;
use super::read::Rows;
use super::routes::Routes;
use super::sort::{Entry, Group, Sorted, groups, is_plain};
use super::sorted::link_places;
use super::threads::share;
use super::{RunError, Work};
use crate::carry::{Fact, Key, rows_stay, settled_by_several};
use crate::ids::Cip;
use crate::lifecycle::evidence::{
    BankRow, OrderRow, OrderStatus, ReportRow, ReportStatus, SettlementRow, Text,
};
use crate::lifecycle::settle::RowIndex;
use crate::reconcile::{self, Inputs, PlainJudge, PlainPayment, PlainRows, Settled};

/// A group of rows and the part in which it lies.
pub(super) type Place = (usize, Group);

/// In place of the pair of a line that is about none.
const NOWHERE: Place = (usize::MAX, Group::LOOSE);

/// Called for each group that is brought, with its part and its rows.
pub(super) type Take<'t, 'p> = dyn FnMut(Place, &'p Part, &[Entry]) -> Result<(), RunError> + 't;

/// The pairs of all parts, wherever they lie.
pub(super) trait Pairs<'p> {
    /// Looks at the plain pairs that are not linked.
    fn find(
        &mut self,
        named: &Named,
        sorted: &[Sorted],
        judging: Judging<'p>,
        plain: &PlainJudge<'_>,
    ) -> Result<Found<'p>, RunError>;

    /// Of groups in their order, whether there is a row of each.
    fn are_there(&self, places: &[Place], sorted: &[Sorted]) -> Vec<bool>;

    /// Brings the rows of these groups.
    fn bring(&mut self, places: &[Place], sorted: &[Sorted], take: &mut Take<'_, 'p>)
    -> Result<(), RunError>;
}

/// Judges settlements and the bank, and puts the rows of the pairs that they say something of to the inputs, which hold
/// those of all linked groups. Tells with it which lines of settlements are told with pairs that stay in their parts.
pub(super) fn settle<'p>(
    pairs: &mut impl Pairs<'p>,
    sorted: &mut [Sorted],
    inputs: &mut Inputs<'p>,
    judging: Judging<'p>,
    plain: &PlainJudge<'_>,
) -> Result<(Settled, Routes), RunError> {
    let named = Named::by(inputs, judging);
    let found = pairs.find(&named, sorted, judging, plain)?;
    drop(named);
    promote(pairs, sorted, inputs, judging, &found, &found.special)?;
    let moment = judging.as_of.unwrap_or_default();
    let mut settled =
        reconcile::settle(inputs, &found.payments, judging.coverage, judging.settings.policy, moment)?;
    let are_there = |places: &[Place]| pairs.are_there(places, sorted);
    let (concerned, own) = concerned(&settled, &found, inputs, are_there, judging);
    let placed = promote(pairs, sorted, inputs, judging, &found, &concerned)?;
    if !settled.place(|payment| placed.get(&payment).copied()) {
        return Err(RunError::Packing);
    }
    // Without the general rules a part has no use for lines.
    let routes = if judging.shortcut { Routes::default() } else { Routes::new(own, sorted) };
    Ok((settled, routes))
}

/// What settlements and the bank may name payments by, as numbers.
pub(super) struct Named {
    /// Keys of lines of settlements.
    keys: HashSet<u64>,
    /// Words of what was paid out of the bank: a refund may be named so.
    words: HashSet<u64>,
    /// Whether what is named by a line of a settlement counts as named. A pair that is judged with its lines does not.
    by_lines: bool,
    /// Whether a pair may live on for its notices, which are not looked at here.
    has_notices: bool,
}

impl Named {
    fn by(inputs: &Inputs<'_>, judging: Judging<'_>) -> Named {
        let debits = inputs.bank.iter().flatten().filter(|row: &&BankRow<'_>| row.amount.minor < 0);
        Named {
            keys: inputs.settlements.iter().flatten().flat_map(SettlementRow::key_numbers).collect(),
            words: debits.flat_map(|row| row.hints()).map(|word| word.number("")).collect(),
            by_lines: judging.shortcut,
            has_notices: inputs.notices.is_some(),
        }
    }

    /// Whether a line of a settlement may be about these rows, or a debit.
    fn are(&self, order: Option<&OrderRow<'_>>, report: Option<&ReportRow<'_>>) -> bool {
        let has = |key| self.by_lines && self.keys.contains(&key);
        if order.is_some_and(|row| row.key_numbers().any(has))
            || report.is_some_and(|row| row.key_numbers().any(has))
        {
            return true;
        }
        let words = || order.map(Fact::bank_words).into_iter().chain(report.map(Fact::bank_words)).flatten();
        !self.words.is_empty() && words().any(|word| self.words.contains(&word))
    }
}

/// What was found in the parts.
#[derive(Default)]
pub(super) struct Found<'p> {
    /// Payments of plain pairs, in the order of account and CIP.
    pub payments: Vec<PlainPayment<'p>>,
    /// Where each of them lies.
    pub places: Vec<Place>,
    /// Pairs of which more has to be known than that a payment was made.
    pub special: BTreeSet<Place>,
    /// Pairs that live on and that a settlement or a debit may name.
    pub named: Vec<Place>,
    /// Ids of the provider's that settlements name, as keys, with the pairs that bear them.
    pub providers: Vec<(u64, Place)>,
}

impl<'p> Found<'p> {
    /// Puts together what was found in the parts, in their order.
    pub(super) fn all(by_part: impl IntoIterator<Item = Found<'p>>) -> Found<'p> {
        let mut all = Found::default();
        for mut found in by_part {
            all.payments.append(&mut found.payments);
            all.places.append(&mut found.places);
            all.special.append(&mut found.special);
            all.named.append(&mut found.named);
            all.providers.append(&mut found.providers);
        }
        all.providers.sort_unstable();
        all
    }
}

/// Those of parts in memory.
pub(super) struct InMemory<'p> {
    pub rows: &'p Rows,
    pub work: Work,
}

impl<'p> Pairs<'p> for InMemory<'p> {
    fn find(
        &mut self,
        named: &Named,
        sorted: &[Sorted],
        judging: Judging<'p>,
        plain: &PlainJudge<'_>,
    ) -> Result<Found<'p>, RunError> {
        let parts: Vec<(&Part, &Sorted)> = self.rows.parts.iter().zip(sorted).collect();
        let begin = BTreeMap::new;
        let by_thread = share(self.work, parts.len(), begin, |found: &mut BTreeMap<_, _>, number| {
            if let Some((part, sorted)) = parts.get(number) {
                found.insert(number, look_at(number, part, sorted, named, judging, plain)?);
            }
            Ok(())
        })?;
        let by_part: BTreeMap<usize, Found<'p>> = by_thread.into_iter().flatten().collect();
        Ok(Found::all(by_part.into_values()))
    }

    /// Goes through the rows of each part once: to search for every group by itself took a fifth of a run with settlements.
    fn are_there(&self, places: &[Place], sorted: &[Sorted]) -> Vec<bool> {
        let mut there = Vec::with_capacity(places.len());
        for of_part in places.chunk_by(|a, b| a.0 == b.0) {
            let part = of_part.first().and_then(|(part, _)| sorted.get(*part));
            let mut rest = part.map(|sorted| sorted.entries.iter().peekable());
            there.extend(of_part.iter().map(|(_, group)| {
                rest.as_mut().is_some_and(|rest| {
                    while rest.next_if(|entry| entry.group() < *group).is_some() {}
                    rest.peek().is_some_and(|entry| entry.group() == *group)
                })
            }));
        }
        there
    }

    fn bring(
        &mut self,
        places: &[Place],
        sorted: &[Sorted],
        take: &mut Take<'_, 'p>,
    ) -> Result<(), RunError> {
        for (number, group) in places {
            if let Some((part, sorted)) = self.rows.parts.get(*number).zip(sorted.get(*number)) {
                take((*number, *group), part, sorted.of_group(*group))?;
            }
        }
        Ok(())
    }
}

/// Looks at the plain pairs of one part that are not linked.
pub(super) fn look_at<'p>(
    number: usize,
    part: &'p Part,
    sorted: &Sorted,
    named: &Named,
    judging: Judging<'p>,
    plain: &PlainJudge<'_>,
) -> Result<Found<'p>, RunError> {
    let mut finder = Finder { number, named, judging, plain, found: Found::default() };
    finder.look_at(part, sorted)?;
    Ok(finder.found)
}

/// Looks at the plain pairs of one part.
struct Finder<'f, 'p> {
    number: usize,
    named: &'f Named,
    judging: Judging<'p>,
    plain: &'f PlainJudge<'f>,
    found: Found<'p>,
}

impl<'p> Finder<'_, 'p> {
    fn look_at(&mut self, part: &'p Part, sorted: &Sorted) -> Result<(), RunError> {
        let (mut order, mut report) = (OrderRow::blank(), ReportRow::blank());
        for group in groups(&sorted.entries).filter(|group| is_plain(group)) {
            let Some(place) =
                group.first().map(|first| first.group()).filter(|group| !sorted.is_linked(*group))
            else {
                continue;
            };
            let (mut has_order, mut has_report) = (false, false);
            for entry in group {
                let names = self.judging.names;
                let unpacked = if entry.is_report() {
                    has_report = true;
                    part.reports.get(entry.at).and_then(|row| unpack_report(row, names, &mut report))
                } else {
                    has_order = true;
                    part.orders.get(entry.at).and_then(|row| unpack_order(row, names, &mut order))
                };
                unpacked.ok_or(RunError::Packing)?;
            }
            self.enter(place, has_order.then_some(&order), has_report.then_some(&report));
        }
        Ok(())
    }

    fn enter(&mut self, group: Group, order: Option<&OrderRow<'p>>, report: Option<&ReportRow<'p>>) {
        let place = (self.number, group);
        let (class, state) = self.plain.class_of(order, report);
        let Judging { settings, as_of, .. } = self.judging;
        // A finding keeps a pair alive as well.
        let left_early =
            order.zip(report).is_some_and(|(order, report)| self.plain.left_early(order, report));
        let lives = left_early || rows_stay(class, state, order, report, settings.policy, as_of);
        if let Some(row) = report
            && let Some(id) = row.provider_id.as_deref()
        {
            let key = Key::Provider(id).number(&row.account);
            self.found.providers.extend(self.named.keys.contains(&key).then_some((key, place)));
        }
        if (lives || self.named.has_notices) && self.named.are(order, report) {
            self.found.named.push(place);
        }
        if is_special(order, report) {
            self.found.special.insert(place);
        } else if let Some(payment) = report.and_then(|report| payment(order, report)) {
            self.found.payments.push(payment);
            self.found.places.push(place);
        }
    }
}

/// Whether more has to be known of a payment than that it was made.
fn is_special(order: Option<&OrderRow<'_>>, report: Option<&ReportRow<'_>>) -> bool {
    let claims_refund =
        || order.is_some_and(|order| order.status == OrderStatus::Refunded || order.refunded_minor.is_some());
    match report.map(|row| row.status) {
        Some(ReportStatus::Refunded | ReportStatus::Reversed) => true,
        Some(ReportStatus::Paid) => claims_refund(),
        _ => false,
    }
}

/// The payment of a pair, if cash was taken.
fn payment<'p>(order: Option<&OrderRow<'p>>, report: &ReportRow<'p>) -> Option<PlainPayment<'p>> {
    let of_report = |text: &Option<Text<'p>>| text.as_ref().and_then(borrowed);
    let reference = order.and_then(|order| borrowed(&order.reference_id));
    let store = order.and_then(|order| order.store.as_ref().and_then(borrowed));
    Some(PlainPayment {
        account: borrowed(&report.account)?,
        cip: report.cip.filter(|_| report.status == ReportStatus::Paid)?,
        number: of_report(&report.operation_number),
        money: report.amount,
        paid_at: report.paid_at,
        reference: reference.or_else(|| of_report(&report.reference_id)),
        store: store.or_else(|| of_report(&report.store)),
        provider_id: of_report(&report.provider_id),
        has_order: order.is_some(),
    })
}

/// A text as it lies in its part. Rows that are read out of one have no other texts.
fn borrowed<'p>(text: &Text<'p>) -> Option<&'p str> {
    match text {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

/// The pairs that settlements and the bank say something of: those of payments on which a line rests or that wait, those
/// of settlements that live on, those that live on and may be named, and those that hang together by a line. With them, by
/// line, the pair that it is about, where there is no other and the settlement is closed.
fn concerned(
    settled: &Settled,
    found: &Found<'_>,
    inputs: &Inputs<'_>,
    are_there: impl Fn(&[Place]) -> Vec<bool>,
    judging: Judging<'_>,
) -> (BTreeSet<Place>, Vec<Option<Place>>) {
    let mut concerned: BTreeSet<Place> = found.named.iter().copied().collect();
    concerned.extend(settled.plain().filter_map(|payment| found.places.get(payment).copied()));
    let lines = inputs.settlements.as_deref().unwrap_or_default();
    let living = living_lines(settled, lines);
    let shared = shared_ids(lines, found, inputs, judging);
    let mut own = vec![None; lines.len()];
    let mut closed: Vec<(Place, usize)> = Vec::with_capacity(lines.len());
    for (number, (line, lives)) in lines.iter().zip(living).enumerate() {
        let places = places_of(line, found, judging);
        match places.as_slice() {
            [place] if !lives && id_of(line).is_none_or(|id| !shared.contains(&id)) => {
                closed.push((*place, number));
            }
            _ => concerned.extend(places),
        }
    }
    closed.sort_unstable();
    let (places, numbers): (Vec<Place>, Vec<usize>) = closed.into_iter().unzip();
    for ((place, number), is_there) in places.iter().zip(numbers).zip(are_there(&places)) {
        match own.get_mut(number).filter(|_| is_there) {
            Some(own) => *own = Some(*place),
            None => concerned.extend([*place]),
        }
    }
    (concerned, own)
}

/// The provider's id that a line names, as a key.
fn id_of(line: &SettlementRow<'_>) -> Option<u64> {
    line.provider_id.as_deref().map(|id| Key::Provider(id).number(&line.account))
}

/// The provider's ids by which lines and rows of several pairs hang together, whether the rows bear them or only lines do; and
/// those that linked rows bear.
fn shared_ids(
    lines: &[SettlementRow<'_>],
    found: &Found<'_>,
    inputs: &Inputs<'_>,
    judging: Judging<'_>,
) -> HashSet<u64> {
    let mut named: Vec<(u64, Place)> = Vec::new();
    for line in lines {
        let Some(id) = id_of(line) else { continue };
        let places = places_of(line, found, judging);
        // A line that names nothing else is with what is linked.
        named.extend(places.is_empty().then_some((id, NOWHERE)));
        named.extend(places.into_iter().map(|place| (id, place)));
    }
    named.sort_unstable();
    let several = named.chunk_by(|a, b| a.0 == b.0).filter(|chunk| chunk.first() != chunk.last());
    let several = several.filter_map(|chunk| chunk.first().map(|(id, _)| *id));
    let linked = inputs.reports.iter().filter_map(|row| Some((row.provider_id.as_deref()?, &row.account)));
    linked.map(|(id, account)| Key::Provider(id).number(account)).chain(several).collect()
}

/// Which lines of settlements live on with their settlement.
fn living_lines(settled: &Settled, lines: &[SettlementRow<'_>]) -> Vec<bool> {
    let rows = || settled.rows();
    let marked: HashSet<RowIndex> = rows().flat_map(|rows| &rows.settlements).copied().collect();
    let marked_bank: HashSet<RowIndex> = rows().flat_map(|rows| &rows.bank).copied().collect();
    let several = settled_by_several(lines, settled.bundles());
    let several: HashSet<usize> = several.into_iter().map(|(_, bundle)| bundle).collect();
    let bundles = settled.bundles().iter().map(|bundle| &bundle.rows).enumerate();
    let living = bundles.filter(|(place, rows)| {
        several.contains(place)
            || rows.settlements.iter().any(|row| marked.contains(row))
            || rows.bank.iter().any(|row| marked_bank.contains(row))
    });
    let mut lives = vec![false; lines.len()];
    for row in living.flat_map(|(_, rows)| &rows.settlements).chain(&marked) {
        if let Some(lives) = lives.get_mut(*row) {
            *lives = true;
        }
    }
    lives
}

/// Where the pairs of a line may lie, each once, whether they are there or not.
fn places_of(line: &SettlementRow<'_>, found: &Found<'_>, judging: Judging<'_>) -> Vec<Place> {
    let place = |cip: Cip| judging.place(&line.account, Some(cip.number()));
    let bearing = id_of(line).map(|key| {
        let from = found.providers.partition_point(|(known, _)| *known < key);
        found.providers.iter().skip(from).take_while(move |(known, _)| *known == key).map(|(_, place)| *place)
    });
    let mut places: Vec<Place> =
        line.cip.map(place).into_iter().chain(bearing.into_iter().flatten()).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Leaves pairs to the general rules: puts their rows to the inputs. Gives the new rows of plain payments.
fn promote<'p>(
    pairs: &mut impl Pairs<'p>,
    sorted: &mut [Sorted],
    inputs: &mut Inputs<'p>,
    judging: Judging<'p>,
    found: &Found<'_>,
    places: &BTreeSet<Place>,
) -> Result<HashMap<usize, PlainRows>, RunError> {
    let is_left =
        |(number, group): &Place| sorted.get(*number).is_some_and(|sorted| !sorted.is_linked(*group));
    let wanted: Vec<Place> = places.iter().copied().filter(is_left).collect();
    let mut placed = HashMap::new();
    pairs.bring(&wanted, sorted, &mut |place, part, entries| {
        let (order, report) = (inputs.orders.len(), inputs.reports.len());
        gather(part, entries, judging.names, inputs)?;
        if let Ok(payment) = found.places.binary_search(&place) {
            let order = entries.first().filter(|first| !first.is_report()).map(|_| order);
            placed.insert(payment, (report, order));
        }
        Ok(())
    })?;
    link_places(wanted, sorted);
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use super::*;
    use crate::config::Policy;
    use crate::formats::{self, Format, LegMapping, Mapping, Source};
    use crate::run::Settings;
    use crate::run::announced::{announce, follow};
    use crate::run::heard::Heard;
    use crate::run::parts::{Collected, Shared};
    use crate::run::references::Bins;
    use crate::run::sort::Ranks;
    use crate::run::sorted::sort_all;

    const PAIRS: u32 = 400;

    /// Orders, reports, notices and lines of settlements of pairs that agree. One in fifty has no notice, and one in fifty is in a
    /// settlement that does not add up.
    fn files() -> [String; 4] {
        let mut files = [
            "account,reference_id,cip,amount,currency,status,created_at\n",
            "account,cip,amount,currency,status,paid_at,provider_id\n",
            "account,cip,event_type,amount,currency,paid_at,received_at\n",
            "account,settlement_id,currency,kind,cip,provider_id,gross,net,paid_on\n",
        ]
        .map(str::to_owned);
        let [orders, reports, notices, lines] = &mut files;
        for number in 0..PAIRS {
            let (cip, time) = (5_000_000 + number * 7, "2026-03-02T09:00:00-05:00");
            writeln!(orders, "a,R{cip},{cip},50.00,PEN,paid,{time}").unwrap();
            writeln!(reports, "a,{cip},50.00,PEN,paid,{time},p{cip}").unwrap();
            if number % 50 != 1 {
                writeln!(notices, "a,{cip},cip.paid,50.00,PEN,{time},{time}").unwrap();
            }
            let (batch, net) = if number % 50 == 2 { ("L-2", "49.00") } else { ("L-1", "50.00") };
            writeln!(lines, "a,{batch},PEN,payment,{cip},p{cip},50.00,{net},2026-03-04").unwrap();
        }
        files
    }

    #[test]
    fn pairs_of_closed_settlements_stay_in_their_parts() {
        let files = files();
        let [orders, reports, notices, lines] = files.each_ref().map(|text| Source {
            name: "file",
            bytes: text.as_bytes(),
            format: Format::Csv,
            account: None,
        });
        let policy = Policy::parse("[coverage]\nnotices = \"complete\"\nreports = \"complete\"\n").unwrap();
        let (mapping, opened, leg) = (Mapping::default(), BTreeMap::new(), LegMapping::default());
        let settings = Settings {
            account: None,
            mapping: &mapping,
            policy: &policy,
            as_of: None,
            looks: &[],
            opened: &opened,
            only_account: None,
            refused: None,
            settlement_layouts: &[],
            needs_person: &[],
            notes: &[],
        };
        let shared = Shared::new((1..4).map(|part| ("a".to_owned(), 5_000_000 + part * 700)).collect());
        let mut collected = Collected::new(&shared, &settings);
        let told = formats::read_orders(&orders, &leg).unwrap().rows;
        told.iter().for_each(|row| collected.order(row));
        let told = formats::read_reports(&reports, 0, &leg).unwrap().rows;
        told.iter().for_each(|row| collected.report(row));
        let parts = (0..shared.parts()).map(|_| Part::default()).collect();
        let mut rows = Rows { parts, references: Bins::new(shared.parts()), ..Rows::default() };
        rows.add(collected);
        rows.names = shared.account_names();
        let names = shared.account_names();
        let (heard, ranks) = (Heard::new(&settings), Ranks::new(&names));
        let as_of = crate::calendar::Instant::parse("2026-03-20T12:00:00-05:00");
        let coverage = heard.coverage(&settings, as_of.unwrap());
        let judging = Judging {
            settings: &settings,
            coverage: &coverage,
            as_of,
            heard: &heard,
            names: &names,
            ranks: &ranks,
            shared: &shared,
            keep_breaks: true,
            keep_closed: true,
            shortcut: false,
        };
        let work = Work::default();
        let plain = PlainJudge::new(&coverage, &policy, as_of, &opened);
        let mut sorted = sort_all(&mut rows, judging, true, work).unwrap();
        let notices = formats::read_notices(&notices, &leg).unwrap().rows;
        let mut announced = announce(notices, &rows, &mut sorted, judging);
        let mut inputs = Inputs {
            notices: Some(announced.linked),
            settlements: Some(formats::read_settlements(&lines, &leg).unwrap().rows),
            ..Inputs::default()
        };
        let (_, routes) =
            settle(&mut InMemory { rows: &rows, work }, &mut sorted, &mut inputs, judging, &plain).unwrap();
        follow(&mut announced.by_part, &sorted, judging, &mut inputs.notices);
        let linked: usize = sorted.iter().map(|sorted| sorted.linked.len()).sum();
        assert_eq!((linked, inputs.orders.len()), (8, 8));
        assert_eq!(inputs.notices.map(|notices| notices.len()), Some(8));
        let told = routes.by_part(inputs.settlements.unwrap(), shared.parts());
        assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [98, 98, 98, 98]);
    }
}
