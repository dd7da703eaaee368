import { Document } from "yaml";
import { oneLine } from "../base/text.ts";
import { isExposure } from "../guest/exposure.ts";
import { CATEGORIES, type ProbeReport } from "../guest/observation.ts";

const HEAD = `What the sandbox may reach, as your team decides it. A draft from one measurement: nothing in it counts until a person
has written why it is intended, and the file is refused while a reason is empty. Delete what is not intended. Shorten
"access" to what is needed. With "until: YYYY-MM-DD" an entry ends on that day, and approves until then that
something opened since the last measurement. "check:*" is a check's every instance.`;

/** The text of an \`intended.yaml\` that names every exposure of this report once, by category, and gives no reason for any. */
export function proposeIntended(report: ProbeReport): string {
  const entries = CATEGORIES.flatMap((category) =>
    report.observations.filter(
      (row) => row.category === category && row.verdict !== "contradictory" && isExposure(row),
    ),
  );
  const draft = entries.map(({ id, access }) => ({
    observation: id,
    ...(access.length === 0 ? {} : { access }),
    why: "",
  }));
  const document = new Document({ version: 1, target: draft, lab: [] });
  document.commentBefore = HEAD.replaceAll(/^/gm, " ");
  for (const [index, { category, subject, detail }] of entries.entries()) {
    const node: unknown = document.getIn(["target", index], true);
    // A subject comes from inside a sandbox: on one line, it stays a comment.
    if (typeof node === "object" && node !== null)
      Object.assign(node, { commentBefore: ` ${category}: ${oneLine(`${subject}. ${detail}`, 160)}` });
  }
  return document.toString({ lineWidth: 0 });
}
