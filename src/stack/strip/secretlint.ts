import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";
import { lineNumbers, type Spot } from "./strip.ts";
import { plain } from "./value.ts";

const PRESET = "@secretlint/secretlint-rule-preset-recommend";

/**
 * A second opinion by secretlint's recommended rules, key ids included. A comment in the file cannot switch a rule off
 * here: who wrote the file does not decide what is stripped.
 */
export async function secretlint(text: string): Promise<Spot[]> {
  const result = await lintSource({
    source: { content: text, filePath: "text", ext: "", contentType: "text" },
    options: {
      noPhysicFilePath: true,
      config: {
        rules: [
          {
            id: PRESET,
            rule: creator,
            rules: [
              { id: "@secretlint/secretlint-rule-aws", options: { enableIDScanRule: true } },
              { id: "@secretlint/secretlint-rule-filter-comments", disabled: true },
            ],
          },
        ],
      },
    },
  });
  const lineOf = lineNumbers(text);
  return result.messages.flatMap(({ range: [start, end], ruleId }) => {
    const value = text.slice(start, end);
    // Its rule for connection strings reports the whole line; ours takes only the password.
    if (/\s|:\/\//.test(value) || value.length < 8) return [];
    return [{ ...plain(start, value, kindOf(ruleId)), place: `line ${lineOf(start)}`, by: "pattern" as const }];
  });
}

function kindOf(ruleId: string): string {
  return `${ruleId.replace(/^@secretlint\/secretlint-rule-/, "")}-credential`;
}
