import { messageOf } from "../base/errors.ts";
import { exec } from "../base/exec.ts";
import { ProbeReport } from "../guest/observation.ts";
import type { ProbeRequest } from "../guest/probe/request.ts";
import { GUEST_DIR, PROXY_PORT } from "../guest/wire.ts";
import { KIT_DIR } from "../sandbox/srt/kit.ts";

/**
 * CONTROL's side of measuring. The probe itself lives in guest/probe and runs inside; here its answer is taken apart
 * with suspicion (`parseProbe`), the same probe runs on the host so that a denial has something to be compared with
 * (`hostBaseline`, baseline.ts), the host looks at the sandbox from outside by pid (outside.ts), and what was seen is
 * weighed: intended, observed, unexplained (boundary.ts), lab within target (subset.ts), before and after (diff.ts).
 */

/**
 * What came of one measurement. A report that was refused is not an empty report. `isSilent` there is none to refuse: the probe was
 * killed or did not end in its time (unmeasured.ts makes rows of that).
 */
export type Measurement =
  | { status: "measured"; report: ProbeReport }
  | { status: "refused"; reason: string; isSilent?: true };

/** Whatever carries the request in and the probe's standard output back. */
export type Carrier = (requestJson: string) => Promise<{
  code: number | null;
  stdout: string;
  stderr: string;
  isTruncated: boolean;
  isTimedOut: boolean;
}>;

/** What a sandbox of ours holds besides the stack: the guest runtime, srt where it is run, the shim's proxy, process 1, and the shim that starts the probe. */
export const OUR_MACHINERY: readonly string[] = [
  GUEST_DIR,
  KIT_DIR,
  `tcp:127.0.0.1:${PROXY_PORT}`,
  "proc:1",
  "proc:parent",
];

export type Facts = Pick<ProbeRequest, "vantage"> & Partial<ProbeRequest>;

/** The request for one measurement, with our machinery named. */
export function requestOf(facts: Facts): ProbeRequest {
  const ours = facts.vantage === "host" ? [] : [...OUR_MACHINERY];
  return { standIns: [], ours, isPassive: false, isDeep: false, host: { namespaces: {} }, ...facts };
}

/** Sends the request, takes the answer. Rejects only when the carrier does. */
export async function measure(carry: Carrier, request: ProbeRequest): Promise<Measurement> {
  const answer = await carry(JSON.stringify(request));
  if (answer.isTimedOut) return silent("the probe did not end in its time");
  if (answer.isTruncated) return { status: "refused", reason: "the probe's answer is longer than allowed" };
  // A probe with a file system that never answers ends itself with SIGKILL after its report: code null, report whole.
  if (answer.code !== 0 && answer.stdout === "") {
    return silent(`the probe ended with code ${answer.code ?? "none"} and no report`);
  }
  const parsed = parseProbe(answer.stdout);
  if (parsed.status === "measured" && parsed.report.from !== request.vantage) {
    return { status: "refused", reason: `the report says it comes from ${parsed.report.from}` };
  }
  return parsed;
}

function silent(reason: string): Measurement {
  return { status: "refused", reason, isSilent: true };
}

/** Takes a probe's output apart. Anything but one report of the known shape, with at least one row, is refused. */
export function parseProbe(stdout: string): Measurement {
  if (stdout.length > REPORT_CHARACTERS_MAX)
    return { status: "refused", reason: "the report is longer than allowed" };
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch (thrown) {
    return { status: "refused", reason: `the report is not JSON: ${messageOf(thrown).slice(0, 120)}` };
  }
  const parsed = ProbeReport.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { status: "refused", reason: `the report has another shape at ${issue?.path.join(".") ?? "its root"}` };
  }
  const report = parsed.data;
  if (report.observations.length === 0 || report.checks.length === 0) {
    return { status: "refused", reason: "the report holds no rows" };
  }
  const ids = new Set(report.observations.map((row) => row.id));
  if (ids.size !== report.observations.length) return { status: "refused", reason: "the report holds one id twice" };
  if (report.observations.some((row) => row.from !== report.from)) {
    return { status: "refused", reason: "the report holds rows from another place than its own" };
  }
  return { status: "measured", report };
}

const REPORT_CHARACTERS_MAX = 4 * 1024 * 1024;
const PROBE_TIMEOUT_MS = 20_000;

/** Runs the probe's bundle as a child of this process: the host as seen by whoever runs weakdoor. */
export function onThisHost(
  bundle: { node: string; probe: string },
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Carrier {
  return (requestJson) =>
    exec([bundle.node, bundle.probe], {
      stdin: requestJson,
      env: { ...environment },
      timeoutMs: PROBE_TIMEOUT_MS,
      outputBytesMax: REPORT_CHARACTERS_MAX,
      signal,
    });
}
