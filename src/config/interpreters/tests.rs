use super::*;

/// Options with each container's words and settings, in the order of the file.
fn read(containers: &[(&str, Options)]) -> InterpreterOptions {
    let mut options = InterpreterOptions::default();
    for (words, set) in containers {
        options.open(Container::parse(words.as_bytes()).unwrap());
        *options.here() = set.clone();
        options.close();
    }
    options
}

fn path(path: &str) -> Options {
    Options { python_path: Some(path.into()), ..Options::default() }
}

fn stdin(restrict: bool) -> Options {
    Options { restrict_stdin: Some(restrict), ..Options::default() }
}

fn interval(seconds: f64) -> Options {
    Options { switch_interval: Some(seconds), ..Options::default() }
}

/// The settings of an interpreter in a process of this group.
fn of(options: &InterpreterOptions, process: &str, group: &str) -> Interpreter {
    let mut settings = Settings { interpreter: options.outside(), ..Settings::default() };
    settings.process.process_group = process.into();
    options.add_to(&mut settings);
    let named = settings.named.into_iter().find(|(name, _)| name == group.as_bytes());
    named.map_or(settings.interpreter, |(_, interpreter)| interpreter)
}

#[test]
fn a_container_is_for_the_interpreters_that_it_names() {
    let on = || stdin(true);
    for (words, chosen) in [
        ("", [true, true, true, true]),
        ("process-group=shop", [false, false, true, true]),
        ("process-group=%{GLOBAL}", [true, true, false, false]),
        ("application-group=a", [false, true, false, true]),
        ("application-group=%{GLOBAL}", [true, false, true, false]),
        ("application-group=a process-group=shop", [false, false, false, true]),
    ] {
        let options = read(&[(words, on())]);
        let found = [("", ""), ("", "a"), ("shop", ""), ("shop", "a")]
            .map(|(process, group)| of(&options, process, group).restrict_stdin);
        assert_eq!(found, chosen, "{words}");
    }
}

#[test]
fn more_selectors_count_more_and_then_the_later_container() {
    let options = read(&[
        ("process-group=shop application-group=a", stdin(true)),
        ("application-group=a", stdin(false)),
        ("", stdin(false)),
    ]);
    assert!(of(&options, "shop", "a").restrict_stdin);
    assert!(!of(&options, "other", "a").restrict_stdin);
    let options = read(&[("application-group=a", stdin(false)), ("process-group=shop", stdin(true))]);
    assert!(of(&options, "shop", "a").restrict_stdin, "the later one of one selector each");
}

#[test]
fn a_setting_that_the_container_leaves_out_comes_from_the_more_general_one() {
    let both = Options { restrict_stdout: Some(true), ..stdin(false) };
    let options =
        read(&[("process-group=shop application-group=a", stdin(true)), ("application-group=a", both)]);
    let found = of(&options, "shop", "a");
    assert_eq!((found.restrict_stdin, found.restrict_stdout), (true, true));
}

#[test]
fn paths_add_up_from_the_general_to_the_specific() {
    let mut options = read(&[
        ("process-group=shop application-group=a", path("/both")),
        ("application-group=a", path("/a:/a2")),
        ("", path("/all")),
    ]);
    *options.here() = path("/outside");
    assert_eq!(of(&options, "shop", "a").python_path, [&b"/outside"[..], b"/all", b"/a:/a2", b"/both"]);
    assert_eq!(of(&options, "shop", "b").python_path, [&b"/outside"[..], b"/all"]);
}

#[test]
fn an_interval_is_of_the_process_unless_the_group_has_its_own() {
    let mut options = read(&[("application-group=a", interval(0.3)), ("", interval(0.2))]);
    *options.here() = interval(0.1);
    assert_eq!(of(&options, "", "").switch_interval, 0.2);
    assert_eq!(of(&options, "", "a").switch_interval, 0.3);
    let own = |group| of(&options, "", group).own_switch_interval;
    assert_eq!((own("a"), own("b")), (0.3, 0.2), "with a GIL of its own");
    let options = read(&[("application-group=a", stdin(true)), ("", interval(0.2))]);
    assert_eq!(of(&options, "", "a").switch_interval, 0.0, "nothing of its own");
    let options = read(&[("application-group=%{GLOBAL}", interval(0.4)), ("", interval(0.2))]);
    assert_eq!(of(&options, "", "").switch_interval, 0.4);
}

#[test]
fn a_container_within_another_is_read_for_itself() {
    let mut options = InterpreterOptions::default();
    options.open(Container::parse(b"").unwrap());
    assert!(!options.is_of_application_group());
    options.open(Container::parse(b"application-group=a").unwrap());
    assert!(options.is_of_application_group());
    options.here().restrict_stdin = Some(true);
    options.close();
    options.here().restrict_stdout = Some(true);
    options.close();
    let found = ["a", "b"].map(|group| of(&options, "", group));
    assert_eq!(
        found.map(|found| (found.restrict_stdin, found.restrict_stdout)),
        [(true, true), (false, true)]
    );
}

#[test]
fn wrong_selectors_are_named() {
    let refused = |words: &str| Container::parse(words.as_bytes()).unwrap_err();
    assert_eq!(
        refused("process-group=a process-group=b"),
        "<WSGIInterpreterOptions>: process-group given more than once"
    );
    assert_eq!(refused("a"), "<WSGIInterpreterOptions>: argument 'a' is not of the form key=value");
    assert!(refused("process-group= application-group=b").contains("argument 'process-group='"));
    assert!(
        refused("group=a").contains("unknown selector 'group', expected process-group or application-group")
    );
    assert_eq!(Container::parse(b" application-group=\"a b\" ").unwrap().selectors(), 1);
}
