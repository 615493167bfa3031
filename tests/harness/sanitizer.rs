//! Address sanitizer, when the files under test were built with it (`scripts/sanitize`).
//!
//! Apache itself was not, so the sanitizer's runtime is loaded before anything else, into Apache, its children and the
//! workers, which have its environment.

use std::path::{Path, PathBuf};
use std::{env, thread};

/// How it works in processes that hold Python and httpd. Leaks are not looked for: httpd and Python free little when they
/// end. Signals belong to Python's faulthandler and to tests that crash on purpose.
const OPTIONS: &str = "detect_leaks=0:abort_on_error=1:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:use_sigaltstack=0\
                       :quarantine_size_mb=32:allow_addr2line=1";

/// The directory with the runtime, `runtime.so`, and with `reports/`: `MOD_WSGI_TESTS_ASAN`.
fn place() -> Option<PathBuf> {
    env::var_os("MOD_WSGI_TESTS_ASAN").map(PathBuf::from)
}

/// Whether the files under test were built with it.
pub fn on() -> bool {
    place().is_some()
}

/// What Apache's environment needs for it. A report is a file of the test's name: whether the test passes or not, whoever
/// runs the tests finds it.
pub fn environment() -> Vec<(&'static str, String)> {
    place().map_or_else(Vec::new, |place| environment_of(&place))
}

fn environment_of(place: &Path) -> Vec<(&'static str, String)> {
    let test = thread::current().name().unwrap_or("main").replace("::", ".");
    let place = place.display();
    vec![
        ("LD_PRELOAD", format!("{place}/runtime.so")),
        ("ASAN_OPTIONS", format!("{OPTIONS}:log_path={place}/reports/{test}")),
        // Python's own allocator would hide where an object begins and ends.
        ("PYTHONMALLOC", "malloc".into()),
    ]
}
