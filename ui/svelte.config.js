// Runes everywhere: a component that uses the old reactive syntax does not compile.
export default { compilerOptions: { runes: true } };
