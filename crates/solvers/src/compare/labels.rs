//! The names of rows as they are written: each once, and without what a line or an XML file cannot hold.
use super::Row;

/// Control characters, and what is no character of XML, as spaces.
pub(super) fn printable(s: &str) -> String {
    s.chars().map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c }).collect()
}

/// The names of the rows; the second of one name is "name (2)".
pub(super) fn labels(rows: &[Row]) -> Vec<String> {
    numbered(rows.iter().map(|r| printable(&r.name)))
}

fn numbered(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: Vec<String> = names.collect();
    let mut made: Vec<String> = vec![];
    for (k, name) in names.iter().enumerate() {
        let mut label = name.clone();
        let mut number = 2;
        // A numbered name may be another row's own.
        while made.contains(&label) || label != *name && names[k..].contains(&label) {
            label = format!("{name} ({number})");
            number += 1;
        }
        made.push(label);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_there_once() {
        let of = |names: &[&str]| numbered(names.iter().map(|n| printable(n)));
        assert_eq!(of(&["a", "b", "a", "a"]), ["a", "b", "a (2)", "a (3)"]);
        assert_eq!(of(&["a", "a", "a (2)"]), ["a", "a (3)", "a (2)"]);
        assert_eq!(of(&["a\nb", "a\u{0}b", ""]), ["a b", "a b (2)", ""]);
    }
}
