import { readFileSync } from "node:fs";
import { systemClock } from "../base/clock.ts";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { openLedger } from "../ledger/open.ts";
import { renderHtml } from "../report/renderHtml.ts";
import { renderMarkdown } from "../report/renderMarkdown.ts";
import { Report } from "../report/report.ts";
import { openStore } from "../store/openStore.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, text, type Verb } from "./verb.ts";

const FORMATS: Record<string, (report: Report) => string> = {
  html: renderHtml,
  md: renderMarkdown,
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
};

/** Renders a stored report again, in another format if asked; nothing is measured anew. */
export const verb: Verb = {
  name: "report",
  summary: "print the report of a cycle again, in any format",
  usage: "report [--cycle ID] [--format html|md|json] [--state DIR]",
  options: { ...STATE_OPTIONS, cycle: { type: "string" }, format: { type: "string" }, json: { type: "boolean" } },
  async run({ values, cwd, io }) {
    const format = values.json === true ? "json" : (text(values, "format") ?? "md");
    const render = FORMATS[format];
    if (render === undefined)
      throw new OperatorError(`there is no format ${format}`, `formats: ${Object.keys(FORMATS).join(", ")}`);
    const stateDir = requireState(values, cwd);
    const store = openStore(stateDir, { mayCreate: false });
    try {
      const wanted = text(values, "cycle");
      const cycle =
        wanted === undefined ? store.cycles().find(({ reportPath }) => reportPath !== null) : store.cycle(wanted);
      if (cycle === undefined || cycle.reportPath === null) {
        throw new OperatorError(
          wanted === undefined ? "no cycle has a report yet" : `cycle ${wanted} has no report`,
          "see weakdoor status; a stopped cycle leaves none",
        );
      }
      io.out(render(readReport(cycle.reportPath, await loggedHash(stateDir, cycle.id))).trimEnd());
      return EXIT.nothingNew;
    } finally {
      store.close();
    }
  },
};

/** The hash of the report that the cycle left in the log; undefined when it left none. */
async function loggedHash(stateDir: string, cycle: string): Promise<string | undefined> {
  const ledger = openLedger(stateDir, { clock: systemClock });
  try {
    const ended = ledger.read().findLast(({ leaf }) => leaf.kind === "cycle.ended" && leaf.cycle === cycle);
    const hash = ended?.payload.reportSha256;
    return typeof hash === "string" ? hash : undefined;
  } finally {
    await ledger.close();
  }
}

function readReport(path: string, logged: string | undefined): Report {
  const text = readText(path);
  if (logged !== undefined && sha256Hex(text) !== logged)
    throw new OperatorError(
      `${path} is not the report that the log knows: it was changed after it was written`,
      "restore it from a copy; weakdoor findings still shows what was found",
    );
  const parsed = Report.safeParse(parsedJson(path, text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new OperatorError(
    `${path} is no report of this version: ${issue?.path.join(".")}: ${issue?.message}`,
    "render it with the weakdoor that wrote it",
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EISDIR") throw thrown;
    throw new OperatorError(`${path} is gone (${code})`, "reports stand where --reports said when the cycle ran", {
      cause: thrown,
    });
  }
}

function parsedJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new OperatorError(`${path} is no JSON`, "it was changed after it was written", { cause: thrown });
  }
}
