import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { cell, code, fence } from "../../src/report/markdown.ts";
import { renderMarkdown } from "../../src/report/renderMarkdown.ts";
import { sampleReport } from "../support/reportFixture.ts";
import { HOSTILE, poisoned } from "./hostile.ts";

/** What is left when fenced blocks and code spans, where nothing acts, are taken out. */
function live(markdown: string): string {
  return markdown
    .replace(/^(`{3,})\w*\n[\s\S]*?\n\1$/gm, "FENCE")
    .replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, "CODE");
}

/** The shape of the document: what each line begins with, and how many cells a row has. */
function shape(markdown: string): string[] {
  return live(markdown)
    .split("\n")
    .map((line) => {
      const cells = line.startsWith("|") ? line.split(/(?<!\\)\|/).length : 0;
      return `${/^(#+ |- |\d+\. |\||FENCE)?/.exec(line)?.[0]}${cells}`;
    });
}

const UNSAFE = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]--[\t\n]]/v;

describe.each(HOSTILE)("with %j in every field that others write", (text) => {
  const markdown = renderMarkdown(poisoned(sampleReport(), text));

  test("headings, items, rows and cells are those of a harmless report", () => {
    expect(shape(markdown)).toEqual(shape(renderMarkdown(poisoned(sampleReport(), "harmless"))));
  });

  test("no tag, link, picture, mention or reference is live, and no terminal obeys a character of it", () => {
    const acting = live(markdown);
    expect(acting).not.toMatch(/(?<!\\)<[!/a-z]/i);
    expect(acting).not.toMatch(/(?<!\\)\]\(|(?<!\\)!\[/);
    expect(acting).not.toMatch(/https?:\/\/|www\.|@team|#12/);
    expect(markdown.toWellFormed()).not.toMatch(UNSAFE);
  });
});

test("any text at all leaves a cell on one line, without an open mark", () => {
  assert(
    property(string({ unit: "binary", maxLength: 200 }), (text) => {
      const shown = cell(text).toWellFormed();
      return !/(?<!\\)(\\\\)*[<>|`*_[\]!~&]/.test(shown) && !UNSAFE.test(shown) && !shown.includes("\n");
    }),
  );
});

test("any text at all stays within its code span and its fence", () => {
  assert(
    property(string({ unit: "grapheme-ascii", maxLength: 60 }), (text) => {
      const span = code(text);
      const ticks = /^`*/.exec(span)?.[0] ?? "";
      const inside = span.slice(ticks.length, span.length - ticks.length);
      const block = fence(`${text}\n\`\`\`\`\n${text}`);
      const mark = /^`+/.exec(block)?.[0] ?? "";
      const runs: readonly string[] = inside.match(/`+/g) ?? [];
      const lines = block.split("\n").slice(1, -1);
      return !runs.includes(ticks) && lines.every((line) => !line.startsWith(mark));
    }),
  );
});

test("the same report gives the same text, and what matters stands first", () => {
  const markdown = renderMarkdown(sampleReport());
  expect(renderMarkdown(sampleReport())).toBe(markdown);
  const headings = [...markdown.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    "Can this be trusted",
    "Findings",
    "Boundary",
    "Since the last accepted cycle",
    "Coverage",
    "Drills, researcher and egress",
    "Clone",
    "Certificates of destruction",
    "How to check this report",
  ]);
});

test("a report with nothing found says what was not looked at", () => {
  const delta = { new: [], regressed: [], resolved: [], unchanged: [], blind: [] };
  const markdown = renderMarkdown(sampleReport({ findings: [], delta }));
  expect(markdown).toContain("No weakness of the catalogue was borne out by what was looked at; see Coverage");
  expect(markdown).toContain("| `network-route` | target | skipped | no network here |");
  expect(markdown).toContain("not looked: the target runs without a network in this version");
});

test("doubts take the place of the word that there are none", () => {
  const markdown = renderMarkdown(sampleReport({ drills: [], certificates: [] }));
  expect(markdown).toContain("- **Doubt:** No tripwire was drilled.\n- **Doubt:** No sandbox has a certificate");
  expect(markdown).not.toContain("Every trap caught");
  expect(markdown).toContain("There is none.");
});

test("a terminal and a reader see ordinary text as it is", () => {
  expect(cell("0.1.0, T1611 (a file) — 3 rows: /var/run/docker.sock")).toBe(
    "0.1.0, T1611 (a file) — 3 rows: /var/run/docker.sock",
  );
  expect(cell("see https://a.example/x and @team")).toBe("see https\\[:\\]//a.example/x and \\[@\\]team");
  expect(code("")).toBe("");
});

test("what opened since the cycle before stands there with who took it on, and with what else changed", () => {
  const text = renderMarkdown(sampleReport());
  expect(text).toMatch(/widened .*engine-socket:\/var\/run\/docker\.sock.* absent .*approved by nobody/);
  expect(text).toMatch(/widened .*host-mount:\/host.*the build writes there until it has moved/);
  expect(text).toContain("What else differs: `kernel`, `agent codex`");
});

test("what was read, what was not, and what was cited stand in the table of sources; a study that read nothing has none", () => {
  const markdown = renderMarkdown(sampleReport());
  expect(markdown).toContain("| `nvd` | 2 | 1 | 4 | 0 | 0 | 2026-11-20 |  |");
  expect(markdown).toMatch(/\| `cisa-kev` \| 0 \| 0 \| 0 \| 0 \| 3 \| not read \| source-not-scanned no clamd \|/);
  expect(markdown).toContain("2 claims quoted what does not stand in the document");
  expect(markdown).toMatch(/`nvd` CVE-2019-5736 \| describes \| an attacker who reaches the engine socket/);
  const { research, ...rest } = sampleReport();
  const silent = renderMarkdown({ ...rest, research: { ...research, sources: [], citations: [] } });
  expect(silent).not.toContain("Last reason");
});
