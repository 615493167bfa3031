//! The program `mod-wsgi`.

fn main() -> std::process::ExitCode {
    command::main()
}
