import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { standInSocket } from "../../src/decoys/standIn.ts";

test("a stand-in rings for each connection and hangs up without a word", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wd-standin-"));
  let rings = 0;
  const standIn = await standInSocket(join(directory, "engine.sock"), () => rings++);
  try {
    for (let i = 0; i < 2; i++) {
      const said = await new Promise<number>((resolve) => {
        let bytes = 0;
        const socket = connect(standIn.path);
        socket.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        socket.once("close", () => resolve(bytes));
      });
      expect(said).toBe(0);
    }
    expect([rings, standIn.touches()]).toEqual([2, 2]);
  } finally {
    await standIn.close();
    rmSync(directory, { recursive: true });
  }
});
