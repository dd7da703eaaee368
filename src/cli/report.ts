import { readFileSync } from "node:fs";
import { errnoOf, OperatorError } from "../base/errors.ts";
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
    const store = openStore(requireState(values, cwd), { mayCreate: false });
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
      io.out(render(readReport(cycle.reportPath)).trimEnd());
      return EXIT.nothingNew;
    } finally {
      store.close();
    }
  },
};

function readReport(path: string): Report {
  try {
    const parsed = Report.safeParse(JSON.parse(readFileSync(path, "utf8")));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new OperatorError(
      `${path} is no report of this version: ${issue?.path.join(".")}: ${issue?.message}`,
      "render it with the weakdoor that wrote it",
    );
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT")
      throw new OperatorError(`${path} is gone`, "reports stand where --reports said when the cycle ran");
    if (thrown instanceof SyntaxError)
      throw new OperatorError(`${path} is no JSON any more`, "it was changed after it was written");
    throw thrown;
  }
}
