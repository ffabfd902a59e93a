//! Words of every kind read back, in the narrowest form.

use proptest::prelude::*;

use super::*;

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"same".to_vec()),
        (0_u32..2000).prop_map(|number| number.to_string().into_bytes()),
        (0_u32..200).prop_map(|number| format!("{number:03}").into_bytes()),
        (0_u32..200).prop_map(|number| format!("{number}ms").into_bytes()),
        "[0-9a-f]{8}".prop_map(String::into_bytes),
        "[0-9a-f]{16}".prop_map(String::into_bytes),
        "[a-zA-Z0-9]{0,20}".prop_map(String::into_bytes),
        "[0-9]{17,20}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn words_read_back(kind in word(), words in proptest::collection::vec(word(), 0..60), repeats in 1_usize..40) {
        let mut column = Column::default();
        let mut expected = vec![kind; repeats];
        expected.extend(words);
        for word in &expected {
            column.push(word);
        }
        let read: Vec<Vec<u8>> = column.words().collect();
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn forms_are_as_narrow_as_the_words_allow() {
    let form = |words: &[&str]| {
        let mut column = Column::default();
        for word in words {
            column.push(word.as_bytes());
        }
        column.finish().1
    };
    assert!(matches!(form(&["a", "a"]), Form::Constant(_)));
    assert!(matches!(form(&["1", "22"]), Form::Numbers(_)));
    assert!(matches!(form(&["012ms", "340ms"]), Form::Numbers(_)));
    assert!(matches!(form(&["012", "34"]), Form::Words(_)));
    assert!(matches!(form(&["12345678", "deadbeef"]), Form::Hex(_)));
    assert!(matches!(form(&["1x2", "1y2"]), Form::Words(_)));
}
