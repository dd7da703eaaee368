import { expect, test } from "vitest";
import type { Observation } from "../../src/guest/observation.ts";
import { renderHtml } from "../../src/report/renderHtml.ts";
import { renderMarkdown } from "../../src/report/renderMarkdown.ts";
import { toolTables } from "../../src/report/toolTable.ts";
import { sampleReport } from "../support/reportFixture.ts";

const row = (id: string, verdict: Observation["verdict"], detail = ""): Observation => ({
  id: `tool-path:${id}`,
  category: "tool-plane",
  subject: "a file",
  verdict,
  access: verdict === "reachable" ? ["read"] : [],
  from: "target",
  detail,
});

const ROWS = [
  row("codex/(process)/read-home", "reachable"),
  row("codex/(process)/denied:Read(~/.ssh/**)", "reachable"),
  row("codex/sh/read-home", "denied", "refused by the system: EROFS"),
  row("codex/sh/denied:Read(~/.ssh/**)", "denied", "approval: it waits for a person, and nothing happened"),
  row("codex/lies/read-home", "contradictory"),
  row("codex/fetch", "not-measured"),
];

test("rows become a table of capabilities and paths, with the word of whoever refused", () => {
  expect(toolTables(ROWS)).toEqual([
    {
      agent: "codex",
      capabilities: ["read-home", "denied:Read(~/.ssh/**)"],
      rows: [
        { path: "(process)", cells: ["yes", "yes"] },
        { path: "sh", cells: ["wall", "asks"] },
        { path: "lies", cells: ["disputed", ""] },
      ],
    },
  ]);
});

test("a report shows the table, and nothing in its place when no agent was driven", () => {
  const report = sampleReport();
  const driven = { ...report, observations: [...report.observations, ...ROWS] };
  for (const render of [renderHtml, renderMarkdown]) {
    expect(render(driven)).toContain("What each path of the agents can do");
    expect(render(driven)).toContain("disputed");
    expect(render(report)).not.toContain("What each path of the agents can do");
  }
});
