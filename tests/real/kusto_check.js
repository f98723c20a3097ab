// Reads {case: {"tables": {name: {column: type}}, "queries": {name: text}}} from standard input and writes
// {case: {name: [{severity, message, text}]}} with what Kusto's own parser has to say about each query.
const path = require("path");
const packageFolder = path.join(process.argv[2], "@kusto", "language-service-next");
require(path.join(packageFolder, "bridge.min.js"));
require(path.join(packageFolder, "Kusto.Language.Bridge.min.js"));

const { KustoCode, GlobalState } = Kusto.Language;
const { TableSymbol, DatabaseSymbol } = Kusto.Language.Symbols;

function globalsFor(tables) {
  const symbols = Object.entries(tables).map(([name, columns]) => {
    const types = Object.entries(columns).map(([column, type]) => `['${column}']:${type}`);
    return TableSymbol.From(`(${types.join(", ")})`).WithName(name);
  });
  return GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor("workspace", symbols));
}

function diagnostics(text, globals) {
  const found = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => found.getItem(index)).map((item) => ({
    severity: item.Severity,
    message: item.Message,
    text: text.substr(item.Start, Math.min(item.Length, 120)),
  }));
}

function judged({ tables, queries }) {
  const globals = globalsFor(tables);
  return Object.fromEntries(Object.entries(queries).map(([name, text]) => [name, diagnostics(text, globals)]));
}

const input = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answer = Object.fromEntries(Object.entries(input).map(([name, one]) => [name, judged(one)]));
process.stdout.write(JSON.stringify(answer));
