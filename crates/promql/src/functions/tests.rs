//! The table of functions holds together.

use super::*;

#[test]
fn the_table_is_sorted_and_unique() {
    let names: Vec<&str> = all().iter().map(|function| function.name).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    assert!(all().iter().all(|function| function.doc.ends_with('.')));
}

#[test]
fn every_function_is_found_by_its_name() {
    for function in all() {
        assert_eq!(find(function.name).map(|found| found.name), Some(function.name));
    }
    assert!(find("no_such_function").is_none());
    assert_eq!(nearest("histogram_quantil"), Some("histogram_quantile"));
    assert_eq!(nearest("zzz"), None);
}
