//! Which fields a query needs of its lines, so that parsers leave out the others.

use super::fields::{Fields, Wanted};
use super::names::without_extracted;
use super::{label_filter, template};
use crate::ast::{FormatSource, Grouping, Stage, Unwrap};

/// The fields needed where numbers are grouped so. `None` as grouping: all labels stay.
pub(crate) fn wanted(
    stages: &[Stage],
    unwrap: Option<&Unwrap>,
    grouping: Option<&Grouping>,
    fields: &mut Fields,
) -> Wanted {
    let Some(grouping) = grouping.filter(|grouping| !grouping.without) else {
        return Wanted::All;
    };
    let mut names: Vec<String> = grouping.labels.clone();
    for stage in stages {
        let Some(more) = needed(stage) else {
            return Wanted::All;
        };
        names.extend(more);
    }
    if let Some(unwrap) = unwrap {
        names.push(unwrap.label.clone());
        let mut found = Vec::new();
        unwrap
            .filters
            .iter()
            .for_each(|filter| label_filter::labels(filter, &mut found));
        names.extend(found.into_iter().map(str::to_owned));
    }
    let plain: Vec<String> = names
        .iter()
        .filter_map(|name| without_extracted(name).map(str::to_owned))
        .collect();
    names.extend(plain);
    let mut ids: Vec<_> = names.iter().map(|name| fields.names.id(name)).collect();
    ids.sort_unstable();
    ids.dedup();
    Wanted::Only(ids)
}

/// The labels that a stage looks at; nothing where it may look at all.
fn needed(stage: &Stage) -> Option<Vec<String>> {
    match stage {
        Stage::LabelFilter(filter) => {
            let mut found = Vec::new();
            label_filter::labels(filter, &mut found);
            Some(found.into_iter().map(str::to_owned).collect())
        }
        Stage::LineFormat(text) => template::labels(text),
        Stage::LabelFormat(formats) => {
            let mut found = Vec::new();
            for format in formats {
                match &format.source {
                    FormatSource::Rename(source) => found.push(source.clone()),
                    FormatSource::Template(text) => found.extend(template::labels(text)?),
                }
            }
            Some(found)
        }
        _ => Some(Vec::new()),
    }
}
