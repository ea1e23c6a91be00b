//! Some of the files of a run, read and cut into its parts.

use super::super::opened::{head, open_all};
use super::super::packed::{order_of, report_of};
use super::super::parts::{Part, Shared};
use super::super::read::{Rows, read};
use super::super::references::{number_hash, provider_hash, reference_hash};
use super::super::sort::{Group, Ranks};
use super::super::{RunError, Settings, StreamedFile, Work};
use super::wire::{FileGist, Gist, Pairs, Piece, packed};
use super::{Placed, Plan};
use crate::carry::{Balance, Moved};
use crate::ids::Cip;
use crate::lifecycle::evidence::NoticeRow;
use crate::reconcile::Inputs;

/// What was cut from some files.
#[derive(Debug)]
pub struct Cut {
    /// By the number of the part; parts without a row are left out.
    pub parts: Vec<(usize, Vec<u8>)>,
    /// What is told beside.
    pub gist: Vec<u8>,
}

/// Cuts files of orders, reports and notices.
///
/// # Errors
/// [`RunError`]: a file that cannot be read at all, or a defect.
pub fn cut(plan: &Plan, files: &[Placed<'_>], settings: &Settings<'_>, work: Work) -> Result<Cut, RunError> {
    let settings =
        Settings { only_account: Some(plan.account()), needs_person: &[], notes: &[], ..*settings };
    let streamed: Vec<StreamedFile<'_>> =
        files.iter().map(|placed| StreamedFile::from(&placed.file)).collect();
    let mut quoted = vec![false; files.len()];
    loop {
        let shared = plan.shared();
        let mut heard = plan.heard(&settings);
        let heads = streamed.iter().zip(&quoted).map(|(file, quoted)| head(file, &settings, *quoted));
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        let opened = open_all(&streamed, &heads, &quoted, &mut heard, &settings)?;
        let read = match read(&opened, &shared, &settings, work)? {
            Ok(read) => read,
            // A file that turns out to have quotes is read at once.
            Err(file) => match quoted.get_mut(file) {
                Some(flag) if !*flag => {
                    *flag = true;
                    continue;
                }
                _ => return Err(RunError::Packing),
            },
        };
        let (mut inputs, mut told) = (Inputs::default(), Vec::new());
        let rows = read.finish(opened, &settings, &mut inputs, &mut heard, |heard, index, file, facts| {
            let place = files.get(index).map_or(index, |placed| placed.place);
            told.push(FileGist::new(place, file, facts, std::mem::take(&mut heard.needs_person)));
        });
        return Cutter { plan, shared: &shared, names: plan.names() }.cut(rows, inputs.notices, told);
    }
}

struct Cutter<'c> {
    plan: &'c Plan,
    shared: &'c Shared,
    names: Vec<String>,
}

impl Cutter<'_> {
    fn cut(
        &self,
        rows: Rows,
        notices: Option<Vec<NoticeRow<'_>>>,
        files: Vec<FileGist>,
    ) -> Result<Cut, RunError> {
        let has_notices = notices.is_some();
        let notices = notices.unwrap_or_default();
        let mut balance = Balance::default();
        balance.book(Moved::New, &notices);
        let mut links = Vec::new();
        for part in rows.parts.iter().chain([&rows.loose]) {
            self.link(part, &mut links)?;
        }
        links.extend(notices.iter().filter_map(|row| {
            let number = row.operation_number.as_deref()?;
            Some((number_hash(0, number), self.group(Some(row.cip.number()))))
        }));
        links.sort_unstable();
        links.dedup();
        let gist = Gist {
            files,
            loose: Pairs::of(&rows.loose),
            listed: rows.shared_cips.iter().map(|(_, cip)| *cip).collect(),
            links,
            seen: rows.seen,
            looks: rows.looks,
            orders_read: rows.orders_read,
            reports_read: rows.reports_read,
            balance,
            has_notices,
        };
        Ok(Cut { gist: packed(&gist)?, parts: self.pieces(&rows.parts, notices)? })
    }

    fn pieces(&self, parts: &[Part], notices: Vec<NoticeRow<'_>>) -> Result<Vec<(usize, Vec<u8>)>, RunError> {
        let mut of_parts: Vec<Vec<NoticeRow<'static>>> = parts.iter().map(|_| Vec::new()).collect();
        for row in notices {
            let part = self.shared.part_of(self.plan.account(), Some(row.cip.number()));
            if let Some(of_part) = of_parts.get_mut(part) {
                of_part.push(row.into_owned());
            }
        }
        let mut pieces = Vec::new();
        for (number, (part, notices)) in parts.iter().zip(of_parts).enumerate() {
            if part.orders.count() > 0 || part.reports.count() > 0 || !notices.is_empty() {
                pieces.push((number, packed(&Piece { pairs: Pairs::of(part), notices })?));
            }
        }
        Ok(pieces)
    }

    fn group(&self, cip: Option<u64>) -> Group {
        let rank = Ranks::new(&self.names).of(self.plan.account());
        cip.map_or(Group::LOOSE, |cip| Group::new(rank, Some(cip)))
    }

    /// By what rows may hang together with rows of other CIPs: references, and the provider's ids.
    fn link(&self, part: &Part, links: &mut Vec<(u64, Group)>) -> Result<(), RunError> {
        for (_, row) in part.orders.rows() {
            let row = order_of(row, &self.names).ok_or(RunError::Packing)?;
            let only = if let [cip] = row.cips.as_slice() { Some(cip.number()) } else { None };
            links.push((reference_hash(0, &row.reference_id), self.group(only)));
        }
        for (_, row) in part.reports.rows() {
            let row = report_of(row, &self.names).ok_or(RunError::Packing)?;
            let group = self.group(row.cip.map(Cip::number));
            links.extend(row.reference_id.as_deref().map(|reference| (reference_hash(0, reference), group)));
            links.extend(row.provider_id.as_deref().map(|id| (provider_hash(0, id), group)));
        }
        Ok(())
    }
}
