//! Builds the room again when the embedded page changes: the compiler sees changed files, but not new ones.

fn main() {
    println!("cargo:rerun-if-changed=../../ui/dist");
}
