//! What the command `mod-wsgi` asks of a process: one line at its socket of questions. The answer is JSON, and the end of the
//! connection.

use crate::json::Value;

/// The longest question, bytes.
pub const LONGEST: usize = 64;
/// The longest time that a profile may take, seconds.
pub const LONGEST_PROFILE: u32 = 600;
/// The most looks of a profile each second.
pub const MOST_LOOKS: u32 = 1000;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What the status page shows. Children of Apache know it.
    Status,
    /// Where every thread stands, and which requests there are.
    Stacks,
    /// Where threads have stood, for so many seconds, with so many looks each second.
    Profile {
        /// 1 to [`LONGEST_PROFILE`]
        seconds: u32,
        /// 1 to [`MOST_LOOKS`]
        looks: u32,
    },
}

impl Question {
    /// The question that a line is; `None`: it is none.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let question = match words.next()? {
            "status" => Self::Status,
            "stacks" => Self::Stacks,
            "profile" => {
                let mut number =
                    |most| words.next()?.parse().ok().filter(|number| (1..=most).contains(number));
                Self::Profile { seconds: number(LONGEST_PROFILE)?, looks: number(MOST_LOOKS)? }
            }
            _ => return None,
        };
        words.next().is_none().then_some(question)
    }
}

/// The answer of a process that has none.
pub fn refusal(why: &str) -> String {
    Value::Object(vec![("error", Value::Text(why.to_owned()))]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_question_or_none() {
        let is = |line: &str| Question::parse(line.as_bytes());
        assert_eq!(is("status"), Some(Question::Status));
        assert_eq!(is("stacks\r\n"), Some(Question::Stacks));
        assert_eq!(is("profile 30 100"), Some(Question::Profile { seconds: 30, looks: 100 }));
        for line in [
            "",
            "stack",
            "stacks x",
            "profile",
            "profile 1",
            "profile 0 1",
            "profile 601 1",
            "profile 1 1001",
        ] {
            assert_eq!(is(line), None, "{line}");
        }
        assert_eq!(Question::parse(b"stacks\xff"), None);
    }
}
