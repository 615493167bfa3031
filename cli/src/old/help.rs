//! What `start-server --help` prints.

use super::table::{Meaning, OPTIONS};

/// How wide a line may be.
const WIDTH: usize = 98;

/// All options, by what becomes of them; or those that stand beside `--help`, one by one.
pub fn help(words: &[String]) -> String {
    let asked = |name: &str| words.iter().any(|word| word.strip_prefix("--") == Some(name));
    let rows: String = OPTIONS
        .iter()
        .filter(|(name, ..)| asked(name))
        .map(|(name, _, meaning)| format!("--{name}: {}\n", becomes(*meaning)))
        .collect();
    if rows.is_empty() { groups() } else { rows }
}

fn becomes(meaning: Meaning) -> String {
    match meaning {
        Meaning::As(new) | Meaning::File(new) => format!("serve --{new}"),
        Meaning::Group(option) => format!("serve --option {option}=…"),
        Meaning::Line(line, _) | Meaning::Document(line, _) => {
            let line = line.lines().map(str::trim).collect::<Vec<_>>().join("; ");
            format!("serve --directive '{line}'")
        }
        Meaning::Together => "is read together with others; setup-server shows what becomes of it".to_owned(),
        Meaning::Always => "is always so".to_owned(),
        Meaning::Without(text) => format!("has no effect here: {text}"),
        Meaning::Refused(text) => format!("is refused: {text}"),
    }
}

fn groups() -> String {
    let mut text = String::from(
        "Serves an application as mod_wsgi-express does, with its options and its defaults\n\n\
         Usage: mod-wsgi start-server [SCRIPT] [OPTIONS]\n       mod-wsgi setup-server [SCRIPT] [OPTIONS]\n",
    );
    let mut group = |heading: &str, fits: &dyn Fn(Meaning) -> bool| {
        text += &format!("\n{heading}\n");
        let mut line = String::new();
        for (name, _, meaning) in OPTIONS.iter().filter(|(_, _, meaning)| fits(*meaning)) {
            let word = match meaning {
                Meaning::As(new) | Meaning::File(new) if new != name => format!(" {name} (--{new})"),
                _ => format!(" {name}"),
            };
            if line.len() + word.len() > WIDTH {
                text += &format!(" {line}\n");
                line.clear();
            }
            line += &word;
        }
        text += &format!(" {line}\n");
    };
    group("Options of serve, under another name where one is written:", &|meaning| {
        matches!(meaning, Meaning::As(_) | Meaning::File(_) | Meaning::Together | Meaning::Always)
    });
    group("Options of WSGIDaemonProcess (serve --option NAME=VALUE):", &|meaning| {
        matches!(meaning, Meaning::Group(_))
    });
    group("Lines of the configuration (serve --directive LINE):", &|meaning| {
        matches!(meaning, Meaning::Line(..) | Meaning::Document(..))
    });
    group("Without effect, and a line says what to use:", &|meaning| matches!(meaning, Meaning::Without(_)));
    group("Refused, and the line says what to use:", &|meaning| matches!(meaning, Meaning::Refused(_)));
    text + "\nmod-wsgi start-server --help --url-alias says what becomes of one option.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fits_a_screen_and_one_is_explained() {
        let all = help(&["--help".to_owned()]);
        assert!(all.lines().count() <= 50 && all.lines().all(|line| line.chars().count() <= 100), "{all}");
        for (name, ..) in OPTIONS {
            assert!(all.split_whitespace().any(|word| word == name), "{name}");
        }
        let one = help(&["--help".to_owned(), "--url-alias".to_owned()]);
        assert_eq!(one, "--url-alias: serve --alias\n");
    }
}
