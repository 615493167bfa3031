//! Says which libpython the unit tests are linked to; the engine itself is linked to none.
//!
//! The answer is a line of Rust that only a test build includes. `cargo::rustc-link-arg` could not make that difference:
//! it has no kind for the unit tests of a library alone.

use std::path::PathBuf;
use std::process::Command;

/// What the Python of the tests says of its library: its directory, and its file as `-l` wants it.
const QUESTION: &str = "
import sysconfig
name = sysconfig.get_config_var('LDVERSION') or sysconfig.get_python_version()
print(sysconfig.get_config_var('LIBDIR') or '')
print('python' + name)
";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names a directory"));
    std::fs::write(out.join("libpython.rs"), libpython())
        .expect("the directory that cargo names is writable");
}

/// The line of Rust. A build without tests needs no Python, so it is a test build that complains.
fn libpython() -> String {
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".into());
    let answer = Command::new(&python).args(["-c", QUESTION]).output();
    let text = match answer {
        Ok(answer) if answer.status.success() => String::from_utf8_lossy(&answer.stdout).into_owned(),
        _ => String::new(),
    };
    let mut lines = text.lines();
    let (Some(directory), Some(name)) = (lines.next(), lines.next()) else {
        let complaint = format!("the unit tests need a Python: {python} does not run; set PYO3_PYTHON");
        return format!("compile_error!({complaint:?});\n");
    };
    if !directory.is_empty() {
        println!("cargo:rustc-link-search=native={directory}");
    }
    format!("#[link(name = {name:?})]\nunsafe extern \"C\" {{}}\n")
}
