import type { Context, Row, Seen } from "../probe.ts";
import { absent, CONTROL, denied, notMeasured, reachable } from "../row.ts";
import { attempt } from "./attempt.ts";
import { parseNetDev } from "./network-interface.ts";
import { proxyOf, socksProxyOf } from "./proxy.ts";
import type { SimulatedInternet, Tried, Try } from "./try.ts";

/**
 * Every attempt of one measurement, all at once, so that together they take as long as the slowest. What stayed silent is tried
 * once more and waited for longer: on a busy machine, or by a slow kernel, an open way looks like a closed one.
 */
export async function tryAll(
  tries: readonly Try[],
  internet: SimulatedInternet,
  context: Pick<Context, "environment" | "request">,
): Promise<ReadonlyMap<string, Tried>> {
  const [proxy, socks] = [proxyOf(context), socksProxyOf(context)];
  const round = (which: readonly Try[], timeoutMs: number) =>
    Promise.all(
      which.map(
        async (one) => [one.id, await attempt(one, { internet: { ...internet, timeoutMs }, proxy, socks })] as const,
      ),
    );
  const first = new Map(await round(tries, internet.timeoutMs));
  const silent = tries.filter((one) => one.way !== "proxy" && one.way !== "socks" && isSilent(first.get(one.id)));
  const second = await round(silent, Math.min(internet.timeoutMs * PATIENCE, PATIENCE_MS_MAX));
  return new Map([...first, ...second]);
}

/** An attempt through a proxy has as much from the start. */
const PATIENCE = 4;
const PATIENCE_MS_MAX = 1_000;

function isSilent(tried: Tried | undefined): boolean {
  return tried?.status === "silent" || (tried?.status === "unresolved" && /^E(TIMEOUT|CANCELLED)$/.test(tried.code));
}

/**
 * The rows of one check. They are the inside's word alone: whoever keeps the simulated internet holds them against what
 * arrived at the sink.
 */
export async function seenBy(
  context: Context,
  check: string,
  triesOf: (internet: SimulatedInternet) => readonly Try[],
): Promise<Seen> {
  const { network } = context.request;
  if (network === undefined || context.tried === undefined) return { rows: [await withoutInternet(context, check)] };
  const tried = await context.tried;
  const tries = triesOf(network);
  if (tries.length === 0) return { rows: [absent(check, check, "nothing of the kind is declared")] };
  return { rows: tries.map((one) => rowOf(one, tried.get(one.id))) };
}

/** Where there is no interface, nothing need be sent to know that nothing leaves by one. */
async function withoutInternet({ ground }: Context, check: string): Promise<Row> {
  const table = await ground.table("/proc/net/dev");
  const names = table.status === "refused" ? undefined : parseNetDev(table.value).filter((name) => name !== "lo");
  if (names?.length === 0) return absent(check, check, "no interface but the loopback");
  return notMeasured(check, check, "no simulated internet stands around this place, so nothing was sent");
}

function rowOf(one: Try, tried: Tried | undefined): Row {
  const { id, subject } = one;
  if (tried === undefined) return notMeasured(id, subject, "it was not tried");
  switch (tried.status) {
    case "answered":
      return reachable(id, subject, ["connect"], "our sink answered");
    case "other":
      return notMeasured(id, subject, `something else answered${tried.by === "" ? "" : `: ${tried.by}`}`);
    case "refused":
      // Of this process itself, and no word about the way.
      if (OUT_OF_ROOM.has(tried.errno)) return notMeasured(id, subject, `${tried.errno}, no socket could be had`);
      return denied(id, subject, CONTROL.connect, refusal(tried.errno));
    case "silent":
      return denied(id, subject, CONTROL.connect, "no answer in time");
    case "refused-by-proxy":
      return denied(id, subject, CONTROL.connect, `refused by the proxy, ${tried.code}`);
    case "unresolved":
      return notMeasured(id, subject, `the name was not resolved: ${tried.code}`);
    case "destination-error":
      return notMeasured(id, subject, `the proxy did not get to the destination: ${tried.code}`);
    case "unable":
      return notMeasured(id, subject, tried.reason);
  }
}

const OUT_OF_ROOM: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

function refusal(errno: string): string {
  switch (errno) {
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "EADDRNOTAVAIL":
      return `${errno}, there is no way there`;
    case "EACCES":
    case "EPERM":
      return `${errno}, a filter or a route that prohibits`;
    case "ECONNREFUSED":
    case "ECONNRESET":
      return `${errno}, refused on the way`;
    default:
      return errno;
  }
}
