import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startGateway } from "../../../src/egress/gateway.ts";
import { pageOf } from "../../../src/guest/research/material.ts";
import { AUTHORITY } from "../../../src/guest/wire.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { modelServer } from "../../support/modelServer.ts";
import { socketPair } from "../../support/socketPair.ts";

const TOOL = { name: "t", description: "t", input_schema: { type: "object", properties: {} } };

test("a page of a source goes to a model without tools, and to none with tools, whole or a document of it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wd-material-"));
  await using server = await modelServer("anthropic");
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [],
    canaryHosts: [],
    model: { kind: "anthropic", baseUrl: server.baseUrl, key: "k", models: ["m-1"], tokensMax: 1_000_000 },
    sources: { directory: join(directory, "sources"), clamdSocket: null },
    onRequest: async () => ({ status: 404, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
  try {
    const [inside, outside] = await socketPair();
    await gateway.attach({ name: "wd-lab", role: "lab", channel: outside });
    const shim = fakeShim(inside);
    const { text: page } = await shim.ask(
      { ":authority": AUTHORITY.source, ":path": "/v1/fetch", ":method": "POST" },
      JSON.stringify({ source: "cisa-kev", params: { cveId: "CVE-2024-1086" }, from: "snapshot" }),
    );
    const document = pageOf(page)?.documents[0]?.text ?? "";
    expect(document).toContain("| [CVE-2024-1086]");
    server.play([{ say: "end" }]);
    const say = (content: string, tools: readonly unknown[] = []) =>
      shim.ask(
        {
          ":authority": AUTHORITY.model,
          ":path": "/v1/messages",
          ":method": "POST",
          "content-type": "application/json",
          "anthropic-version": "2023-06-01",
        },
        JSON.stringify({
          model: "m-1",
          max_tokens: 10,
          messages: [{ role: "user", content }],
          ...(tools.length === 0 ? {} : { tools }),
        }),
      );
    for (const material of [page, document]) {
      expect(await say(material, [TOOL])).toMatchObject({
        status: 403,
        text: expect.stringContaining("text of a source goes to no model that has tools") as string,
      });
      expect(await say(material)).toMatchObject({ status: 200 });
    }
    expect(await say("nothing of a source", [TOOL])).toMatchObject({ status: 200 });
    expect(server.seen).toHaveLength(3);
  } finally {
    await gateway.cut("the test ended");
    rmSync(directory, { recursive: true });
  }
});
