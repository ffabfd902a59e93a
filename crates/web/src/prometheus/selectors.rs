//! The parameter `match[]`: series selectors, each an instant selector of PromQL.

use model::{Matcher, PatternsSize};

use crate::params::Params;
use crate::prometheus::answer::ApiError;

/// The selectors of a request. Each must hold at least one condition that an absent label does not meet, so that
/// nobody asks for everything by accident.
pub(crate) fn selectors(params: &Params, name: &str) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let mut selectors = Vec::new();
    let mut patterns = PatternsSize::default();
    for text in params.all(name) {
        let matchers = promql::parse_selector(text).map_err(|error| ApiError::bad_parameter(name, error))?;
        matchers
            .iter()
            .try_for_each(|matcher| patterns.add(matcher.pattern_bytes()))
            .map_err(|error| ApiError::bad_parameter(name, error))?;
        if matchers.iter().all(Matcher::matches_empty) {
            return Err(ApiError::bad_parameter(
                name,
                "match[] must contain at least one non-empty matcher",
            ));
        }
        selectors.push(matchers);
    }
    Ok(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_of_all_selectors_have_a_bound_together() {
        let asked = |count: usize| {
            let text = vec!["match[]={a=~\"\\\\pL{200}\"}"; count].join("&");
            selectors(&Params::decode(b"", &text), "match[]")
        };
        assert_eq!(asked(1).unwrap().len(), 1);
        assert!(asked(2).is_err());
    }
}
