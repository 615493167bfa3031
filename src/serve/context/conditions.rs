//! Conditional requests (RFC 9110, 13): what the client's conditions make of an answer of 200, in the order of 13.2.2.
//!
//! Only what the application gave is compared: an answer without Last-Modified has no date, whatever the time is.
//! (`ap_meets_conditions` takes the present for it.)
#![forbid(unsafe_code)]

/// The result of the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is sent.
    Send,
    /// 304: the client holds the content already.
    NotModified,
    /// 412: it is not the content that the client speaks of.
    Failed,
}

/// The condition headers of a request. A date that is none is as if it were not there (13.1.3, 13.1.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// If-Match
    pub if_match: Option<&'a [u8]>,
    /// If-None-Match
    pub if_none_match: Option<&'a [u8]>,
    /// If-Modified-Since
    pub if_modified_since: Option<i64>,
    /// If-Unmodified-Since
    pub if_unmodified_since: Option<i64>,
}

/// What an answer says of its content.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'a> {
    /// ETag
    pub etag: Option<&'a [u8]>,
    /// Last-Modified
    pub modified: Option<i64>,
}

impl Conditions<'_> {
    /// The verdict on a GET or HEAD request. Another method has been performed by the time there is an answer: its
    /// conditions are the application's.
    pub fn judge(&self, answer: Validators<'_>) -> Verdict {
        match (self.if_match, self.if_unmodified_since, answer.modified) {
            (Some(tags), ..) if !matches(tags, answer.etag, same_strongly) => return Verdict::Failed,
            (None, Some(date), Some(modified)) if modified > date => return Verdict::Failed,
            _ => {}
        }
        match (self.if_none_match, self.if_modified_since, answer.modified) {
            (Some(tags), ..) if matches(tags, answer.etag, same_weakly) => Verdict::NotModified,
            (None, Some(date), Some(modified)) if modified <= date => Verdict::NotModified,
            _ => Verdict::Send,
        }
    }
}

/// `If-Range` holds for this answer: its content is the one that the client has a part of (13.1.5). A date must be the same,
/// and `settled`: so old that the content cannot have changed twice in its second (8.8.2.2).
pub fn range_applies(
    value: &[u8],
    date: Option<i64>,
    answer: Validators<'_>,
    settled: impl Fn(i64) -> bool,
) -> bool {
    let value = value.trim_ascii();
    if value.starts_with(b"\"") || value.starts_with(b"W/") {
        return answer.etag.is_some_and(|etag| same_strongly(value, etag.trim_ascii()));
    }
    date.is_some_and(|date| answer.modified == Some(date) && settled(date))
}

/// `*` matches whatever is there; else one of the listed tags must be the answer's.
fn matches(list: &[u8], etag: Option<&[u8]>, same: fn(&[u8], &[u8]) -> bool) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    etag.is_some_and(|etag| tags(list).any(|tag| same(tag, etag.trim_ascii())))
}

fn same_strongly(a: &[u8], b: &[u8]) -> bool {
    a == b && a.starts_with(b"\"")
}

fn same_weakly(a: &[u8], b: &[u8]) -> bool {
    fn opaque(tag: &[u8]) -> &[u8] {
        tag.strip_prefix(b"W/").unwrap_or(tag)
    }
    opaque(a) == opaque(b)
}

/// The entity tags of a list, in which a comma may also stand inside of a tag.
fn tags(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while let [b',' | b' ' | b'\t', rest @ ..] = list {
            list = rest;
        }
        let open = list.iter().position(|byte| matches!(byte, b'"' | b','))?;
        let end = match list[open] {
            b'"' => open + 2 + list[open + 1..].iter().position(|byte| *byte == b'"')?,
            _ => open,
        };
        let (tag, rest) = list.split_at(end);
        list = rest;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_list() {
        let all = |list: &'static [u8]| tags(list).collect::<Vec<_>>();
        assert_eq!(all(b"\"a\", W/\"b,c\",,\t\"\""), [&b"\"a\""[..], b"W/\"b,c\"", b"\"\""]);
        assert_eq!(all(b"a, \"b\""), [&b"a"[..], b"\"b\""]);
        assert!(all(b"").is_empty() && all(b", ,").is_empty() && all(b"\"open").is_empty());
    }

    #[test]
    fn comparison() {
        assert!(same_strongly(b"\"1\"", b"\"1\"") && same_weakly(b"\"1\"", b"\"1\""));
        for (a, b) in [("W/\"1\"", "W/\"1\""), ("W/\"1\"", "\"1\""), ("\"1\"", "W/\"1\"")] {
            assert!(!same_strongly(a.as_bytes(), b.as_bytes()) && same_weakly(a.as_bytes(), b.as_bytes()));
        }
        assert!(!same_weakly(b"\"1\"", b"\"2\""));
    }

    #[test]
    fn a_date_is_compared_with_a_date_only() {
        let since = Conditions { if_modified_since: Some(10), ..Conditions::default() };
        let etag = Validators { etag: Some(b"\"1\""), modified: None };
        assert_eq!(since.judge(etag), Verdict::Send);
        assert_eq!(since.judge(Validators { modified: Some(10), ..etag }), Verdict::NotModified);
        assert_eq!(since.judge(Validators { modified: Some(11), ..etag }), Verdict::Send);
        let unmodified = Conditions { if_unmodified_since: Some(10), ..Conditions::default() };
        assert_eq!(unmodified.judge(etag), Verdict::Send);
        assert_eq!(unmodified.judge(Validators { modified: Some(11), ..etag }), Verdict::Failed);
    }

    #[test]
    fn a_part_of_other_content_is_of_no_use() {
        let answer = Validators { etag: Some(b"\"1\""), modified: Some(10) };
        let applies = |value: &[u8], date| range_applies(value, date, answer, |date| date < 20);
        assert!(applies(b"\"1\"", None) && !applies(b"\"2\"", None) && !applies(b"W/\"1\"", None));
        assert!(applies(b"date", Some(10)) && !applies(b"date", Some(11)) && !applies(b"no date", None));
        let weak = Validators { etag: Some(b"W/\"1\""), modified: Some(30) };
        assert!(!range_applies(b"W/\"1\"", None, weak, |_| true));
        assert!(!range_applies(b"date", Some(30), weak, |date| date < 20));
    }
}
