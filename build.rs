//! Finds httpd's headers through apxs, makes Rust bindings of them and compiles the shim.
//!
//! Each thing that may be missing is an error that names the Debian package and the variable to set.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables that choose a tool; a change of one builds anew.
const VARIABLES: &[&str] = &["APXS", "APR_CONFIG", "LIBCLANG_PATH"];
/// Names the module uses, by prefix; all else in the headers is left out of the bindings.
const FUNCTIONS: &str = "(ap|apr|unixd|wsgi_shim)_.*";
const TYPES: &str = "module|command_rec|cmd_parms|cmd_func|cmd_how|request_rec|server_rec|conn_rec|process_rec|core_dir_config|authn_.*|authz_.*|ap_.*|apr_.*";
const VALUES: &str = "OK|DECLINED|DONE|SUSPENDED|ap_.*|apr_.*|MODULE_MAGIC_.*|OR_.*|RSRC_CONF|ACCESS_CONF|EXEC_ON_READ|HTTP_.*|M_.*|AP_.*|APR_.*|APLOG_.*|REQUEST_.*|OPT_.*|PROXYREQ_.*|GLOBAL_ONLY|NOT_IN_HTACCESS|REMOTE_.*|AUTH_.*|AUTHN_.*|AUTHZ_.*|ENABLE_MMAP_.*";

fn main() {
    for variable in VARIABLES {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    for file in ["apache/wrapper.h", "apache/shim.h", "apache/shim.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let apxs = std::env::var("APXS").unwrap_or_else(|_| "apxs".into());
    let httpd = PathBuf::from(ask(&apxs, &["-q", "INCLUDEDIR"], "APXS", "apache2-dev"));
    let apr_config = std::env::var("APR_CONFIG")
        .unwrap_or_else(|_| ask(&apxs, &["-q", "APR_CONFIG"], "APXS", "apache2-dev"));
    let apr = ask(&apr_config, &["--includes", "--cppflags"], "APR_CONFIG", "libapr1-dev");
    let apu = PathBuf::from(ask(&apxs, &["-q", "APU_INCLUDEDIR"], "APXS", "libaprutil1-dev"));

    let mut arguments = vec![format!("-I{}", httpd.display()), format!("-I{}", apu.display())];
    arguments.extend(apr.split_whitespace().map(str::to_owned));
    require(&httpd, "httpd.h", "apache2-dev", "APXS");

    let bindings = std::panic::catch_unwind(|| bindings(&arguments)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        stop(&format!("libclang was not found ({text}): install libclang-dev, or set LIBCLANG_PATH to the folder of libclang.so"))
    });
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("httpd.rs");
    std::fs::write(&out, bindings).unwrap_or_else(|e| stop(&format!("cannot write {}: {e}", out.display())));

    let mut shim = cc::Build::new();
    shim.file("apache/shim.c").include("apache");
    for argument in &arguments {
        shim.flag(argument);
    }
    shim.compile("wsgi_shim");
}

fn bindings(arguments: &[String]) -> String {
    bindgen::Builder::default()
        .header("apache/wrapper.h")
        .clang_args(arguments)
        .clang_arg("-Iapache")
        .allowlist_function(FUNCTIONS)
        .allowlist_type(TYPES)
        .allowlist_var(VALUES)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .generate_comments(false)
        .generate()
        .unwrap_or_else(|e| {
            stop(&format!(
                "httpd's headers do not compile: {e}; are apache2-dev and libapr1-dev of one version?"
            ))
        })
        .to_string()
}

/// The one line that `program` prints for `arguments`.
fn ask(program: &str, arguments: &[&str], variable: &str, package: &str) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(answer) if answer.status.success() => {
            String::from_utf8_lossy(&answer.stdout).trim().replace('\n', " ")
        }
        Ok(answer) => stop(&format!(
            "'{program} {}' failed: {}; set {variable} to the one of your httpd",
            arguments.join(" "),
            String::from_utf8_lossy(&answer.stderr).trim()
        )),
        Err(e) => {
            stop(&format!("{program} was not found ({e}): install {package}, or set {variable} to its path"))
        }
    }
}

fn require(folder: &Path, header: &str, package: &str, variable: &str) {
    if !folder.join(header).exists() {
        stop(&format!(
            "{header} is not in {}: install {package}, or set {variable} to another apxs",
            folder.display()
        ));
    }
}

fn stop(message: &str) -> ! {
    println!("cargo:warning={message}");
    eprintln!("error: {message}");
    std::process::exit(1)
}
