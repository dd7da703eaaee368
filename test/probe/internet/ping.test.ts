import { expect, test } from "vitest";
import { networkFor } from "../../../src/probe/internet/addresses.ts";
import { withPings } from "../../../src/probe/internet/ping.ts";
import { observed, reportOf } from "../../support/observed.ts";

const NETWORK = networkFor({ nonce: "00", allowed: [] });

/** What busybox prints, after the range of groups that may and the own group. */
async function said(code: number, stderr: string, stdout = "1 0\n0\n") {
  const report = reportOf(observed("outbound-other:ping", "not-measured"), observed("data-flow:raw", "reachable"));
  const pinged = await withPings(report, NETWORK, () => Promise.resolve({ code, stdout, stderr }));
  expect(pinged.observations[1]).toEqual(report.observations[1]);
  return pinged.observations[0];
}

test.each<[string, number, string, string | undefined, string, string]>([
  ["an answer", 0, "", undefined, "reachable", "an answer came"],
  ["no answer", 1, "", undefined, "denied", "no answer in time"],
  ["no way", 1, "ping: sendto: Network is unreachable", undefined, "denied", "no way there"],
  ["a filter", 1, "ping: sendto: Operation not permitted", undefined, "denied", "a filter"],
  ["no right", 1, "ping: permission denied (are you root?)", undefined, "denied", "a missing capability"],
  ["a right of another kind", 1, "ping: permission denied", "0 2147483647\n1000\n", "not-measured", "cannot"],
  ["a kernel that does not say", 1, "ping: permission denied", "1000\n", "not-measured", "is not told"],
])("%s is told apart from the others", async (_what, code, stderr, stdout, verdict, detail) => {
  expect(await said(code, stderr, stdout)).toMatchObject({ verdict, detail: expect.stringContaining(detail) });
});
