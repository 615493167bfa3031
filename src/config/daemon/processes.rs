//! `processes=`: how many processes a group has.

/// Most processes of a group.
const MOST: u32 = 65_535;

/// How many processes a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processes {
    /// So many.
    Number(u32),
    /// As many as processors that Apache may use.
    Auto(u32),
    /// From so many to so many, as many as its requests need.
    Range(u32, u32),
}

impl Processes {
    /// What stands behind the `=`; an error is the rule that it breaks. `processors`: how many Apache may use.
    pub fn parse(text: &[u8], processors: impl Fn() -> u32) -> Result<Self, String> {
        let text = wire::shown(text);
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= MOST)
        };
        let Some((least, most)) = text.split_once("..") else {
            return match (&*text, number(&text)) {
                ("auto", _) => Ok(Self::Auto(processors())),
                (_, Some(count @ 1..)) => Ok(Self::Number(count)),
                _ => Err(format!("must be a whole number from 1 to {MOST}, a range such as 1..8, or auto")),
            };
        };
        let end = if most == "auto" { Some(processors()) } else { number(most) };
        match (number(least), end) {
            (Some(_), Some(0)) => Err("allows no process at all: the range must end with 1 or more".into()),
            // What a machine has may be less than what was typed for another one.
            (Some(least), Some(end)) if most == "auto" => Ok(Self::Range(least.min(end), end)),
            (Some(least), Some(most)) if least <= most => Ok(Self::Range(least, most)),
            (Some(least), Some(most)) => {
                Err(format!("begins with more than it ends with: write {most}..{least}"))
            }
            _ => Err(format!(
                "must be a range of two whole numbers from 0 to {MOST}, such as 1..8 or 0..4, or end with auto: 1..auto"
            )),
        }
    }

    /// The fewest.
    pub fn least(self) -> u32 {
        match self {
            Self::Number(count) | Self::Auto(count) | Self::Range(count, _) => count,
        }
    }

    /// The most.
    pub fn most(self) -> u32 {
        match self {
            Self::Number(count) | Self::Auto(count) | Self::Range(_, count) => count,
        }
    }

    /// `wsgi.multiprocess`: as mod_wsgi has it for a number, even 1; otherwise where there may be several.
    pub fn are_several(self) -> bool {
        matches!(self, Self::Number(_)) || self.most() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_auto() {
        for (text, expected, several) in [
            ("1", Processes::Number(1), true),
            ("65535", Processes::Number(65_535), true),
            ("auto", Processes::Auto(2), true),
            ("1..8", Processes::Range(1, 8), true),
            ("0..1", Processes::Range(0, 1), false),
            ("3..3", Processes::Range(3, 3), true),
            ("1..auto", Processes::Range(1, 2), true),
            ("4..auto", Processes::Range(2, 2), true),
        ] {
            let found = Processes::parse(text.as_bytes(), || 2).expect(text);
            assert_eq!(found, expected, "{text}");
            assert_eq!(found.are_several(), several, "{text}");
            assert!(found.least() <= found.most());
        }
        assert!(!Processes::Auto(1).are_several());
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        for (text, complaint) in [
            ("", "must be a whole number"),
            ("0", "must be a whole number from 1 to 65535, a range such as 1..8, or auto"),
            ("65536", "must be a whole number"),
            ("+1", "must be a whole number"),
            ("Auto", "must be a whole number"),
            ("8..1", "begins with more than it ends with: write 1..8"),
            ("0..0", "allows no process at all"),
            ("1..", "must be a range of two whole numbers"),
            ("..8", "must be a range of two whole numbers"),
            ("1...8", "must be a range of two whole numbers"),
            ("auto..8", "must be a range of two whole numbers"),
            ("1..65536", "must be a range of two whole numbers"),
        ] {
            let rule = Processes::parse(text.as_bytes(), || 2).expect_err(text);
            assert!(rule.contains(complaint), "{text}: {rule}");
        }
    }
}
