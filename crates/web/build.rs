//! Builds the room again when the embedded page changes: the compiler sees changed files, but not new ones.

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() {
    println!("cargo:rerun-if-changed=../../ui/dist");
}
