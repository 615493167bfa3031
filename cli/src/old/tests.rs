use super::*;

fn translated(line: &str) -> Vec<String> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    translate("start-server", &words).unwrap().words
}

fn refused(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    translate("start-server", &words).unwrap_err().to_string()
}

#[test]
fn every_option_is_there_once_and_means_something() {
    let mut names: Vec<&str> = OPTIONS.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 152);
    for (name, count, meaning) in &OPTIONS {
        let mut words = vec![format!("--{name}")];
        words.extend(vec!["1".to_owned(); *count]);
        words.push("app.wsgi".to_owned());
        if let Meaning::Together | Meaning::Always = meaning {
            continue;
        }
        match (translate("start-server", &words), meaning) {
            (Ok(new), Meaning::Without(_)) => assert_eq!(new.notes.len(), 1, "{name}"),
            (Ok(new), _) => assert!(new.notes.is_empty(), "{name}"),
            (Err(failure), Meaning::Refused(_)) => {
                assert!(failure.to_string().starts_with(&format!("--{name}: ")))
            }
            (Err(failure), _) => panic!("{name}: {failure}"),
        }
    }
}

#[test]
fn what_options_become_is_understood_by_serve() {
    use clap::Parser;
    for (name, count, meaning) in &OPTIONS {
        if matches!(meaning, Meaning::Refused(_))
            || matches!(*name, "ssl-certificate" | "https-port" | "ssl-port")
        {
            continue;
        }
        let value = match *name {
            "application-type" => "module",
            "auth-type" => "Digest",
            _ => "1",
        };
        let mut words = vec![format!("--{name}")];
        words.extend(vec![value.to_owned(); *count]);
        words.push("app.wsgi".to_owned());
        let Ok(new) = translate("start-server", &words) else { continue };
        let line = ["mod-wsgi".to_owned()].into_iter().chain(new.words.clone());
        if let Err(error) = crate::args::Arguments::try_parse_from(line) {
            panic!("{name}: {:?}\n{error}", new.words);
        }
    }
}

#[test]
fn options_may_be_written_as_optparse_reads_them() {
    for line in ["app.wsgi --port 80", "--port=80 app.wsgi", "--por 80 app.wsgi"] {
        let words = translated(line);
        assert!(words.contains(&"--port=80".to_owned()), "{words:?}");
        assert_eq!(words.last().unwrap(), "app.wsgi");
    }
    assert!(
        translated("--url-alias /static /srv/static app.wsgi")
            .windows(3)
            .any(|w| w == ["--alias", "/static", "/srv/static"])
    );
}

#[test]
fn what_is_no_option_is_named_with_the_nearest() {
    assert_eq!(refused("app.wsgi --prot 80"), "there is no option --prot; did you mean --port?");
    assert_eq!(
        refused("app.wsgi --log-to-terminl"),
        "there is no option --log-to-terminl; did you mean --log-to-terminal?"
    );
    assert!(refused("app.wsgi --xyzzy").contains("start-server --help"));
    // --ssl-certificate is a name by itself, and the beginning of others.
    assert!(translate("start-server", &["--ssl-certificate".into(), "x".into()]).is_err());
    assert!(refused("app.wsgi --enable-cov").contains("coverage"));
    assert!(refused("app.wsgi --port").contains("lacks a value"));
    assert!(refused("app.wsgi --access 1").contains("write it out"));
}

#[test]
fn what_needs_another_option_says_which() {
    assert!(refused("app.wsgi --ssl-certificate /etc/x").contains("--https-port"));
    assert!(refused("app.wsgi --https-port 443").contains("--ssl-certificate-file"));
    assert!(refused("app.wsgi --auth-group-script x").contains("--auth-user-script"));
    assert!(refused("a.wsgi b.wsgi").contains("too many"));
}

#[test]
fn variables_of_the_environment_are_filled_in() {
    let variable = |name: &str| (name == "PORT").then(|| "80".to_owned());
    for (text, expected) in [
        ("$PORT", "80"),
        ("${PORT}!", "80!"),
        ("a$OTHER-$", "a$OTHER-$"),
        ("${x", "${x"),
        ("%{HOST}", "%{HOST}"),
    ] {
        assert_eq!(expanded(text, &variable), expected, "{text}");
    }
}

/// A script that adds to a command line counts on that.
#[test]
fn the_last_of_an_option_counts_unless_there_may_be_several() {
    let new = translated(
        "app.wsgi --processes 2 --include-file a --reload-on-changes --processes 4 --include-file b --reload-on-changes",
    );
    let count = |start: &str| new.iter().filter(|word| word.starts_with(start)).count();
    assert_eq!([count("--processes"), count("--include"), count("--reload")], [1, 2, 1], "{new:?}");
    assert!(new.contains(&"--processes=4".to_owned()), "{new:?}");
}

#[test]
fn logs_for_the_terminal_go_there_from_a_setup_too() {
    let has = |line| translated(line).contains(&"--log-to-terminal".to_owned());
    assert!(has("app.wsgi --setup-only --log-to-terminal") && !has("app.wsgi --setup-only"));
}
