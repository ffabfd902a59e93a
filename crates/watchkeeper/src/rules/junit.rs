//! Reports of unit tests as JUnit XML, which build servers read.

use std::fmt::Write;

use alerting::rules::unit_test::FileReport;

/// One suite a file, one case a test; a file that could not be played is a suite with one error.
pub(super) fn write(reports: &[(String, FileReport)]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (file, report) in reports {
        let failed = report
            .tests
            .iter()
            .filter(|test| !test.failures.is_empty())
            .count();
        // Writing to a text cannot fail.
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\">",
            escape(file),
            report.tests.len(),
            report.faults.len(),
        );
        for fault in &report.faults {
            let _ = writeln!(
                xml,
                "    <testcase name=\"{}\">\n      <error>{}</error>\n    </testcase>",
                escape(file),
                escape(fault)
            );
        }
        for test in &report.tests {
            let _ = writeln!(xml, "    <testcase name=\"{}\">", escape(&test.name));
            for failure in &test.failures {
                let _ = writeln!(xml, "      <failure>{}</failure>", escape(failure));
            }
            xml.push_str("    </testcase>\n");
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// What may not stand in XML becomes an entity; control characters that XML does not know become a replacement character.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(char),
            _ if char.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use alerting::rules::unit_test::TestReport;

    use super::*;

    #[test]
    fn suites_have_a_case_for_every_test() {
        let test = |name: &str, failures: &[&str]| TestReport {
            name: name.to_owned(),
            failures: failures.iter().map(|text| (*text).to_owned()).collect(),
        };
        let played = FileReport {
            tests: vec![test("good", &[]), test("a < b", &["exp: \"1\"\ngot: \u{1}2"])],
            ..FileReport::default()
        };
        let unread = FileReport {
            faults: vec!["no such file".to_owned()],
            ..FileReport::default()
        };
        insta::assert_snapshot!(write(&[("a.yml".to_owned(), played), ("b.yml".to_owned(), unread)]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites>
          <testsuite name="a.yml" tests="2" failures="1" errors="0">
            <testcase name="good">
            </testcase>
            <testcase name="a &lt; b">
              <failure>exp: &quot;1&quot;
        got: �2</failure>
            </testcase>
          </testsuite>
          <testsuite name="b.yml" tests="0" failures="0" errors="1">
            <testcase name="b.yml">
              <error>no such file</error>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }
}
